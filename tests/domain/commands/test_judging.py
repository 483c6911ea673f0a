"""People judge how a dry run differs from what was done."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.domain.commands.judging import judge_difference, judging_roles
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal
from orchestrator.domain.permissions.levels import Actor
from tests.domain.run.compared_runs import beside, find_change, read, results
from tests.domain.run_world import ANNA, HR, OLE, PERSON_ID, ROBOT, SAM, Story, actor


def compared() -> Story:
    story = beside()
    read(story, "plan")
    read(story, "day", "done", freeze="not_done")
    find_change(story, "c1")
    return story


def judged(story: Story, about: str, verdict: str, by: Actor = OLE, reason: Any = "seen in the console") -> None:
    about = story.id(about) if about not in story.state.comparison.changes else about
    story.append(judge_difference(story.state, about, verdict, reason, by, story.world))


def test_the_roles_of_hr_and_of_those_who_own_the_packet_judge() -> None:
    story = compared()
    assert set(judging_roles(story.world.current)) == {"requester", "value_owner", "safety_owner", "operator"}
    for by in (HR, OLE, SAM):
        judged(story, "freeze", "people_missed", by)
    assert results(story)["freeze"] == "people_missed"
    leaver = actor("ada", "operator", human=PERSON_ID)
    for by, code in ((ANNA, "role_missing"), (ROBOT, "only_people"), (leaver, "own_run")):
        with pytest.raises(NotAllowed) as refused:
            judged(story, "freeze", "plan_wrong", by)
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("about", "verdict", "reason", "code"),
    [
        ("freeze", "plan_wrong", " ", "reason_missing"),
        ("freeze", "plan_wrong", None, "reason_missing"),
        ("freeze", "plan_missed", "why", "unknown_verdict"),
        ("freeze", "agreed", "why", "unknown_verdict"),
        ("disable", "plan_wrong", "why", "no_difference"),
        ("disable", "people_missed", "why", "no_difference"),
        ("hand_over", "wrong_account", "why", "no_difference"),
        ("c1", "people_missed", "why", "unknown_verdict"),
    ],
)
def test_what_is_refused(about: str, verdict: str, reason: str | None, code: str) -> None:
    story = compared()
    before = story.state
    with pytest.raises(Refusal) as refused:
        judged(story, about, verdict, reason=reason)
    assert refused.value.code == code and story.state == before


def test_whose_an_account_is_can_be_said_of_a_step_that_agrees() -> None:
    story = compared()
    judged(story, "disable", "wrong_account")
    judged(story, "c1", "out_of_scope")
    assert results(story)["disable"] == "wrong_account"


def test_only_dry_runs_have_differences() -> None:
    for story, about, code in ((Story(), "disable", "no_difference"), (compared(), "", "unknown_difference")):
        with pytest.raises(Invalid) as refused:
            judge_difference(story.state, about and story.id(about), "wrong_account", "why", OLE, story.world)
        assert refused.value.code == code
