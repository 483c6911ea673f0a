"""The two people about whom a run is: who asked for it, and who leaves. Neither decides anything in it.

HR can link an account to one of them after that account has decided. The rule is therefore applied to the account as it
is now, when a decision is counted and again before each step that rests on it.
"""

from __future__ import annotations

from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.run import RunState


def is_party(state: RunState, actor: Actor) -> bool:
    """Whether this is an account of the requester or the leaver, or a program of theirs."""
    asked = state.asked
    return actor.requested(asked.requested_by, asked.requester_human) or asked.person_id in actor.people
