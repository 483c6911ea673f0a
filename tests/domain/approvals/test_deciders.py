"""Who else can act on what waits, and what happens if no one does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.approvals.deciders import DelayEffects, PeopleByRole, deciders, effects_of_delay
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.organisation.organisation import DelegationState
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import Actor, Level
from tests.domain.run_world import (
    ANNA,
    BEN,
    DAY,
    EVENING,
    EVERYBODY,
    HR,
    LEA,
    MONDAY,
    OLE,
    PERSON_ID,
    REFUSED,
    SAM,
    Story,
    actor,
    at_cutoff,
)

ACCESS = "g-access-1"
MORE = (
    actor("hr-approves", "approver", human="h-hr"),
    actor("report", "approver", above=[PERSON_ID]),
    actor("ada", "approver", "operator", "safety_owner", human=PERSON_ID),
    actor("unknown", "approver", "operator", "safety_owner", human=None),
    actor("token", "approver", "operator").model_copy(update={"up_to": Level.READ}),
)


def who(story: Story, item: str, *more: Actor) -> tuple[str, ...]:
    return deciders(story.state, item, PeopleByRole((*EVERYBODY.values(), *MORE, *more)), story.world)


def test_who_may_vote_at_a_gate() -> None:
    story = Story()
    story.knows(*MORE)
    assert who(story, ACCESS) == ("anna", "ben")
    story.vote("g-money-1", ANNA)
    assert who(story, "g-money-1") == ("ben",)
    story.at(MONDAY + DAY)
    assert who(story, ACCESS) == ("anna", "ben", "lea"), "the lead is asked as well by now"
    story.vote(ACCESS, ANNA)
    assert who(story, ACCESS) == ()


def test_all_items_of_a_page_need_one_pass_over_the_accounts() -> None:
    story = Story()
    passes = (one for one in (*EVERYBODY.values(), *MORE))
    people = PeopleByRole(passes)
    story.knows(*MORE)
    assert deciders(story.state, ACCESS, people, story.world) == ("anna", "ben")
    assert deciders(story.state, "g-money-1", people, story.world) == ("anna", "ben")
    assert next(passes, None) is None
    assert people.having({"approver"}, ()) != [] == people.having({"gardener"}, ("token",)), "it only reads"


def test_each_of_them_is_let_by_the_gate_itself() -> None:
    story = Story()
    everybody = (*EVERYBODY.values(), *MORE)
    story.knows(*everybody)
    for one in everybody:
        if one.up_to is not None:
            continue  # commands refuse accounts that only read
        try:
            Story().vote(ACCESS, one)
        except Refusal:
            may = False
        else:
            may = True
        assert may is (one.actor_id in who(story, ACCESS)), one.actor_id


def test_delegates_are_among_them_and_only_those_for_whom_the_run_exists() -> None:
    pat, cleo = actor("pat"), actor("cleo", "approver")
    said = e.DecisionsDelegated(delegation_id="d", by="anna", to="pat", since=MONDAY, until=EVENING)
    story = Story()
    story.knows(pat, cleo)
    story.world = replace(story.world, delegations=(DelegationState(said),))
    assert who(story, ACCESS, pat, cleo) == ("anna", "ben", "pat", "cleo")
    hidden = Story(embargo=EmbargoTerms(EVENING, ("anna", "ben", "ole")))
    hidden.world = replace(hidden.world, delegations=(DelegationState(said),), actors={**EVERYBODY, "pat": pat})
    assert who(hidden, ACCESS, pat, cleo) == ("anna", "ben")


def test_tasks_exceptions_and_reviews_wait_for_their_owners() -> None:
    story = Story(urgent=True)
    story.knows(*MORE)
    [task] = story.state.work.tasks
    assert who(story, task) == ("ole",)
    assert who(story, "x-urgent_review-start") == ("sam",)
    owner_asked = Story(urgent=True, by=actor("sam", "requester", "safety_owner"))
    assert who(owner_asked, "x-urgent_review-start", SAM) == ()
    failed = at_cutoff()
    failed.attempt("disable", REFUSED)
    assert who(failed, failed.exception("step_failed")) == ("ole",)
    story.complete("hand_over")
    assert who(story, task) == ()
    with pytest.raises(Invalid):
        who(story, "nosuch")


def names(story: Story, found: DelayEffects) -> set[str]:
    return {story.state.plan.steps[id_].name for id_ in found.undone}


def test_an_undecided_gate_goes_to_others_then_lapses_and_its_steps_stay_undone() -> None:
    story = Story()
    found = effects_of_delay(story.state, ACCESS, story.world)
    assert (found.escalates_to, found.at, found.lapses_at) == (("lead",), MONDAY + DAY, EVENING + 7 * DAY)
    assert names(story, found) == {"disable", "sessions", "freeze", "remove", "close"}, "with what needs them"
    story.at(MONDAY + DAY)
    assert effects_of_delay(story.state, ACCESS, story.world).escalates_to == ()


def test_an_overdue_task_goes_to_the_owners_of_exceptions() -> None:
    story = Story()
    [task] = story.state.work.tasks
    found = effects_of_delay(story.state, task, story.world)
    assert found.escalates_to == ("operator",) and found.at == MONDAY + 3 * DAY
    assert names(story, found) == {"hand_over", "pay", "remove"}


def test_an_exception_keeps_its_step_and_what_needs_it_and_a_review_keeps_nothing() -> None:
    story = at_cutoff()
    story.attempt("disable", REFUSED)
    found = effects_of_delay(story.state, story.exception("step_failed"), story.world)
    assert found.escalates_to == () and found.at == EVENING + DAY
    assert names(story, found) == {"disable", "sessions", "freeze", "close", "remove"}
    urgent = Story(urgent=True)
    assert effects_of_delay(urgent.state, "x-urgent_review-start", urgent.world) == DelayEffects(at=MONDAY + DAY)
    with pytest.raises(Invalid):
        effects_of_delay(urgent.state, "nosuch", urgent.world)


def test_a_rejection_keeps_what_was_refused() -> None:
    story = Story()
    story.vote("g-money-1", BEN, "reject")
    found = effects_of_delay(story.state, story.exception("gate_rejected"), story.world)
    assert names(story, found) == {"close", "pay"}
    assert {HR.actor_id, LEA.actor_id, OLE.actor_id} & set(who(story, story.exception("gate_rejected"))) == {"ole"}
