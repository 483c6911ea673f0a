"""A small file system for the ledger's database, which can be filled: a tmpfs, which only root can mount."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHUNKS = (1 << 20, 1 << 12)
"""Bytes that are written at once until none fit: the file system is then full to the last page."""


class SmallDisk:
    """`folder` is for a `Trial`: the disk is mounted where it keeps PostgreSQL."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "postgres" / "ballast"

    def fill(self) -> None:
        for size in CHUNKS:
            with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as file:
                while file.write(bytes(size)) == size:
                    pass

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(mebibytes: int) -> Iterator[SmallDisk]:
    """Skips the test where this process cannot mount a file system."""
    folder = Path(tempfile.mkdtemp(prefix="offboard-disk-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own
    mounted = folder / "postgres"
    mounted.mkdir()
    try:
        if why := _mount(mounted, mebibytes):
            pytest.skip(f"the ledger's disk full: a small file system cannot be mounted here ({why})")
        try:
            yield SmallDisk(folder)
        finally:
            subprocess.run(["umount", "--lazy", str(mounted)], check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _mount(folder: Path, mebibytes: int) -> str:
    """Empty if it is mounted, else why not."""
    if os.geteuid() != 0:
        return "this needs root"
    if shutil.which("mount") is None:
        return "there is no mount command"
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0755", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else "root cannot mount here"
