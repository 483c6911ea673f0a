"""Small events for the ledger's tests, so that these hang on nothing of the domain but `Event` itself."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from orchestrator.domain.events.event import Draft, Event, Personal


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Counted(Event):
    number: int


class Noted(Event):
    by: str
    at: datetime | None = None
    colour: Colour = Colour.RED
    tags: tuple[str, ...] = ()
    name: Personal[str] = None
    addresses: Personal[tuple[str, ...]] = None


EVENT_TYPES: list[type[Event]] = [Counted, Noted]


def counted(number: int) -> Draft:
    return Draft(key=f"n{number}", event=Counted(number=number))


def counts(first: int, last: int) -> list[Draft]:
    return [counted(number) for number in range(first, last + 1)]
