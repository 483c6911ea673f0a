"""A comparison reads the removals of an open run once more, once each, and changes nothing where a system says
nothing."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.domain import events as e
from orchestrator.domain.run.watch.reading_back import request_read_back, steps_to_compare
from tests.domain.run_world import DAY, HOUR, Story, at_cutoff


def names(story: Story, older_than: timedelta = DAY) -> list[str]:
    return [step.name for step in steps_to_compare(story.state, story.world, older_than)]


def compared(story: Story) -> None:
    ids = tuple(step.step_id for step in steps_to_compare(story.state, story.world, DAY))
    story.append(request_read_back(story.state, ids, story.world, DAY))


def opened() -> Story:
    """One removal is done, the others are not: the run stays open."""
    story = at_cutoff()
    story.attempt("disable")
    return story


def test_a_removal_is_read_once_a_day_while_the_run_is_open() -> None:
    story = opened()
    assert not names(story), "it was verified a moment ago"
    story.later(DAY)
    assert names(story) == ["disable"]
    compared(story)
    assert not names(story), "it is being read"
    assert [due.step_id for due in story.progress.steps if due.step_id == story.id("disable")]
    story.read_again("disable")
    assert not names(story) and story.state.work.steps[story.id("disable")].status == "verified"
    story.later(DAY - HOUR)
    assert not names(story)
    story.later(HOUR)
    assert names(story) == ["disable"]


def test_access_that_is_back_opens_an_exception_and_is_not_removed_by_the_comparison() -> None:
    story = opened()
    story.later(DAY)
    compared(story)
    started = len(story.events(e.StepStarted))
    story.read_again("disable", "not_done")
    assert [known.opened.kind for known in story.state.work.open_exceptions()] == ["access_returned"]
    assert len(story.events(e.StepStarted)) == started


def test_a_system_that_says_nothing_leaves_the_step_as_it_is() -> None:
    story = opened()
    story.later(DAY)
    compared(story)
    read = story.read_again("disable", "unknown", "connection_lost")
    assert isinstance(read, e.StepReadBack) and read.retry_at is None
    known = story.state.work.steps[story.id("disable")]
    assert (known.status, known.reading_again, known.failing_since) == ("verified", None, None)
    assert not story.state.work.open_exceptions()


def test_nothing_is_read_on_a_paused_system_or_in_a_paused_run() -> None:
    story = opened()
    story.later(DAY)
    story.hold()
    assert not names(story)
    story.release()
    assert names(story) == ["disable"]
    asked = (story.id("disable"),)
    story.end()
    assert not request_read_back(story.state, asked, story.world, DAY), "the run is cancelled"
