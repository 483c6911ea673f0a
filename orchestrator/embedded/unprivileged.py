"""The user that a server runs as when we are root, and whether that user can reach a path.

PostgreSQL refuses to run as root. Nothing here changes a folder that is not ours: if the user cannot reach a folder (a
checkout under a home with mode 0700), the caller uses another place and changes no permission.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from orchestrator.embedded.server_process import EmbeddedServerError, ServerUser

CANDIDATES = ("postgres", "nobody")


def server_user() -> ServerUser | None:
    """The unprivileged user to drop to, or None when we are not root and stay who we are."""
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerError(
        f"PostgreSQL cannot run as root, and this machine has none of the users {', '.join(CANDIDATES)}: "
        "add one of them (useradd --system postgres), or run as a normal user"
    )


def can_reach(path: Path, user: ServerUser | None) -> bool:
    """Whether `user` may pass through every folder above `path` (which need not exist yet)."""
    if user is None:
        return True
    return all(_may_pass(folder, user) for folder in path.absolute().parents if folder.exists())


def can_read(path: Path, user: ServerUser | None) -> bool:
    """Whether `user` can reach the existing `path` and read it."""
    if user is None:
        return True
    status = path.stat()
    return can_reach(path, user) and bool(status.st_mode & _bit(status, user, stat.S_IROTH))


def _may_pass(folder: Path, user: ServerUser) -> bool:
    status = folder.stat()
    return bool(status.st_mode & _bit(status, user, stat.S_IXOTH))


def _bit(status: os.stat_result, user: ServerUser, others: int) -> int:
    """The permission bit that decides for `user`: the owner's, the group's or everyone else's, never a mix."""
    if status.st_uid == user.uid:
        return others << 6
    if status.st_gid == user.gid:
        return others << 3
    return others
