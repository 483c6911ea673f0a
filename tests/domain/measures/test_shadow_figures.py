"""The figures of a packet version in phase shadow, compared with counts by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.measures.shadow_figures import EVIDENCE, ShadowFigures, Share, is_compared, shadow_figures
from orchestrator.domain.run.run import RunState
from tests.domain.run.compared_runs import DECIDED, compared, dry_run, find_change, judge, read
from tests.domain.run_world import DAY, EVENING, MONDAY, Story

LATER = EVENING + 30 * DAY


def of(story: Story, person: str, *, days: int = 0) -> RunState:
    """The dry run, of this person and requested so many days later."""
    state = story.state
    asked = state.asked.model_copy(update={"person_id": person, "run_id": f"r-{person}-{days}"})
    return replace(state, request=asked, requested_at=state.requested_at + timedelta(days=days))


def figures(runs: Iterable[RunState], now: datetime = LATER) -> ShadowFigures:
    known = list(runs)
    version = known[0].packet_version if known else ""
    return shadow_figures(known, "leaver", version, now)


def test_the_figures_of_twelve_people_equal_a_count_by_hand() -> None:
    """Each has three steps that are decided after a day: 36. Of these: one was done before; two were missed by people;
    one is wrong, one is on an account of another person, one is not judged; one may have ended. Agreed: the other 29.
    Two changes are missing in the plan, one is out of scope, one is not judged."""
    stories = [compared() for _ in range(5)]
    stories += [compared(sessions="may_have_ended"), compared(freeze="not_done"), compared(disable="not_done")]
    for story, step in zip(stories[6:8], ("freeze", "disable"), strict=True):
        judge(story, step, "people_missed")
    wrong = compared(disable="not_done", freeze="not_done")
    judge(wrong, "disable", "plan_wrong")
    judge(wrong, "freeze", "wrong_account")
    before = dry_run()
    read(before, "plan", disable="done")
    read(before, "day", "done")
    changed = compared()
    for change_id in ("c1", "c2", "c3", "c4"):
        find_change(changed, change_id)
    judge(changed, "c1", "plan_missed")
    judge(changed, "c2", "plan_missed")
    judge(changed, "c3", "out_of_scope")
    stories += [wrong, before, changed, compared(freeze="other_value")]
    assert len(stories) == 12
    found = figures(of(story, f"p-{number}") for number, story in enumerate(stories))
    assert found == ShadowFigures(
        people=12,
        days=1,
        agreed=29,
        people_missed=2,
        plan_wrong=1,
        wrong_accounts=1,
        unjudged_steps=1,
        plan_missed=2,
        out_of_scope=1,
        unjudged_changes=1,
        done_before=1,
        not_compared=1 + 12 * 3,
        not_read=12,
    )
    assert (found.precision, found.recall) == (Share(31, 34), Share(29, 32))
    assert found.evidence() == {
        "shadow.people": 12,
        "shadow.days": 1,
        "shadow.recall": 29 / 32,
        "shadow.precision": 31 / 34,
        "shadow.wrong_accounts": 1,
        "shadow.unjudged": 2,
    }


def test_nothing_compared_is_no_share() -> None:
    assert figures([]).evidence() == dict(zip(EVIDENCE, (0, 0, None, None, 0, 0), strict=True))


def test_a_run_counts_once_every_step_was_read_after_a_day() -> None:
    story = dry_run()
    read(story, "plan")
    read(story, "hour", "done")
    assert not is_compared(story.state) and figures([story.state]).people == 0
    read(story, "day", "done")
    assert is_compared(story.state) and (figures([story.state]).people, figures([story.state]).agreed) == (1, 3)


def test_a_person_counts_once_with_the_last_run_that_was_compared() -> None:
    first, second, third = compared(disable="not_done"), compared(), dry_run()
    runs = [of(second, "p-1", days=2), of(first, "p-1"), of(third, "p-1", days=4)]
    found = figures(runs)
    assert (found.people, found.agreed, found.unjudged) == (1, 3, 0)


def test_a_wrong_account_counts_in_runs_that_do_not_count_otherwise() -> None:
    earlier, unread, cancelled = compared(), dry_run(), Story(phase="shadow")
    for story in (earlier, unread, cancelled):
        judge(story, "disable", "wrong_account")
    cancelled_state = replace(of(cancelled, "p-3"), finish="ended")
    runs = [of(earlier, "p-1"), of(compared(), "p-1", days=1), of(unread, "p-2"), cancelled_state]
    found = figures(runs)
    assert (found.people, found.agreed, found.wrong_accounts) == (1, 3, 3)
    assert found.precision == Share(3, 6)


def test_a_wrong_account_counts_after_the_person_was_erased() -> None:
    """No one can be asked whose the account was, and the version made the mistake all the same."""
    story = compared(freeze="not_done")
    judge(story, "disable", "wrong_account")
    erased = of(story, "p-1")
    erased = replace(erased, request=erased.asked.model_copy(update={"facts": None}))
    found = figures([erased, of(compared(), "p-2")])
    assert (found.people, found.wrong_accounts, found.unjudged) == (1, 1, 0)
    assert found.precision == Share(3, 4)


@pytest.mark.parametrize("why", ["cancelled", "erased", "embargo", "other packet", "other version", "production"])
def test_runs_that_are_left_out(why: str) -> None:
    counted, state = of(compared(), "p-1"), of(compared(), "p-2")
    asked = state.asked
    left_out = {
        "cancelled": replace(state, finish="ended"),
        "erased": replace(state, request=asked.model_copy(update={"facts": None})),
        "embargo": replace(state, embargo_until=LATER + DAY),
        "other packet": replace(state, request=asked.model_copy(update={"packet": "contractors"})),
        "other version": replace(state, packet_version="another"),
        "production": replace(state, request=asked.model_copy(update={"phase": "production"})),
    }[why]
    assert figures([counted, state]).people == 2
    assert figures([counted, left_out]) == figures([counted])
    if why == "embargo":
        assert figures([counted, left_out], LATER + DAY).people == 2, "the embargo is over"


def test_days_are_from_the_first_request_to_the_last_read() -> None:
    late = of(compared(), "p-2")
    assert figures([of(compared(), "p-1"), replace(late, requested_at=MONDAY - 13 * DAY)]).days == 14


DAY_READS = st.fixed_dictionaries(
    {step: st.sampled_from(("done", "not_done", "other_value", "may_have_ended", "unknown")) for step in DECIDED}
)
VERDICTS = st.fixed_dictionaries(
    {step: st.sampled_from((None, None, "plan_wrong", "people_missed", "wrong_account")) for step in DECIDED}
)
CHANGES = st.lists(st.sampled_from((None, "plan_missed", "out_of_scope")), max_size=3)


def one(shown: dict[str, str], verdicts: dict[str, str | None], changes: list[str | None]) -> Story:
    story = compared(**shown)
    for step, verdict in verdicts.items():
        if verdict is not None:
            judge(story, step, verdict)
    for number, verdict in enumerate(changes):
        find_change(story, f"c{number}")
        if verdict is not None:
            judge(story, f"c{number}", verdict)
    return story


@given(st.lists(st.tuples(DAY_READS, VERDICTS, CHANGES), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_every_step_and_change_is_counted_once_and_the_order_of_runs_does_not_matter(
    people: list[tuple[dict[str, str], dict[str, str | None], list[str | None]]],
) -> None:
    stories = [one(*person) for person in people]
    runs = [of(story, f"p-{number}") for number, story in enumerate(stories)]
    found = figures(runs)
    assert found == figures(reversed(runs))
    steps = (
        found.agreed
        + found.people_missed
        + found.plan_wrong
        + found.wrong_accounts
        + found.unjudged_steps
        + found.done_before
        + found.not_compared
        + found.not_read
    )
    assert steps == 7 * len(runs), "each plan has seven steps that a dry run does not run"
    assert found.plan_missed + found.out_of_scope + found.unjudged_changes == sum(len(one[2]) for one in people)
    for share in (found.precision, found.recall):
        assert 0 <= share.part <= share.whole
    assert [story.refolded() for story in stories] == [story.state for story in stories]


@given(DAY_READS, CHANGES)
@settings(max_examples=40, deadline=None)
def test_what_is_not_judged_counts_as_the_worst_judgement(shown: dict[str, str], changes: list[str | None]) -> None:
    unjudged = one(shown, {}, changes)
    before = figures([unjudged.state])
    worst, best = one(shown, {}, changes), one(shown, {}, changes)
    for step in DECIDED:
        if shown[step] in ("not_done", "other_value"):
            judge(worst, step, "plan_wrong")
            judge(best, step, "people_missed")
    for number, verdict in enumerate(changes):
        if verdict is None:
            judge(worst, f"c{number}", "plan_missed")
            judge(best, f"c{number}", "out_of_scope")
    lowest, highest = figures([worst.state]), figures([best.state])
    assert (lowest.precision, lowest.recall, lowest.unjudged) == (before.precision, before.recall, 0)
    assert (highest.precision.value or 0) >= (before.precision.value or 0)
    assert (highest.recall.value or 0) >= (before.recall.value or 0)
