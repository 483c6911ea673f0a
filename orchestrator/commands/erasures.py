"""The command that erases the personal data of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.commands.services import Services
from orchestrator.deciding.erasures import PersonSnapshot, decide_about_person
from orchestrator.domain import events as e
from orchestrator.domain.commands import erasing
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import acting_now
from orchestrator.domain.permissions import visibility
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


@dataclass(frozen=True, slots=True)
class ErasureOutcome:
    """`erased`: the person is erased; else a second person has to confirm. `changed`: this request recorded it."""

    run_id: str
    erased: bool
    changed: bool


async def erase_person(services: Services, actor: Actor, run_id: str, reason: str | None = None) -> ErasureOutcome:
    """Requests the erasure of the person of this run, or confirms the request of another person. It is recorded first;
    then the key is destroyed. If the process stops in between, the relay destroys it."""

    def decide(about: PersonSnapshot) -> Sequence[Event]:
        state, world = about.run.state, about.run.world
        acting = acting_now(actor, world)
        visibility.require_visible(state, acting, world)
        return erasing.erase(state, about.records, reason, acting, world)

    about, happened = await decide_about_person(services.runs, run_id, actor.human, decide)
    erased = about.records.erasure.erased is not None or any(isinstance(one, e.PersonalDataErased) for one in happened)
    if erased:
        await services.keyring.erase_person(about.person_id)
        for run, _ in about.records.runs:
            if run.twin_of is not None:  # if the process stops before this, its next read ends it
                await services.runs.record_fact(run.run_id, _ended)
    return ErasureOutcome(about.run.state.run_id, erased, bool(happened))


def _ended(state: RunState, world: World) -> Sequence[Event]:
    """A dry run beside a run has nothing to compare once the person is erased."""
    return [] if state.finished else [e.RunEnded(by="", reopened=state.reopened)]
