"""The command that judges a difference between a dry run and what people did."""

from __future__ import annotations

from typing import Final, get_args

from orchestrator.domain import events as e
from orchestrator.domain.commands.operating import require_one_of
from orchestrator.domain.errors import Invalid
from orchestrator.domain.events.event import Event
from orchestrator.domain.exceptions.owners import hr_roles, owners_of_packet
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.comparison.results import step_result
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World

OF_STEPS: Final[tuple[e.JudgedDifference, ...]] = ("plan_wrong", "wrong_account", "people_missed")
OF_CHANGES: Final[tuple[e.JudgedDifference, ...]] = ("plan_missed", "out_of_scope")
_DIFFERS: Final = ("unjudged", "plan_wrong", "people_missed", "wrong_account")


def judging_roles(packet: Packet) -> tuple[str, ...]:
    """Those of HR, and those that own the packet or resolve exceptions."""
    return tuple(dict.fromkeys((*hr_roles(packet), *owners_of_packet(packet))))


def judge_difference(
    state: RunState, about: str, verdict: str, reason: str | None, actor: Actor, world: World
) -> list[Event]:
    """`about` is the id of a step or of a change without a step. That an account is another person's can be said about
    any step on an account; the others are about what differs. A judgement can be replaced by another one. Raises
    `NotAllowed` and `Invalid`."""
    require("judge_difference", actor, state.asked.person_id)
    require_one_of(actor, judging_roles(world.current))
    if not state.dry:
        raise Invalid("no_difference", f"Run {state.run_id} is no dry run, so it is not compared with what was done.")
    step, change = state.plan.steps.get(about), state.comparison.changes.get(about)
    if step is None and change is None:
        raise Invalid("unknown_difference", f"Run {state.run_id} has no difference {about[:60]}.")
    if verdict not in (OF_STEPS if step is not None else OF_CHANGES):
        known = ", ".join(get_args(e.JudgedDifference))
        raise Invalid("unknown_verdict", f"{verdict[:40]!r} is no judgement of this difference.", known=known)
    if step is not None:
        whose = verdict == "wrong_account" and bool(step.account_id)
        if not whose and (verdict == "wrong_account" or step_result(step, state.comparison) not in _DIFFERS):
            raise Invalid("no_difference", f"Step {step.name} does not differ from what people did.")
    if reason is None or is_blank(reason):
        raise Invalid("reason_missing", "A reason is required to judge a difference.")
    system = step.system if step is not None else change.system if change is not None else ""
    digest = step.digest if step is not None else ""
    said = {"about": about, "digest": digest, "system": system, "verdict": verdict, "reason": reason}
    return [e.DifferenceJudged.model_validate({**said, "by": actor.actor_id, "human": actor.human})]
