"""The newest complete file of a folder, or one file that is replaced.

A file that is still being written is never read: names that programs give unfinished files are passed over, and a file
counts as complete only when it was not changed for `settle` seconds and did not change while it was read.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from connectors.errors import ActionRequiredError, TryAgainError
from connectors.people_csv.text import MAX_EXPORT_BYTES

SUFFIXES: Final = (".csv", ".tsv", ".txt")
_UNFINISHED: Final = re.compile(r"^[.~]|\.(tmp|temp|part|partial|filepart|crdownload|swp|bak)(\.|$)|~$", re.IGNORECASE)
EARLIER_FILES: Final = 10
"""How many earlier files of a folder the number of people is compared with."""

MAX_AHEAD_SECONDS: Final = 300.0
"""By how much the clock of the program that writes files can differ."""

NewestBy = Literal["time", "name"]


@dataclass(frozen=True, slots=True)
class FoundFile:
    """`modified` is the file's own time, in seconds since 1970, by which files are ordered. `written` is when it was
    last written or renamed here, which a program that copies a file cannot set. `identity` differs for each content."""

    path: Path
    modified: float
    written: float
    identity: tuple[str, int, int, int, int]


def complete_files(path: Path, newest_by: NewestBy, settle: float, now: Callable[[], float]) -> list[FoundFile]:
    """The complete files, newest first: those of a folder, or the one file. Links in a folder are passed over, since
    who may write there could name any file with one. Raises `ActionRequiredError` where there is no file, and
    `TryAgainError` where the only ones are being written."""
    try:
        # A secret in the same folder is no export, and the first line of one must not be shown in an error.
        possible = [each for each in path.iterdir() if not each.is_symlink()] if path.is_dir() else [path]
        named = [each for each in possible if each.suffix.casefold() in SUFFIXES and not _UNFINISHED.search(each.name)]
        found = [one for each in named if (one := _found(each)) is not None]
    except OSError as error:
        raise _unreadable(path, error) from None
    if not found:
        raise ActionRequiredError(
            "people_file_missing",
            f"There is no CSV file at {path}.",
            remedy=f"Put HR's export there; its name ends with {', '.join(SUFFIXES)}.",
            happened="no",
        )
    ahead = next((one for one in found if one.modified > now() + MAX_AHEAD_SECONDS), None)
    if ahead is not None:
        raise ActionRequiredError(
            "people_file_time",
            f"The time of {ahead.path.name} is in the future, so it is not known which file is the newest.",
            remedy="Correct the clock or the time zone of the program that writes the file, and of this worker.",
            happened="no",
        )
    complete = [one for one in found if now() - one.written >= settle]
    if not complete:
        raise TryAgainError(
            "people_file_not_complete",
            f"The file at {path} changed less than {settle:g} seconds ago and may still be written.",
            remedy="Offboard reads it as soon as it is complete.",
            happened="no",
            retry_after=settle,
        )
    if newest_by == "name":
        return sorted(complete, key=lambda one: one.path.name, reverse=True)
    return sorted(complete, key=lambda one: (one.modified, one.path.name), reverse=True)


def require_recent(name: str, modified: float, max_age_hours: float, now: float) -> None:
    """A file that no newer one replaced is HR that no longer answers: departures and retractions since are not in it.
    `modified` and `now` are seconds since 1970. Raises `TryAgainError`."""
    hours = (now - modified) / 3600
    if hours > max_age_hours:
        raise TryAgainError(
            "people_file_old",
            f"{name} is {int(hours)} hours old, and what changed in HR since is not in it; the limit is "
            f"{max_age_hours:g} hours.",
            remedy="Export all people again. If exports come less often, set max_age_hours in the system's connection.",
            happened="no",
        )


def content_of(file: FoundFile) -> bytes:
    """Raises `TryAgainError` where the file changed meanwhile."""
    try:
        with file.path.open("rb") as opened:
            content = opened.read(MAX_EXPORT_BYTES + 1)
        after = _found(file.path)
    except OSError as error:
        raise _unreadable(file.path, error) from None
    if after is None or after.identity != file.identity:
        raise TryAgainError(
            "people_file_not_complete",
            f"The file {file.path.name} changed while it was read.",
            remedy="Offboard reads it again when it is complete.",
            happened="no",
        )
    return content


def _found(path: Path) -> FoundFile | None:
    try:
        known = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(known.st_mode):
        return None
    identity = (str(path), known.st_ino, known.st_size, known.st_mtime_ns, known.st_ctime_ns)
    return FoundFile(path, known.st_mtime, max(known.st_mtime, known.st_ctime), identity)


def _unreadable(path: Path, error: OSError) -> ActionRequiredError:
    return ActionRequiredError(
        "people_file_unreadable",
        f"{path} cannot be read: {error.strerror}.",
        remedy="Give the worker's user the permission to read it.",
        happened="no",
    )
