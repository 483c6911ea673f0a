"""HR restores what a run removed: after a leaving that was taken back, or for a person who is hired again.

    old run ─► preview: what of each step can be restored ─► cancelled, if it is open ─► a run of its own

That run restores what the old one really took, by its own records, and what is still taken. It has the same person,
packet version, embargo and legal holds. People approve what gives access.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from orchestrator.domain import events as e
from orchestrator.domain.commands.cancelling import ended, systems_left_changed
from orchestrator.domain.commands.requests import end, require_prepare
from orchestrator.domain.errors import Invalid, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.packet.ability import AbilityFacts, find_ability
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.permissions.postponing import require_postponing
from orchestrator.domain.permissions.reports import has_one_of, require_independent
from orchestrator.domain.permissions.run_projection import require_whole
from orchestrator.domain.planning.plan import PlannedStep, step_id
from orchestrator.domain.planning.restoration import Restoration, RestoreWhy
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.work import StepState

Things = tuple[Mapping[str, Any], ...]
HR_RECORD: Final = "HR's own record of the leaving"
GAVE_WAY: Final = "Access is no longer to be restored."


@dataclass(frozen=True, slots=True)
class RestorePreview:
    """`taken` are the things to restore, by the id of the step that gives them. `ends`: the run is open, and is
    cancelled first."""

    restorations: tuple[Restoration, ...]
    taken: Mapping[str, Things]
    ends: bool

    @property
    def anything(self) -> bool:
        return any(one.act != "none" for one in self.restorations)


def preview(state: RunState, world: World) -> RestorePreview:
    """What a restore of the run would do now. Raises `TooLate` where it can't be restored: `dry_run_restore`,
    `restore_of_restore`, `person_erased`."""
    if state.dry:
        raise TooLate("dry_run_restore", f"Run {state.run_id} is a dry run: it has removed nothing.")
    if state.restores is not None:
        raise TooLate("restore_of_restore", f"Run {state.run_id} is itself the restore of run {state.restores}.")
    if state.asked.facts is None:
        raise TooLate("person_erased", f"The person of run {state.run_id} was erased, so no account can be found.")
    found = [*_restorations(state, world)]
    taken: dict[str, Things] = {}
    for one, things in found:
        if one.act == "restore":
            taken[one.step_id] = _together((*taken.get(one.step_id, ()), *things))
    restorations = tuple(one for one, _ in found)
    return RestorePreview(restorations, {id_: things for id_, things in taken.items() if things}, not state.finished)


def restore(
    state: RunState, run_id: str, reason: str, seen: int | None, actor: Actor, requester: Actor, world: World
) -> tuple[e.RunRequested, list[Event]]:
    """The request of the run that restores, and the events that cancel the old one if it is open. For people of HR, as
    cancelling is. `requester` is the actor as they count for a run of this person; `seen` is the version of the old run
    that was previewed. Raises what `preview` raises, `NotAllowed`, `Invalid` (`reason_missing`, `preview_over`) and
    `TooLate` (`nothing_to_restore`)."""
    require_allowed(state, actor, world)
    if is_blank(reason):
        raise Invalid("reason_missing", "A reason is required to restore access.")
    shown = preview(state, world)
    if seen is not None and seen != state.version:
        raise TooLate("restore_outdated", f"Run {state.run_id} has changed since the restore was previewed.")
    if not shown.anything:
        raise TooLate("nothing_to_restore", f"Run {state.run_id} has removed nothing that can be restored.")
    cancelled = end(state, reason, actor, world) if shown.ends else []
    # What stays behind is what the restore is for.
    cancelled = [one for one in cancelled if not isinstance(one, e.ExceptionOpened)]
    under = state.embargo_until is not None and world.now < state.embargo_until
    asked = e.RunRequested(
        run_id=run_id,
        person_id=state.asked.person_id,
        packet=state.asked.packet,
        packet_version=state.packet_version,
        phase=state.asked.phase,
        cutoff=world.now,
        zone=state.zone,
        local_cutoff="",
        requested_by=actor.actor_id,
        requester_human=requester.answers_for,
        embargo_until=state.embargo_until if under else None,
        named=state.named if under else (),
        facts=state.asked.facts,
        reason=reason,
        hr_leaving_at=_known_leaving(state, world),
        restores=state.run_id,
        restorations=shown.restorations,
        taken={id_: [dict(one) for one in things] for id_, things in shown.taken.items()} or None,
    )
    return asked, cancelled


def give_way(state: RunState, removing: Packet, actor: Actor, world: World) -> list[Event]:
    """The events that cancel this open restore because the actor starts a run that removes access, which does not wait.
    What was restored stays on the systems until the steps of `removing`, the packet of that run, remove it. Systems
    without such a step get the exceptions of every cancelled run. What was not restored is to stay removed, so that no
    exception opens for it. The reason does not name the new run: its embargo can hide it from people who see the
    restore."""
    covered = {step.system for step in removing.workflow.steps}
    return [
        one
        for one in ended(state, GAVE_WAY, actor, world)
        if not (isinstance(one, e.ExceptionOpened) and (one.kind == "still_removed" or one.system in covered))
    ]


def require_allowed(state: RunState, actor: Actor, world: World) -> None:
    """Raises `NotAllowed` for an actor who can't restore what this run removed, whatever has become of it."""
    require("restore_access", actor, state.asked.person_id)
    require_prepare(actor, world.pinned, world.current, state.asked.packet)
    roles = require_postponing(actor, world.pinned, world.current, "restore access")
    require_independent(state, actor, has_one_of(roles), world)
    require_whole(state, actor, world)


def _known_leaving(state: RunState, world: World) -> datetime | None:
    """The leaving that HR's record has: its own, or the one that the run recorded there."""
    recorded = world.pinned.platform.hr.system in systems_left_changed(state)
    return state.hr_leaving_at or (state.cutoff if recorded else None)


def _restorations(state: RunState, world: World) -> Iterator[tuple[Restoration, Things]]:
    for id_, step in state.plan.steps.items():
        yield _of_step(state, step, state.work.steps[id_], world)
    hr = world.pinned.platform.hr.system
    if state.hr_leaving_at is not None and hr not in systems_left_changed(state):
        record = Restoration(
            restored_step="", name="", title=HR_RECORD, system=hr, act="task", why="record_in_hr", gives_access=False
        )
        yield record, ()


def _of_step(state: RunState, step: PlannedStep, known: StepState, world: World) -> tuple[Restoration, Things]:
    def none(why: RestoreWhy) -> tuple[Restoration, Things]:
        return _restoration(step, "none", why), ()

    def task(why: RestoreWhy) -> tuple[Restoration, Things]:
        return _restoration(step, "task", why), ()

    if step.level <= Level.PREPARE and not step.is_task:
        return none("changes_nothing")
    done = known.status in ("verified", "attested")
    if not done and not known.may_have_taken_effect:
        return none("not_done")
    if step.is_task:
        return task("done_by_hand")
    spec = world.pinned.platform.systems[step.system]
    ability = find_ability(world.abilities, spec.connector, step.ability)
    if ability is not None and ability.takes_nothing:
        return none("nothing_taken")
    if known.attested_by:
        return task("done_by_hand")
    if not done:
        return task("outcome_unknown")
    inverse = find_ability(world.abilities, spec.connector, ability.undone_by) if ability is not None else None
    if ability is None or inverse is None:
        nothing_lost = ability is not None and ability.regained_by_sign_in
        return none("signs_in_again") if nothing_lost else task("no_inverse")
    if _ended_for_good(state, step, world):
        return none("account_ended")
    things: Things = ()
    if ability.taken_as:
        recorded = _taken(state, step, known, ability)
        if recorded is None:
            return task("not_recorded")
        if not recorded:
            return none("nothing_taken")
        things = recorded
    elif state.accounts.before_change.get(step.account_id, {}).get("active") is False:
        return none("inactive_before")
    found = Restoration(
        restored_step=step.step_id,
        name=step.name,
        title=step.title,
        system=step.system,
        account_id=step.account_id,
        act="restore",
        ability=inverse.name,
        step_id=step_id(inverse.name, step.system, step.account_id),
        gives_access=Level(inverse.level) >= Level.CHANGE,
        gives_things=bool(ability.taken_as),
    )
    return found, things


def _ended_for_good(state: RunState, step: PlannedStep, world: World) -> bool:
    """Whether another step ended the account in a way that Offboard can't undo, such as by deleting it."""
    connector = world.pinned.platform.systems[step.system].connector
    for id_, other in state.plan.steps.items():
        if not step.account_id or (other.system, other.account_id) != (step.system, step.account_id):
            continue
        ability = find_ability(world.abilities, connector, other.ability)
        known = state.work.steps[id_]
        took_effect = known.status in ("verified", "attested") or known.may_have_taken_effect
        if took_effect and ability is not None and ability.ends_account and not ability.undone_by:
            return True
    return False


def _restoration(step: PlannedStep, act: Any, why: RestoreWhy) -> Restoration:
    return Restoration(
        restored_step=step.step_id,
        name=step.name,
        title=step.title,
        system=step.system,
        account_id=step.account_id,
        act=act,
        why=why,
    )


def _taken(state: RunState, step: PlannedStep, known: StepState, ability: AbilityFacts) -> Things | None:
    """The things that the step took, by the system's own replies; never more than the snapshot shows. Where a reply was
    lost, they are those of the snapshot: what is not taken is found there when it is given. None where neither says."""
    replied = _together(one for reply in known.replies for one in _things(reply.get(ability.taken_as)))
    snapshot = _snapshot(state, step, ability.recorded_as)
    if known.reply_lost:
        if snapshot is not None:
            return snapshot
        return replied or None
    if snapshot is None:
        return replied
    shown = {one["id"] for one in snapshot}
    return tuple(one for one in replied if one["id"] in shown)


def _snapshot(state: RunState, step: PlannedStep, key: str) -> Things | None:
    """What the run recorded of the account before its first change; None where no step recorded it."""
    if not key:
        return None
    for id_, other in state.plan.steps.items():
        recorded = state.work.steps[id_].recorded
        if (other.system, other.account_id) != (step.system, step.account_id) or recorded is None:
            continue
        if isinstance(recorded.get(key), list | tuple):
            return _together(_things(recorded[key]))
    return None


def _things(value: Any) -> Iterator[Mapping[str, Any]]:
    for one in value if isinstance(value, list | tuple) else ():
        if isinstance(one, Mapping) and one.get("id"):
            yield one


def _together(things: Iterable[Mapping[str, Any]]) -> Things:
    """Each thing once; the first words about it count."""
    found: dict[str, Mapping[str, Any]] = {}
    for one in things:
        found.setdefault(str(one["id"]), one)
    return tuple(found.values())
