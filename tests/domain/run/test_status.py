"""Where a run stands, in a word and in the instant from which nothing could be reached any more."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.domain.run.status import access_gone_at
from tests.domain.run_world import EVENING, MINUTE, Story, account, at_cutoff, packet


def test_access_is_gone_with_the_last_step_that_cuts_it() -> None:
    story = at_cutoff()
    assert access_gone_at(story.state) is None
    story.attempt("disable")
    assert access_gone_at(story.state) is None, "sessions are still open"
    story.later(12 * MINUTE)
    story.attempt("sessions")
    assert access_gone_at(story.state) == story.now
    assert timedelta(minutes=12) <= story.now - EVENING < timedelta(minutes=13)
    gone = story.now
    story.later(MINUTE)
    story.work()
    assert access_gone_at(story.state) == gone, "what comes later cuts nothing"


def test_access_that_was_left_open_is_not_gone() -> None:
    story = at_cutoff()
    story.attempt("disable")
    story.skip("sessions")
    story.work()
    assert access_gone_at(story.state) is None


def test_nothing_to_cut_has_no_instant() -> None:
    pinned = packet(platform=("    hosts: [code.example]\n", "    hosts: [code.example]\n    expected: false\n"))
    story = Story(pinned, ready=False)
    story.finds["code"] = []
    story.search()
    assert access_gone_at(story.state) is None


def test_accounts_in_question_may_still_be_open() -> None:
    story = Story(ready=False)
    story.finds["code"] = [account("code", "one"), account("code", "two")]
    story.search()
    assert access_gone_at(story.state) is None
