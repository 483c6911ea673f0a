"""Local times as browsers send them, to the minute, with the time zone of a second field."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from orchestrator.domain.errors import Invalid
from orchestrator.domain.refusal_codes import RefusalCode
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.web.times import zone_of

LOCAL = "%Y-%m-%dT%H:%M"
"""As a field for a local time has it."""


def instant_given(text: str, zone: str, what: str) -> datetime:
    """The instant, in UTC. `what` is what a refusal speaks of ("The end"). Raises `Invalid` for what is no time, and
    where the clocks are changed over it."""
    try:
        return parse_cutoff(text[:40], zone).instant
    except Invalid as refused:
        code = cast(RefusalCode, refused.code)
        raise Invalid(code, refused.message.replace("The cutoff", what), **refused.facts) from refused


def as_local(at: datetime | None, zone: str) -> str:
    """For a field's value; empty for None."""
    return at.astimezone(zone_of(zone)).strftime(LOCAL) if at is not None else ""
