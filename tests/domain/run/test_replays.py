"""Replays: what is done is read again or repeated, what failed is tried again, a closed run opens and closes again.

Over 400 lines: one story for each rule, about one command.
"""

from __future__ import annotations

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import Refusal
from orchestrator.domain.run.steps.steps import AttemptResult
from tests.domain.run_world import (
    ANNA,
    BEN,
    DAY,
    DONE,
    HOUR,
    HR,
    MINUTE,
    OLE,
    PERSON_ID,
    REFUSED,
    ROBOT,
    Story,
    account,
    actor,
    at_cutoff,
    packet,
)


def closed(**more: object) -> Story:
    story = at_cutoff(**more)
    story.work()
    story.later(DAY)
    story.work()
    assert story.state.finish == "clean"
    return story


def effects(story: Story) -> dict[str, int]:
    """How often each step began, by its name."""
    counted: dict[str, int] = {}
    for started in story.events(e.StepStarted):
        name = story.state.plan.steps[started.step_id].name
        counted[name] = counted.get(name, 0) + 1
    return counted


def refused(story: Story, **how: object) -> str:
    with pytest.raises(Refusal) as raised:
        story.replay(**how)  # type: ignore[arg-type]  # keyword arguments of `replay`
    return raised.value.code


def test_a_replay_of_a_closed_run_reads_what_was_done_and_repeats_nothing() -> None:
    story = closed()
    before = effects(story)
    assert story.replayed() == {
        "look": "changes_nothing",
        "hand_over": "not_readable",
        "disable": "read_back",
        "sessions": "read_back",
        "freeze": "read_back",
        "close": "read_back",
        "pay": "read_back",
        "remove": "read_back",
    }
    story.replay()
    assert not story.state.finished and story.state.reopened == 1
    assert story.ready() == {"disable", "sessions", "freeze", "close", "pay", "remove"}
    story.work()
    assert story.state.finish == "clean" and story.progress.finished
    assert effects(story) == before, "nothing began"
    assert [(closing.outcome, closing.reopened) for closing in story.events(e.RunClosed)] == [
        ("clean", 0),
        ("clean", 1),
    ]
    assert story.refolded() == story.state


def test_access_that_is_open_again_is_an_exception_until_a_person_repeats_the_step() -> None:
    story = closed()
    story.replay()
    story.read_again("sessions", "not_done")
    story.work()
    assert not story.state.finished and story.exceptions() == [("access_returned", "sessions")]
    assert story.step("sessions").status == "failed" and story.begin("sessions") is None
    story.retry("sessions")
    assert story.exceptions() == [] and story.step("sessions").generation == 2
    assert story.work() == ["sessions"]
    assert story.state.finish == "clean" and effects(story)["sessions"] == 2


def test_a_skip_of_what_is_undone_closes_the_run_with_exceptions() -> None:
    story = closed()
    story.replay()
    story.read_again("freeze", "not_done")
    story.work()
    story.skip("freeze")
    assert story.state.finish == "with_exceptions"


def test_what_cannot_be_undone_is_approved_again_before_a_repeat() -> None:
    """The approval of the first generation still holds for what can be undone."""
    story = closed()
    digest = story.planned("remove").digest
    story.replay("sessions")
    assert story.replayed("sessions")["sessions"] == "not_due"
    assert story.planned("remove").digest != digest
    (gate,) = story.open_gates()
    assert story.asked_at(gate) == {"remove"}
    story.work()
    assert effects(story)["sessions"] == 2 and effects(story)["remove"] == 1 and not story.state.finished
    story.vote(gate, ANNA)
    story.work()
    assert effects(story)["remove"] == 2 and story.state.finish == "clean"
    assert story.refolded() == story.state


def test_a_plan_that_is_made_afterwards_keeps_the_digest_of_the_repeat() -> None:
    story = closed()
    story.replay("sessions")
    digest, gates = story.planned("remove").digest, story.open_gates()
    story.replan()
    story.later(HOUR)
    story.search()
    assert story.planned("remove").digest == digest and story.open_gates() == gates


def test_a_replay_from_a_step_repeats_it_and_what_needs_it() -> None:
    story = closed()
    assert story.replayed("disable") == {
        "look": "not_included",
        "hand_over": "not_included",
        "disable": "repeat",
        "sessions": "repeat",
        "freeze": "repeat",
        "close": "repeat",
        "pay": "not_included",
        "remove": "repeat",
    }
    before = effects(story)
    story.replay("disable")
    story.approve_all()
    story.work()
    repeated = {name: count for name, count in effects(story).items() if count != before[name]}
    assert repeated == {"disable": 2, "sessions": 2, "freeze": 2, "close": 2, "remove": 2}
    assert {story.step(name).generation for name in repeated} == {2}
    assert story.step("pay").generation == 1 and story.state.finish == "clean"


def test_a_replay_from_a_failed_step_repeats_what_was_asked_and_nothing_before_it() -> None:
    story = at_cutoff()
    story.attempt("disable")
    story.attempt("freeze", REFUSED)
    assert story.exceptions() == [("step_failed", "freeze")]
    story.replay("freeze")
    assert story.exceptions() == [] and story.step("freeze").generation == 2
    assert story.step("close").generation == 1, "it was not begun"
    story.work()
    story.later(DAY)
    story.work()
    assert story.state.finish == "clean"
    assert effects(story) == {
        "look": 1,
        "disable": 1,
        "freeze": 2,
        "sessions": 1,
        "close": 1,
        "pay": 1,
        "remove": 1,
    }


def test_a_replay_of_a_system_repeats_its_steps_alone() -> None:
    story = closed()
    shown = story.replayed(system="cards")
    assert {name for name, what in shown.items() if what != "not_included"} == {"freeze", "close", "pay"}
    assert shown["pay"] == "read_back", "it must never run twice"
    story.replay(system="cards")
    story.approve_all()
    story.work()
    assert effects(story)["freeze"] == 2 and effects(story)["pay"] == 1 and effects(story)["disable"] == 1


def test_what_must_never_run_twice_is_looked_for_under_every_earlier_key() -> None:
    story = closed()
    story.replay()
    story.read_again("pay", "not_done")
    story.work()
    keys = [started.effect_key for started in story.events(e.StepStarted) if started.step_id == story.id("pay")]
    story.retry("pay")
    story.approve_all()
    story.later(MINUTE)
    story.search()
    second = story.begin("pay")
    assert second is not None and second.look_first and second.earlier_keys == tuple(keys)
    story.finish(second, AttemptResult(read="done", detail={"found_done": True}))
    assert story.state.finish == "clean"
    story.replay("pay")
    story.read_again("pay", "not_done")
    story.retry("pay")
    story.approve_all()
    story.later(MINUTE)
    story.search()
    third = story.begin("pay")
    assert third is not None and third.earlier_keys == (second.started.effect_key, *keys)


def test_a_payment_that_cannot_be_read_back_is_never_repeated_by_a_replay() -> None:
    story = at_cutoff(pinned=packet(workflow=("ability: sessions, needs", "ability: notify, needs")))
    story.work()
    story.later(DAY)
    story.work()
    assert story.replayed("sessions")["sessions"] == "never_repeated"
    assert story.replayed()["sessions"] == "not_readable"


def test_an_unknown_outcome_is_settled_under_the_same_key() -> None:
    story = at_cutoff()
    story.attempt("pay", AttemptResult(read="unknown", acted=False))
    first = story.events(e.StepStarted)[-1]
    assert story.replayed()["pay"] == story.replayed("pay")["pay"] == "retry"
    story.replay("pay")
    again = story.begin("pay")
    assert again is not None and again.started.effect_key == first.effect_key and not again.may_act


def test_what_was_skipped_stays_skipped_unless_the_replay_begins_with_it() -> None:
    story = at_cutoff()
    story.skip("freeze")
    story.work()
    story.later(DAY)
    story.work()
    for exception in [one.opened.exception_id for one in story.state.work.open_exceptions()]:
        story.accept(exception, by=HR)
    assert story.state.finish == "with_exceptions"
    assert story.replayed("disable")["freeze"] == story.replayed()["freeze"] == "skipped"
    story.replay("freeze")
    story.approve_all()
    story.work()
    assert story.step("freeze").status == "verified" and story.state.finish == "clean"


def test_two_replays_at_once_are_one() -> None:
    story = closed()
    seen = story.state.version
    assert story.replay("disable")
    assert story.replay("disable") == [], "it is in progress"
    story.approve_all()
    story.work()
    assert story.state.finish == "clean"
    assert story.replay("disable", seen=seen) == [], "it was decided on what was before the first one"
    assert story.state.finish == "clean" and len(story.events(e.ReplayRequested)) == 1
    assert story.replay("disable", seen=story.state.version) and len(story.events(e.ReplayRequested)) == 2
    assert story.step("disable").generation == 3


def test_a_system_that_cannot_be_read_is_an_exception_and_a_person_can_leave_it() -> None:
    story = closed()
    story.replay(system="cards")
    story.approve_all()
    story.read_again("pay", "unknown", "down")
    assert story.readiness("pay").waits_for == "another_attempt"
    for _ in range(4):
        story.later(HOUR)
        while due := [one for one in story.progress.steps if one.step_id != story.id("pay")]:
            story.attempt(due[0].step_id)
        story.read_again("pay", "unknown", "down")
    assert ("step_failing", "pay") in story.exceptions() and story.step("pay").status == "verified"
    story.accept(story.exception("step_failing"))
    story.work()
    assert story.state.finish == "clean" and story.step("pay").status == "verified"


def test_no_worker_reads_is_an_exception() -> None:
    story = closed()
    story.replay()
    story.later(HOUR)
    assert ("not_carried_out", "disable") in story.exceptions()
    story.work()
    assert story.state.finish == "clean"


def test_reading_waits_for_a_pause_and_for_no_gate() -> None:
    story = closed(pinned=packet(workflow=("outcomes:", "watch: {days: []}\noutcomes:")))
    story.later(30 * DAY)
    story.replay()
    assert story.open_gates() == [], "approvals have lapsed, and reading needs none"
    story.on_hold("cards")
    assert story.ready() == {"disable", "sessions", "remove"}
    story.on_hold()
    story.work()
    assert story.state.finish == "clean"


def test_a_repeat_long_after_the_approval_is_approved_again() -> None:
    story = closed(pinned=packet(workflow=("outcomes:", "watch: {days: []}\noutcomes:")))
    story.later(30 * DAY)
    story.replay("disable")
    (gate,) = [id_ for id_ in story.open_gates() if "disable" in story.asked_at(id_)]
    assert story.asked_at(gate) == {"disable", "sessions", "freeze", "remove"}
    story.work()
    assert effects(story)["disable"] == 1


def test_a_legal_hold_keeps_a_repeat_from_destroying() -> None:
    story = at_cutoff(pinned=packet(workflow=("ability: remove, needs", "ability: erase, needs")))
    story.work()
    story.later(DAY)
    story.work()
    assert story.state.finish == "clean"
    story.replay("remove")
    story.place_legal_hold()
    story.approve_all()
    story.work()
    assert story.readiness("remove").waits_for == "legal_hold" and effects(story)["remove"] == 1


def test_a_repeated_snapshot_leaves_what_was_recorded_before_the_first_change() -> None:
    story = at_cutoff()
    assert story.step("look").recorded is None
    story = Story()
    story.attempt("look", AttemptResult(read="done", detail={"read_back": {"groups": ["staff"]}}))
    story.replay("look")
    story.attempt("look", AttemptResult(read="done", detail={"read_back": {"groups": []}}))
    assert story.step("look").recorded == {"groups": ["staff"]} and story.step("look").generation == 2


def test_a_task_is_repeated_as_a_task() -> None:
    story = closed()
    story.replay("hand_over")
    story.complete("hand_over")
    story.approve_all()
    story.work()
    assert story.step("hand_over").generation == 2 and story.state.finish == "clean"


def test_who_can_replay() -> None:
    story = closed()
    leaver = actor("ada", "operator", human=PERSON_ID)
    report = actor("rep", "operator", above=[PERSON_ID])
    story.knows(leaver, report)
    assert refused(story, by=leaver) == "own_run"
    assert refused(story, by=report) == "reports_to_person"
    assert refused(story, by=ROBOT) == "only_people"
    assert refused(story, by=ANNA) == refused(story, by=HR) == "role_missing"
    assert story.state.finish == "clean"


def test_a_replay_needs_the_level_on_every_system() -> None:
    story = closed()
    operator = "{who: operator, up_to: change}"
    story.today(packet(platform=(operator, "{who: operator, systems: [code], up_to: change}")))
    assert refused(story) == "level_not_granted"
    assert refused(story, from_step="disable") == "level_not_granted"
    story.today(packet(platform=(operator, "{who: operator, up_to: read}")))
    assert refused(story, from_step="disable") == "level_not_granted"
    assert story.replay(), "to read again needs no more"


def test_what_cannot_be_replayed() -> None:
    story = closed()
    assert refused(story, from_step="nothing") == "unknown_step"
    assert refused(story, system="nothing") == "unknown_system"
    assert refused(story, from_step="disable", system="code") == "one_scope"
    fresh = Story()
    assert refused(fresh) == refused(fresh, from_step="disable") == "nothing_to_replay"
    cancelled = Story()
    cancelled.end()
    assert refused(cancelled) == "run_finished"
    dry = Story(phase="shadow")
    assert refused(dry) == "dry_run_replay"


def test_a_replayed_run_can_be_cancelled() -> None:
    story = closed()
    story.replay("disable")
    story.end()
    assert story.state.finish == "ended" and story.events(e.RunEnded)[0].reopened == 1


def test_a_step_named_by_its_id_is_repeated_on_its_account_alone() -> None:
    story = Story(ready=False)
    story.finds["code"] = [account("code"), account("code", "other")]
    story.search()
    story.settle("code", "a-code-ada", "a-code-other")
    ids = [id_ for id_, step in story.state.plan.steps.items() if step.name == "look"]
    for id_ in ids:
        story.attempt(id_)
    story.replay(ids[0])
    assert [story.state.work.steps[id_].generation for id_ in ids] == [2, 1]
    story.attempt(ids[0])
    story.replay("look")
    assert [story.state.work.steps[id_].generation for id_ in ids] == [3, 2]


def test_an_approver_of_before_does_not_approve_a_repeat_that_cannot_be_undone() -> None:
    story = closed()
    approved = set(story.state.decisions.approved)
    story.replay(system="cards")
    assert story.planned("close").digest not in approved and story.planned("freeze").digest in approved
    (gate,) = story.open_gates()
    story.vote(gate, ANNA)
    story.work()
    assert story.readiness("close").waits_for == "gate"
    story.vote(gate, BEN)
    assert story.attempt("close", DONE) is not None
    assert story.step("close").status == "verified" and OLE.actor_id in story.events(e.StepStarted)[-1].caused_by
