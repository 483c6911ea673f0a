"""A run for one viewer: its state, the world around it, the viewer's permissions, and names of accounts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from orchestrator.deciding.snapshots import RunSnapshot
from orchestrator.documents.document import Document
from orchestrator.documents.runs import run as documents
from orchestrator.documents.runs.permissions import Permissions
from orchestrator.domain.approvals.deciders import PeopleByRole
from orchestrator.domain.errors import Invalid
from orchestrator.domain.permissions.visibility import require_visible
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World, due_at
from orchestrator.reading.staff import StaffMember
from orchestrator.web.access.caller import Caller
from orchestrator.web.state import WebState
from orchestrator.web.times import moment


@dataclass(frozen=True)
class RunAccess:
    """`staff` is everyone who has signed in, by account; `people` those of them who can act, which all runs of a page
    share."""

    snapshot: RunSnapshot
    caller: Caller
    staff: Mapping[str, StaffMember]
    people: PeopleByRole

    @property
    def state(self) -> RunState:
        return self.snapshot.state

    @property
    def world(self) -> World:
        return self.snapshot.world

    @cached_property
    def permissions(self) -> Permissions:
        return Permissions(self.state, self.world, self.caller.actor)

    @property
    def person(self) -> Document | None:
        return documents.person(self.state.asked.facts)

    def name(self, actor_id: str | None) -> str:
        return name_in(self.staff, actor_id)

    def names(self, actor_ids: Iterable[str]) -> list[str]:
        return [self.name(actor_id) for actor_id in actor_ids]

    def others(self, actor_ids: Iterable[str]) -> list[str]:
        """The names of all of them but the viewer."""
        return [self.name(actor_id) for actor_id in actor_ids if actor_id != self.caller.actor.actor_id]

    def system(self, system: str | None) -> str:
        """What the packet calls a system; empty for none."""
        named = system or ""
        spec = self.world.pinned.platform.systems.get(named) or self.world.current.platform.systems.get(named)
        return spec.title if spec is not None else system or ""

    def place(self, name: str) -> str:
        """The title of a system, or of a task that has no system, by its step's name."""
        steps = self.world.pinned.workflow.steps
        return next((step.title for step in steps if step.task is not None and step.name == name), self.system(name))

    def gate_title(self, gate: str) -> str:
        spec = self.world.pinned.approvals.decisions.get(gate)
        return spec.title if spec is not None else gate

    def step(self, step: PlannedStep) -> Document:
        """A step for a person who decides about it. `due_at` is None where it is due at once; `reversible_until` counts
        from when it is due, or from now."""
        due = due_at(self.state, step)
        until = None
        if step.reversible == "limited" and step.reversible_for is not None:
            until = max(due or self.world.now, self.world.now) + step.reversible_for
        return {
            "step_id": step.step_id,
            "name": step.name,
            "title": step.title,
            "system": self.system(step.system),
            "account": documents.account(self.state, step),
            "level": step.level.value,
            "reversible": step.reversible,
            "reversible_for": step.reversible_for,
            "reversible_until": until,
            "due_at": due if due is not None and due > self.world.now else None,
            "task_for": step.task_role,
            "uncertain": step.uncertain,
        }


def name_in(staff: Mapping[str, StaffMember], actor_id: str | None) -> str:
    """A person's name; the beginning of their account's id once the name is erased."""
    if not actor_id:
        return ""
    known = staff.get(actor_id)
    return known.name if known is not None and known.name else actor_id[:14]


def under_embargo(seen: RunAccess) -> bool:
    until = moment(seen.state.embargo_until)
    return until is not None and until > seen.world.now


async def load_run(web: WebState, caller: Caller, run_id: str) -> RunAccess:
    """Raises `Invalid` (`unknown_run`) for a run that there is not, or that the caller does not see."""
    with as_unknown():
        found = await web.queries.find_run(caller.viewer, run_id)
    snapshot = (await web.queries.snapshots(caller.viewer, [found]))[found]
    return RunAccess(snapshot, caller, await web.queries.staff(), people_of([snapshot]))


async def load_answered_run(web: WebState, caller: Caller, run_id: str) -> RunAccess:
    """For the answer to a command: the caller may have seen the run only because of an item that is resolved now.
    Raises `Invalid` (`unknown_run`) as commands do."""
    found = (await load_runs(web, caller, [run_id]))[run_id]
    require_visible(found.state, caller.actor, found.world)
    return found


async def load_runs(web: WebState, caller: Caller, run_ids: Iterable[str]) -> dict[str, RunAccess]:
    """Runs of which it is known that the caller sees them, by id."""
    staff, wanted = await web.queries.staff(), list(dict.fromkeys(run_ids))
    snapshots = await web.queries.snapshots(caller.viewer, wanted)
    people = people_of(snapshots.values())
    return {run_id: RunAccess(one, caller, staff, people) for run_id, one in snapshots.items()}


def people_of(snapshots: Iterable[RunSnapshot]) -> PeopleByRole:
    """Of snapshots that were read together, and so have the same accounts."""
    return PeopleByRole(next((one.world.actors.values() for one in snapshots), ()))


@contextlib.contextmanager
def as_unknown() -> Iterator[None]:
    """The same refusal, with what can be done on a page."""
    try:
        yield
    except Invalid as refused:
        if refused.code not in ("unknown_run", "several_runs"):
            raise
        raise Invalid("unknown_run", refused.message) from None
