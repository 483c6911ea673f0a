"""Steps that are parked on a system, which are retried together."""

from __future__ import annotations

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.commands import operating
from orchestrator.domain.errors import Refusal
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.steps.steps import AttemptResult
from tests.domain.run_world import ANNA, DONE, NOT_YET, OLE, PERSON_ID, REFUSED, ROBOT, Story, actor, at_cutoff, packet

GONE = AttemptResult("refused", "unknown", "reply_lost")


def retry(story: Story, step: str, system: str, by: Actor = OLE) -> list[e.Event]:
    return story.append(operating.retry_parked(story.state, story.id(step), system, "it is back", by, story.world))


def refused(story: Story, step: str, system: str, by: Actor = OLE) -> str:
    with pytest.raises(Refusal) as error:
        retry(story, step, system, by)
    return error.value.code


def test_a_failed_step_and_one_with_an_unknown_outcome_are_retried_under_the_same_key() -> None:
    story = at_cutoff()
    story.attempt("disable", REFUSED)
    intent = story.begin("pay")
    assert intent is not None
    story.finish(intent, GONE)
    for step, system in (("disable", "code"), ("pay", "cards")):
        ordered, *_ = retry(story, step, system)
        assert ordered == e.StepRetryOrdered(
            step_id=story.id(step), generation=1, by="ole", on_behalf_of=None, reason="it is back"
        )
        assert refused(story, step, system) == "nothing_to_retry", "a repeat changes nothing"


def test_what_is_not_parked_on_the_system_is_not_retried_with_it() -> None:
    """A retry of one step also undoes a skip, and takes over a step whose requester lost a permission."""
    story = at_cutoff()
    assert refused(story, "disable", "code") == "nothing_to_retry"
    story.attempt("disable", NOT_YET)
    assert refused(story, "disable", "code") == "nothing_to_retry", "it is retried automatically"
    story = at_cutoff()
    story.attempt("disable", REFUSED)
    assert refused(story, "disable", "cards") == "nothing_to_retry"
    story.skip("disable")
    assert refused(story, "disable", "code") == "nothing_to_retry"
    story.retry("disable", by=story.world.actors["hr"])
    story.attempt("disable", DONE)
    assert refused(story, "disable", "code") == "nothing_to_retry"


@pytest.mark.parametrize(
    ("by", "code"),
    [
        (ANNA, "role_missing"),
        (ROBOT, "only_people"),
        (actor("ada", "operator", human=PERSON_ID), "own_run"),
        (actor("stranger", "operator", human=None), "unknown_to_hr"),
    ],
    ids=["other role", "assistant", "leaver", "unknown to HR"],
)
def test_who_can_not_retry_one_step_can_not_retry_several(by: Actor, code: str) -> None:
    story = at_cutoff()
    story.knows(by)
    story.attempt("disable", REFUSED)
    assert refused(story, "disable", "code", by) == code


def test_a_retry_of_several_steps_needs_the_permission_on_the_system() -> None:
    story = at_cutoff()
    story.attempt("disable", REFUSED)
    story.today(
        packet(
            platform=("  - {who: operator, up_to: change}\n", "  - {who: operator, systems: [cards], up_to: change}\n")
        )
    )
    assert refused(story, "disable", "code") == "level_not_granted"
