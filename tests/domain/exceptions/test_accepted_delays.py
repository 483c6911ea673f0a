"""Delays that one person accepts: a step that keeps failing, and a system that can't be checked."""

from __future__ import annotations

from tests.domain.run_world import DAY, DONE, MINUTE, NOT_YET, Story, account, at_cutoff


def test_a_delay_that_one_person_accepted_is_an_exception_again_after_a_day() -> None:
    """It keeps access open, and nothing else in the run says so."""
    story = at_cutoff()
    story.attempt("disable", NOT_YET)
    story.later(15 * MINUTE)
    for number in range(3):
        story.accept(story.exception("step_failing"))
        assert ("step_failing", "disable") not in story.exceptions()
        story.later(DAY - MINUTE)
        assert ("step_failing", "disable") not in story.exceptions(), "accepted for a day"
        story.later(MINUTE)
        assert ("step_failing", "disable") in story.exceptions(), f"after {number + 1} days"
    story.search()
    story.attempt("disable", DONE)
    assert ("step_failing", "disable") not in story.exceptions() and story.refolded() == story.state


def test_a_system_that_is_still_not_checked_is_an_exception_again_after_a_day() -> None:
    story = Story(ready=False)
    story.finds["code"] = None
    story.failure = "unknown_attribute"
    story.search()
    story.accept(story.exception("search_failed"))
    story.later(DAY - MINUTE)
    assert ("search_failed", "code") not in story.exceptions()
    story.later(MINUTE)
    assert ("search_failed", "code") in story.exceptions()
    story.finds["code"] = [account("code")]
    story.search()
    assert ("search_failed", "code") not in story.exceptions()
