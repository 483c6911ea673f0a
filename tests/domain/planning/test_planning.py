"""From what systems say to a frozen plan, and what a digest covers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.planning.plan import step_digest
from orchestrator.domain.planning.planning import make_plan
from orchestrator.domain.run.run import fold
from tests.domain.run_world import (
    CATALOGUE,
    DAY,
    EVENING,
    HOUR,
    HR,
    MINUTE,
    OLE,
    PERSON,
    PERSON_ID,
    ROBOT,
    Story,
    account,
    actor,
    packet,
)

TWINS = [account("code"), account("code", "twin")]


def unsettled(finds: object = None) -> Story:
    story = Story(ready=False)
    story.finds["code"] = TWINS if finds is None else finds  # type: ignore[assignment]  # lists of accounts
    story.search()
    return story


def test_every_system_is_asked_first_and_at_once() -> None:
    story = Story(ready=False)
    assert story.progress.search == ("code", "cards") and story.progress.steps == ()


def test_a_step_an_account() -> None:
    story = Story()
    assert {(s.name, s.account_id) for s in story.state.plan.steps.values() if s.system == "cards"} == {
        ("freeze", "a-cards-ada"),
        ("close", "a-cards-ada"),
        ("pay", "a-cards-ada"),
    }
    assert [s.name for s in story.state.plan.steps.values() if s.is_task] == ["hand_over"]


def test_digest_and_id_do_not_know_the_cutoff_or_other_accounts() -> None:
    story = Story()
    before = {id_: step.digest for id_, step in story.state.plan.steps.items()}
    other = Story(at=EVENING + 40 * DAY, ready=False)
    other.finds["cards"] = []
    other.search()
    after = {id_: step.digest for id_, step in other.state.plan.steps.items()}
    assert after and after.items() <= before.items()
    story.reschedule(EVENING + DAY)
    again = make_plan(story.state, story.world.pinned, CATALOGUE)
    assert {step.step_id: step.digest for step in again.steps} == before


def test_a_digest_covers_what_is_done_and_under_which_rule() -> None:
    step = Story().planned("freeze")
    assert step_digest(step) == step.digest
    for change in (
        {"account_id": "a-2"},
        {"ability": "close"},
        {"parameters": {"x": 1}},
        {"gate": None},
        {"offset": HOUR},
        {"title": "Melt"},
        {"needs": ()},
        {"reversible": "no"},
        {"level": Level.STAGE},
    ):
        assert step_digest(step.model_copy(update=change)) != step.digest, change
    for other in ({"deadline": 1.0}, {"settle": 9.0}, {"queue": "own"}, {"minutes_saved": 4}):
        assert step_digest(step.model_copy(update=other)) == step.digest, other


def test_two_accounts_are_asked_about_and_nothing_is_planned_there() -> None:
    story = unsettled()
    assert story.exceptions() == [("ambiguous_match", "code")]
    assert {s.system for s in story.state.plan.steps.values()} == {"", "cards"}
    assert story.state.plan.open_steps == {"look", "disable", "sessions", "remove"}
    assert story.readiness("freeze").waits_for == "predecessors"


def test_a_weak_key_alone_is_asked_and_no_account_where_one_is_expected() -> None:
    assert unsettled([account("code", number="E-9")]).exceptions() == [("weak_match", "code")]
    assert unsettled([]).exceptions() == [("no_account", "code")]
    story = Story(ready=False)
    story.finds["cards"] = []
    story.search()
    assert story.exceptions() == []


def test_settling_plans_what_was_open_and_asks_only_about_that() -> None:
    story = unsettled()
    assert [story.asked_at(gate) for gate in story.open_gates()] == [{"freeze"}, {"close", "pay"}]
    story.approve_all()
    story.settle("code", "a-code-twin")
    assert story.exceptions() == [("access_kept", "code")] and story.planned("disable").account_id == "a-code-twin"
    assert [story.asked_at(gate) for gate in story.open_gates()] == [{"disable", "sessions", "remove"}]


def test_none_of_them_is_an_answer() -> None:
    story = unsettled()
    story.settle("code")
    assert {s.system for s in story.state.plan.steps.values()} == {"", "cards"}
    assert story.exceptions() == [("access_kept", "code")]
    story.accept(story.exception("access_kept"), by=HR)
    story.approve_all()
    story.complete("hand_over")
    story.at(EVENING)
    story.work()
    assert story.state.finish == "clean"


def test_whose_an_account_is_is_said_by_people_who_may() -> None:
    story = unsettled()
    for who, code in (
        (ROBOT, "only_people"),
        (actor("x", "approver"), "role_missing"),
        (actor("ada", "operator", human=PERSON_ID), "own_run"),
    ):
        with pytest.raises(NotAllowed) as refused:
            story.settle("code", "a-code-ada", by=who)
        assert refused.value.code == code
    with pytest.raises(Invalid):
        story.settle("code", "a-code-nobody")
    with pytest.raises(TooLate):
        story.settle("cards", "a-cards-ada")
    story.today(packet(platform=("{who: operator, up_to: change}", "{who: operator, up_to: read}")))
    with pytest.raises(NotAllowed):
        story.settle("code", "a-code-ada")


def test_an_answer_holds_as_long_as_the_candidates_are_the_same() -> None:
    story = unsettled()
    story.settle("code", "a-code-ada", "a-code-twin")
    story.later(MINUTE)
    story.replan()
    story.search()
    assert story.exceptions() == []
    story.later(MINUTE)
    story.finds["code"] = [*TWINS, account("code", "third")]
    story.replan()
    story.search()
    assert story.exceptions() == [("ambiguous_match", "code")]
    story.later(MINUTE)
    story.finds["code"] = [account("code", number="E-9")]
    story.replan()
    story.search()
    assert story.exceptions() == [("weak_match", "code")]


def test_a_search_that_is_refused_for_good_opens_an_exception_at_once() -> None:
    story = Story(ready=False)
    story.finds["code"] = None
    story.failure = "unknown_attribute"
    story.search()
    assert story.exceptions() == [("search_failed", "code")]
    story.finds["code"] = [account("code")]
    story.at(story.now + timedelta(seconds=1))
    story.search()
    assert story.exceptions() == []


def test_a_system_that_is_down_holds_up_no_one_else() -> None:
    story = Story(ready=False)
    story.finds["code"] = None
    story.search()
    assert story.open_gates() and {s.system for s in story.state.plan.steps.values()} == {"", "cards"}
    assert story.progress.search == () and story.progress.due_in == 1.0
    story.at(story.now + timedelta(seconds=1))
    story.search()
    assert story.progress.due_in == 2.0
    story.later(15 * MINUTE)
    assert story.exceptions() == [("search_failed", "code")]
    story.finds["code"] = [account("code")]
    story.search()
    assert story.exceptions() == [] and story.planned("disable").account_id == "a-code-ada"


def failed_after(story: Story, system: str) -> None:
    """A worker that was frozen records its search only now, after another worker's."""
    late = e.SystemSearched(system=system, purpose="confirm", outcome="failed", code="deadline_over")
    story.append([e.AccountsSearched(results=(late,), details={})])


def test_a_failed_search_is_retried_also_if_no_step_needs_it_any_more() -> None:
    """Its exception says so, and would keep the run open."""
    story = Story()
    story.approve_all()
    story.attempt("look")
    story.complete("hand_over")
    story.at(EVENING)
    story.search()
    for name in ("disable", "sessions", "freeze"):
        story.attempt(name)
    failed_after(story, "code")
    story.later(15 * MINUTE)
    assert ("search_failed", "code") in story.exceptions()
    assert story.progress.search == ("code",)
    story.on_hold("code")
    assert story.progress.search == ()
    story.on_hold()
    story.search()
    assert ("search_failed", "code") not in story.exceptions()


def test_a_system_on_hold_is_not_asked_and_holds_up_no_one_else() -> None:
    story = Story(holds=["code"], ready=False)
    assert story.progress.search == ("cards",)
    story.search()
    assert {s.system for s in story.state.plan.steps.values()} == {"", "cards"}
    assert not story.state.finished and story.readiness("freeze").waits_for == "predecessors"
    story.on_hold()
    assert story.progress.search == ("code",)
    story.search()
    assert story.ready() == {"look"}


def test_a_system_that_never_answered_keeps_the_run_open() -> None:
    story = Story(ready=False)
    story.finds["code"] = None
    story.search()
    story.approve_all()
    story.complete("hand_over")
    story.at(EVENING)
    story.search()
    for name in ("freeze", "close", "pay"):
        story.skip(name)
    story.accept(story.exception("search_failed"))
    assert not story.state.finished and story.progress.due_in is not None


def test_a_condition_that_cannot_be_worked_out_means_planned_and_gated() -> None:
    unsure = packet(workflow=("{name: look, title: Look,", '{name: look, title: Look, when: "1 / 0 == 1",'))
    story = Story(unsure)
    assert story.planned("look").gate == "access"
    gate = packet(approvals=("decide_within: P1D", 'needed_when: "1 / 0 == 1", decide_within: P1D'))
    assert Story(gate).planned("disable").gate == "access"


def test_a_step_that_is_not_wanted_holds_up_no_one() -> None:
    story = Story(packet(workflow=("{name: look, title: Look,", '{name: look, title: Look, when: "false",')))
    assert "look" not in {s.name for s in story.state.plan.steps.values()}
    story.approve_all()
    story.at(EVENING)
    story.search()
    assert story.ready() == {"disable"}


def test_what_was_begun_stays_in_a_later_plan() -> None:
    story = Story()
    story.approve_all()
    story.attempt("look")
    story.at(EVENING)
    story.search()
    story.attempt("disable")
    story.later(MINUTE)
    story.finds["code"] = [account("code", "other")]
    story.replan()
    story.search()
    done = [s for s in story.state.plan.steps.values() if s.account_id == "a-code-ada"]
    assert {s.name for s in done} == {"look", "disable"}
    assert {s.name for s in story.state.plan.steps.values() if s.account_id == "a-code-other"} == {
        "look",
        "disable",
        "sessions",
        "remove",
    }


def test_replanning_is_for_those_who_may_prepare() -> None:
    story = Story()
    with pytest.raises(NotAllowed):
        story.replan(by=actor("x", "approver"))
    story.today(packet(platform=("{who: operator, up_to: change}", "{who: operator, up_to: read}")))
    with pytest.raises(NotAllowed):
        story.replan(by=OLE)


def test_an_erased_person_is_searched_for_no_more_and_someone_hears_of_it() -> None:
    story = Story(ready=False)
    story.state = replace(story.state, request=story.state.asked.model_copy(update={"facts": None}))
    story.append([])
    assert story.progress.search == () and story.exceptions() == [("search_failed", "")]
    story.end()
    assert story.state.finished


def test_the_fold_bears_what_was_erased() -> None:
    story = Story()
    story.approve_all()
    story.work()
    state = type(story.state)()
    for event, at in story.log:
        gone = dict.fromkeys(event.personal_fields())
        state = fold(state, event.model_copy(update=gone), at)
    assert state.work.steps == story.state.work.steps and state.asked.facts is None


def test_the_fold_gives_the_same_state_again() -> None:
    story = Story()
    story.approve_all()
    story.work()
    assert story.refolded() == story.state


def test_facts_come_from_hr() -> None:
    assert Story().state.asked.facts == PERSON.model_dump(mode="json")
    assert isinstance(Story().log[0][0], e.RunRequested)
