"""People as HR knows them, for callers who may prepare runs: found by a worker, sent to the caller, stored nowhere.

Names are in bodies and never in an address: addresses end up in logs and histories.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints

from orchestrator.documents.runs.questions import FindPeople, PersonFactsAsked, PersonMatch
from orchestrator.domain.commands.requests import require_prepare
from orchestrator.domain.packet.packet import Packet
from orchestrator.web.access.caller import ApiCaller, Caller
from orchestrator.web.access.packets import readable
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems_of_post
from orchestrator.web.api.schema.parameters import TEXT, Id
from orchestrator.web.inquiries import HR_TIMEOUT_SECONDS
from orchestrator.web.state import WebState, state_of

router = APIRouter(prefix="/api/v1", tags=["people"], route_class=IdempotentRoute)

PersonReference = Annotated[
    str,
    StringConstraints(min_length=1, max_length=320, pattern=TEXT, strip_whitespace=True),
    Field(description="Employee number, mail address or HR ID", examples=["E-1012"]),
]


class PeopleSearch(RequestModel):
    packet: Id = Field(examples=["standard-leaver"])
    text: Annotated[str, StringConstraints(max_length=200, pattern=TEXT)] = Field(
        description="Part of a name, an employee number or a mail address; at least two characters", examples=["umbel"]
    )


class PersonLookup(RequestModel):
    packet: Id = Field(examples=["standard-leaver"])
    wanted: PersonReference


class PersonFound(PersonMatch, ResponseModel):
    pass


class PeopleFound(ResponseModel):
    people: list[PersonFound] = Field(description="In the order of HR's response")
    more: bool = Field(description="Whether HR found more people; refine the search")


class PersonShown(ResponseModel):
    """One person's data in HR. Unknown fields are empty."""

    hr_id: str
    employee_number: str
    given_name: str
    family_name: str
    display_name: str
    email: str
    former_emails: list[str]
    former_names: list[str]
    department: str
    title: str
    manager_hr_id: str | None
    manager_email: str | None
    country: str
    time_zone: str
    open_run: str | None = Field(
        None, description="The person's open run, if the caller can see it; not a restore, which a start cancels"
    )


@router.post("/people/search", summary="Search people in HR", responses=problems_of_post(429))
async def search(request: Request, caller: ApiCaller, asked: PeopleSearch, key: IdempotencyKey = None) -> PeopleFound:
    web = state_of(request)
    await may_prepare(web, caller, asked.packet)
    question = FindPeople(packet=asked.packet, text=asked.text)
    return PeopleFound.model_validate(
        await web.inquiries.ask(caller.actor.actor_id, question, within=HR_TIMEOUT_SECONDS)
    )


@router.post("/people/lookup", summary="Look up one person in HR", responses=problems_of_post(429))
async def lookup(request: Request, caller: ApiCaller, asked: PersonLookup, key: IdempotencyKey = None) -> PersonShown:
    """`wanted` must match exactly one person; otherwise 422 gives the reason."""
    web = state_of(request)
    await may_prepare(web, caller, asked.packet)
    question = PersonFactsAsked(packet=asked.packet, wanted=asked.wanted)
    facts = await web.inquiries.ask(caller.actor.actor_id, question, within=HR_TIMEOUT_SECONDS)
    person_id = await web.services.keyring.person_for("hr", facts.hr_id, create=False)
    open_run = await web.queries.open_run_of(caller.viewer, person_id) if person_id is not None else None
    return PersonShown.model_validate(facts).model_copy(update={"open_run": open_run})


async def may_prepare(web: WebState, caller: Caller, packet: str) -> Packet:
    """The packet, for a caller who may ask for runs under it. The worker asks the same of the account; here the token's
    own limit counts as well."""
    current = await readable(web, caller, packet)
    require_prepare(caller.actor, current, current, current.name)
    return current
