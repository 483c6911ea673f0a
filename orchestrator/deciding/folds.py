"""A cache of the states of streams, so that a read loads only new events.

A state can be outdated. This does no harm: an append names the versions that it was decided on, and fails if they have
changed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Generic, TypeVar

from orchestrator.domain.events.event import Event
from orchestrator.ledger.book.records import Recorded

S = TypeVar("S")


class Folds(Generic[S]):
    """The latest states of at most `most` streams of one kind."""

    def __init__(self, beginning: S, fold: Callable[[S, Event, datetime], S], most: int) -> None:
        self._beginning = beginning
        self._fold = fold
        self._most = most
        self._known: OrderedDict[str, tuple[int, S]] = OrderedDict()

    def get(self, stream: str) -> tuple[int, S]:
        """The version and the state at it; version 0 for what is not known here."""
        known = self._known.get(stream)
        if known is None:
            return 0, self._beginning
        self._known.move_to_end(stream)
        return known

    def advance(self, stream: str, known: tuple[int, S], events: Iterable[Recorded]) -> tuple[int, S]:
        """Folds what was read after `known`, and keeps the result unless something newer is here already."""
        version, state = known
        for recorded in events:
            state = self._fold(state, recorded.event, recorded.recorded_at)
            version = recorded.version
        if version > self._known.get(stream, (0, state))[0]:
            self._known[stream] = (version, state)
            self._known.move_to_end(stream)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return version, state

    def clear(self) -> None:
        self._known.clear()

    def forget(self, stream: str) -> None:
        self._known.pop(stream, None)
