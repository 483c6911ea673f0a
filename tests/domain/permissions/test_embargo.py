"""Runs that are visible to a few people only: who must be among them, who sees what, and what others see."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.commands import requests
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from orchestrator.domain.organisation.organisation import DelegationState
from orchestrator.domain.packet.checks.packet_checks import check_packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.permissions import visibility
from orchestrator.domain.permissions.embargo import EmbargoTerms, change_embargo
from orchestrator.domain.permissions.levels import Actor
from tests.domain.packet_texts import ABILITIES, packet_files
from tests.domain.run_world import (
    ANNA,
    BEN,
    CATALOGUE,
    DAY,
    EVENING,
    EVERYBODY,
    HOUR,
    HR,
    LEA,
    MONDAY,
    OLE,
    PERSON,
    PERSON_ID,
    ROBOT,
    SAM,
    Story,
    actor,
    cutoff,
    packet,
)

FRIDAY = MONDAY + 4 * DAY
CREW = ("anna", "ben", "ole")
AUDITOR = actor("audrey", "auditor")
READERS = packet(platform=("levels:\n", "levels:\n  - {who: auditor, up_to: read}\n"))


def hidden(named: tuple[str, ...] = CREW, until: datetime = FRIDAY, **more: Any) -> Story:
    return Story(more.pop("pinned", READERS), embargo=EmbargoTerms(until, named), **more)


def refused(act: Any) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        act()
    return refusal.value


# Asking


def test_a_run_under_embargo_names_its_requester_too() -> None:
    state = hidden().state
    assert state.named == ("anna", "ben", "hr", "ole") and state.embargo_until == FRIDAY


@pytest.mark.parametrize(
    ("named", "missing"),
    [
        ((), "'Access' needs 1 with the role approver; 0 of them can decide"),
        (("anna", "ole"), "'Money' needs 2 with the role approver; 1 of them can decide"),
        (("anna", "ben"), "can resolve exceptions (operator)"),
        (("anna", "ben"), "can complete the task 'Hand over' (operator)"),
        (("anna", "anna-too", "ole"), "'Money' needs 2 with the role approver; 1 of them can decide"),
        (("anna", "report", "ole"), "'Money' needs 2 with the role approver; 1 of them can decide"),
        (("anna", "hr-too", "ole"), "'Money' needs 2 with the role approver; 1 of them can decide"),
        (("anna", "ada", "ole"), "'Money' needs 2 with the role approver; 1 of them can decide"),
        (("anna", "robot", "ole"), "'Money' needs 2 with the role approver; 1 of them can decide"),
        (("anna", "nobody-hr-knows", "ole"), "'Money' needs 2 with the role approver; 1 of them can decide"),
        (("anna", "lea", "ole"), "'Money' needs 2 with the role approver; 1 of them can decide"),
        (("anna", "ben", "robot"), "can resolve exceptions (operator)"),
    ],
)
def test_those_named_must_be_able_to_carry_it_through(named: tuple[str, ...], missing: str) -> None:
    extra = (
        actor("anna-too", "approver", human="h-anna"),
        actor("report", "approver", above=[PERSON_ID]),
        actor("hr-too", "approver", human="h-hr"),
        actor("ada", "approver", human=PERSON_ID),
        actor("nobody-hr-knows", "approver", human=None),
    )
    known = {**EVERYBODY, **{one.actor_id: one for one in extra}}
    refusal = refused(lambda: ask(EmbargoTerms(FRIDAY, named), known))
    assert refusal.code == "embargo_lacks_people" and missing in refusal.message


def ask(embargo: EmbargoTerms | None, known: dict[str, Actor], by: Actor = HR, **more: Any) -> e.RunRequested:
    return requests.request_run(
        run_id="r1", person_id=PERSON_ID, person=PERSON, cutoff=cutoff(EVENING), urgent=more.pop("urgent", False),
        actor=by, packet=more.pop("pinned", READERS), phase="production", open_run=None, now=MONDAY, embargo=embargo,
        actors=known, abilities=CATALOGUE, **more,
    )  # fmt: skip


def test_an_approver_without_the_level_does_not_count() -> None:
    stricter = packet(platform=("{who: approver, up_to: change}", "{who: approver, up_to: stage}"))
    refusal = refused(lambda: ask(EmbargoTerms(FRIDAY, CREW), EVERYBODY, pinned=stricter))
    assert refusal.code == "embargo_lacks_people" and "0 of them can decide" in refusal.message


def test_an_urgent_start_needs_its_reviewer_among_those_named() -> None:
    refusal = refused(lambda: ask(EmbargoTerms(FRIDAY, CREW), EVERYBODY, urgent=True))
    assert "can review the urgent start (safety owner)" in refusal.message
    assert ask(EmbargoTerms(FRIDAY, (*CREW, "sam")), EVERYBODY, urgent=True).named == (
        "anna",
        "ben",
        "hr",
        "ole",
        "sam",
    )


def test_strangers_and_an_end_in_the_past_are_refused() -> None:
    assert refused(lambda: ask(EmbargoTerms(FRIDAY, (*CREW, "nosuch")), EVERYBODY)).code == "unknown_actor"
    assert refused(lambda: ask(EmbargoTerms(MONDAY, CREW), EVERYBODY)).code == "embargo_over"


def test_what_the_packet_demands_and_what_was_asked_for_add_up() -> None:
    demanding = packet(approvals=("exceptions:\n", "embargo: {for: P2D, named: [anna, ole]}\nexceptions:\n"))
    assert refused(lambda: ask(None, EVERYBODY, pinned=demanding)).code == "embargo_lacks_people"
    asked = ask(EmbargoTerms(MONDAY + DAY, ("ben",)), EVERYBODY, pinned=demanding)
    assert asked.embargo_until == EVENING + 2 * DAY and asked.named == ("anna", "ben", "hr", "ole")
    later = ask(EmbargoTerms(FRIDAY + DAY, ("ben",)), EVERYBODY, pinned=demanding)
    assert later.embargo_until == FRIDAY + DAY


def test_a_demanded_embargo_moves_with_the_cutoff_and_only_away_from_now() -> None:
    demanding = packet(approvals=("exceptions:\n", "embargo: {for: P2D, named: [anna, ben, ole]}\nexceptions:\n"))
    story = Story(demanding)
    assert story.state.embargo_until == EVENING + 2 * DAY
    story.reschedule(EVENING + DAY)
    assert story.state.embargo_until == EVENING + 3 * DAY
    story.reschedule(EVENING)
    assert story.state.embargo_until == EVENING + 3 * DAY, "it is never made shorter by that"
    story.at(EVENING + 4 * DAY)
    story.reschedule(EVENING + 9 * DAY)
    assert story.state.embargo_until == EVENING + 3 * DAY, "what is over stays over"


def test_a_packets_embargo_is_checked_against_who_is_there() -> None:
    def problems(embargo: str, people: tuple[Actor, ...]) -> list[str]:
        files = packet_files(approvals=("exceptions:\n", f"{embargo}\nexceptions:\n"))
        found = check_packet(parse_packet(files), ABILITIES, actors=people)
        return [str(problem) for problem in found if "embargo" in problem.field]

    people = (ANNA, OLE)
    assert problems("embargo: {for: P7D, named: [anna, ole]}", people) == []
    [stranger] = problems("embargo: {for: P7D, named: [anna, ole, nosuch]}", people)
    assert "embargo.named[2]" in stranger and "'nosuch'" in stranger
    lacking = problems("embargo: {for: P7D, named: [ole]}", people)
    assert len(lacking) == 1 and "'Access' needs 1 with the role approver" in lacking[0]
    for wrong in ("embargo: {for: P0D, named: [anna]}", "embargo: {for: P7D, named: []}", "embargo: {for: P7D}"):
        with pytest.raises(Invalid):
            problems(wrong, people)


# Seeing


def test_it_exists_for_those_named_and_then_for_everyone() -> None:
    story = hidden()
    story.knows(AUDITOR)
    for one in (HR, ANNA, BEN, OLE):
        assert visibility.sees(story.state, one, story.world), one.actor_id
    for one in (AUDITOR, SAM, LEA, ROBOT, actor("ole-two", "operator")):
        assert not visibility.sees(story.state, one, story.world), one.actor_id
        hidden_one = refused(lambda one=one: visibility.require_visible(story.state, one, story.world))  # type: ignore[misc]  # bound at once
        assert str(hidden_one.message) == str(visibility.unknown_run("r1").message)
    story.at(FRIDAY)
    assert visibility.sees(story.state, AUDITOR, story.world)
    visibility.require_visible(story.state, AUDITOR, story.world)


def test_escalation_reaches_no_one_beyond_those_named() -> None:
    story = hidden(until=MONDAY + 30 * DAY)
    story.at(MONDAY + DAY)
    assert story.state.decisions.gates["g-access-1"].escalated_to == ("lead",)
    assert not visibility.sees(story.state, LEA, story.world)


def test_a_colleagues_delegate_hears_of_it_only_if_named_as_well() -> None:
    pat = actor("pat")
    said = e.DecisionsDelegated(delegation_id="d", by="anna", to="pat", since=MONDAY, until=FRIDAY)
    for named, absent, may in ((CREW, "anna", False), ((*CREW, "pat"), "anna", True), ((*CREW, "pat"), "lea", False)):
        story = Story(READERS, embargo=EmbargoTerms(FRIDAY, named), actors={**EVERYBODY, "pat": pat})
        story.knows(pat)
        held = DelegationState(said.model_copy(update={"by": absent}))
        story.world = replace(story.world, delegations=(held,))
        story.at(MONDAY + DAY)  # the gate is the lead's too by now
        assert visibility.sees(story.state, pat, story.world) is may
        if may:
            story.vote("g-access-1", pat)
        else:
            refused(lambda story=story: story.vote("g-access-1", pat))  # type: ignore[misc]  # bound at once


def test_without_an_embargo_everyone_who_was_asked_gets_the_result() -> None:
    gates_only = packet(platform=("  - {who: lead, up_to: change}\n", ""))
    story = Story(gates_only)
    assert not visibility.sees(story.state, LEA, story.world)
    assert refused(lambda: visibility.require_visible(story.state, LEA, story.world)).code == "unknown_run"
    story.at(MONDAY + DAY)
    assert visibility.sees(story.state, LEA, story.world), "it waits for a role of theirs"
    story.vote("g-access-1", ANNA)
    assert not visibility.sees(story.state, LEA, story.world)
    visibility.require_visible(story.state, LEA, story.world)


# Changing


def change(story: Story, until: datetime | None, named: tuple[str, ...] = (), by: Actor = OLE) -> None:
    story.append(change_embargo(story.state, until, named, by, story.world))


def test_those_named_end_it_early_or_put_it_off() -> None:
    story = hidden()
    change(story, FRIDAY + DAY, (*CREW, "sam"))
    assert story.state.embargo_until == FRIDAY + DAY and story.state.exists_for("sam", story.now)
    assert story.state.exists_for("hr", story.now), "whoever asked stays"
    change(story, FRIDAY + DAY, (*CREW, "sam"))
    assert len(story.events(e.EmbargoChanged)) == 1, "nothing changed"
    change(story, None)
    assert story.state.exists_for("audrey", story.now)
    assert refused(lambda: change(story, FRIDAY)).code == "embargo_over", "what could be read is not hidden again"


def test_an_end_that_has_passed_ends_it() -> None:
    story = hidden()
    story.later(DAY)
    change(story, MONDAY)
    assert story.state.embargo_until is None


YEAR = timedelta(days=365)


def test_an_embargo_ends_a_year_after_the_cutoff_at_the_latest() -> None:
    too_long = EVENING + YEAR + HOUR
    beyond = refused(lambda: hidden(until=too_long))
    assert beyond.code == "embargo_too_long" and beyond.facts["latest"] == f"{EVENING + YEAR:%Y-%m-%d %H:%M} UTC"
    story = hidden(until=EVENING + YEAR)
    assert refused(lambda: change(story, too_long)).code == "embargo_too_long"
    story.reschedule(EVENING + DAY)
    change(story, EVENING + DAY + YEAR)
    story.reschedule(EVENING)
    assert story.state.embargo_until == EVENING + YEAR, "an earlier cutoff brings the limit forward"
    assert story.state.exists_for("audrey", EVENING + YEAR)
    assert story.refolded() == story.state


def test_a_packets_embargo_and_one_that_an_earlier_version_recorded_end_then_too() -> None:
    demanded = packet(approvals=("exceptions:", "embargo: {for: P900D, named: [anna, ben, ole]}\nexceptions:"))
    story = Story(demanded)
    assert story.state.embargo_until == EVENING + YEAR
    story.reschedule(EVENING + DAY)
    assert story.state.embargo_until == EVENING + DAY + YEAR, "it moves with the cutoff"
    story.append([e.EmbargoChanged(until=EVENING + 3 * YEAR, named=CREW, by="hr")])
    assert story.state.embargo_until == EVENING + DAY + YEAR


DEMANDED = ("exceptions:", "embargo: {for: P30D, named: [anna, ben, ole, sam, ada, helper]}\nexceptions:")


def test_a_packets_embargo_does_not_show_the_run_to_the_leaver() -> None:
    helper = ROBOT.model_copy(update={"actor_id": "helper", "maker_human": PERSON_ID})
    known = {**EVERYBODY, "ada": actor("ada", "operator", human=PERSON_ID), "helper": helper}
    assert ask(None, known, pinned=packet(approvals=DEMANDED)).named == ("anna", "ben", "hr", "ole", "sam")
    asked = ask(EmbargoTerms(FRIDAY, ("ada",)), known, pinned=packet(approvals=DEMANDED))
    assert "ada" in asked.named, "HR can name the leaver"


def test_those_whom_the_packet_names_stay_named() -> None:
    demanded = packet(approvals=("exceptions:", "embargo: {for: P30D, named: [anna, ben, ole, sam]}\nexceptions:"))
    story = Story(demanded)
    change(story, FRIDAY, (*CREW, "lea"))
    assert set(story.state.named) >= {"anna", "ben", "hr", "lea", "ole", "sam"}
    change(story, FRIDAY, CREW)
    assert "lea" not in story.state.named and story.state.exists_for("sam", story.now)


def test_no_one_is_left_out_who_is_needed_and_people_alone_change_it() -> None:
    story = hidden()
    assert refused(lambda: change(story, FRIDAY, ("anna", "ben"))).code == "embargo_lacks_people"
    assert refused(lambda: change(story, FRIDAY, (*CREW, "nosuch"))).code == "unknown_actor"
    assert refused(lambda: change(story, None, by=ROBOT)).code == "only_people"
    with pytest.raises(TooLate):
        story_without = Story()
        change(story_without, FRIDAY, CREW)


# A second request


def received(story: Story, by: Actor = HR, at: datetime = FRIDAY) -> list[Any]:
    asked = requests.request_run(
        run_id="r2",
        person_id=PERSON_ID,
        person=PERSON,
        cutoff=cutoff(at),
        urgent=False,
        actor=by,
        packet=READERS,
        phase="production",
        open_run=None,
        now=story.now,
        reason="resigned",
    )
    return story.append(requests.second_request(story.state, asked))


def test_a_second_request_is_put_before_the_runs_own_operators() -> None:
    story = hidden()
    colleague = actor("hr-colleague", "requester")
    received(story, colleague)
    [second] = story.events(e.SecondRequestReceived)
    assert (second.by, second.cutoff, second.reason) == ("hr-colleague", FRIDAY, "resigned")
    assert story.exceptions() == [("second_request", "")]
    id_ = story.exception("second_request")
    assert story.state.work.exceptions[id_].opened.owners == ("operator",)
    assert received(story, colleague) == [], "asking again says nothing new"
    received(story, colleague, FRIDAY + HOUR)
    assert len(story.exceptions()) == 2, "another cutoff does"
    with pytest.raises(NotAllowed):
        story.accept(id_, by=ROBOT)
    story.accept(id_)
    assert len(story.exceptions()) == 1
    assert received(story, colleague), "and once it was looked at, asking again is news"


def test_a_second_request_survives_the_end_of_the_run() -> None:
    story = hidden()
    received(story, actor("hr-colleague", "requester"))
    story.end()
    assert story.state.finished and story.exceptions() == [("second_request", "")]
    story.accept(story.exception("second_request"))
    assert story.exceptions() == []


def test_a_run_does_not_close_over_a_second_request() -> None:
    story = hidden(until=MONDAY + timedelta(days=60))
    received(story, actor("hr-colleague", "requester"))
    story.approve_all()
    story.complete("hand_over")
    for _ in range(4):
        story.work()
        story.later(DAY)
    story.work()
    assert all(known.final for known in story.state.work.steps.values()) and not story.state.finished
    story.accept(story.exception("second_request"))
    assert story.state.finish == "clean"
    assert story.refolded() == story.state


# What other systems show


STAGED = packet(
    workflow=(
        "steps:\n",
        "steps:\n  - {name: record, title: R, system: hr, ability: stage_leaving, parameters: {at: = run.cutoff}}\n",
    ),
    platform=("- {who: requester, up_to: prepare}", "- {who: requester, up_to: stage}"),
)


def test_nothing_is_entered_in_hr_before_the_embargo_ends_or_the_cutoff() -> None:
    story = hidden(pinned=STAGED)
    where = story.readiness("record")
    assert (where.kind, where.waits_for, where.until) == ("waiting", "time", story.state.cutoff)
    assert story.begin("record") is None
    story.at(story.state.cutoff)
    assert story.readiness("record").waits_for != "time", "the leaving is a fact then"
    # An embargo that ends first.
    early = hidden(pinned=STAGED, until=MONDAY + HOUR)
    assert early.readiness("record").until == MONDAY + HOUR
    early.at(MONDAY + HOUR)
    assert early.readiness("record").kind == "ready"
    # One that is ended by a person, long after the step could have begun.
    ended = hidden(pinned=STAGED)
    ended.later(6 * HOUR)
    ended.append(change_embargo(ended.state, None, (), HR, ended.world))
    assert ended.readiness("record").kind == "ready"
    assert ("not_carried_out", "look") in ended.exceptions()
    assert ("not_carried_out", "record") not in ended.exceptions(), "it was not late before"


def test_without_an_embargo_hr_has_the_date_at_once() -> None:
    story = Story(STAGED)
    assert story.readiness("record").kind == "ready"
