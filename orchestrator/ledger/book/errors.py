"""The errors of the ledger, named after the reaction that they need.

    LedgerError
    ├── VersionConflict       another process appended first: read again, decide again
    │   └── TimePassed        the time until which it may be recorded has passed: the same
    ├── EventKeyTaken         this very fact is in the stream already: read it, do not write it
    ├── LedgerUnavailable     PostgreSQL cannot be reached, is busy or has no schema: try later, nothing was written
    │   ├── OlderDatabase     the database is older than what this process has read of it
    │   └── OutcomeUnknown    the same, but the append may have been written: try again with the same event keys
    ├── AppendRefused         the database will never take this append: a fault in our program
    ├── UnreadableEvent       stored bytes that this version of the program cannot read
    ├── PersonErased          the person's key has been destroyed, for good
    ├── PersonUnknown         no such person was ever created
    └── WrongMasterKey        the keyring was written under another master key, or the key given is not one

Messages hold streams, keys and ids, which are opaque; never personal data, never what a row contains.
"""

from __future__ import annotations

from datetime import datetime


class LedgerError(Exception):
    """`place` is where, `cause` what happened, `remedy` what a person can do."""

    def __init__(self, place: str, cause: str, remedy: str = "") -> None:
        super().__init__(place, cause, remedy)
        self.place = place
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.place}: {self.cause}" + (f". {self.remedy}" if self.remedy else "")


class VersionConflict(LedgerError):
    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(
            f"stream {stream}",
            f"version {expected} was expected, the stream has version {actual}",
            "Read the stream again and repeat the command",
        )
        self.stream = stream
        self.expected = expected
        self.actual = actual


class TimePassed(VersionConflict):
    """The time until which the decision may be recorded had passed when it was the append's turn. As with any
    `VersionConflict`, read and decide again."""

    def __init__(self, stream: str, expected: int, not_after: datetime) -> None:
        super().__init__(stream, expected, expected)
        self.cause = f"it could be recorded until {not_after:%Y-%m-%d %H:%M:%S} UTC, and that time has passed"


class EventKeyTaken(LedgerError):
    def __init__(self, stream: str, key: str) -> None:
        super().__init__(
            f"stream {stream}", f"it already has an event with the key {key}", "Read the stream; the event is recorded"
        )
        self.stream = stream
        self.key = key


class LedgerUnavailable(LedgerError):
    """Nothing was written. Trying again later is safe."""


class OutcomeUnknown(LedgerUnavailable):
    """The connection broke around the COMMIT and the question could not be settled in time. Trying again with the
    same event keys and expected versions is safe: it ends in success, `VersionConflict` or `EventKeyTaken`."""


class OlderDatabase(LedgerUnavailable):
    """A stream has fewer events than this process has read of it, or others: an older copy of the database was
    restored, and may have grown since. `known_since` is when this process read the event that is not there."""

    known_since: datetime | None = None

    def __init__(self, place: str, stream: str, version: int, *, differs: bool = False) -> None:
        found = "has another event at" if differs else "ends before"
        super().__init__(
            place,
            f"stream {stream} {found} version {version}, which this process has read: this is an older copy",
            "Changes on all systems are paused. Compare the database with the last checkpoint "
            "(`offboard ledger verify --against`), then resume them",
        )
        self.stream = stream
        self.version = version


class AppendRefused(LedgerError):
    """The database refuses this append whenever it is tried."""


class UnreadableEvent(LedgerError):
    """Damaged bytes, an unknown type, or a schema newer than this program."""


class PersonErased(LedgerError):
    def __init__(self, person_id: str) -> None:
        super().__init__(f"person {person_id}", "the key has been destroyed", "The data cannot be restored")
        self.person_id = person_id


class PersonUnknown(LedgerError):
    def __init__(self, person_id: str) -> None:
        super().__init__(f"person {person_id}", "there is no key", "Create the person before naming it as a subject")
        self.person_id = person_id


class WrongMasterKey(LedgerError):
    """The master key given does not open the keyring, or is not a key at all."""
