"""Who acts here, as events say it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import Organisation, fold_organisation


def organisation_of(events: Iterable[Event]) -> Organisation:
    """The whole stream `organisation`, folded."""
    return reduce(fold_organisation, events, Organisation())
