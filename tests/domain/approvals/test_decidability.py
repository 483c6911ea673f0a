"""Every gate has enough people who can decide it and every review a reviewer, or an exception says that it has not."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import connector_kinds
from orchestrator.documents.runs.previews.preview import PreviewWarning, _warnings
from orchestrator.domain import events as e
from orchestrator.domain.approvals import decidability, naming
from orchestrator.domain.approvals.deciders import PeopleByRole, deciders
from orchestrator.domain.commands import requests
from orchestrator.domain.errors import NotAllowed, Refusal, TooLate
from orchestrator.domain.organisation.organisation import DelegationState
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet_files import starter_names, starter_packet
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.domain.planning.searching import searched_systems
from orchestrator.domain.run.consequences import with_consequences
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.embedded import staff as embedded
from tests.domain.run_world import (
    ANNA,
    BEN,
    DAY,
    EVENING,
    HOUR,
    HR,
    LEA,
    MONDAY,
    OLE,
    PERSON_ID,
    SAM,
    Story,
    actor,
    cutoff,
    packet,
)

ACCESS, MONEY = "g-access-1", "g-money-1"
PEOPLE = Path(embedded.__file__).with_name("people.csv")


def missing(story: Story) -> list[tuple[str, str]]:
    return [found for found in story.exceptions() if found[0] in ("decider_missing", "reviewer_missing")]


def among(*actors: Actor, **more: Any) -> Story:
    """A run in a company of these people and the requester."""
    story = Story(ready=False, **more)
    story.world = replace(story.world, actors={one.actor_id: one for one in (HR, *actors)})
    story.search()
    return story


def test_enough_people_open_no_exception() -> None:
    assert missing(Story()) == []


@pytest.mark.parametrize(
    "ben",
    [
        actor("ben", "approver", human=PERSON_ID),
        actor("ben", "approver", above=[PERSON_ID]),
        actor("ben", "approver", human="h-hr"),
        actor("ben", "approver", human="h-anna"),
        actor("ben", "approver", human=None),
        actor("ben", "approver", kind="service"),
        actor("ben", "auditor"),
    ],
    ids=["leaver", "reports to the leaver", "requester", "same person", "unknown to HR", "service", "other role"],
)
def test_who_does_not_count(ben: Actor) -> None:
    story = among(ANNA, ben)
    assert missing(story) == [("decider_missing", MONEY)]
    opened = story.events(e.ExceptionOpened)[-1]
    assert opened.owners == ("safety_owner", "value_owner", "operator") and opened.due == MONDAY + DAY
    story.knows(BEN)
    story.append([])
    assert missing(story) == []


def left(story: Story, *people: str) -> None:
    """From now on these people are past their own cutoff."""
    story.world = replace(story.world, departed=frozenset(people))
    story.append([])


def test_people_who_have_left_do_not_count_and_are_not_named() -> None:
    story = among(ANNA, BEN, OLE, VERA, LEA)
    assert missing(story) == []
    left(story, "h-ben")
    assert missing(story) == [("decider_missing", MONEY)]
    assert name(story, "decider_missing", "ben", OLE) == "decider_unsuitable"
    reviewed = among(ANNA, BEN, SAM, urgent=True, at=None)
    left(reviewed, "h-sam")
    assert missing(reviewed) == [("reviewer_missing", "")]


def test_an_approver_without_the_level_of_a_step_does_not_count() -> None:
    weak = packet(platform=("{who: approver, up_to: change}", "{who: approver, systems: [cards], up_to: change}"))
    story = among(ANNA, BEN, pinned=weak)
    assert missing(story) == [("decider_missing", ACCESS)]


def test_a_role_that_is_lost_later_opens_it_and_takes_back_the_vote_that_rests_on_it() -> None:
    story = among(ANNA, BEN)
    assert missing(story) == []
    story.vote(MONEY, ANNA)
    story.without_role("anna", "approver")
    assert missing(story) == [("decider_missing", MONEY)]
    story.knows(ANNA)
    story.append([])
    assert missing(story) == [], "her vote counts, so Ben is enough"
    story.without_role("ben", "approver")
    assert missing(story) == [("decider_missing", MONEY)], "it opens again under another id"


def test_a_gate_escalates_at_once_where_that_gives_it_a_decider() -> None:
    story = among(LEA)
    assert [event.gate_id for event in story.events(e.GateEscalated)] == [ACCESS]
    assert missing(story) == [("decider_missing", MONEY)]
    story.vote(ACCESS, LEA)
    assert story.state.decisions.gates[ACCESS].outcome == "approved"


def test_a_delegator_counts_through_the_delegate() -> None:
    def told(to: Actor) -> list[tuple[str, str]]:
        story = among(ANNA, BEN, to)
        said = e.DecisionsDelegated(delegation_id="d", by="ben", to=to.actor_id, since=MONDAY, until=MONDAY + DAY)
        story.world = replace(story.world, delegations=(DelegationState(said),))
        story.later(HOUR)
        return missing(story)

    assert told(actor("pat")) == []
    assert told(actor("pat", above=[PERSON_ID])) == [("decider_missing", MONEY)]
    assert told(ANNA) == [("decider_missing", MONEY)], "one person votes once at a gate"


def test_under_an_embargo_only_those_named_count() -> None:
    story = Story(embargo=EmbargoTerms(EVENING + DAY, ("anna", "ben", "ole")))
    assert missing(story) == []
    story.without_role("ben", "approver")
    story.knows(actor("cleo", "approver"))
    story.append([])
    assert missing(story) == [("decider_missing", MONEY)]


def test_a_review_needs_a_reviewer_and_that_outlives_the_run() -> None:
    story = among(ANNA, BEN, urgent=True, at=None)
    assert ("reviewer_missing", "") in missing(story)
    story.end()
    assert ("reviewer_missing", "") in missing(story) and ("urgent_review", "") in story.exceptions()
    reviewed = among(ANNA, BEN, SAM, urgent=True, at=None)
    assert missing(reviewed) == []


# The way out: two people name who decides


def name(story: Story, kind: str, decider: str, by: Actor) -> str:
    """The code of the refusal, empty for none."""
    try:
        story.append(naming.name_decider(story.state, story.exception(kind), decider, "why", by, story.world))
    except Refusal as refused:
        return refused.code
    return ""


VERA = actor("vera", "value_owner")
RITA = actor("rita", "approver", above=[PERSON_ID])


def test_two_people_name_a_report_of_the_leaver_who_then_decides() -> None:
    story = among(RITA, OLE, VERA)
    assert missing(story) == [("decider_missing", ACCESS), ("decider_missing", MONEY)]
    with pytest.raises(NotAllowed, match="reports_to_person"):
        story.vote(ACCESS, RITA)
    assert name(story, "decider_missing", "rita", VERA) == ""
    assert name(story, "decider_missing", "rita", VERA) == "", "saying it twice is once"
    assert len(missing(story)) == 2, "one person is not enough"
    assert name(story, "decider_missing", "rita", actor("vera-2", "operator", human="h-vera")) == ""
    assert len(missing(story)) == 2, "two accounts of one person are one person"
    assert name(story, "decider_missing", "rita", OLE) == ""
    assert missing(story) == [("decider_missing", MONEY)]
    assert deciders(story.state, ACCESS, PeopleByRole(story.world.actors.values()), story.world) == ("rita",)
    story.vote(ACCESS, RITA)
    assert story.state.decisions.gates[ACCESS].outcome == "approved"
    with pytest.raises(NotAllowed, match="reports_to_person"):
        story.vote(MONEY, RITA)
    assert story.refolded() == story.state


def test_reports_neither_name_nor_are_named_while_others_can() -> None:
    rep = actor("rep", "operator", above=[PERSON_ID])
    ole_too, story = actor("ole-too", "safety_owner"), among(RITA, OLE, VERA, rep)
    assert name(story, "decider_missing", "rita", rep) == "reports_to_person", "Ole and Vera can name"
    story.knows(ole_too)
    story.append([])
    assert name(story, "decider_missing", "rita", VERA) == "decider_unsuitable", "Ole can be named, by Vera and Sam"
    assert name(story, "decider_missing", "ole", VERA) == "" == name(story, "decider_missing", "ole", ole_too)
    assert missing(story) == [("decider_missing", MONEY)]
    alone = among(RITA, rep, actor("vera-rep", "value_owner", above=[PERSON_ID]))
    assert name(alone, "decider_missing", "rita", rep) == "", "everyone reports to the leaver"


def test_who_names_and_who_can_be_named() -> None:
    strangers = (
        actor("ada", "approver", human=PERSON_ID),
        actor("hr-2", "approver", human="h-hr"),
        actor("audrey", "auditor"),
    )
    story = among(RITA, OLE, VERA, *strangers)
    for decider in ("ada", "hr-2", "audrey", "nosuch", "robot"):
        assert name(story, "decider_missing", decider, OLE) == "decider_unsuitable", decider
    assert name(story, "decider_missing", "ole", OLE) == "decider_unsuitable", "no one names themselves"
    assert name(story, "decider_missing", "rita", HR) == "role_missing"
    assert name(story, "decider_missing", "rita", actor("hr", "operator")) == "requester_never_decides"
    assert name(story, "decider_missing", "rita", actor("ada", "operator", human=PERSON_ID)) == "own_run"
    story.knows(ANNA, BEN)
    story.append([])
    assert missing(story) == []
    closed = story.events(e.ExceptionOpened)[-1].exception_id
    with pytest.raises(TooLate, match="exception_closed"):
        naming.name_decider(story.state, closed, "rita", "why", OLE, story.world)


def test_a_named_reviewer_reviews_also_after_the_end_of_the_run() -> None:
    for ended in (False, True):
        story = among(ANNA, BEN, OLE, VERA, actor("audrey", "lead"), urgent=True, at=None)
        if ended:
            story.end()
        for by in (OLE, VERA):
            assert name(story, "reviewer_missing", "audrey", by) == ""
        audrey = story.world.actors["audrey"]
        with pytest.raises(NotAllowed, match="role_missing"):
            story.accept(story.exception("urgent_review"), by=ANNA)
        story.accept(story.exception("urgent_review"), by=audrey)
        assert ("urgent_review", "") not in story.exceptions() and missing(story) == []


# The demo company


@cache
def company() -> dict[str, dict[str, str]]:
    with PEOPLE.open(encoding="utf-8-sig", newline="") as rows:
        return {row["Employee ID"]: row for row in csv.DictReader(rows)}


def above(number: str) -> Iterator[str]:
    manager = company()[number]["Manager ID"]
    if manager:
        yield manager
        yield from above(manager)


@cache
def staff() -> dict[str, Actor]:
    known = {
        one.alias: Actor(
            actor_id=one.alias,
            roles=frozenset(one.roles),
            human=one.employee_number,
            managers=frozenset(above(one.employee_number)),
        )
        for one in embedded.STAFF
    }
    return known | {"hr-2": Actor(actor_id="hr-2", roles=frozenset({"requester"}), human="E-1099")}


def leaving(number: str, name: str, urgent: bool) -> tuple[RunState, World]:
    pinned, abilities = starter_packet(name), connector_kinds()
    row = company()[number]
    by = "hr" if number != staff()["hr"].human else "hr-2"
    asked = requests.request_run(
        run_id="r1",
        person_id=number,
        person=PersonFacts(
            hr_id=number,
            employee_number=number,
            email=row["Work email"],
            manager_email="someone@example.org",
        ),
        cutoff=None if urgent else cutoff(EVENING),
        urgent=urgent,
        actor=staff()[by],
        packet=pinned,
        phase="production",
        open_run=None,
        now=MONDAY,
        actors=staff(),
        abilities=abilities,
    )
    accounts = {
        f"a-{system}": FoundAccount(system=system, account_id=f"a-{system}", native_id="1", label="").model_dump(
            mode="json"
        )
        for system in searched_systems(pinned)
    }
    found = e.AccountsSearched(
        details=accounts,
        results=tuple(
            e.SystemSearched(system=system, purpose="plan", outcome="matched", accounts=(f"a-{system}",))
            for system in searched_systems(pinned)
        ),
    )
    world = World(now=MONDAY, pinned=pinned, current=pinned, abilities=abilities, actors=staff())
    state, _, _ = with_consequences(RunState(), [asked, found], world)
    return state, world


@pytest.mark.parametrize(
    ("name", "urgent"),
    [
        (name, urgent)
        for name in starter_names()
        for urgent in (False, True)
        if not urgent or starter_packet(name).approvals.urgent is not None
    ],
)
@pytest.mark.parametrize("number", sorted(company()))
def test_for_every_leaver_each_gate_has_a_decider_or_an_exception(number: str, name: str, urgent: bool) -> None:
    state, world = leaving(number, name, urgent)
    gates = {id_ for id_, gate in state.decisions.gates.items() if gate.open}
    assert gates, "the starter packets ask for approvals"
    short = decidability.too_few_deciders(state, world)
    opened = {x.opened.gate_id or "review": x for x in state.work.open_exceptions() if "missing" in x.opened.kind}
    assert set(opened) == {id_ if id_ in gates else "review" for id_ in short}
    warned = {warning.gate for warning in _warned(number, name, urgent)}
    assert warned == {state.decisions.gates[id_].opened.gate if id_ in gates else None for id_ in short}
    for exception in opened.values():
        owners = [one for one in staff().values() if not one.roles.isdisjoint(exception.opened.owners)]
        assert [one for one in owners if one.human != number], "the leaver is not the only owner"
    # The leaver's own escalation role is the leaver's alone here, and everyone reports to the chief executive.
    # In the smaller packet the safety owner, to whom gates escalate, has no permission to change the system.
    only = {"E-1001", "E-1004"} | ({"E-1006"} if name == "identity-only" else set())
    assert bool(short) == (number in only)


def _warned(number: str, name: str, urgent: bool) -> list[PreviewWarning]:
    state, world = leaving(number, name, urgent)
    before = replace(state, decisions=type(state.decisions)())
    return list(_warnings(before, world.pinned, world))
