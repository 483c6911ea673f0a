"""A run in memory: the domain's own functions, a clock that stands until it is moved, and no I/O.

`Story` does what the ledger's loop does (fold, decide, consequences, event keys) and holds what must always be so: no
key twice in the stream, consequences at rest.

Over 400 lines: one class, `Story`, and the world that its tests share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.domain import events as e
from orchestrator.domain.approvals import gates
from orchestrator.domain.commands import (
    doing_by_hand,
    exception_commands,
    legal_holding,
    operating,
    pausing,
    replaying,
    requests,
    revoking_roles,
)
from orchestrator.domain.commands.starts import making_urgent
from orchestrator.domain.events.event import Event
from orchestrator.domain.events.event_keys import event_key
from orchestrator.domain.organisation.organisation import Organisation, fold_organisation
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.reports import roles_kept
from orchestrator.domain.permissions.urgent import SignIn
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.planning.searching import judge, searches_due
from orchestrator.domain.run.consequences import with_consequences
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.progress import Progress
from orchestrator.domain.run.run import RunState, fold
from orchestrator.domain.run.steps import steps
from orchestrator.domain.run.steps.readiness import StepReadiness, World, readiness
from orchestrator.domain.run.steps.steps import AttemptResult, Intent, ReadAnswer
from orchestrator.domain.run.upcoming import progress
from orchestrator.domain.run.work import StepState
from tests.domain.packet_texts import SampleAbility

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EVENING = MONDAY + timedelta(hours=9)  # the cutoff, unless a test says another
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)

WORKFLOW = """\
name: leaver
title: Somebody leaves
purpose: Access ends with the work.
value_owner: value_owner
outcomes:
  access_gone_within: PT1H
pilot: person.department == "Sales"
steps:
  - {name: look, title: Look, system: code, ability: snapshot}
  - name: hand_over
    title: Hand over
    task: {role: operator, instruction: Hand everything over.}
  - {name: disable, title: Disable, system: code, ability: disable, needs: [look], at: cutoff, gate: access}
  - {name: sessions, title: Sessions, system: code, ability: sessions, needs: [disable], at: cutoff, gate: access}
  - {name: freeze, title: Freeze, system: cards, ability: freeze, needs: [disable], at: cutoff, gate: access}
  - {name: close, title: Close, system: cards, ability: close, needs: [freeze], at: cutoff, gate: money}
  - {name: pay, title: Pay, system: cards, ability: pay, needs: [hand_over], at: cutoff, gate: money}
  - {name: remove, title: Remove, system: code, ability: remove, needs: [sessions, hand_over], at: cutoff+P1D,
     gate: access}
"""

PLATFORM = """\
safety_owner: safety_owner
systems:
  hr: {title: HR, connector: people, connection: {url: env:HR_URL}, hosts: [hr.example]}
  code:
    title: Code
    connector: forge
    connection: {url: "https://code.example", token: env:CODE_TOKEN}
    hosts: [code.example]
    match:
      - {key: employee_number, attribute: number}
      - {key: name, attribute: name, strength: weak}
  cards:
    title: Cards
    connector: bank
    connection: {url: "https://cards.example", token: env:CARDS_TOKEN}
    hosts: [cards.example]
    expected: false
    match:
      - {key: employee_number, attribute: number}
levels:
  - {who: requester, up_to: prepare}
  - {who: requester, systems: [code], up_to: change}
  - {who: approver, up_to: change}
  - {who: lead, up_to: change}
  - {who: operator, up_to: change}
  - {who: safety_owner, up_to: change}
  - {who: "*", kind: assistant, up_to: prepare}
hr: {system: hr}
"""

APPROVALS = """\
gates:
  access: {title: Access, decided_by: [approver], decide_within: P1D, escalate_to: [lead], valid_for: P7D}
  money: {title: Money, decided_by: [approver], quorum: 2, decide_within: P2D, valid_for: P7D}
urgent:
  allowed_to: [requester]
  review_by: [safety_owner]
  review_within: P1D
  late_after: P3650D
exceptions:
  owner: operator
"""

CATALOGUE = {
    "people": {"stage_leaving": SampleAbility("stage_leaving", level="stage", needs_account=False)},
    "forge": {
        act.name: act
        for act in (
            SampleAbility("snapshot", level="read"),
            SampleAbility("disable", cuts_access=True),
            SampleAbility("sessions", cuts_access=True, regained_by_sign_in=True),
            SampleAbility("tokens", cuts_access=True, reversible="no"),
            SampleAbility("rename"),
            SampleAbility("notify", repeat="never", read_back=False, reversible="no"),
            SampleAbility("remove", reversible="no"),
            SampleAbility("erase", reversible="no", destroys=True),
            SampleAbility("deactivate", reversible="limited", ends_account=True),
        )
    },
    "bank": {
        act.name: act
        for act in (
            SampleAbility("freeze"),
            SampleAbility("close", repeat="keyed", keyed_for=DAY, reversible="no"),
            SampleAbility("pay", repeat="never", reversible="no"),
        )
    },
}

PERSON = PersonFacts(hr_id="1", employee_number="E-1", display_name="Ada Lovelace", department="Sales")


def packet(**changes: tuple[str, str]) -> Packet:
    """`packet(workflow=("old", "new"))`: the packet with one text replaced by another."""
    texts = {"workflow": WORKFLOW, "platform": PLATFORM, "approvals": APPROVALS}
    for stem, (old, new) in changes.items():
        assert old in texts[stem], f"{old!r} is not in {stem}.yaml"
        texts[stem] = texts[stem].replace(old, new, 1)
    return parse_packet({f"{stem}.yaml": text.encode() for stem, text in texts.items()})


def cutoff(instant: datetime) -> Cutoff:
    return Cutoff(instant=instant, zone="UTC", local=instant.strftime("%Y-%m-%dT%H:%M"))


def actor(actor_id: str, *roles: str, human: str | None = "", kind: Any = "person", above: Sequence[str] = ()) -> Actor:
    """`human` is `h-` and the id unless another is given; None for someone whom HR does not know."""
    known = f"h-{actor_id}" if human == "" else human
    return Actor(
        actor_id=actor_id,
        kind=kind,
        roles=frozenset(roles),
        managers=frozenset(above),
        human=known if kind == "person" else None,
    )


HR = actor("hr", "requester")
ANNA = actor("anna", "approver")
BEN = actor("ben", "approver")
LEA = actor("lea", "lead")
OLE = actor("ole", "operator")
SAM = actor("sam", "safety_owner")
ROBOT = actor("robot", "approver", "operator", "requester", "safety_owner", kind="assistant")
PERSON_ID = "p-ada"
EVERYBODY = {a.actor_id: a for a in (HR, ANNA, BEN, LEA, OLE, SAM, ROBOT)}


def account(system: str, name: str = "ada", number: str = "E-1", label: str = "Ada Lovelace") -> FoundAccount:
    return FoundAccount(
        system=system,
        account_id=f"a-{system}-{name}",
        native_id=name,
        label=name,
        attributes={"number": number, "name": label},
    )


DONE = AttemptResult(read="done", detail={"shown": True})
NOT_YET = AttemptResult("try_again", "no", "busy")
LOST = AttemptResult("try_again", "unknown", "reply_lost")
REFUSED = AttemptResult("refused", "no", "refused")


class Story:
    """`finds` is what each system would show now; None where it does not answer, which has the code `failure`."""

    def __init__(
        self,
        pinned: Packet | None = None,
        *,
        urgent: bool = False,
        phase: str = "production",
        at: datetime | None = EVENING,
        by: Actor = HR,
        person: PersonFacts = PERSON,
        holds: Iterable[str] = (),
        ready: bool = True,
        **more: Any,
    ) -> None:
        pinned = pinned or packet()
        self.world = World(
            now=MONDAY, pinned=pinned, current=pinned, abilities=CATALOGUE, holds=frozenset(holds), actors=EVERYBODY
        )
        self.finds: dict[str, list[FoundAccount] | None] = {"code": [account("code")], "cards": [account("cards")]}
        self.failure = "down"
        self.state = RunState()
        self.log: list[tuple[Event, datetime]] = []
        self.keys: set[str] = set()
        self.revoked: Mapping[str, Mapping[str, frozenset[str]]] = {}
        asked = requests.request_run(
            run_id="r1",
            person_id=PERSON_ID,
            person=person,
            cutoff=cutoff(at) if at else None,
            urgent=urgent,
            actor=by,
            packet=pinned,
            phase=phase,
            open_run=None,
            now=MONDAY,
            **({"actors": EVERYBODY, "abilities": CATALOGUE} | more),
        )
        self.append([asked])
        if ready:
            self.search()

    # What the loop in the ledger does

    def append(self, caused: Sequence[Event]) -> list[Event]:
        before, version = self.state, self.state.version
        if before.finished and not caused:
            return []
        self.state, happened, _ = with_consequences(before, list(caused), self.world)
        for number, event in enumerate(happened, start=version + 1):
            key = event_key(event, number)
            assert key not in self.keys, f"{key} stands in the stream twice"
            self.keys.add(key)
            self.log.append((event, self.world.now))
        assert with_consequences(self.state, [], self.world)[1] == [], "consequences did not come to rest"
        return happened

    def refolded(self) -> RunState:
        state = RunState()
        for event, at in self.log:
            state = fold(state, event, at)
        return state

    def events(self, kind: type[Event]) -> list[Any]:
        return [event for event, _ in self.log if isinstance(event, kind)]

    @property
    def now(self) -> datetime:
        return self.world.now

    # Time and surroundings

    def at(self, instant: datetime) -> list[Event]:
        self.world = replace(self.world, now=instant)
        return self.append([])

    def later(self, span: timedelta) -> list[Event]:
        return self.at(self.now + span)

    def without_role(self, actor_id: str, *roles: str) -> list[Event]:
        known = self.world.actors[actor_id]
        changed = known.model_copy(update={"roles": known.roles - set(roles)})
        self.world = replace(self.world, actors={**self.world.actors, actor_id: changed})
        return self.append([])

    def revoke(self, by: Actor, *revoked: tuple[str, str]) -> None:
        """`by` revokes roles, each with its account: events of the organisation's, and not of the run's."""
        people = Organisation(actors=self.world.actors, revoked=self.revoked)
        for account, role in revoked:
            before = people.revoked.get(account, {})
            for event in revoking_roles.revoke_roles(people.actors[account], [role], by, "safety_owner", "no", before):
                people = fold_organisation(people, event)
        kept = roles_kept(people, PERSON_ID, [self.world.pinned], self.world.departed)
        self.revoked = people.revoked
        self.world = replace(self.world, actors=people.actors, kept_roles=kept)
        self.append([])

    def knows(self, *actors: Actor) -> None:
        self.world = replace(self.world, actors={**self.world.actors, **{a.actor_id: a for a in actors}})

    def on_hold(self, *systems: str) -> list[Event]:
        began = {
            system: self.world.held_since.get(system, 0) + 2 for system in systems if system not in self.world.holds
        }
        self.world = replace(self.world, holds=frozenset(systems), held_since={**self.world.held_since, **began})
        return self.append([])

    def today(self, current: Packet) -> list[Event]:
        self.world = replace(self.world, current=current)
        return self.append([])

    # What a workflow does

    @property
    def progress(self) -> Progress:
        return progress(self.state, self.world)

    def search(self) -> list[Event]:
        """Asks every system that is due, as the activity does."""
        due = searches_due(self.state, self.world, self.readiness_by_step())
        if not due.systems:
            return []
        results, details = [], {}
        for system, purpose in due.systems:
            found = self.finds[system]
            if found is None:
                results.append(e.SystemSearched(system=system, purpose=purpose, outcome="failed", code=self.failure))
                continue
            results.append(judge(PERSON, self.world.pinned, system, purpose, found))
            details.update({a.account_id: a.model_dump(mode="json") for a in found})
        return self.append([e.AccountsSearched(results=tuple(results), details=details)])

    def begin(self, step: str) -> Intent | None:
        if (intent := steps.begin(self.state, self.id(step), self.world)) is not None:
            self.append([intent.started])
        return intent

    def finish(self, intent: Intent, answer: AttemptResult) -> Event | None:
        result = steps.verdict(self.state, intent, answer, self.now)
        self.append([result] if result is not None else [])
        return result

    def attempt(self, step: str, answer: AttemptResult = DONE) -> Event | None:
        intent = self.begin(step)
        assert intent is not None, f"{step} is not due: {self.readiness(step)}"
        return self.finish(intent, answer)

    def work(self) -> list[str]:
        """Does everything that is due, with success, until nothing is; the names of the steps in their order."""
        done = []
        while not self.state.finished:
            now = self.progress
            if now.search:
                self.later(timedelta(milliseconds=1))
                self.search()
            elif now.steps:
                step_id = now.steps[0].step_id
                if self.state.work.steps[step_id].reading_again is not None:
                    self.read_again(step_id)
                    continue
                self.attempt(step_id)
                done.append(self.state.plan.steps[step_id].name)
            else:
                break
        return done

    def read_again(self, step: str, outcome: Any = "done", code: str = "") -> Event | None:
        """Reads a step again that is done, as the activity does."""
        asked = steps.reading(self.state, self.id(step), self.world)
        assert asked is not None, f"{step} is not read: {self.readiness(step)}"
        read = steps.read_again(self.state, asked, ReadAnswer(outcome, code), self.world)
        self.append(read)
        return read[0] if read else None

    def vote(self, gate: str, by: Actor, verdict: str = "approve", excluded: Sequence[str] = ()) -> list[Event]:
        return self.append(
            gates.vote(self.state, gate, by, verdict, tuple(self.id(name) for name in excluded), "why", self.world)
        )

    def approve_all(self) -> None:
        for gate_id, gate in list(self.state.decisions.gates.items()):
            for voter in (ANNA, BEN)[: gate.opened.quorum]:
                if self.state.decisions.gates[gate_id].open:
                    self.vote(gate_id, voter)

    def retry(self, step: str, *, again: bool = False, by: Actor = OLE) -> list[Event]:
        return self.append(operating.retry(self.state, step, again, "why", by, self.world))

    def skip(self, step: str, *, by: Actor = OLE) -> list[Event]:
        return self.append(operating.skip(self.state, step, "why", by, self.world))

    def do_by_hand(self, step: str, *, by: Actor = OLE, evidence: str = "Disabled in the console.") -> list[Event]:
        said = {"note": evidence}
        return self.append(doing_by_hand.do_by_hand(self.state, step, said, by, self.world))

    def settle(self, system: str, *accounts: str, by: Actor = OLE) -> list[Event]:
        return self.append(operating.settle(self.state, system, accounts, "why", by, self.world))

    def replan(self, *, by: Actor = OLE) -> list[Event]:
        return self.append(operating.replan(self.state, "why", by, self.world))

    def replay(self, from_step: str = "", system: str = "", *, by: Actor = OLE, seen: int | None = None) -> list[Event]:
        scope = replaying.Scope(from_step, system)
        return self.append(replaying.replay(self.state, scope, "why", seen, by, self.world))

    def replayed(self, from_step: str = "", system: str = "") -> dict[str, str]:
        """What a replay would do, by the step's name: what, or why nothing."""
        shown = replaying.preview(self.state, replaying.Scope(from_step, system), self.world)
        return {self.state.plan.steps[id_].name: one.why or one.act for id_, one in shown.steps.items()}

    def accept(self, exception_id: str, *, by: Actor = OLE) -> list[Event]:
        return self.append(exception_commands.accept(self.state, exception_id, "why", by, self.world))

    def complete(self, step: str, outcome: str = "done", *, by: Actor = OLE, shown: bool = True) -> list[Event]:
        task = next(t for t, s in self.state.work.tasks.items() if s.open and s.opened.step_id == self.id(step))
        evidence = {"note": "seen"} if shown else None
        return self.append(operating.complete_task(self.state, task, outcome, evidence, by, self.world))

    def reschedule(self, instant: datetime, *, by: Actor = HR) -> list[Event]:
        return self.append(list(requests.reschedule(self.state, cutoff(instant), by, self.world)))

    def make_urgent(self, *, by: Actor = HR) -> list[Event]:
        return self.append(making_urgent.make_urgent(self.state, "why", by, self.world, SignIn(recent=True)))

    def end(self, *, by: Actor = HR) -> list[Event]:
        return self.append(requests.end(self.state, "called off", by, self.world))

    def hold(self, *, by: Actor = OLE, until: datetime | None = None) -> list[Event]:
        return self.append(pausing.hold(self.state, "why", by, self.world, until))

    def release(self, *, by: Actor = OLE) -> list[Event]:
        return self.append(pausing.release(self.state, by, self.world))

    def place_legal_hold(self, *, by: Actor = HR) -> list[Event]:
        return self.append(legal_holding.place(self.state, "a matter", by, self.world))

    def lift_legal_hold(self, hold_id: str | None = None, *, by: Actor = OLE) -> list[Event]:
        return self.append(legal_holding.lift(self.state, hold_id, "the matter is closed", by, self.world))

    def id(self, step: str) -> str:
        return next((id_ for id_, planned in self.state.plan.steps.items() if planned.name == step), step)

    def planned(self, step: str) -> PlannedStep:
        return self.state.plan.steps[self.id(step)]

    def step(self, step: str) -> StepState:
        return self.state.work.steps[self.id(step)]

    def readiness(self, step: str) -> StepReadiness:
        return readiness(self.state, self.planned(step), self.world)

    def readiness_by_step(self) -> dict[str, StepReadiness]:
        return {id_: self.readiness(id_) for id_ in self.state.plan.steps}

    def ready(self) -> set[str]:
        return {self.state.plan.steps[due.step_id].name for due in self.progress.steps}

    def open_gates(self) -> list[str]:
        return [id_ for id_, gate in self.state.decisions.gates.items() if gate.open]

    def asked_at(self, gate_id: str) -> set[str]:
        """The names of the steps that a gate is about."""
        digests = self.state.decisions.gates[gate_id].opened.digests
        return {step.name for step in self.state.plan.steps.values() if step.digest in digests}

    def exceptions(self) -> list[tuple[str, str]]:
        """The open ones: kind, and the name of the step or the system or gate."""
        found = []
        for exception in self.state.work.open_exceptions():
            x = exception.opened
            step = self.state.plan.steps.get(x.step_id or "")
            found.append((x.kind, step.name if step else x.system or x.gate_id or ""))
        return sorted(found)

    def exception(self, kind: str) -> str:
        return next(x.opened.exception_id for x in self.state.work.open_exceptions() if x.opened.kind == kind)


def at_cutoff(**more: object) -> Story:
    """Everything approved, handed over, looked at, and the cutoff reached."""
    story = Story(**more)  # type: ignore[arg-type]  # keyword arguments of Story, passed on by tests
    story.approve_all()
    story.complete("hand_over")
    story.attempt("look")
    story.at(EVENING)
    story.search()
    return story
