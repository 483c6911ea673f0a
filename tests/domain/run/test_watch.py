"""After its close a run is watched: its systems are checked again, and access that came back opens it again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import pytest

from orchestrator.documents.runs.watch import watch_document
from orchestrator.domain import events as e
from orchestrator.domain.errors import NotAllowed, TooLate
from orchestrator.domain.packet.packet_yaml import PacketProblems
from orchestrator.domain.planning.searching import judge
from orchestrator.domain.run.status import confirmed, run_status
from orchestrator.domain.run.watch.watch import next_check
from orchestrator.domain.run.watch.watching import ChecksDue, ReadAgain, checks_due, judge_check, steps_to_read
from tests.domain.run_world import (
    ANNA,
    BEN,
    DAY,
    EVENING,
    HR,
    MINUTE,
    OLE,
    PERSON,
    Story,
    account,
    at_cutoff,
    packet,
)

SYSTEMS = ("code", "cards")


def closed(**more: object) -> Story:
    story = at_cutoff(**more)
    story.at(EVENING + DAY)
    story.work()
    assert story.state.finish == "clean"
    return story


def days_after(story: Story, days: float) -> Story:
    since = story.state.watch.since
    assert since is not None
    story.at(since + timedelta(days=days))
    return story


def due(story: Story) -> ChecksDue:
    return checks_due(story.state, story.world)


def check(
    story: Story, back: Collection[str] = (), fails: Collection[str] = (), unclear: Collection[str] = ()
) -> list[e.Event]:
    """Checks what is due, as the activity does: `back` are the steps that are not in effect any more, `fails` the
    systems that cannot be read, `unclear` the steps whose read-back shows neither."""
    now = due(story)
    results = []
    for system in now.systems:
        if system in fails:
            results.append(e.WatchedSystem(system=system, outcome="failed", code="down"))
            continue
        shown = story.finds[system] or []
        found = judge(PERSON, story.world.pinned, system, "confirm", shown)
        read: dict[str, ReadAgain] = {
            step.step_id: "not_done" if step.name in back else "unknown" if step.name in unclear else "done"
            for step in steps_to_read(story.state, system)
        }
        details = {one.account_id: one.model_dump(mode="json") for one in shown}
        results.append(judge_check(story.state, found, details, read))
    assert results, "nothing is due"
    return story.append([e.SystemsWatched(day=now.day, results=tuple(results))])


def test_every_system_is_checked_1_7_and_30_days_after_the_close() -> None:
    story = closed()
    assert story.progress.finished, "the workflow ends until the next check"
    for day in (1, 7, 30):
        assert not due(days_after(story, day - 0.01)).systems
        assert (due(days_after(story, day)).day, due(story).systems) == (day, SYSTEMS)
        assert (story.progress.search, story.progress.finished) == (SYSTEMS, False)
        check(story)
        assert story.progress.finished
    assert next_check(story.state) is None and story.state.finish == "clean"
    assert len(story.events(e.RunClosed)) == 1 and not story.exceptions()


def test_the_packet_says_the_days_or_none() -> None:
    days = ("pilot: person", "watch: {days: [3]}\npilot: person")
    story = closed(pinned=packet(workflow=days))
    assert next_check(story.state) == (story.state.watch.since, 3 * DAY)
    none = closed(pinned=packet(workflow=("pilot: person", "watch: {days: []}\npilot: person")))
    assert next_check(none.state) is None and not due(days_after(closed(), 0.5)).systems


@pytest.mark.parametrize("days", ["[7, 1]", "[1, 1]", "[0]", "[400]"])
def test_days_that_are_out_of_order_or_out_of_range_are_refused(days: str) -> None:
    with pytest.raises(PacketProblems) as refused:
        packet(workflow=("pilot: person", f"watch: {{days: {days}}}\npilot: person"))
    assert all("watch" in problem.field for problem in refused.value.problems)


def test_a_missed_check_is_made_up_for_by_the_next_one() -> None:
    """Nothing ran for three weeks."""
    story = days_after(closed(), 21)
    assert due(story).day == 7
    check(story)
    assert not due(story).systems and next_check(story.state) == (story.state.watch.since, 30 * DAY)


def test_a_cancelled_run_and_a_dry_run_are_not_watched() -> None:
    cancelled = Story()
    cancelled.end()
    assert next_check(cancelled.state) is None and cancelled.progress.finished
    dry = Story(phase="shadow")
    dry.at(EVENING + DAY)
    dry.work()
    assert dry.state.finish == "shadow" and next_check(dry.state) is None


def test_access_that_came_back_opens_the_run_and_changes_nothing() -> None:
    story = days_after(closed(), 1)
    happened = check(story, back=["disable"])
    assert [type(event) for event in happened] == [e.SystemsWatched, e.RunReopened, e.ExceptionOpened]
    assert story.exceptions() == [("access_returned", "disable")]
    assert (run_status(story.state), story.state.finished_at) == ("needs_attention", None)
    assert confirmed(story.state), "the leaver does not get access to Offboard again"
    assert story.step("disable").status == "verified" and not story.progress.steps, "nothing is done without a person"
    assert story.work() == []


def test_a_retry_removes_the_access_by_a_new_generation_and_the_watch_begins_again() -> None:
    story = days_after(closed(), 1)
    check(story, back=["disable"])
    story.retry("disable")
    assert (story.step("disable").generation, story.exceptions()) == (2, [])
    assert story.work() == ["disable"]
    [first, second] = story.events(e.RunClosed)
    assert (first.reopened, second.reopened, second.outcome) == (0, 1, "clean")
    assert story.state.watch.since == story.state.finished_at
    assert next_check(story.state) == (story.state.finished_at, DAY)
    assert story.state == story.refolded()


def test_a_retry_waits_for_its_gate_once_the_approval_has_expired() -> None:
    story = days_after(closed(), 7)
    check(story, back=["disable"])
    story.retry("disable")
    [gate] = story.open_gates()
    assert story.asked_at(gate) == {"disable"} and story.work() == []
    assert story.readiness("disable").waits_for == "gate"
    story.vote(gate, ANNA)
    assert story.work() == ["disable"]


def test_a_legal_hold_keeps_what_destroys_from_being_done_again() -> None:
    story = days_after(closed(), 1)
    check(story, back=["sessions"])
    story.place_legal_hold()
    story.retry("sessions")
    assert story.work() == ["sessions"], "a legal hold keeps data, and never access"


def test_only_hr_accepts_access_that_came_back_and_the_run_is_not_clean() -> None:
    story = days_after(closed(), 1)
    check(story, back=["disable"])
    [opened] = [event for event in story.events(e.ExceptionOpened) if event.kind == "access_returned"]
    assert opened.owners[0] == "operator" and "requester" in opened.owners
    with pytest.raises(NotAllowed) as refused:
        story.accept(opened.exception_id, by=OLE)
    assert refused.value.code == "role_missing"
    story.accept(opened.exception_id, by=HR)
    assert story.state.finish == "with_exceptions"
    days_after(story, 7)
    check(story, back=["disable"])
    assert story.state.finish == "with_exceptions" and not story.exceptions(), "HR is not asked about the same again"


def test_access_that_comes_back_after_it_was_removed_in_the_system_is_found_again() -> None:
    """A synchronisation enables the account, an administrator disables it, and the synchronisation runs again."""
    story = days_after(closed(), 1)
    check(story, back=["disable"])
    days_after(story, 7)
    check(story)
    assert story.state.finish == "clean" and not story.exceptions()
    days_after(story, 30)
    check(story, back=["disable"])
    assert story.exceptions() == [("access_returned", "disable")] and not story.state.finished
    assert len({opened.exception_id for opened in story.events(e.ExceptionOpened)}) == 2
    story.retry("disable")
    story.approve_all()
    assert story.work() == ["disable"] and story.state.finish == "clean"
    assert story.state == story.refolded()


def test_a_new_account_that_is_created_again_is_found_again() -> None:
    story = closed()
    story.finds["cards"] = [account("cards"), account("cards", "second")]
    check(days_after(story, 1))
    story.finds["cards"] = [account("cards")]
    check(days_after(story, 7))
    assert story.state.finish == "clean" and not story.exceptions()
    story.finds["cards"] = [account("cards"), account("cards", "second")]
    check(days_after(story, 30))
    assert story.exceptions() == [("access_returned", "cards")] and not story.state.finished


def test_access_that_hr_accepted_is_found_again_after_a_check_showed_that_it_was_gone() -> None:
    story = days_after(closed(), 1)
    check(story, back=["disable"])
    story.accept(story.exception("access_returned"), by=HR)
    days_after(story, 7)
    check(story)
    days_after(story, 30)
    check(story, back=["disable"])
    assert story.exceptions() == [("access_returned", "disable")] and not story.state.finished


def test_a_check_that_shows_neither_does_not_close_what_an_earlier_one_found() -> None:
    story = days_after(closed(), 1)
    check(story, back=["disable"])
    days_after(story, 7)
    check(story, unclear=["disable"])
    last = story.state.watch.last("code")
    assert last is not None and (last.result.outcome, last.result.unknown) == ("unknown", (story.id("disable"),))
    assert story.exceptions() == [("access_returned", "disable")] and not story.state.finished
    days_after(story, 30)
    check(story)
    assert not story.exceptions() and story.state.finish == "clean"


def test_a_check_says_which_steps_could_not_be_read_also_where_others_show_access() -> None:
    story = days_after(closed(), 1)
    check(story, back=["disable"], unclear=["sessions"])
    last = story.state.watch.last("code")
    assert last is not None and last.result.outcome == "access_found"
    assert (list(last.result.steps), last.result.unknown) == ([story.id("disable")], (story.id("sessions"),))
    [shown] = [one for one in (watch_document(story.state) or {})["checks"] if one["system"] == "code"]
    assert [[step["name"] for step in shown[part]] for part in ("steps", "unknown")] == [["disable"], ["sessions"]]
    earlier = e.WatchedSystem(system="code", outcome="gone")
    assert "unknown" not in earlier.model_dump(), "events of earlier versions keep their bytes"


def test_a_step_without_a_finding_is_not_retried_after_the_close() -> None:
    story = closed()
    with pytest.raises(TooLate):
        story.retry("disable")
    check(days_after(story, 1), back=["disable"])
    with pytest.raises(TooLate) as refused:
        story.retry("sessions")
    assert refused.value.code == "nothing_to_retry"


def test_a_new_account_is_found_and_planned_for_by_a_new_plan() -> None:
    story = closed()
    story.finds["cards"] = [account("cards"), account("cards", "second")]
    check(days_after(story, 1))
    assert story.exceptions() == [("access_returned", "cards")]
    story.replan()
    assert story.exceptions() == [("access_returned", "cards")]
    story.later(MINUTE)
    story.search()
    assert [kind for kind, _ in story.exceptions()] == ["ambiguous_match"], "a person says whose accounts these are"
    story.settle("cards", "a-cards-ada", "a-cards-second")
    assert story.open_gates(), "what is planned for it is approved first"


def test_an_account_that_a_person_said_is_not_the_leavers_is_no_finding() -> None:
    story = Story(ready=False)
    story.finds["code"] = [account("code"), account("code", "other")]
    story.search()
    story.settle("code", "a-code-ada")
    story.accept(story.exception("access_kept"), by=HR)
    story.approve_all()
    story.complete("hand_over")
    story.attempt("look")
    story.at(EVENING + DAY)
    story.work()
    assert story.state.finish == "clean"
    check(days_after(story, 1))
    assert story.state.finish == "clean"


def test_an_account_that_is_active_again_is_found_though_no_step_is_about_it() -> None:
    story = closed()
    idle = account("cards").model_copy(update={"active": False})
    details = {idle.account_id: idle.model_dump(mode="json")}
    story.finds["cards"] = [idle.model_copy(update={"active": True})]
    days_after(story, 1)
    found = judge(PERSON, story.world.pinned, "cards", "confirm", story.finds["cards"] or [])
    shown = {one.account_id: one.model_dump(mode="json") for one in story.finds["cards"] or []}
    assert judge_check(story.state, found, shown, {}).outcome == "gone"
    searched = e.AccountsSearched(
        results=(judge(PERSON, story.world.pinned, "cards", "confirm", [idle]),), details=details
    )
    story.append([searched])
    assert judge_check(story.state, found, shown, {}).accounts == ("a-cards-ada",)


def test_a_system_that_cannot_be_read_is_tried_again_and_then_opens_an_exception() -> None:
    story = days_after(closed(), 1)
    check(story, fails=["cards"])
    assert story.state.finish == "clean" and not story.exceptions(), "one failure opens nothing"
    assert due(story).systems == () and story.progress.due_in == 1.0 and not story.progress.finished
    story.later(15 * MINUTE)
    assert due(story).systems == ("cards",)
    check(story, fails=["cards"])
    assert story.exceptions() == [("watch_failed", "cards")]
    story.later(5 * MINUTE)
    assert story.progress.search == ("cards",), "it is tried while the exception is open"
    check(story)
    assert story.state.finish == "clean" and not story.exceptions()
    assert next_check(story.state) == (story.state.watch.since, 7 * DAY), "the days are counted from the first close"


def test_a_check_that_a_person_leaves_out_is_made_on_the_next_day_of_the_packet() -> None:
    story = days_after(closed(), 1)
    check(story, fails=["cards"])
    story.later(15 * MINUTE)
    check(story, fails=["cards"])
    story.accept(story.exception("watch_failed"))
    assert (story.state.finish, due(story).systems) == ("with_exceptions", ())
    assert due(days_after(story, 7)).systems == SYSTEMS


def test_a_paused_system_is_not_read() -> None:
    story = days_after(closed(), 1)
    story.on_hold("code")
    assert due(story).systems == ("cards",)
    check(story)
    assert due(story).systems == () and not story.progress.finished, "it is asked again later"
    story.on_hold()
    assert due(story).systems == ("code",)


@pytest.mark.parametrize("cause", ["employed_again", "later_run", "person_erased"])
def test_the_watch_ends_on_the_record(cause: str) -> None:
    story = days_after(closed(), 1)
    story.append([e.WatchEnded.model_validate({"cause": cause})])
    assert next_check(story.state) is None and story.progress.finished
    assert not due(days_after(story, 30)).systems and story.state.finish == "clean"


def test_a_run_that_is_open_again_can_be_cancelled() -> None:
    story = days_after(closed(), 1)
    check(story, back=["disable"])
    story.end()
    assert (story.state.finish, next_check(story.state)) == ("ended", None)


def test_a_read_back_that_shows_nothing_is_neither_proof_nor_a_finding() -> None:
    story = days_after(closed(), 1)
    found = judge(PERSON, story.world.pinned, "code", "confirm", story.finds["code"] or [])
    read = {step.step_id: "unknown" for step in steps_to_read(story.state, "code")}
    assert set(read) == {story.id("disable"), story.id("sessions")}
    assert judge_check(story.state, found, {}, read).outcome == "unknown"  # type: ignore[arg-type]


def test_a_person_who_approves_twice_is_asked_once_for_each_gate() -> None:
    story = days_after(closed(), 30)
    check(story, back=["disable", "sessions"])
    story.retry("disable")
    story.retry("sessions")
    assert len(story.open_gates()) >= 1
    story.approve_all()
    assert set(story.work()) == {"disable", "sessions"}
    assert BEN.actor_id not in {vote.by for vote in story.events(e.GateVoted) if vote.gate_id == "g-access-2"}
