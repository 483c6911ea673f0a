"""Sign-ins that are stored on this machine: one token for each server, in a file that only its owner can read."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.cli.terminal.local_refusals import LocalRefusal

_TOKEN = re.compile(r"obt_([0-9a-f]{16})_[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class StoredSignIn:
    """`expires_at` is an instant as ISO 8601."""

    server: str
    actor_id: str
    expires_at: str
    token: str = field(repr=False)

    @property
    def ended(self) -> bool:
        return datetime.fromisoformat(self.expires_at) <= datetime.now(UTC)

    @property
    def token_id(self) -> str | None:
        return token_id(self.token)


def token_id(token: str) -> str | None:
    """What the server's list of tokens calls it; None for a token of another form."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else None


def file() -> Path:
    """Under the folder that the XDG Base Directory Specification names for configuration."""
    named = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(named) if named.startswith("/") else Path.home() / ".config"
    return folder / "offboard" / "sign-ins.json"


def kept() -> dict[str, StoredSignIn]:
    """By server. Raises `Invalid` where others could read the file, or it makes no sense; `OSError` where we cannot."""
    path = file()
    try:
        with path.open(encoding="utf-8") as opened:
            if os.fstat(opened.fileno()).st_mode & 0o077:
                raise LocalRefusal(
                    "sign_ins_open",
                    f"{path} can be read by other users, who could act as you.",
                    f"Restrict it: `chmod 600 {path}`.",
                )
            found = json.load(opened)
        return {server: StoredSignIn(server=server, **fields) for server, fields in found.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise LocalRefusal("sign_ins_unreadable", f"{path} is damaged.", "Delete it and sign in again.") from error


def keep(sign_in: StoredSignIn) -> None:
    _write({**kept(), sign_in.server: sign_in})


def forget(server: str) -> None:
    _write({known: sign_in for known, sign_in in kept().items() if known != server})


def _write(sign_ins: Mapping[str, StoredSignIn]) -> None:
    """Whole or not at all; with nothing to keep there is no file."""
    path = file()
    if not sign_ins:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fields = {server: asdict(sign_in) for server, sign_in in sign_ins.items()}
    for kept_fields in fields.values():
        del kept_fields["server"]
    number, name = tempfile.mkstemp(dir=path.parent, prefix=".sign-ins-")  # for its owner alone, from the beginning
    try:
        with os.fdopen(number, "w", encoding="utf-8") as opened:
            json.dump(fields, opened, indent=1)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
