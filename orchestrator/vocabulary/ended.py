"""What a step ended of sessions and tokens, in sentences for pages and terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

HELD = {
    "sessions": "sessions",
    "refresh_tokens": "refresh tokens",
    "access_tokens": "access tokens",
    "kerberos_tickets": "Kerberos tickets",
    "application_sessions": "sessions in applications",
}
"""The words of `connectors.abilities.Held`."""


def ended_sentences(
    ended: Mapping[str, Any], until: datetime | None, now: datetime, shown: Callable[[datetime], str]
) -> list[str]:
    """`ended` is the field of a step's document, `until` its `access_tokens_until` as an instant; `shown` writes an
    instant in the reader's zone."""
    said = [f"Ended: {_listed(ended['ended'])}."] if ended["ended"] else []
    tokens = HELD["kerberos_tickets" if "kerberos_tickets" in ended["not_possible"] else "access_tokens"]
    if until is not None:
        accepted = f"are accepted until {shown(until)}" if now < until else f"expired by {shown(until)}"
        said.append(f"{tokens[:1].upper()}{tokens[1:]} that were issued before {accepted}.")
    elif ended["access_tokens"] == "not_known":
        said.append(f"It is not known for how long {tokens} that were issued before are accepted.")
    if ended["not_possible"]:
        said.append(f"The system offers no way to end: {_listed(ended['not_possible'])}.")
    return said


def _listed(held: Iterable[str]) -> str:
    return ", ".join(HELD.get(one, one) for one in held)
