"""A preview as a document: what a run would do, computed in memory and kept only sealed, for minutes.

The same words as a run's document where they mean the same (`docs/json.md`). It is about a person throughout, so it
has no repr, and is stored only in sealed rows and sent only to the account that asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from orchestrator.documents.runs import run as run_document
from orchestrator.documents.runs.previews.preview_access import PreviewAccess, access_shown
from orchestrator.documents.runs.shown import Shown
from orchestrator.domain import events as e
from orchestrator.domain.approvals import decidability, gates
from orchestrator.domain.approvals import presettled as beforehand
from orchestrator.domain.exceptions.exception_rule import services_left_alone
from orchestrator.domain.organisation.roles import either
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.permissions.run_projection import RunProjection
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.decisions import GateState
from orchestrator.domain.run.legal_holds import kept_by_legal_hold
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World, due_at


class PreviewPerson(Shown):
    """`manager` is the mail address of the line manager, as HR has it."""

    name: str | None = None
    employee_number: str | None = None
    email: str | None = None
    department: str | None = None
    time_zone: str | None = None
    manager: str | None = None


class PreviewAccount(Shown):
    account_id: str
    label: str | None = None
    active: bool | None = None
    privileged: bool | None = None
    attributes: dict[str, str] = Field(default={})


class PreviewSystem(Shown):
    """`outcome` is `matched`, `none`, `ambiguous`, `weak` or `failed`; `trouble` is the error of a system that could
    not be checked."""

    system: str
    title: str
    outcome: str
    matched_on: str | None
    accounts: tuple[PreviewAccount, ...]
    candidates: tuple[PreviewAccount, ...]
    code: str | None
    trouble: str | None


class NotLookedAt(Shown):
    """A system that could not be checked, and `why`; `support` is its support contact in the packet."""

    system: str
    title: str
    code: str
    why: str
    support: str | None


class MatchQuestion(Shown):
    """A question that a person has to answer before steps on this system can be planned. `kind` is the kind of
    exception that the run would open; `candidates` are the possible accounts; `conflict` names the key that contradicts
    the match. `handle` identifies the answer in the request that starts the run, `why_not` is the reason why the caller
    cannot answer (None if they can), and `settled_by` are the users who can."""

    system: str
    title: str
    kind: e.ExceptionKind
    matched_on: str | None
    conflict: str | None
    candidates: tuple[PreviewAccount, ...]
    asked_of: str
    handle: str = ""
    why_not: str | None = None
    settled_by: tuple[str, ...] = ()


class PreviewStep(Shown):
    """`reversible_until` is the time after which a `limited` step cannot be undone any more, if it is known when the
    step runs; `before_gates` is true for steps that an urgent start runs immediately; `legal_hold` for steps that wait
    for the legal hold that the packet's condition places."""

    step_id: str
    name: str
    title: str
    system: str | None
    account: PreviewAccount | None
    level: Level
    reversible: Literal["no", "yes", "limited"]
    reversible_for: timedelta | None
    reversible_until: datetime | None
    needs: tuple[str, ...]
    gate: str | None
    before_gates: bool
    due_at: datetime | None
    task_for: str | None
    withheld: bool
    legal_hold: bool = False


class PreviewGate(Shown):
    """`quorum` people with one of the `roles` decide. `deciders` are the users who can approve this run: not the
    requester, the leaver and the leaver's reports, nor users who cannot see the run under its embargo. `close`: people
    sign the close of the run there, once every step has ended; it has no `steps`."""

    gate: str
    title: str
    roles: tuple[str, ...]
    quorum: int
    decide_within: timedelta
    steps: tuple[str, ...]
    deciders: tuple[str, ...]
    close: bool = False


class PreviewWarning(Shown):
    """What keeps the run from being completed as things are. `kind` is the kind of exception that the run would open;
    `gate` is None for the review of an urgent start and for a service. `needed` people have to decide, or to answer for
    the service; `found` of the users can."""

    kind: e.ExceptionKind
    gate: str | None
    title: str
    needed: int
    found: int
    message: str


class PreviewDuty(Shown):
    """What the leaver holds in Offboard itself until the cutoff. `kind` is `role`, `packet_owner`, `delegate`,
    `delegator`, `service`, `assistant` or `webhook`; `passes_to` are the accounts that have it afterwards. `missing` is
    whether someone has to take it over before the cutoff, and `waiting` the number of open items that wait for a role
    that no other person has, in the runs that the caller sees. `message` says all of this."""

    kind: str
    name: str
    passes_to: tuple[str, ...]
    missing: bool
    waiting: int = 0
    message: str


class Preview(Shown):
    """`legal_hold` is true where the run would start under a legal hold by the packet's condition (`legal_hold.when`);
    holds of an earlier run are not included. `cancels_restore` is the open run that restores the person's access, if
    the asker sees it: the start cancels it. `looked_at` is the time of the search. `steps_left_open` are names of steps
    that cannot be planned before an account match is confirmed or a system responds."""

    person: PreviewPerson | None
    packet: str
    packet_version: str
    phase: str
    cutoff: datetime
    zone: str
    local_cutoff: str | None
    urgent: bool
    looked_at: datetime
    systems: tuple[PreviewSystem, ...]
    not_looked_at: tuple[NotLookedAt, ...]
    questions: tuple[MatchQuestion, ...]
    steps: tuple[PreviewStep, ...]
    steps_left_open: tuple[str, ...]
    gates: tuple[PreviewGate, ...]
    warnings: tuple[PreviewWarning, ...] = ()
    duties: tuple[PreviewDuty, ...] = ()
    legal_hold: bool = False
    access: tuple[PreviewAccess, ...] = ()
    cancels_restore: str | None = None


def preview(
    state: RunState,
    packet: Packet,
    searched: Sequence[e.SystemSearched],
    troubles: Mapping[str, str],
    asker: Actor,
    world: World,
    handles: Mapping[str, str],
    duties: Sequence[PreviewDuty] = (),
    recorded: Mapping[str, Mapping[str, Any]] | None = None,
    unread: Mapping[str, str] | None = None,
    cancels_restore: str | None = None,
) -> Preview:
    """`state` is the run as it would be once its plan is made, `searched` and `troubles` what its systems said,
    `asker` the account that asks, and `handles` the keys under which answers about a system are given. `recorded` are
    the snapshots by step, and `unread` why there is none. It shows what the asker would read in the run."""
    projection = RunProjection.of(state, asker, world)
    state = projection.state()
    searched = [projection.result(result) for result in searched]
    troubles = {system: projection.scrubbed(why) for system, why in troubles.items() if projection.reads(system)}
    header = run_document.header(state)
    shown = ("packet", "packet_version", "phase", "cutoff", "zone", "local_cutoff", "urgent")
    return Preview(
        **{name: header[name] for name in shown},
        person=_person(state, header["person"]),
        looked_at=state.requested_at,
        systems=tuple(_system(state, packet, result, troubles) for result in searched),
        not_looked_at=tuple(_unseen(packet, result, troubles) for result in searched if result.outcome == "failed"),
        questions=tuple(
            _question(state, packet, result, asker, world, handles.get(result.system, ""))
            for result in searched
            if is_asked(packet, result)
        ),
        steps=tuple(_step(state, step, packet, world) for step in state.plan.steps.values()),
        steps_left_open=tuple(sorted(state.plan.open_steps)),
        gates=_gates(state, packet, list(world.actors.values())),
        warnings=tuple(_warnings(state, packet, world)),
        duties=tuple(duties),
        legal_hold=state.legal_hold,
        access=tuple(access_shown(state, packet, projection, recorded or {}, unread or {})),
        cancels_restore=cancels_restore,
    )


def _person(state: RunState, shown: Mapping[str, Any] | None) -> PreviewPerson | None:
    facts = state.asked.facts
    if shown is None or facts is None:
        return None
    return PreviewPerson(**shown, manager=facts.get("manager_email") or None)


def _system(state: RunState, packet: Packet, result: e.SystemSearched, troubles: Mapping[str, str]) -> PreviewSystem:
    return PreviewSystem(
        system=result.system,
        title=packet.platform.systems[result.system].title,
        outcome=result.outcome,
        matched_on=result.matched_on or None,
        accounts=_accounts(state, result.accounts),
        candidates=_accounts(state, result.candidates),
        code=result.code or None,
        trouble=troubles.get(result.system),
    )


def _unseen(packet: Packet, result: e.SystemSearched, troubles: Mapping[str, str]) -> NotLookedAt:
    spec = packet.platform.systems[result.system]
    why = troubles.get(result.system) or result.code
    return NotLookedAt(
        system=result.system, title=spec.title, code=result.code, why=why, support=spec.support.team or None
    )


def is_asked(packet: Packet, result: e.SystemSearched) -> bool:
    """Finding nothing is a question only where everyone has an account."""
    if result.outcome == "none":
        return packet.platform.systems[result.system].expected
    return result.outcome in e.QUESTION_OF


def _question(
    state: RunState, packet: Packet, result: e.SystemSearched, asker: Actor, world: World, handle: str
) -> MatchQuestion:
    refused = beforehand.why_not_settle(state.asked, result, asker, world)
    return MatchQuestion(
        system=result.system,
        title=packet.platform.systems[result.system].title,
        kind=e.QUESTION_OF[result.outcome],
        matched_on=result.matched_on or None,
        conflict=result.code or None,
        candidates=_accounts(state, result.candidates),
        asked_of=packet.approvals.exceptions.owner,
        handle=handle,
        why_not=refused.message if refused is not None else None,
        settled_by=beforehand.who_may_settle(state.asked, result, world.actors.values(), world),
    )


def _step(state: RunState, step: PlannedStep, packet: Packet, world: World) -> PreviewStep:
    due, lasts = due_at(state, step), step.reversible_for
    until = None
    if step.reversible == "limited" and due is not None and lasts is not None:
        until = max(due, state.requested_at) + lasts  # what fell due already is done now at the earliest
    account = run_document.account(state, step)
    withheld = state.asked.phase == "shadow" and step.level > Level.PREPARE
    return PreviewStep(
        step_id=step.step_id,
        name=step.name,
        title=step.title,
        system=step.system or None,
        account=_account(account) if account is not None else None,
        level=step.level,
        reversible=step.reversible,
        reversible_for=lasts,
        reversible_until=until,
        needs=step.needs,
        gate=step.gate,
        before_gates=state.goes_before_gates(step),
        due_at=due,
        task_for=step.task_role,
        withheld=withheld,
        legal_hold=not withheld and kept_by_legal_hold(state, step, packet, world.abilities),
    )


def _gates(state: RunState, packet: Packet, actors: Sequence[Actor]) -> tuple[PreviewGate, ...]:
    if state.asked.phase == "shadow":
        return ()
    named = state.asked.named if state.asked.embargo_until is not None else None
    seeing = [actor for actor in actors if named is None or actor.actor_id in named]
    shown = []
    for gate, spec in packet.approvals.decisions.items():
        close = gate in packet.approvals.close
        digests = gates.undecided(state, gate, state.requested_at)
        if not (digests or close):
            continue
        opened = _opened(state, gate, digests, packet)
        shown.append(
            PreviewGate(
                gate=gate,
                title=spec.title,
                roles=tuple(sorted(spec.decided_by)),
                quorum=spec.quorum,
                decide_within=spec.decide_within,
                steps=tuple(step.name for step in state.plan.steps.values() if step.digest in digests),
                deciders=tuple(
                    sorted(actor.actor_id for actor in seeing if gates.why_not_decide(state, opened, actor) is None)
                ),
                close=close,
            )
        )
    return tuple(shown)


def _opened(state: RunState, gate: str, digests: tuple[str, ...], packet: Packet) -> GateState:
    return GateState(gates.opening(state, gate, digests, packet, state.requested_at), state.requested_at)


def _warnings(state: RunState, packet: Packet, world: World) -> Iterator[PreviewWarning]:
    approvals = packet.approvals
    for gate, spec in approvals.decisions.items() if state.asked.phase != "shadow" else ():
        digests = gates.undecided(state, gate, state.requested_at)
        wanted = digests or gate in approvals.close
        short = decidability.start_shortage(state, _opened(state, gate, digests, packet), world) if wanted else None
        if short is not None:
            asked = either({*spec.decided_by, *spec.escalate_to})
            yield PreviewWarning(
                kind="decider_missing",
                gate=gate,
                title=spec.title,
                needed=short.needed,
                found=short.found,
                message=f"Too few people can decide at this gate: it needs {short.needed} with the role {asked}, and "
                f"{short.found} can. The requester, the leaver and the leaver's reports can't decide.",
            )
    if state.urgent and approvals.urgent is not None:
        reviewers = approvals.urgent.review_by
        if not decidability.has_reviewer(state, reviewers, world):
            yield PreviewWarning(
                kind="reviewer_missing",
                gate=None,
                title="Review of the urgent start",
                needed=1,
                found=0,
                message=f"No one can review the urgent start: it needs a person with the role {either(reviewers)} who "
                "is neither the requester nor the leaver.",
            )

    for service in services_left_alone(state, world):
        yield PreviewWarning(
            kind="service_without_owner",
            gate=None,
            title=f"Service {service}",
            needed=1,
            found=0,
            message=f"No other person answers for the service {service}, whose token ends at the cutoff. A safety "
            "owner can name a new owner or a deputy.",
        )


def _accounts(state: RunState, account_ids: Iterable[str]) -> tuple[PreviewAccount, ...]:
    return tuple(_account(run_document.account_of(state, id_)) for id_ in account_ids)


def _account(document: Mapping[str, Any]) -> PreviewAccount:
    return PreviewAccount.model_validate(document)
