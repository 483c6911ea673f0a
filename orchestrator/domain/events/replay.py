"""A run is replayed: what was done is read again or repeated, and what was given up is tried again."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from orchestrator.domain.events.event import Event, Personal


class ReplayRequested(Event):
    """A user requested a replay. `from_step` (a step's name or id) or `system` is what it was limited to; both are
    empty for the whole run.

    `read_back` are the ids of the steps whose effect is read again and not repeated. `retried` are steps that had
    failed, or whose outcome was unknown: they are tried again in their generation. `generations` has the steps that are
    repeated, each with its new generation, and `digests` those among them that need a new approval, each with the
    digest that its gate asks about. `reopens`: the run was closed, and is open from here on."""

    by: str
    on_behalf_of: str | None = None
    from_step: str = ""
    system: str = ""
    read_back: tuple[str, ...] = ()
    retried: tuple[str, ...] = ()
    generations: dict[str, int] = Field(default_factory=dict)
    digests: dict[str, str] = Field(default_factory=dict)
    reopens: bool = False
    reason: Personal[str] = None


class StepReadBack(Event):
    """The effect of `generation` was read again in its system. `not_done`: the system does not show it any more. The
    step has failed, and a repeat has the next generation; `digest` is what its gate asks about then, where the repeat
    needs a new approval. `unknown`: the system could not say, for the reason `code`, and is read again at `retry_at`,
    if that is given."""

    step_id: str
    generation: int
    outcome: Literal["done", "not_done", "unknown"]
    code: str = ""
    retry_at: datetime | None = None
    digest: str = ""
    evidence: Personal[dict[str, Any]] = None
