"""How long access was open, by system and as a whole."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.domain.measures import outcomes
from orchestrator.domain.measures.exposure import Clock, Exposure, exposure
from tests.domain.run_world import (
    ANNA,
    DAY,
    EVENING,
    HOUR,
    LOST,
    MINUTE,
    MONDAY,
    OLE,
    REFUSED,
    Story,
    account,
    at_cutoff,
    packet,
)


def clock(story: Story) -> Exposure:
    return exposure(story.state, story.world)


def whole(story: Story) -> Clock:
    return clock(story).whole


def test_known_cutoff_approved_executed_verified() -> None:
    story = Story()
    assert clock(story).systems.keys() == {"code"}, "nothing on cards cuts access"
    assert whole(story) == Clock(MONDAY, EVENING, open_for=timedelta(0))
    story.later(HOUR)
    story.approve_all()
    assert whole(story).approved == MONDAY + HOUR
    story.complete("hand_over")
    story.attempt("look")
    story.at(EVENING)
    story.search()
    story.later(MINUTE)
    story.attempt("disable")
    assert (whole(story).executed, whole(story).verified) == (None, None), "sessions are still to be ended"
    story.later(MINUTE)
    intent = story.begin("sessions")
    assert intent is not None and whole(story).executed == EVENING + 2 * MINUTE
    story.later(HOUR)
    assert whole(story).open_for == HOUR + 2 * MINUTE and whole(story).still_open
    story.finish(intent, LOST)
    assert whole(story).verified is None
    story.later(MINUTE)
    story.attempt("sessions")
    done = whole(story)
    assert done.verified == EVENING + HOUR + 3 * MINUTE and done.proof == "verified" and not done.still_open
    assert done.executed == EVENING + 2 * MINUTE, "when it was first begun"
    story.later(DAY)
    assert whole(story) == done and done.open_for == timedelta(seconds=3780)


def test_a_person_who_found_out_makes_it_attested() -> None:
    story = at_cutoff()
    story.attempt("disable")
    story.attempt("sessions", REFUSED)
    assert whole(story).proof is None and whole(story).executed == EVENING
    story.later(HOUR)
    story.retry("sessions", by=OLE)
    story.attempt("sessions")
    assert whole(story).proof == "verified" and whole(story).verified == EVENING + HOUR
    blind = packet(workflow=("ability: sessions, needs", "ability: notify, needs"))
    assert clock(at_cutoff(pinned=blind)).systems.keys() == {"code"}


def test_what_was_left_out_stays_open_as_far_as_the_run_can_tell() -> None:
    story = at_cutoff()
    story.attempt("disable")
    story.skip("sessions")
    story.later(2 * HOUR)
    left = whole(story)
    assert left.verified is None and left.proof == "unverifiable"
    assert left.open_for == 2 * HOUR and left.still_open and left.executed is None
    story.end()
    story.later(DAY)
    assert whole(story).open_for == 2 * HOUR, "after its end the run says nothing more"


def test_a_run_that_was_ended_leaves_it_unverifiable() -> None:
    story = at_cutoff()
    story.later(HOUR)
    story.end()
    assert whole(story).proof == "unverifiable" and whole(story).open_for == HOUR


def test_a_shadow_run_says_nothing_about_exposure() -> None:
    story = Story(phase="shadow")
    story.at(EVENING + HOUR)
    left = whole(story)
    assert left.open_for is None and not left.still_open and left.proof == "unverifiable"
    assert left.approved is None


def test_an_urgent_run_waits_for_no_approval_and_counts_from_its_start() -> None:
    story = Story(urgent=True, at=None)
    story.later(timedelta(milliseconds=1))
    story.search()
    story.work()
    done = whole(story)
    assert done.approved is None and done.cutoff == MONDAY
    assert done.proof == "verified" and done.verified is not None and done.verified >= MONDAY


def test_someone_without_an_account_is_exposed_nowhere_and_an_open_question_is_open() -> None:
    story = Story(ready=False)
    assert clock(story).systems.keys() == {"code"}, "before anybody looked it may be open"
    story.finds["code"] = [account("code"), account("code", "other")]
    story.search()
    story.at(EVENING + HOUR)
    asked = clock(story)
    assert asked.systems["code"].open_for == HOUR and asked.whole.still_open
    assert asked.whole.approved is None and asked.whole.executed is None
    story.settle("code")
    assert clock(story).systems == {}
    assert not whole(story).still_open and whole(story).open_for is None


def test_a_lapsed_or_withdrawn_decision_is_none() -> None:
    story = Story()
    story.vote("g-access-1", ANNA, excluded=("sessions",))
    assert whole(story).approved is None, "one cut was left out of the decision"
    story.replan(by=ANNA)
    story.later(timedelta(milliseconds=1))
    story.search()
    again = next(gate for gate in story.open_gates() if "sessions" in story.asked_at(gate))
    story.later(HOUR)
    story.vote(again, ANNA)
    assert whole(story).approved is not None and whole(story).approved > MONDAY + HOUR - MINUTE


def test_a_dry_run_saves_no_minutes() -> None:
    saving = packet(workflow=("ability: snapshot}", "ability: snapshot, minutes_saved: 10}"))
    minutes = {}
    for phase in ("shadow", "production"):
        story = Story(saving, phase=phase)
        story.attempt("look")
        minutes[phase] = outcomes.minutes_saved(story.state)
    assert minutes == {"shadow": 0, "production": 10}, "people do everything beside a dry run"
