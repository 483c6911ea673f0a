"""Whose account it is, said before the run begins: who may say it, and when it counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.approvals.delegation import delegate
from orchestrator.domain.approvals.presettled import settle_beforehand, who_may_settle, why_not_settle
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from orchestrator.domain.organisation.organisation import DelegationState, Organisation
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.domain.planning.searching import judge
from orchestrator.domain.run.run import RunState, fold
from tests.domain.run_world import (
    DAY,
    EVERYBODY,
    HR,
    MONDAY,
    OLE,
    PERSON,
    PERSON_ID,
    ROBOT,
    SAM,
    Story,
    account,
    actor,
    packet,
)

ADA, ADA_2, ADA_3 = account("code"), account("code", "ada2"), account("code", "ada3")


def shown(story: Story, *accounts: FoundAccount, system: str = "code") -> e.SystemSearched:
    return judge(PERSON, story.world.pinned, system, "plan", accounts)


def said(
    *chosen: FoundAccount, of: tuple[FoundAccount, ...] = (ADA, ADA_2), by: Actor = OLE, **more: Any
) -> tuple[Story, e.MatchSettledBeforehand]:
    """A run that `by` asked for and in which no one has searched yet, with what they said."""
    story = Story(by=by, ready=False, **more)
    story.knows(by)
    event = settle_beforehand(
        story.state.asked, shown(story, *of), tuple(one.account_id for one in chosen), "They said so", by, story.world
    )
    story.append([event])
    return story, event


def refused(story: Story, by: Actor, *accounts: str, of: tuple[FoundAccount, ...] = (ADA, ADA_2)) -> Refusal:
    with pytest.raises(Refusal) as no:
        settle_beforehand(story.state.asked, shown(story, *of), accounts, None, by, story.world)
    return no.value


def test_what_the_search_bears_out_is_not_asked_again_and_is_planned_with() -> None:
    story, event = said(ADA_2)
    assert (event.by, event.reason, event.seen.candidates) == ("ole", "They said so", ("a-code-ada", "a-code-ada2"))
    story.finds["code"] = [ADA_2, ADA]
    happened = story.search()
    assert [one.kind for one in story.events(e.ExceptionOpened)] == ["access_kept"], "the other account stays open"
    [settled] = story.events(e.MatchSettled)
    assert (settled.by, settled.accounts, settled.beforehand, settled.reason) == (
        "ole",
        ("a-code-ada2",),
        True,
        "They said so",
    )
    assert [type(one).__name__ for one in happened][:4] == [
        "AccountsSearched",
        "MatchSettled",
        "ExceptionOpened",
        "PlanFrozen",
    ]
    assert story.planned("disable").account_id == "a-code-ada2" and not story.state.plan.open_steps
    assert story.refolded() == story.state


def test_what_covers_every_account_or_is_said_by_hr_opens_no_exception() -> None:
    both = actor("olga", "operator", "requester")
    for chosen, by in (((ADA, ADA_2), OLE), ((ADA_2,), both)):
        story, _ = said(*chosen, by=by)
        story.finds["code"] = [ADA, ADA_2]
        story.search()
        assert story.exceptions() == [] and story.events(e.ExceptionOpened) == []


def test_none_of_them_is_theirs_is_said_beforehand_as_well() -> None:
    story, _ = said()
    story.finds["code"] = [ADA, ADA_2]
    story.search()
    assert story.exceptions() == [("access_kept", "code")] and story.state.accounts.of("code") == ()
    assert "code" not in {step.system for step in story.state.plan.steps.values()}


def test_that_someone_has_no_account_where_one_is_expected_is_said_beforehand_as_well() -> None:
    story, _ = said(of=())
    story.finds["code"] = []
    story.search()
    assert story.exceptions() == [("access_kept", "code")] and story.state.accounts.of("code") == ()


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ([ADA, ADA_2, ADA_3], "ambiguous_match"),
        ([ADA, ADA_3], "ambiguous_match"),
        ([account("code", number=""), account("code", "ada2", number="")], "weak_match"),
        ([], "no_account"),
    ],
    ids=["one_more", "another", "the_same_on_a_weak_key", "none"],
)
def test_other_candidates_at_the_search_are_asked_about_as_ever(found: list[FoundAccount], kind: str) -> None:
    story, _ = said(ADA_2)
    story.finds["code"] = found
    story.search()
    assert story.exceptions() == [(kind, "code")] and story.events(e.MatchSettled) == []
    assert "disable" in story.state.plan.open_steps
    # It is void for good: also when a later search shows again what the preview showed.
    story.later(timedelta(minutes=1))
    story.finds["code"] = [ADA, ADA_2]
    story.replan()
    story.search()
    assert ("ambiguous_match", "code") in story.exceptions() and story.events(e.MatchSettled) == []


def test_an_unambiguous_match_is_not_overridden() -> None:
    story, _ = said(ADA_2)
    story.finds["code"] = [ADA]
    story.search()
    assert story.state.accounts.of("code") == ("a-code-ada",) and story.exceptions() == []
    assert story.events(e.MatchSettled) == [] and story.planned("disable").account_id == "a-code-ada"


def test_a_system_that_answers_late_is_settled_once_it_does() -> None:
    story, _ = said(ADA_2)
    story.finds["code"] = None
    story.search()
    assert story.events(e.MatchSettled) == [] and "disable" in story.state.plan.open_steps
    story.later(timedelta(minutes=10))
    story.finds["code"] = [ADA, ADA_2]
    story.search()
    assert story.planned("disable").account_id == "a-code-ada2"
    assert ("ambiguous_match", "code") not in story.exceptions()


def test_what_an_operator_settles_in_the_run_is_not_undone_by_what_was_said_before_it() -> None:
    story, _ = said(ADA_2)
    story.finds["code"] = [ADA, ADA_3]
    story.search()
    story.settle("code", "a-code-ada")
    story.later(timedelta(minutes=1))
    story.finds["code"] = [ADA, ADA_2]
    story.replan()
    story.search()
    assert story.state.accounts.of("code") is None and story.exceptions() == [("ambiguous_match", "code")]


def test_what_was_borne_out_stays_settled_when_everything_is_looked_up_again() -> None:
    story, _ = said(ADA_2)
    story.finds["code"] = [ADA, ADA_2]
    story.search()
    story.later(timedelta(minutes=1))
    story.replan()
    story.search()
    assert story.state.accounts.of("code") == ("a-code-ada2",) and len(story.events(e.MatchSettled)) == 1


def test_a_shadow_run_takes_what_was_said_too() -> None:
    story, _ = said(ADA, phase="shadow")
    story.finds["code"] = [ADA, ADA_2]
    story.search()
    assert story.exceptions() == [] and story.ready() == {"look"}


def test_an_urgent_run_begins_on_the_account_that_was_settled_once_a_second_person_confirms_it() -> None:
    both = actor("olga", "operator", "requester")
    story, _ = said(ADA_2, by=both, urgent=True, at=None)
    story.finds["code"] = [ADA, ADA_2]
    story.later(timedelta(seconds=1))
    story.search()
    assert story.ready() == {"look"} and story.planned("disable").account_id == "a-code-ada2"
    assert [kind for kind, _ in story.exceptions()] == ["access_kept", "urgent_review"]
    assert story.work() == ["look"] and story.readiness("disable").waits_for == "gate"
    story.accept(story.exception("access_kept"), by=HR)
    assert story.work() == ["disable", "sessions"]


# Who may say it


def test_an_account_that_may_not_settle_in_the_run_is_refused_in_the_same_words_before_it() -> None:
    for who in (
        HR,
        ROBOT,
        actor("eve", "approver"),
        actor("ada", "operator", human=PERSON_ID),
        actor("tok", "operator").model_copy(update={"up_to": Level.READ}),
    ):
        story = Story(ready=False)
        before = refused(story, who, "a-code-ada")
        story.finds["code"] = [ADA, ADA_2]
        story.search()
        if who.actor_id == "tok":
            assert before.code == "access_limited"
            continue
        with pytest.raises(NotAllowed) as within:
            story.settle("code", "a-code-ada", by=who)
        assert (before.code, before.message, before.facts) == (
            within.value.code,
            within.value.message,
            within.value.facts,
        )


def test_who_may_say_it_is_named_and_under_an_embargo_only_of_those_for_whom_it_exists() -> None:
    story = Story(ready=False)
    seen = shown(story, ADA, ADA_2)
    assert who_may_settle(story.state.asked, seen, EVERYBODY.values(), story.world) == ("ole",)
    assert why_not_settle(story.state.asked, seen, OLE, story.world) is None
    no = why_not_settle(story.state.asked, seen, HR, story.world)
    assert isinstance(no, NotAllowed) and no.code == "role_missing" and "operator" in no.message
    hidden = story.state.asked.model_copy(update={"embargo_until": MONDAY + DAY, "named": ("hr", "sam")})
    assert who_may_settle(hidden, seen, EVERYBODY.values(), story.world) == ()


def test_under_an_embargo_an_operator_who_asks_for_the_run_settles_it() -> None:
    everybody = ("anna", "ben", "ole", "sam", "hr")
    story, _ = said(ADA, embargo=EmbargoTerms(MONDAY + 30 * DAY, everybody))
    story.finds["code"] = [ADA, ADA_2]
    story.search()
    assert story.state.named == tuple(sorted(everybody)) and story.state.accounts.of("code") == ("a-code-ada",)


def test_a_level_that_was_taken_back_today_counts() -> None:
    old = packet()
    less = packet(platform=("{who: operator, up_to: change}", "{who: operator, systems: [hr], up_to: change}"))
    story = Story(old, by=OLE, ready=False)
    world = replace(story.world, current=less)
    seen = shown(story, ADA, ADA_2)
    no = why_not_settle(story.state.asked, seen, OLE, world)
    assert isinstance(no, NotAllowed) and no.code == "level_not_granted"


def test_in_an_operators_absence_their_colleague_says_it_for_them() -> None:
    pia = actor("pia", "requester")
    story = Story(by=pia, ready=False)
    story.knows(pia)
    assert refused(story, pia, "a-code-ada").code == "role_missing"
    known = Organisation(actors=story.world.actors)
    [given] = delegate(known, "d1", OLE, "pia", MONDAY, MONDAY + DAY, None, MONDAY)
    assert isinstance(given, e.DecisionsDelegated)
    story.world = replace(story.world, delegations=(DelegationState(given),))
    event = settle_beforehand(story.state.asked, shown(story, ADA, ADA_2), ("a-code-ada",), None, pia, story.world)
    assert (event.by, event.on_behalf_of) == ("pia", "ole")
    # Under an embargo it rests on no one for whom the run does not exist.
    hidden = story.state.asked.model_copy(update={"embargo_until": MONDAY + DAY, "named": ("pia", "sam")})
    no = why_not_settle(hidden, shown(story, ADA, ADA_2), pia, story.world)
    assert isinstance(no, NotAllowed) and no.code == "role_missing"


def test_only_what_was_shown_and_asked_can_be_answered() -> None:
    story = Story(by=OLE, ready=False)
    stranger = refused(story, OLE, "a-code-eve")
    assert isinstance(stranger, Invalid) and stranger.code == "not_a_candidate"
    certain = refused(story, OLE, "a-code-ada", of=(ADA,))
    assert isinstance(certain, TooLate) and certain.code == "nothing_to_settle"
    cards = shown(story, system="cards")
    no = why_not_settle(story.state.asked, cards, OLE, story.world)
    assert no is not None and no.code == "nothing_to_settle", "no account is expected there"


def test_once_the_person_is_erased_the_answer_still_folds() -> None:
    story, event = said(ADA_2)
    bare = event.model_copy(update={"reason": None})
    state = fold(fold(RunState(), story.state.asked.model_copy(update={"facts": None}), MONDAY), bare, MONDAY)
    assert state.accounts.presettled["code"].reason is None and e.MatchSettledBeforehand.personal_fields() == {"reason"}
    assert SAM.actor_id not in story.state.accounts.presettled
