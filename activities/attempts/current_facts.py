"""What HR says about the person now: for steps that send it to a system, and before anything is destroyed.

The facts of the start can be weeks old. A manager who has changed or left is no longer sent mail or repositories, and
the account of a person who was hired again is not deleted. Steps that cut access never wait for HR.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from activities.connections import Connections
from activities.inquiries.people import People
from connectors.abilities import Ability
from connectors.errors import ConnectorError, RefusedError
from connectors.people import Person
from connectors.registry import READ_ONLY_HR_KINDS
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.formulas import reads_person
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.planning.matching import loosely
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.ledger.persons.keys import Keyring


@dataclass(frozen=True, slots=True)
class CurrentFacts:
    connections: Connections
    keyring: Keyring

    async def of(self, state: RunState, world: World, step: PlannedStep, ability: Ability | None) -> PersonFacts:
        """The facts that the step's parameters are worked out from: those of the start, unless the step uses facts
        about the person or destroys something.

        Raises `ConnectorError` where HR cannot be asked, and `RefusedError`: employed_again, another_person. All with
        `happened="no"`: nothing was done."""
        known = PersonFacts.model_validate(state.asked.facts)
        destroys = ability is not None and ability.destroys
        if not known.hr_id or not (destroys or reads_person(step.parameters)):
            return known
        people = People(self.connections, world.current, self.keyring)
        try:
            person = await people.by_id(known.hr_id)
            if person is None:  # HR may have removed the record of a person who left
                return known
            if is_another_person(known, person):
                raise RefusedError(
                    "another_person",
                    "HR's record with the ID of this person is about another person now.",
                    remedy="Check the record in HR. If the ID was given to a new person, skip the step and do what is "
                    "left of it by hand.",
                    happened="no",
                )
            if destroys and taken_back(person, state, world):
                raise RefusedError(
                    "employed_again",
                    "HR recorded that this person leaves, and now says that the person works here.",
                    remedy="If this is right, cancel the run. If not, correct the record in HR, then retry the step.",
                    happened="no",
                )
            return await people.facts(await self._without_manager_who_left(people, person))
        except ConnectorError as error:
            if step.cuts_access and error.code != "employed_again":
                return known
            error.happened = "no"  # HR was only asked
            raise

    async def _without_manager_who_left(self, people: People, person: Person) -> Person:
        manager = await people.by_id(person.manager_id) if person.manager_id is not None else None
        if manager is None:
            return person
        if manager.status == "left":
            return replace(person, manager_id=None, manager_email=None)
        return replace(person, manager_email=manager.email)


def is_another_person(known: PersonFacts, now: Person) -> bool:
    """Whether HR's record has no name and no address in common with the facts of the start. Some companies give an
    employee number, which a file can have as its only ID, to a new person."""
    if known.employee_number and known.employee_number != known.hr_id and known.employee_number == now.employee_number:
        return False
    before, after = _names_and_addresses(known), _names_and_addresses(now)
    return bool(before) and bool(after) and before.isdisjoint(after)


def may_be_another_person(known: PersonFacts, now: Person) -> bool:
    """Whether HR's record could be about another person, since its ID is an employee number: it has no address in
    common with the facts of the start, and not the whole name. A person who got another name and address looks the
    same."""
    if known.employee_number != known.hr_id or not _names_and_addresses(known) or not _names_and_addresses(now):
        return False
    before, after = ({loosely(text) for text in (one.email, *one.former_emails)} - {""} for one in (known, now))
    return before.isdisjoint(after) and any(
        loosely(was) != loosely(is_now)
        for was, is_now in (
            (known.given_name, now.given_name),
            (known.family_name, now.family_name),
            (known.display_name, now.display_name),
        )
    )


def _names_and_addresses(person: PersonFacts | Person) -> set[str]:
    names = (person.given_name, person.family_name, person.display_name, *person.former_names)
    texts = (*names, person.email, *person.former_emails)
    return {loosely(text) for text in texts if loosely(text)}


def taken_back(person: Person, state: RunState, world: World) -> bool:
    """Whether HR had the leaving in its record, and now says that the person works here. Without a leaving in the
    record there is nothing to take back: a person asked for the run, or an embargo hides it from HR."""
    if not still_works(person, state, world):
        return False
    if hr_has_the_date(state, world):
        return True
    before = state.asked.hr_leaving_at
    if before is None:
        return False
    return person.status == "active" or person.leaving_at is None or person.leaving_at > before


def hr_has_the_date(state: RunState, world: World) -> bool:
    """Whether a step of this run has entered the leaving in HR, and HR showed it. Before that, HR says nothing of a
    leaving that was asked for here; unless nothing can be entered there, so that HR's own record is all there will ever
    be."""
    platform = world.current.platform
    spec = platform.systems.get(platform.hr.system)
    if spec is not None and spec.connector in READ_ONLY_HR_KINDS:
        return True
    hr = world.pinned.platform.hr.system
    return any(
        step.system == hr and step.level >= Level.STAGE and state.work.steps[id_].status == "verified"
        for id_, step in state.plan.steps.items()
    )


def still_works(person: Person, state: RunState, world: World) -> bool:
    """Whether HR says that the person stays, or leaves later than now and than the run's cutoff."""
    later = person.leaving_at is not None and person.leaving_at > max(world.now, state.cutoff)
    return person.status == "active" or (person.status == "leaving" and later)
