"""Errors with which the domain refuses commands.

    Refusal            a command or an intent that the rules do not allow; nothing was changed
    ├── NotAllowed     this actor may not do it (role, level, conflict of interest)
    ├── TooLate        it is decided, done or ended already, or its time has passed
    ├── Invalid        the request itself is wrong: an unknown name, a cutoff in a gap
    └── TooOften       too much of it is in progress

A refusal has a `code` (`refusal_codes.py`), a `message` (place and cause, in words that fit every entry point) and
`facts`. It has no remedy: pages, API and terminal each have a table of remedies by code, in their own words. Some
refusals are recorded: `records` are the events that are appended to the run before the refusal is answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator.domain.refusal_codes import RefusalCode

if TYPE_CHECKING:
    from orchestrator.domain.events.event import Event

Fact = str | int
"""A value that a remedy may name, such as the names to choose from. Never about a person beyond what `message` says."""


class Refusal(Exception):
    def __init__(self, code: RefusalCode, message: str, **facts: Fact) -> None:
        super().__init__(code)
        self.code: str = code
        self.message = message
        self.facts: Mapping[str, Fact] = facts
        self.records: tuple[Event, ...] = ()


class NotAllowed(Refusal):
    """The actor may not do this."""


class TooLate(Refusal):
    """It has been decided, done or ended already, or its time has passed."""


class Invalid(Refusal):
    """The request cannot be understood or cannot be true."""


class TooOften(Refusal):
    """So much of this is in progress that no more is accepted; `again_after` is in how many seconds it may be."""

    def __init__(self, code: RefusalCode, message: str, *, again_after: int, **facts: Fact) -> None:
        super().__init__(code, message, **facts)
        self.again_after = again_after


Remedies = Mapping[str, str | tuple[str, ...]]
"""By code a sentence, which may name facts in braces. Of several sentences the first counts whose facts are there; the
last names none."""


def remedy_in(remedies: Remedies, code: str, facts: Mapping[str, Fact]) -> str:
    """The sentence of an entry point's table for a refusal; empty for a code that the table does not have."""
    found = remedies.get(code, "")
    for sentence in (found,) if isinstance(found, str) else found:
        try:
            return sentence.format_map(facts)
        except KeyError:
            continue
    return ""
