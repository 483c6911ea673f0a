"""The reads of a dry run beside a run: when each system is read, what its answers mean, and what is left open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.planning.searching import judge
from orchestrator.domain.run.comparison.left_open import left_open
from orchestrator.domain.run.comparison.reads import ReadsDue, changes_found, reads_due, shown_step, steps_to_read
from orchestrator.domain.run.comparison.twins import followed
from tests.domain.run.compared_runs import beside, read, results
from tests.domain.run.compared_runs import judge as judge_step
from tests.domain.run_world import ANNA, DAY, EVENING, HOUR, MINUTE, OLE, PERSON, Story, account, at_cutoff

BOTH = ("code", "cards")


def look(story: Story, found: Mapping[str, Any] | None = None) -> list[e.ChangeFound]:
    """The search that follows the read-backs of a read after the cutoff; `found` by system, None for a failure."""
    due = reads_due(story.state, story.world)
    results, details = [], {}
    for system in BOTH:
        accounts = story.finds[system] if found is None or system not in found else found[system]
        if accounts is None:
            results.append(e.SystemSearched(system=system, purpose="confirm", outcome="failed", code="down"))
            continue
        results.append(judge(PERSON, story.world.pinned, system, "confirm", accounts))
        details |= {one.account_id: one.model_dump(mode="json") for one in accounts}
    changes = list(changes_found(story.state, due.read, tuple(results), details))
    story.append([*changes, e.AccountsSearched(results=tuple(results), details=details)])
    return changes


def test_systems_are_read_for_the_plan_and_three_times_after_the_cutoff_and_then_it_closes() -> None:
    story = beside()
    assert not story.state.finished and reads_due(story.state, story.world) == ReadsDue("plan", BOTH, EVENING + HOUR)
    assert set(story.progress.search) == set(BOTH), "the workflow starts the reads as searches"
    read(story, "plan")
    due = reads_due(story.state, story.world)
    assert (due.systems, due.until) == ((), EVENING + HOUR)
    story.work()
    story.at(EVENING)
    assert story.progress.due_in == HOUR.total_seconds()
    for name, after in (("hour", HOUR), ("day", DAY), ("week", 7 * DAY)):
        story.at(EVENING + after)
        due = reads_due(story.state, story.world)
        assert (due.read, due.systems) == (name, BOTH)
        read(story, name)  # type: ignore[arg-type]  # one of the reads
        look(story)
        assert reads_due(story.state, story.world).systems == ()
    assert story.state.finish == "shadow"
    assert story.state == story.refolded()


def test_a_read_that_was_missed_is_made_up_for_by_the_next_one() -> None:
    story = beside()
    read(story, "plan")
    story.at(EVENING + 2 * DAY)
    assert reads_due(story.state, story.world).read == "day"
    story.at(EVENING + 8 * DAY)
    assert reads_due(story.state, story.world).read == "week"
    assert not story.state.finished, "it was not read yet"


def test_after_a_late_start_the_times_count_from_the_request() -> None:
    story = beside(at=EVENING - 3 * DAY)
    due = reads_due(story.state, story.world)
    assert (due.read, due.until) == ("plan", story.state.requested_at + HOUR)


def test_a_moved_cutoff_moves_the_reads() -> None:
    story = beside()
    read(story, "plan")
    read(story, "day")
    moved = e.RunRescheduled(cutoff=EVENING + 9 * DAY, zone="UTC", local_cutoff="", by="hr")
    story.append(list(followed([moved], BOTH)))
    assert reads_due(story.state, story.world).until == EVENING + 9 * DAY + HOUR
    assert not story.state.blind, "its plan was shown before the cutoff moved"


def test_a_system_that_is_down_is_read_again_ever_more_rarely_and_given_up_after_two_weeks() -> None:
    story = beside()
    read(story, "plan")
    story.at(EVENING + DAY)
    pauses = []
    for _ in range(4):
        steps = [step for system in BOTH for step in steps_to_read(story.state, system)]
        story.append(
            [
                e.StepCompared(step_id=one.step_id, digest=one.digest, read="day", outcome="unknown", code="down")
                for one in steps
            ]
        )
        due = reads_due(story.state, story.world)
        assert due.systems == () and due.until is not None
        pauses.append(due.until - story.now)
        story.at(due.until)
        assert reads_due(story.state, story.world).systems == BOTH
    assert pauses == [timedelta(minutes=minutes) for minutes in (5, 5, 10, 20)]
    assert "agreed" not in results(story).values()
    read(story, "day", "done")
    assert results(story)["disable"] == "agreed"
    story.at(EVENING + 14 * DAY - MINUTE)
    assert not story.state.finished
    story.at(EVENING + 14 * DAY)
    assert story.state.finish == "shadow"


def test_a_paused_system_is_not_read() -> None:
    story = beside()
    story.world = replace(story.world, holds=frozenset({"code"}))
    assert reads_due(story.state, story.world).systems == ("cards",)


@pytest.mark.parametrize(
    ("step", "when", "outcome", "present", "shown"),
    [
        ("disable", "day", "done", True, "done"),
        ("disable", "day", "not_done", True, "not_done"),
        ("disable", "day", "unknown", True, "unknown"),
        ("disable", "day", "unknown", False, "done"),
        ("freeze", "day", "unknown", False, "unknown"),
        ("sessions", "plan", "done", True, "done"),
        ("sessions", "day", "done", True, "may_have_ended"),
        ("sessions", "day", "unknown", False, "done"),
        ("sessions", "day", "not_done", True, "not_done"),
    ],
)
def test_what_a_read_back_means(step: str, when: Any, outcome: str, present: bool, shown: str) -> None:
    """An account that was deleted gives no access. Sessions that are gone prove nothing while the account is there."""
    story = beside()
    [planned] = [one for one in story.state.plan.steps.values() if one.name == step]
    assert shown_step(planned, when, outcome, present, story.world) == shown


def test_a_change_for_which_the_plan_has_no_step_is_found_once() -> None:
    story = beside()
    story.append([e.PlanFrozen(revision=2, digest="d", steps=())])
    read(story, "day")
    disabled = account("cards").model_copy(update={"active": False})
    before = disabled.model_dump(mode="json") | {"active": True}
    story.append([e.AccountsSearched(results=(), details={disabled.account_id: before})])
    found = look(story, {"cards": [disabled], "code": []})
    assert {(one.system, one.what, one.read) for one in found} == {
        ("cards", "account_disabled", "day"),
        ("code", "account_gone", "day"),
    }
    assert look(story, {"cards": [disabled], "code": []}) == []
    assert not look(story, {"cards": None, "code": None}), "a search that failed says nothing"


def test_a_change_that_a_step_explains_is_none() -> None:
    story = beside()
    read(story, "day")
    assert look(story, {"cards": [], "code": []}) == []


def test_a_twin_has_no_tasks_exceptions_or_gates() -> None:
    """Its packet has a task, and the account on the cards is a question."""
    story = beside()
    story.finds["cards"] = [account("cards"), account("cards", "ada2")]
    story.later(MINUTE)
    story.append(list(followed([e.RunReplanned(by="ole", reason="again")], BOTH)))
    story.later(MINUTE)
    story.search()
    assert "freeze" in story.state.plan.open_steps
    story.at(EVENING + DAY)
    assert not (story.state.work.tasks or story.state.work.exceptions or story.state.decisions.gates)
    settled = e.MatchSettled(system="cards", accounts=("a-cards-ada",), by=OLE.actor_id, reason="asked")
    story.append(list(followed([settled], BOTH)))
    assert not story.state.plan.open_steps
    assert not list(followed([settled], ("code",))), "its version does not have the system"


def test_access_that_is_open_after_a_day_is_an_exception_of_the_run_until_it_is_removed() -> None:
    real, story = at_cutoff(), beside()
    read(story, "plan")
    read(story, "hour")
    lacking = real.state.plan.steps.keys() - {story.id("disable"), story.id("sessions"), story.id("freeze")}
    real.append([e.PlanFrozen(revision=9, digest="d", steps=tuple(real.state.plan.steps[id_] for id_ in lacking))])

    def reported() -> list[Any]:
        return list(left_open(story.state, real.state, real.world.pinned, real.now))

    assert reported() == [], "before the read that decides"
    read(story, "day", sessions="may_have_ended")
    opened = reported()
    assert [(one.kind, one.system, one.code) for one in opened] == [("left_open", "code", "disable")], (
        "freezing a card removes no access, and sessions may have ended"
    )
    real.append(opened)
    assert reported() == []
    read(story, "week", "done")
    [closed] = reported()
    assert (closed.exception_id, closed.disposition) == (opened[0].exception_id, "overcome")


def test_a_step_that_is_judged_to_be_wrong_closes_the_exception_and_the_runs_own_steps_open_none() -> None:
    real, story = at_cutoff(), beside()
    read(story, "plan")
    read(story, "day")
    assert list(left_open(story.state, real.state, real.world.pinned, real.now)) == []
    real.append([e.PlanFrozen(revision=9, digest="d", steps=())])
    opened = list(left_open(story.state, real.state, real.world.pinned, real.now))
    assert {one.code for one in opened} == {"disable", "sessions"}  # type: ignore[attr-defined]  # opened exceptions
    real.append(opened)
    judge_step(story, "disable", "wrong_account")
    [closed] = left_open(story.state, real.state, real.world.pinned, real.now)
    assert closed.exception_id.endswith(story.id("disable"))  # type: ignore[attr-defined]  # a closed exception
    cancelled = at_cutoff()
    cancelled.append([e.RunEnded(by=ANNA.actor_id)])
    assert list(left_open(story.state, cancelled.state, cancelled.world.pinned, cancelled.now)) == []
