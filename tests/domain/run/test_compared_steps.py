"""A dry run is compared with what people do: the result of each step, and what judgements change."""

from __future__ import annotations

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.run.comparison.results import change_results, deciding_read
from tests.domain.run.compared_runs import DECIDED, compared, dry_run, find_change, judge, read, results
from tests.domain.run_world import DAY, EVENING


def test_only_steps_whose_effect_a_person_can_cause_are_compared() -> None:
    """Left out: the look, which changes nothing; the task; what is recognised by Offboard's key, or never repeated."""
    story = dry_run()
    decided = {step.name: deciding_read(step) for step in story.state.plan.steps.values()}
    assert decided == {
        "look": None,
        "hand_over": None,
        "close": None,
        "pay": None,
        "disable": "day",
        "sessions": "day",
        "freeze": "day",
        "remove": "week",
    }
    waiting = {
        **dict.fromkeys((*DECIDED, "remove"), "not_read"),
        **dict.fromkeys(("hand_over", "close", "pay"), "not_compared"),
    }
    assert results(story) == waiting
    read(story, "plan")
    assert results(story) == waiting, "nothing is decided before the read a day after the cutoff"


@pytest.mark.parametrize(
    ("before", "after", "result"),
    [
        ("not_done", "done", "agreed"),
        ("not_done", "not_done", "unjudged"),
        ("not_done", "other_value", "unjudged"),
        ("not_done", "may_have_ended", "not_compared"),
        ("not_done", "unknown", "not_compared"),
        ("other_value", "done", "agreed"),
        ("done", "done", "done_before"),
        ("done", "not_done", "done_before"),
        ("may_have_ended", "done", "not_compared"),
        ("unknown", "done", "not_compared"),
        (None, "done", "not_compared"),
    ],
)
def test_the_result_of_a_step(before: str | None, after: str, result: str) -> None:
    story = dry_run()
    if before is not None:
        read(story, "plan", freeze=before)
    read(story, "day", freeze=after)
    assert results(story)["freeze"] == result
    assert story.state == story.refolded()


def test_the_last_read_up_to_a_day_counts_that_says_something() -> None:
    story = dry_run()
    read(story, "plan")
    read(story, "hour", disable="done", sessions="done")
    assert set(results(story).values()) == {"not_read", "not_compared"}
    read(story, "day", disable="unknown", freeze="done")
    assert [results(story)[step] for step in DECIDED] == ["agreed", "unjudged", "agreed"]


def test_what_people_do_after_the_report_is_no_agreement() -> None:
    story = compared(freeze="not_done")
    read(story, "week", "done")
    assert results(story)["freeze"] == "unjudged"
    assert results(story)["remove"] == "agreed", "it is due a day after the cutoff, so the last read decides about it"


def test_a_step_that_is_due_later_is_not_read_before_it_is_due() -> None:
    story = dry_run()
    read(story, "plan")
    read(story, "hour", "done")
    read(story, "day", "done")
    assert results(story)["remove"] == "not_read"
    read(story, "week", remove="unknown")
    assert results(story)["remove"] == "not_compared", "the earlier reads say nothing about it"


def test_a_judgement_is_about_a_difference_and_the_last_one_counts() -> None:
    story = compared(freeze="not_done")
    judge(story, "freeze", "plan_wrong")
    judge(story, "disable", "plan_wrong")
    assert (results(story)["freeze"], results(story)["disable"]) == ("plan_wrong", "agreed")
    judge(story, "freeze", "people_missed")
    assert results(story)["freeze"] == "people_missed"
    judge(story, "freeze", "out_of_scope")
    assert results(story)["freeze"] == "unjudged", "a verdict about changes says nothing about a step"


@pytest.mark.parametrize("step", ["disable", "freeze", "close"])
def test_a_wrong_account_is_one_whatever_systems_show(step: str) -> None:
    story = compared(freeze="not_done")
    judge(story, step, "wrong_account")
    assert results(story)[step] == "wrong_account"


def test_a_change_without_a_step_is_judged() -> None:
    story = compared()
    for change_id in ("c1", "c2", "c3"):
        find_change(story, change_id)
    judge(story, "c2", "plan_missed")
    judge(story, "c3", "out_of_scope")
    judge(story, "c1", "people_missed")
    assert change_results(story.state) == {"c1": "unjudged", "c2": "plan_missed", "c3": "out_of_scope"}
    assert story.state == story.refolded()


def test_a_step_that_a_later_plan_changed_is_compared_and_judged_again() -> None:
    story = compared(freeze="not_done")
    judge(story, "freeze", "people_missed")
    judge(story, "disable", "wrong_account")
    frozen = story.events(e.PlanFrozen)[-1]
    changed = tuple(step.model_copy(update={"digest": f"{step.digest}-2"}) for step in frozen.steps)
    story.append([frozen.model_copy(update={"revision": frozen.revision + 1, "steps": changed})])
    assert [results(story)[step] for step in DECIDED] == ["wrong_account", "not_read", "not_read"]
    read(story, "day", "done")
    assert results(story)["freeze"] == "not_compared", "it was not read when the plan was complete"


def test_what_was_read_after_the_former_cutoff_says_nothing_about_the_new_one() -> None:
    story = dry_run()
    read(story, "plan")
    read(story, "day", "done")
    find_change(story, "c1")
    later = EVENING + 3 * DAY
    story.append([e.RunRescheduled(cutoff=later, zone="UTC", local_cutoff=later.strftime("%Y-%m-%dT%H:%M"), by="hr")])
    assert [results(story)[step] for step in DECIDED] == ["not_read"] * 3
    assert not change_results(story.state)
    read(story, "day", "done")
    assert [results(story)[step] for step in DECIDED] == ["agreed"] * 3
