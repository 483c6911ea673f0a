"""Access that stays open because of what one person decided: HR confirms it, or it is undone.

An operator can skip a step that removes access, can report that a removal took effect although nothing shows that it
did, can answer that no account on a system belongs to the leaver, and can select the wrong one of several. All take
effect at once, as a pause does, and open an exception for HR (`access_kept`).
None opens where two people are behind it: the actor has a role of HR, or another person, who still has a role for it,
excluded the step from an approval or rejected it.

Where one person could select an account and remove its access alone, the removal waits for a second person, whatever
the role of the first one: in an urgent run, for steps without a gate, and where the first person decides at the gate.
That person can also get the role or a delegation after the selection, so that the approval is checked as well.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from orchestrator.domain import events as e
from orchestrator.domain.approvals.delegation import absent_in
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.events.event import Event
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.access_removal import may_remove, removal_steps, removed_by_one_person
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.permissions.postponing import postponing_roles
from orchestrator.domain.permissions.reports import has_one_of, independent_people
from orchestrator.domain.planning.matching import FoundAccount, differing_keys, on_strong_key
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.decisions import GateState
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World, account_gone
from orchestrator.domain.run.work import BY_ONE_PERSON, ExceptionState, is_about_selection


def kept_by_skip(state: RunState, step_id: str, actor: Actor, world: World) -> list[Event]:
    """The exception that opens when this actor skips the step; empty where none is needed."""
    step = state.plan.steps[step_id]
    if not _removes(step, world) or _is_hr(actor, world) or _left_out_by_another(state, step.digest, actor, world):
        return []
    if account_gone(state, step, world) and step.system not in state.accounts.settled:
        return []  # a search, and no person, said that the account is not the leaver's
    return [_opened(state, step_id, actor, world, step_id=step_id, system=step.system or None)]


def kept_by_attesting(state: RunState, step_id: str, actor: Actor, world: World) -> list[Event]:
    """The exception that opens when this actor reports that a step with an unknown outcome took effect; empty where
    none is needed. A retry, which reads the system back, proves it instead."""
    step = state.plan.steps[step_id]
    if not _removes(step, world) or _is_hr(actor, world):
        return []
    return [_opened(state, step_id, actor, world, step_id=step_id, system=step.system)]


def who_confirms(state: RunState, step_id: str, actor: Actor, world: World) -> tuple[str, ...]:
    """The roles of which a second person confirms that this actor did the step by hand; empty where none has to. Of a
    step that removes access, HR does, as of an outcome that a person reports; of any step if the packet asks."""
    step, spec = state.plan.steps[step_id], world.pinned.approvals.exceptions
    removes = _removes(step, world)
    if not spec.second_person and (not removes or _is_hr(actor, world)):
        return ()
    return _owners(state, RULES["access_kept"].owners(world.pinned) if removes else (spec.owner,), actor, world)


def may_stay_open(state: RunState, opened: e.ExceptionOpened, world: World) -> bool:
    """Whether access can stay open while this exception is not resolved."""
    if opened.step_id is not None:
        step = state.plan.steps.get(opened.step_id)
        return step is None or _removes(step, world)
    return not opened.system or may_remove(opened.system, world.pinned, world.abilities)


def _removes(step: PlannedStep, world: World) -> bool:
    return step.removes_access or step.name in removal_steps(step.system, world.pinned, world.abilities)


def kept_by_settling(state: RunState, system: str, accounts: tuple[str, ...], by: str, world: World) -> list[Event]:
    """The exception that opens when the account `by` says which accounts on the system are the leaver's; empty where
    none is needed. A dry run removes no access."""
    packet, actor = world.pinned, world.actors.get(by)
    if state.asked.phase == "shadow" or not may_remove(system, packet, world.abilities):
        return []
    keeps = not accounts or bool(left_out(state, system, accounts, packet)) or _differs(state, system, accounts, packet)
    if keeps and not (actor is not None and _is_hr(actor, world)):
        return [_opened(state, system, actor, world, system=system)]
    roles = _roles_of_person(state, actor, world)
    if accounts and removed_by_one_person(system, packet, world.abilities, state.urgent, roles):
        return [_opened(state, system, actor, world, system=system)]
    return []


def kept_by_approving(
    state: RunState, approved: Collection[str], actor: Actor, world: World
) -> list[e.ExceptionOpened]:
    """The exceptions that open when this actor alone approves steps (digests) on accounts that this person selected.
    The roles and delegations that let the person decide can be newer than the selection."""
    opened = []
    for system, by in state.accounts.settled_by.items():
        selector = world.actors.get(by)
        if selector is None or not selector.is_person(actor.human) or system not in state.accounts.settled:
            continue
        changed = any(
            step.system == system and step.account_id and step.level > Level.PREPARE and step.digest in approved
            for step in state.plan.steps.values()
        )
        removes = changed and may_remove(system, world.pinned, world.abilities)
        if removes and not _asked_about(state, system):
            opened.append(_opened(state, system, actor, world, system=system))
    return opened


def _asked_about(state: RunState, system: str) -> bool:
    """Whether a second person has confirmed the present selection on the system, or is being asked to."""
    since = state.accounts.settled_at[system]
    return any(
        is_about_selection(known.opened, system)
        and (known.open or (known.disposition == "accepted" and known.opened_at >= since))
        for known in state.work.exceptions.values()
    )


def _roles_of_person(state: RunState, actor: Actor | None, world: World) -> frozenset[str]:
    """Of all accounts of this person, and of those for whom the person decides now; and those of the gates at which the
    person has voted: an approval stays valid without the role that it was given with."""
    if actor is None:
        return frozenset()
    own = [other for other in world.actors.values() if other.is_person(actor.human)]
    gates = state.decisions.gates.values()
    voted = [gate.roles for gate in gates if any(actor.is_person(vote.human) for vote, _ in gate.votes)]
    return frozenset().union(*(one.roles for one in (actor, *own, *absent_in(state, actor, world))), *voted)


def left_out(state: RunState, system: str, accounts: tuple[str, ...], packet: Packet) -> tuple[str, ...]:
    """The accounts that a strong key found on the system and that are not among these."""
    found = state.accounts.planned_on.get(system)
    others = [account for account in (found.candidates if found is not None else ()) if account not in accounts]
    return tuple(one for one in others if (keys := _keys_of(state, system, one, packet)) is None or keys.on_strong)


def _differs(state: RunState, system: str, accounts: tuple[str, ...], packet: Packet) -> bool:
    """Whether one of these accounts has another person's value under a strong key."""
    return any((keys := _keys_of(state, system, one, packet)) is None or keys.differing for one in accounts)


@dataclass(frozen=True, slots=True)
class _AccountKeys:
    """What an account has under the strong match keys: the person's value under one, another one under `differing`."""

    on_strong: bool
    differing: tuple[str, ...]


def _keys_of(state: RunState, system: str, account_id: str, packet: Packet) -> _AccountKeys | None:
    """None once the person is erased."""
    details, facts = state.accounts.details.get(account_id), state.asked.facts
    if details is None or facts is None:
        return None
    account, person = FoundAccount.model_validate(details), PersonFacts.model_validate(facts)
    keys = packet.platform.systems[system].match
    return _AccountKeys(on_strong_key(person, keys, account), differing_keys(person, keys, account))


def open_about(state: RunState, *, step_id: str | None = None, system: str | None = None) -> ExceptionState | None:
    """The open exception about this skipped or attested step, or about the answer on this system."""
    for known in state.work.open_exceptions():
        opened = known.opened
        if step_id is not None and opened.kind in BY_ONE_PERSON and opened.step_id == step_id:
            return known
        if system is not None and is_about_selection(opened, system):
            return known
    return None


def why_not_second(state: RunState, exception: ExceptionState, actor: Actor, world: World) -> NotAllowed | None:
    """The refusal of the person who paused the run or a system, or kept the access open, with this account or another
    one."""
    opened = exception.opened
    if opened.kind == "pause_unconfirmed" and (opened.system or opened.step_id):
        return _why_not_second_of_system(opened.system, actor, world)
    if opened.kind == "pause_unconfirmed":
        by, said = state.held_by, "The person who paused a run can't confirm the pause."
    elif opened.kind in BY_ONE_PERSON:
        by, said = _kept_by(state, opened), "The person who decided this alone can't confirm it."
    else:
        return None
    known = world.actors.get(by)
    same = actor.actor_id == by or (known is not None and known.is_person(actor.human))
    return NotAllowed("second_person_needed", said) if same else None


def _why_not_second_of_system(system: str | None, actor: Actor, world: World) -> NotAllowed | None:
    """`system` is None for a pause of all systems. A pause by an account of HR needs no other person."""
    accounts = {account for name in (system, e.EVERYTHING) if name for account in world.held_by.get(name, ())}
    placed = [world.actors[account] for account in accounts if account in world.actors]
    alone = bool(placed) and all(known.is_person(actor.human) for known in placed)
    if not alone or any(_is_hr(known, world) for known in placed):
        return None
    return NotAllowed("second_person_needed", "The person who paused a system can't confirm the pause.")


def _kept_by(state: RunState, opened: e.ExceptionOpened) -> str:
    if opened.step_id is None:
        return state.accounts.settled_by.get(opened.system or "", "")
    known = state.work.steps.get(opened.step_id) or state.work.remembered.get(opened.step_id)
    if known is None:
        return ""
    return known.skipped_by if known.status == "skipped" else known.attested_by


def _is_hr(actor: Actor, world: World) -> bool:
    return not actor.roles.isdisjoint(postponing_roles(world.pinned, world.current))


def _left_out_by_another(state: RunState, digest: str, actor: Actor, world: World) -> bool:
    """Whether another person excluded this step from an approval, or rejected it, that still holds, and the person
    still has a role for it."""
    gate_id = state.decisions.excluded.get(digest) or state.decisions.rejected.get(digest)
    gate = state.decisions.gates.get(gate_id or "")
    if gate is None:
        return False
    against = [vote for vote, _ in gate.votes if vote.verdict == "reject" or digest in vote.excluded]
    return any(
        not actor.is_person(vote.human)
        and not actor.is_person(vote.for_human)
        and _still_decides(state, gate, vote, world)
        for vote in against
    )


def _still_decides(state: RunState, gate: GateState, vote: e.GateVoted, world: World) -> bool:
    known = world.actors.get(vote.on_behalf_of or vote.by)
    assigned = vote.on_behalf_of is None and vote.by in state.decisions.assigned(gate.opened.gate_id)
    return assigned or (known is not None and not known.roles.isdisjoint(gate.roles))


def _opened(
    state: RunState, about: str, by: Actor | None, world: World, *, system: str | None, step_id: str | None = None
) -> e.ExceptionOpened:
    rule, packet = RULES["access_kept"], world.pinned
    return e.ExceptionOpened(
        exception_id=f"x-access_kept-{about}-{state.version}",
        kind="access_kept",
        owners=_owners(state, rule.owners(packet), by, world),
        due=world.now + rule.due_within(packet),
        step_id=step_id,
        system=system,
    )


def _owners(state: RunState, roles: tuple[str, ...], by: Actor | None, world: World) -> tuple[str, ...]:
    others = independent_people(state, has_one_of(roles), world) - {by.human if by is not None else None}
    return roles if others else _also_owners_of_packet(roles, world.pinned)


def _also_owners_of_packet(owners: tuple[str, ...], packet: Packet) -> tuple[str, ...]:
    """No other person with the roles can confirm it, so these are asked as well: a run must be able to complete."""
    packet_owners = (packet.platform.safety_owner, packet.workflow.value_owner, packet.approvals.exceptions.owner)
    return tuple(dict.fromkeys((*owners, *packet_owners)))
