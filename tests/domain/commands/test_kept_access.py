"""Access that one person decides to keep open: HR confirms it, or it is undone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.documents.runs.permissions import Permissions
from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from tests.domain.run_world import (
    ANNA,
    CATALOGUE,
    DAY,
    DONE,
    EVENING,
    HOUR,
    HR,
    LEA,
    LOST,
    MINUTE,
    NOT_YET,
    OLE,
    PERSON_ID,
    REFUSED,
    SAM,
    Story,
    account,
    actor,
    at_cutoff,
    packet,
)

PIA = actor("pia", "requester", above=[PERSON_ID])
KIM = actor("kim", "approver", "operator")
TWINS = [account("code"), account("code", "twin", "E-1")]


def kept(story: Story) -> e.ExceptionOpened:
    [opened] = [x.opened for x in story.state.work.open_exceptions() if x.opened.kind == "access_kept"]
    return opened


def with_question(**more: object) -> Story:
    story = Story(ready=False, **more)  # type: ignore[arg-type]
    story.finds["code"] = TWINS
    story.search()
    return story


# Skipped steps


def test_hr_confirms_a_skipped_step_that_removes_access() -> None:
    story = at_cutoff()
    story.skip("sessions")
    assert story.step("sessions").status == "skipped", "it takes effect at once"
    opened = kept(story)
    assert (opened.step_id, opened.system) == (story.id("sessions"), "code")
    assert opened.owners == ("requester", "value_owner") and opened.due == story.now + DAY
    for by in (OLE, ANNA, SAM):
        with pytest.raises(NotAllowed, match="role_missing"):
            story.accept(opened.exception_id, by=by)
    story.later(DAY)
    story.work()
    story.later(DAY)
    story.search()
    story.work()
    assert not story.state.finished, "the run does not complete without HR"
    story.accept(opened.exception_id, by=HR)
    assert story.state.finish == "with_exceptions"
    assert story.refolded() == story.state


def test_a_skip_that_hr_does_not_confirm_is_undone() -> None:
    story = at_cutoff()
    story.without_role("hr")
    story.skip("sessions")
    kept(story)
    # HR has no permission to change this system: the approval that the step had is what it rests on.
    platform = packet(platform=("  - {who: requester, systems: [code], up_to: change}\n", ""))
    story.world = replace(story.world, pinned=platform, current=platform)
    story.retry("sessions", by=HR)
    assert story.exceptions() == [] and story.step("sessions").status == "planned"
    assert story.step("sessions").ordered_by is None
    done = story.work()
    [started] = [one for one in story.events(e.StepStarted) if one.step_id == story.id("sessions")]
    assert "sessions" in done and started.caused_by == ("anna",)
    assert story.refolded() == story.state


def test_an_operator_undoes_a_skip_as_well_and_a_later_skip_is_another_exception() -> None:
    story = at_cutoff()
    story.skip("sessions")
    first = kept(story).exception_id
    with pytest.raises(TooLate, match="nothing_to_retry"):
        story.retry("sessions", again=True)
    for by in (ANNA, LEA):
        with pytest.raises(NotAllowed, match="role_missing"):
            story.retry("sessions", by=by)
    story.retry("sessions", by=OLE)
    assert story.exceptions() == []
    story.skip("sessions")
    assert kept(story).exception_id != first
    story.accept(kept(story).exception_id, by=HR)
    with pytest.raises(TooLate, match="nothing_to_retry"):
        story.retry("sessions", by=OLE)


def test_a_late_proof_that_the_step_was_done_closes_the_exception() -> None:
    story = at_cutoff()
    intent = story.begin("disable")
    assert intent is not None
    story.at(EVENING + HOUR)
    story.finish(intent, LOST)
    story.skip("disable")
    kept(story)
    story.finish(intent, DONE)
    assert story.step("disable").status == "verified"
    assert "access_kept" not in [kind for kind, _ in story.exceptions()]


def test_a_failed_step_that_is_skipped_and_taken_up_again_is_tried_again() -> None:
    story = at_cutoff()
    story.attempt("disable", REFUSED)
    story.skip("disable")
    assert [kind for kind, _ in story.exceptions()] == ["access_kept"]
    story.retry("disable", by=HR)
    assert story.step("disable").status == "retrying" and story.exceptions() == []
    assert story.attempt("disable") is not None


@pytest.mark.parametrize("step", ["look", "hand_over", "freeze", "pay"])
def test_a_step_that_removes_no_access_needs_no_second_person(step: str) -> None:
    story = at_cutoff()
    if not story.step(step).final:
        story.skip(step)
    assert "access_kept" not in [kind for kind, _ in story.exceptions()]


def test_an_account_that_a_search_found_gone_is_skipped_without_hr() -> None:
    story = at_cutoff()
    story.attempt("disable", NOT_YET)
    disable = story.id("disable")
    story.finds["code"] = [account("code", "other")]
    story.later(MINUTE)
    story.replan()
    story.later(MINUTE)
    story.search()
    story.skip(disable)
    assert "access_kept" not in [kind for kind, _ in story.exceptions()]


def test_an_account_that_is_one_of_several_possible_ones_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the packet expects no account on the system."""
    freeze = replace(CATALOGUE["bank"]["freeze"], cuts_access=True)  # type: ignore[type-var]
    monkeypatch.setattr(
        "tests.domain.run_world.CATALOGUE", CATALOGUE | {"bank": CATALOGUE["bank"] | {"freeze": freeze}}
    )
    story = at_cutoff()
    story.attempt("disable")
    story.attempt("freeze", NOT_YET)
    story.finds["cards"] = [account("cards"), account("cards", "twin")]
    story.later(MINUTE)
    story.replan()
    story.search()
    assert story.exceptions() == [("ambiguous_match", "cards")]
    assert story.readiness("freeze").waits_for == "open_question"
    story.skip("freeze")
    story.settle("cards", "a-cards-ada", "a-cards-twin")
    assert kept(story).step_id == story.events(e.StepSkipped)[-1].step_id, "HR confirms the skip"


def test_two_people_behind_a_skip_are_enough() -> None:
    both = actor("bo", "operator", "requester")
    hr_skips = at_cutoff()
    hr_skips.knows(both)
    hr_skips.skip("sessions", by=both)
    excluded = Story()
    excluded.vote("g-access-1", ANNA, excluded=["sessions"])
    excluded.skip("sessions")
    rejected = Story()
    rejected.vote("g-access-1", ANNA, "reject")
    rejected.skip("sessions")
    for story in (hr_skips, excluded, rejected):
        assert "access_kept" not in [kind for kind, _ in story.exceptions()]


def test_one_person_who_excludes_a_step_and_skips_it_is_one_person() -> None:
    story = Story()
    story.knows(KIM)
    story.vote("g-access-1", KIM, excluded=["sessions"])
    story.skip("sessions", by=KIM)
    kept(story)
    story.retry("sessions", by=HR)
    assert story.exceptions() == [("excluded_from_approval", "sessions")], (
        "it is still excluded, and an operator sees it"
    )
    assert story.refolded() == story.state


# Answers about accounts


def test_hr_confirms_that_no_account_is_the_leavers() -> None:
    story = with_question()
    story.settle("code")
    opened = kept(story)
    assert (opened.step_id, opened.system) == (None, "code") and story.exceptions() == [("access_kept", "code")]
    with pytest.raises(TooLate, match="nothing_to_settle"):
        story.settle("code", by=OLE)
    story.accept(opened.exception_id, by=HR)
    assert story.exceptions() == []
    with pytest.raises(TooLate, match="nothing_to_settle"):
        story.settle("code", "a-code-ada")
    assert story.refolded() == story.state


@pytest.mark.parametrize(("by", "accounts"), [(HR, ("ada",)), (OLE, ("ada", "twin"))], ids=["HR", "operator"])
def test_the_question_is_answered_again_until_hr_confirms(by: Actor, accounts: tuple[str, ...]) -> None:
    story = with_question()
    story.settle("code")
    story.settle("code", *(f"a-code-{name}" for name in accounts), by=by)
    assert story.exceptions() == [] and story.planned("disable").account_id == "a-code-ada"
    assert story.step("disable").status == "planned"


def test_an_account_that_was_expected_and_is_confirmed_missing_is_confirmed_by_hr() -> None:
    story = Story(ready=False)
    story.finds["code"] = []
    story.search()
    story.settle("code")
    opened = kept(story)
    story.later(MINUTE)
    story.replan()
    story.finds["code"] = [account("code")]
    story.search()
    assert story.exceptions() == [] and story.planned("disable"), "the search found an account: the answer is void"
    assert opened.system == "code"


def test_no_one_is_asked_about_systems_without_access_nor_in_a_dry_run() -> None:
    cards = Story(ready=False)
    cards.finds["cards"] = [account("cards"), account("cards", "twin", "E-1")]
    cards.search()
    cards.settle("cards")
    dry = with_question(phase="shadow")
    dry.settle("code")
    both = with_question()
    both.knows(actor("bo", "operator", "requester"))
    both.settle("code", by=actor("bo", "operator", "requester"))
    for story in (cards, dry, both):
        assert "access_kept" not in [kind for kind, _ in story.exceptions()]


@pytest.mark.parametrize("suspended", [False, True])
def test_where_no_step_suspends_the_account_what_ends_it_removes_access(
    suspended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A packet can deactivate or delete an account without a suspension before it."""
    ends = replace(CATALOGUE["bank"]["close"], destroys=True)  # type: ignore[type-var]
    first = replace(CATALOGUE["bank"]["freeze"], cuts_access=suspended)  # type: ignore[type-var]
    bank = CATALOGUE["bank"] | {"close": ends, "freeze": first}
    monkeypatch.setattr("tests.domain.run_world.CATALOGUE", CATALOGUE | {"bank": bank})
    story = Story()
    story.skip("close")
    assert [kind for kind, _ in story.exceptions()] == ([] if suspended else ["access_kept"])
    if not suspended:
        assert kept(story).step_id == story.id("close")
        asked = Story(ready=False)
        asked.finds["cards"] = [account("cards"), account("cards", "twin", "E-1")]
        asked.search()
        asked.settle("cards")
        assert kept(asked).system == "cards"


# Who confirms


def confirmable(by: Actor, *more: Actor, named: tuple[str, ...] = ()) -> tuple[Story, e.ExceptionOpened]:
    story = at_cutoff()
    story.knows(by, *more)
    story.skip("sessions", by=by)
    return story, kept(story)


def test_the_person_who_skipped_never_confirms() -> None:
    by, other = actor("kim", "operator"), actor("kim2", "requester", human="h-kim")
    story, opened = confirmable(by, other)
    with pytest.raises(NotAllowed, match="second_person_needed"):
        story.accept(opened.exception_id, by=other)


def test_the_leaver_and_reports_do_not_confirm() -> None:
    ada = actor("ada", "requester", human=PERSON_ID)
    story, opened = confirmable(OLE, ada, PIA)
    with pytest.raises(NotAllowed, match="own_run"):
        story.accept(opened.exception_id, by=ada)
    with pytest.raises(NotAllowed, match="reports_to_person"):
        story.accept(opened.exception_id, by=PIA)


def test_owners_of_the_packet_confirm_where_no_other_person_of_hr_can() -> None:
    story = at_cutoff()
    story.without_role("hr", "requester")
    story.skip("sessions")
    opened = kept(story)
    assert opened.owners == ("requester", "value_owner", "safety_owner", "operator")
    with pytest.raises(NotAllowed, match="second_person_needed"):
        story.accept(opened.exception_id, by=OLE)
    story.accept(opened.exception_id, by=SAM)
    assert story.exceptions() == []


def test_under_an_embargo_only_those_named_are_asked() -> None:
    named: Packet = packet(approvals=("exceptions:", "embargo: {for: P30D, named: [anna, ben, ole, sam]}\nexceptions:"))
    story = Story(named)
    story.skip("sessions")
    assert kept(story).owners == ("requester", "value_owner"), "the requester is named"
    outside = actor("hal", "requester")
    story.knows(outside)
    assert not story.state.exists_for("hal", story.now)


# What pages offer


def test_pages_offer_what_the_rules_allow() -> None:
    story = at_cutoff()
    story.skip("sessions")
    opened = kept(story)
    step = opened.step_id or ""
    for by, accepts, retries in ((HR, True, True), (OLE, False, True), (ANNA, False, False)):
        offers = Permissions(story.state, story.world, by)
        assert (offers.accept(opened.exception_id).allowed, offers.retry(step).allowed) == (accepts, retries)
    asked = with_question()
    assert Permissions(asked.state, asked.world, OLE).settle("code").allowed
    asked.settle("code")
    assert Permissions(asked.state, asked.world, HR).settle("code").allowed
    none_found = Story(ready=False)
    none_found.finds["code"] = []
    none_found.search()
    assert Permissions(none_found.state, none_found.world, OLE).settle("code").allowed
    none_found.settle("code")
    assert not Permissions(none_found.state, none_found.world, HR).settle("code").allowed, "no account to select"
    with pytest.raises(Invalid, match="not_a_candidate"):
        none_found.settle("code", "a-code-ada", by=HR)
