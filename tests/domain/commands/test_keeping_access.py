"""What keeps access open for longer is for HR: cancelling, pausing, and what a cancelled run leaves behind."""

from __future__ import annotations

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.commands.requests import systems_left_changed
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.measures.added_exposure import added_exposure
from orchestrator.domain.permissions.levels import Actor
from tests.domain.run_world import ANNA, DAY, EVENING, HOUR, HR, LEA, OLE, SAM, Story, at_cutoff


@pytest.mark.parametrize("by", [ANNA, LEA, OLE, SAM], ids=lambda one: one.actor_id)
def test_only_hr_cancels_a_run(by: Actor) -> None:
    story = Story()
    with pytest.raises(NotAllowed, match="postpone_not_allowed") as refused:
        story.end(by=by)
    assert "can cancel a run" in refused.value.message and not story.state.finished
    story.end(by=HR)
    assert story.state.finish == "ended"


def test_what_a_cancelled_run_has_changed_is_an_exception_for_each_system() -> None:
    story = at_cutoff()
    assert systems_left_changed(story.state) == (), "what only reads leaves nothing behind"
    story.attempt("disable")
    story.end()
    assert ("left_behind", "code") in story.exceptions()
    assert story.state.work.exceptions["x-left_behind-code"].opened.owners == ("operator",)
    story.accept("x-left_behind-code", by=OLE)
    assert story.exceptions() == []
    nothing = Story()
    nothing.end()
    assert nothing.exceptions() == []


@pytest.mark.parametrize("by", [OLE, SAM], ids=["operator", "safety owner"])
def test_a_pause_by_others_is_confirmed_by_hr(by: Actor) -> None:
    story = Story()
    story.hold(by=by)
    assert story.exceptions() == [("pause_unconfirmed", "")]
    opened = story.state.work.exceptions[story.exception("pause_unconfirmed")].opened
    assert "requester" in opened.owners and "operator" not in opened.owners
    with pytest.raises(NotAllowed, match="role_missing"):
        story.accept(opened.exception_id, by=by)
    story.release(by=OLE)
    assert story.exceptions() == []
    story.later(story.now - story.now.replace(microsecond=0))
    story.hold(by=HR)
    assert story.exceptions() == [], "HR confirms its own pause"


def test_a_later_cutoff_records_what_it_keeps_open() -> None:
    story = Story()
    story.reschedule(EVENING + 2 * HOUR)
    [moved] = story.events(e.RunRescheduled)
    assert (moved.added_seconds, moved.open_systems, moved.open_privileged) == (7200.0, ("code",), 0)
    story.reschedule(EVENING)
    earlier = story.events(e.RunRescheduled)[-1]
    assert earlier.added_seconds is None and "added_seconds" not in earlier.model_dump()
    story.at(EVENING + HOUR)
    found = added_exposure(story.state, EVENING + 3 * HOUR, story.now)
    assert found is not None and found.longer == 2 * HOUR, "the hour that has passed is not added"
    assert story.refolded() == story.state


def test_a_pause_by_hr_is_resumed_by_hr() -> None:
    story = Story()
    story.hold(by=HR)
    with pytest.raises(NotAllowed, match="postpone_not_allowed"):
        story.release(by=OLE)
    story.release(by=HR)
    assert not story.state.held


@pytest.mark.parametrize(("years", "refused"), [(-6, "past"), (-4, ""), (9, ""), (11, "future")])
def test_a_year_that_is_most_likely_a_typing_error_is_refused(years: int, refused: str) -> None:
    at = EVENING + years * 365 * DAY
    story = Story()
    if not refused:
        story.reschedule(at)
        assert Story(at=at).state.cutoff == story.state.cutoff == at
        return
    for start in (lambda: story.reschedule(at), lambda: Story(at=at)):
        with pytest.raises(Invalid, match="cutoff_implausible") as invalid:
            start()
        assert f"years in the {refused}" in invalid.value.message


def test_a_pause_by_hr_takes_the_place_of_one_by_others() -> None:
    story = Story()
    story.hold(by=OLE)
    story.hold(by=HR)
    assert story.exceptions() == [], "HR confirmed it"
    with pytest.raises(NotAllowed, match="postpone_not_allowed"):
        story.release(by=OLE)
    assert story.hold(by=OLE) == story.hold(by=HR) == [] and story.state.held_by == "hr"
    story.release(by=HR)
    assert not story.state.held and story.refolded() == story.state
