"""What an actor reads of a run: `read` is granted by system.

Every reading entry point shows a run through `RunProjection`. An actor who sees the run sees that each system is part
of it and how far each step is. What the run found out on a system, and what was written about it, is for actors with
`read` on that system; HR's facts about the person, and texts that belong to no system, are for actors with `read` on
the packet's HR system. Hidden fields are empty, as personal fields are after erasure. The person's name, employee
number and time zone are for all who see the run: without them a reader cannot tell two runs apart. Systems keep mail
addresses too: where HR's facts are hidden, a text that contains one of HR's mail addresses is empty on every system.

The grants of today's platform file count, as for who sees the run (`visibility.py`). While something waits for a role
of a person, that person also reads the system that it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from orchestrator.domain import events as e
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.events.event import Event
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.grants import granted_level
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.visibility import roles_of
from orchestrator.domain.run.accounts import AccountState, SearchState
from orchestrator.domain.run.comparison.comparison import ComparisonState, StepReads
from orchestrator.domain.run.decisions import DecisionState, GateState
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.watch.watch import WatchState
from orchestrator.domain.run.work import ExceptionState, StepState, WorkState

FACTS_FOR_ALL: Final = frozenset({"display_name", "employee_number", "time_zone"})
"""HR's facts about the person that every actor who sees the run reads."""

_NO_SYSTEM: Final = ""
_UNKNOWN: Final = "?"
"""The system of a step that the run's plans do not have. No system has this name, so no actor reads it."""

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class RunProjection:
    """`readable` are the systems that the actor reads; the empty name is for what belongs to no system. `whole`:
    nothing is hidden. `record`: whether the actor reads HR's facts about the person. `steps` maps the id of a step to
    its system, `digests` its digest."""

    state_before: RunState
    readable: frozenset[str]
    whole: bool
    record: bool
    steps: Mapping[str, str]
    digests: Mapping[str, str]
    addresses: frozenset[str] = frozenset()
    """HR's mail addresses, in lower case, that the actor does not read."""

    @classmethod
    def of(cls, state: RunState, actor: Actor, world: World, happened: Iterable[Event] = ()) -> RunProjection:
        """`happened` are the run's events, if they are to be shown: steps of earlier plans are in them."""
        current = world.current
        steps = [*state.plan.steps.values()]
        steps += [step for event in happened if isinstance(event, e.PlanFrozen) for step in event.steps]
        by_id, by_digest = {step.step_id: step.system for step in steps}, {step.digest: step.system for step in steps}
        by_digest |= {digest: by_id.get(id_, _UNKNOWN) for event in happened for id_, digest in _repeated(event)}
        systems = systems_of(world.pinned, current)
        granted = granted_systems(actor, current, systems)
        if granted == systems:
            return cls(state, granted | {_NO_SYSTEM}, True, True, by_id, by_digest)
        record = current.platform.hr.system in granted
        asked = {*_asked_about(state, roles_of(state, actor, world), by_id, by_digest)} - {_UNKNOWN}
        readable = granted | asked | ({_NO_SYSTEM} if record else set())
        addresses = frozenset() if record else frozenset(_addresses(state.asked.facts or {}))
        return cls(state, readable, False, record, by_id, by_digest, addresses)

    def reads(self, system: str) -> bool:
        return system in self.readable

    # State

    def state(self) -> RunState:
        """The run as the actor reads it. No decision is made on it."""
        state = self.state_before
        if self.whole:
            return state
        asked = self.event(state.asked)
        assert isinstance(asked, e.RunRequested)
        return replace(
            state,
            request=asked,
            legal_holds=tuple(
                replace(hold, placed=self._same(hold.placed), lifted=self._same(hold.lifted) if hold.lifted else None)
                for hold in state.legal_holds
            ),
            replay=(self._same(state.replay[0]), state.replay[1]) if state.replay is not None else None,
            second_requests=tuple((self._same(event), number) for event, number in state.second_requests),
            accounts=self._accounts(state.accounts),
            decisions=self._decisions(state.decisions),
            work=self._work(state.work),
            watch=self._watch(state.watch),
            comparison=self._comparison(state.comparison),
        )

    def _accounts(self, accounts: AccountState) -> AccountState:
        return replace(
            accounts,
            searches={system: self._search(system, search) for system, search in accounts.searches.items()},
            planned_on={system: self.result(result) for system, result in accounts.planned_on.items()},
            presettled={system: self._same(event) for system, event in accounts.presettled.items()},
            details=self._details(accounts.details),
            before_change=self._details(accounts.before_change),
        )

    def _search(self, system: str, search: SearchState) -> SearchState:
        return search if self.reads(system) else replace(search, result=self.result(search.result), code="")

    def _decisions(self, decisions: DecisionState) -> DecisionState:
        gates = {
            gate_id: replace(gate, votes=tuple((self._same(vote), at) for vote, at in gate.votes))
            for gate_id, gate in decisions.gates.items()
        }
        named = {item: tuple(self._same(event) for event in events) for item, events in decisions.named.items()}
        return replace(decisions, gates=gates, named=named)

    def _work(self, work: WorkState) -> WorkState:
        return replace(
            work,
            steps={step_id: self._step(step_id, known) for step_id, known in work.steps.items()},
            exceptions={exception_id: self._exception(known) for exception_id, known in work.exceptions.items()},
        )

    def _exception(self, known: ExceptionState) -> ExceptionState:
        return replace(
            known,
            opened=self._same(known.opened),
            closed=self._same(known.closed) if known.closed is not None else None,
            assigned=self._same(known.assigned) if known.assigned is not None else None,
            snoozed=self._same(known.snoozed) if known.snoozed is not None else None,
            waiver=(self._same(known.waiver[0]), known.waiver[1]) if known.waiver is not None else None,
            comments=tuple((self._same(comment), at) for comment, at in known.comments),
        )

    def _watch(self, watch: WatchState) -> WatchState:
        return replace(
            watch,
            checks=tuple(replace(one, result=self._watched(one.result)) for one in watch.checks),
            failing={
                system: one if self.reads(system) else replace(one, code="") for system, one in watch.failing.items()
            },
            details=self._details(watch.details),
        )

    def _comparison(self, comparison: ComparisonState) -> ComparisonState:
        return replace(
            comparison,
            steps={
                step_id: reads if self.reads(self.steps.get(step_id, _UNKNOWN)) else _without_codes(reads)
                for step_id, reads in comparison.steps.items()
            },
            changes={change_id: self._same(change) for change_id, change in comparison.changes.items()},
            judgements={about: (self._same(judged), at) for about, (judged, at) in comparison.judgements.items()},
        )

    def _watched(self, result: e.WatchedSystem) -> e.WatchedSystem:
        """A check, without what was found on a system that the actor does not read."""
        if self.reads(result.system):
            return result
        return result.model_copy(update={"steps": {}, "accounts": (), "code": "", "unknown": ()})

    def _step(self, step_id: str, known: StepState) -> StepState:
        if not self.reads(self.steps.get(step_id, _UNKNOWN)):
            return replace(known, code="", recorded=None, replies=())
        recorded = None if known.recorded is None else self.scrubbed(known.recorded)
        return replace(known, recorded=recorded, replies=tuple(self.scrubbed(known.replies)))

    # Events

    def event(self, event: Event) -> Event:
        """The event as the actor reads it: its personal fields, and the code of a failure, are empty where it is about
        a system that the actor does not read."""
        if self.whole:
            return event
        match event:
            case e.RunRequested():
                shown = self._restored(event)
                return shown if self.record else _without_record(shown)
            case e.AccountsSearched() | e.SystemsWatched():
                return self._searched(event)
            case _ if set(self._systems(event)) <= self.readable:
                return self._without_addresses(event)
        hidden: dict[str, Any] = dict.fromkeys(type(event).personal_fields())
        if "code" in type(event).model_fields:
            hidden["code"] = ""
        if isinstance(event, e.MatchSettledBeforehand):
            hidden["seen"] = self.result(event.seen)
        if isinstance(event, e.TaskCompleted):
            hidden["stored_files"] = ()
        if isinstance(event, e.ChangeFound):
            hidden["account_id"] = ""
        return event.model_copy(update=hidden)

    def _restored(self, event: e.RunRequested) -> e.RunRequested:
        """Of a restore: without what was found on systems that the actor does not read."""
        restorations = tuple(one for one in event.restorations if self.reads(one.system))
        steps = {one.step_id for one in restorations}
        taken = {id_: self.scrubbed(things) for id_, things in (event.taken or {}).items() if id_ in steps}
        return event.model_copy(update={"restorations": restorations, "taken": taken or None})

    def _searched(self, event: e.AccountsSearched | e.SystemsWatched) -> Event:
        troubles = {
            system: self.scrubbed(text) for system, text in (event.troubles or {}).items() if self.reads(system)
        }
        shown = {
            "details": self._details(event.details) if event.details is not None else None,
            "troubles": troubles if event.troubles is not None else None,
        }
        if isinstance(event, e.SystemsWatched):
            return event.model_copy(update={**shown, "results": tuple(self._watched(one) for one in event.results)})
        return event.model_copy(update={**shown, "results": tuple(self.result(one) for one in event.results)})

    def _same(self, event: E) -> E:
        shown = self.event(event)
        assert isinstance(shown, type(event))
        return shown

    def result(self, result: e.SystemSearched) -> e.SystemSearched:
        """A system's answer, without what was found on a system that the actor does not read."""
        if self.reads(result.system):
            return result
        return result.model_copy(update={"candidates": (), "matched_on": "", "code": ""})

    def _details(self, details: Mapping[str, Any]) -> dict[str, Any]:
        return {
            id_: self.scrubbed(shown) for id_, shown in details.items() if self.reads(shown.get("system") or _UNKNOWN)
        }

    def _without_addresses(self, event: Event) -> Event:
        known = {name: value for name in type(event).personal_fields() if (value := getattr(event, name)) is not None}
        shown = {name: self.scrubbed(value) for name, value in known.items()}
        return event if shown == known else event.model_copy(update=shown)

    def scrubbed(self, value: Any) -> Any:
        """The value, with an empty text for each text in it that contains a hidden mail address."""
        match value:
            case str():
                return "" if any(address in value.casefold() for address in self.addresses) else value
            case dict():
                return {name: self.scrubbed(one) for name, one in value.items()}
            case list() | tuple():
                return [self.scrubbed(one) for one in value]
        return value

    def _systems(self, event: Event) -> Iterator[str]:
        """The systems that an event is about; the empty name where it is about none."""
        system = getattr(event, "system", None)
        if isinstance(system, str):
            yield system
        elif (step_id := getattr(event, "step_id", None)) is not None:
            yield self.steps.get(step_id, _UNKNOWN)
        elif (item_id := _item_of(event)) is not None:
            yield from self._systems_of_item(item_id, event)
        else:
            yield _NO_SYSTEM

    def _systems_of_item(self, item_id: str, event: Event) -> Iterator[str]:
        state = self.state_before
        if (gate := state.decisions.gates.get(item_id)) is not None:
            yield from _of_gate(gate, self.digests)
        elif (task := state.work.tasks.get(item_id)) is not None:
            yield self.steps.get(task.opened.step_id, _UNKNOWN)
        elif (known := state.work.exceptions.get(item_id)) is not None and known.opened is not event:
            yield from self._systems(known.opened)
        else:
            yield _NO_SYSTEM


def require_whole(state: RunState, actor: Actor, world: World) -> None:
    """Raises `NotAllowed` unless the actor reads everything of the run."""
    if not RunProjection.of(state, actor, world).whole:
        raise NotAllowed("level_not_granted", "This needs the permission to read every system of the packet.")


def systems_of(pinned: Packet, current: Packet) -> frozenset[str]:
    """The systems that a run under the packet `pinned` can be about, and those of today's packet."""
    return frozenset({*pinned.platform.systems, *current.platform.systems})


def granted_systems(actor: Actor, current: Packet, systems: Iterable[str]) -> frozenset[str]:
    """Of these systems, those on which today's platform file grants the actor at least `read`."""
    levels, name = current.platform.levels, current.name
    return frozenset(system for system in systems if granted_level(levels, actor, system, name) is not None)


def _asked_about(
    state: RunState, roles: frozenset[str], steps: Mapping[str, str], digests: Mapping[str, str]
) -> Iterator[str]:
    """The systems of the open gates, tasks and exceptions that wait for these roles."""
    for gate in state.decisions.gates.values():
        if gate.open and gate.roles & roles:
            yield from _of_gate(gate, digests)
    for task in state.work.tasks.values():
        if task.open and task.opened.role in roles:
            yield steps.get(task.opened.step_id, _UNKNOWN)
    for exception in state.work.exceptions.values():
        if exception.open and roles.intersection(exception.opened.owners):
            step_id = exception.opened.step_id
            yield exception.opened.system or (steps.get(step_id, _UNKNOWN) if step_id else _NO_SYSTEM)


def _of_gate(gate: GateState, systems: Mapping[str, str]) -> Iterator[str]:
    """`systems` has the system of each step, by its digest. The close of a run is about no single system; those who
    sign it read why exceptions were accepted."""
    if gate.opened.close is None:
        yield from (systems.get(digest, _UNKNOWN) for digest in gate.opened.digests)
        return
    yield _NO_SYSTEM
    yield from (exception.place for exception in gate.opened.close.exceptions)


def _without_codes(reads: StepReads) -> StepReads:
    return replace(reads, shown={read: replace(shown, code="") for read, shown in reads.shown.items()})


def _repeated(event: Event) -> Iterator[tuple[str, str]]:
    """The steps, by id, that an event gives a digest of their own for a repeat, each with the digest."""
    if isinstance(event, e.ReplayRequested):
        yield from event.digests.items()
    elif isinstance(event, (e.StepReadBack, e.StepRetryOrdered)) and event.digest:
        yield event.step_id, event.digest


def _item_of(event: Event) -> str | None:
    names = ("gate_id", "task_id", "exception_id", "item_id")
    return next((found for name in names if (found := getattr(event, name, None)) is not None), None)


def _addresses(facts: Mapping[str, Any]) -> Iterator[str]:
    for address in (facts.get("email"), facts.get("manager_email"), *(facts.get("former_emails") or ())):
        if address:
            yield str(address).casefold()


def _without_record(event: e.RunRequested) -> e.RunRequested:
    facts = event.facts
    shown = {name: value for name, value in facts.items() if name in FACTS_FOR_ALL} if facts is not None else None
    return event.model_copy(update={"facts": shown, "reason": None, "hr_leaving_at": None})
