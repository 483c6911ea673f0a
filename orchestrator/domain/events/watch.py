"""What happens to a run after its close: its systems are checked again, and it opens again if access came back."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from orchestrator.domain.events.event import Event, Personal, added_later
from orchestrator.domain.planning.plan import Frozen

WatchOutcome = Literal["gone", "unknown", "access_found", "failed"]


class WatchedSystem(Frozen):
    """What a system showed after the close. `gone`: every removal of access was read back again, and the search found
    no further account. `unknown`: the system does not show that of every step. `access_found`: `steps` (id, with its
    generation) are not in effect any more, or `accounts` (opaque ids) are new, active again or privileged. `failed`:
    the system could not be read, with `code`. `unknown` has the ids of steps whose read-back showed neither, whatever
    the outcome; earlier versions did not record them."""

    system: str
    outcome: WatchOutcome
    steps: dict[str, int] = Field(default_factory=dict)
    accounts: tuple[str, ...] = ()
    code: str = ""
    unknown: tuple[str, ...] = added_later(())


class SystemsWatched(Event):
    """One check of some of the run's systems, `day` days after the close. `details` maps the opaque ids of accounts to
    what the system shows of them (a `FoundAccount` as JSON), `troubles` has the words of systems that failed."""

    day: int
    results: tuple[WatchedSystem, ...]
    details: Personal[dict[str, Any]] = None
    troubles: Personal[dict[str, str]] = None


class WatchEnded(Event):
    """The systems are not checked again. `employed_again`: HR had the leaving, and now says that the person works here.
    `later_run`: the person has a later run. `person_erased`: the person's data was erased."""

    cause: Literal["employed_again", "later_run", "person_erased"]


class RunReopened(Event):
    """A closed run is open again, until it closes again: the watch found access, or could not read a system. Nothing is
    changed in a system because of that."""

    cause: Literal["access_returned", "watch_failed"]
