"""What was done and is not in effect any more: the same follows of a check after the close and of a replay."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.run.watch.watching import checks_due
from orchestrator.ledger.book.codec import EventCodec
from tests.domain.run_world import ANNA, DAY, EVENING, HR, OLE, Story, at_cutoff

Finds = Callable[[Story, str], None]


def by_check(story: Story, name: str) -> None:
    check(story, story.planned(name).system, {story.id(name): story.step(name).generation})


def by_replay(story: Story, name: str) -> None:
    check(story)
    story.replay()
    story.read_again(name, "not_done")
    story.work()


def check(story: Story, at: str = "", back: dict[str, int] | None = None) -> None:
    """Checks what is due after the close. The system `at` shows that the steps `back` are not in effect any more."""
    due = checks_due(story.state, story.world)
    results = [e.WatchedSystem(system=system, outcome="gone") for system in due.systems if system != at]
    if back:
        results.append(e.WatchedSystem(system=at, outcome="access_found", steps=back))
    if results:
        story.append([e.SystemsWatched(day=due.day, results=tuple(results))])


both = pytest.mark.parametrize("finds", [by_check, by_replay])


def found(finds: Finds, name: str, days: float = 1) -> Story:
    story = at_cutoff()
    story.at(EVENING + DAY)
    story.work()
    assert story.state.finish == "clean"
    story.later(days * DAY)
    finds(story, name)
    assert story.exceptions() == [("access_returned", name)]
    return story


@both
def test_what_destroys_is_approved_again_before_it_is_repeated(finds: Finds) -> None:
    story = found(finds, "remove")
    story.retry("remove")
    [gate] = story.open_gates()
    assert story.asked_at(gate) == {"remove"} and story.work() == []
    assert story.readiness("remove").waits_for == "gate", "the approval of the first generation counts no more"
    story.vote(gate, ANNA)
    assert story.work() == ["remove"] and story.step("remove").generation == 2
    assert story.state.finish == "clean" and story.refolded() == story.state


@both
def test_what_destroys_nothing_keeps_its_approval_while_it_is_valid(finds: Finds) -> None:
    story = found(finds, "disable")
    story.retry("disable")
    assert story.open_gates() == [] and story.work() == ["disable"]
    assert story.state.finish == "clean" and story.step("disable").generation == 2


@both
def test_what_destroys_nothing_is_approved_again_once_its_approval_has_expired(finds: Finds) -> None:
    story = found(finds, "disable", days=7)
    story.retry("disable")
    [gate] = story.open_gates()
    assert story.asked_at(gate) == {"disable"} and story.work() == []
    story.vote(gate, ANNA)
    assert story.work() == ["disable"]


@both
def test_hr_and_no_operator_accepts_it_and_the_run_is_not_clean(finds: Finds) -> None:
    story = found(finds, "disable")
    exception_id = story.exception("access_returned")
    with pytest.raises(NotAllowed) as refused:
        story.accept(exception_id, by=OLE)
    assert refused.value.code == "role_missing"
    story.accept(exception_id, by=HR)
    assert story.exceptions() == [] and story.state.finish == "with_exceptions"


@both
def test_a_skip_is_confirmed_by_hr_and_hr_can_still_have_it_repeated(finds: Finds) -> None:
    story = found(finds, "disable")
    story.skip("disable")
    assert story.exceptions() == [("access_kept", "disable")]
    story.retry("disable", by=HR)
    assert story.work() == ["disable"] and story.step("disable").generation == 2
    assert story.step("disable").status == "verified" and story.state.finish == "clean"


@both
def test_what_both_found_is_one_exception(finds: Finds) -> None:
    story = found(finds, "disable")
    if finds is by_check:
        by_replay(story, "disable")
    assert story.exceptions() == [("access_returned", "disable")]
    story.retry("disable")
    assert story.step("disable").generation == 2 and story.exceptions() == []


def test_stored_exceptions_of_the_former_kind_are_read_as_the_merged_one() -> None:
    codec = EventCodec([e.ExceptionOpened])
    public = (
        b'{"code":"effect_undone","due":"2026-11-30T18:00:00Z","exception_id":"x-effect_undone-s-20",'
        b'"gate_id":null,"kind":"effect_undone","owners":["operator"],"step_id":"s","system":"code"}'
    )
    opened = codec.decode("ExceptionOpened", 1, public, None)
    assert isinstance(opened, e.ExceptionOpened)
    assert (opened.kind, opened.exception_id) == ("access_returned", "x-effect_undone-s-20")
