"""Dry runs in memory that were compared with what people did. Three of their steps are decided a day after the cutoff
(`DECIDED`), and `remove`, which is due a day after the cutoff, after seven days."""

from __future__ import annotations

from typing import Any

from orchestrator.domain import events as e
from orchestrator.domain.run.comparison.results import AFTER, can_be_compared, step_results
from orchestrator.domain.run.comparison.twins import with_twin
from orchestrator.domain.run.run import RunState
from tests.domain.run_world import MINUTE, OLE, Story

DECIDED = ("disable", "sessions", "freeze")


def dry_run() -> Story:
    story = Story(phase="shadow")
    assert story.state.dry and story.state.plan.planned_at is not None
    return story


def beside(**more: Any) -> Story:
    """A twin whose plan is complete."""
    story = Story(phase="shadow", ready=False, **more)
    _, asked = with_twin(story.state.asked, story.state.packet_version)
    story.state, story.log, story.keys = RunState(), [], set()
    story.append([asked])
    story.search()
    return story


def read(story: Story, when: e.ComparisonRead, every: str = "not_done", **outcomes: str) -> None:
    """Reads each step that can be compared; `outcomes` by the name of a step, `every` for all others."""
    if when != "plan":
        story.at(story.state.cutoff + AFTER[when] + MINUTE)
    steps = [step for step in story.state.plan.steps.values() if can_be_compared(step)]
    story.append(
        [
            e.StepCompared.model_validate(
                {"step_id": one.step_id, "digest": one.digest, "read": when, "outcome": outcomes.get(one.name, every)}
            )
            for one in steps
        ]
    )


def compared(**outcomes: str) -> Story:
    """Nothing was done when the plan was complete; `outcomes` are of the read a day after the cutoff."""
    story = dry_run()
    read(story, "plan")
    read(story, "day", "done", **outcomes)
    return story


def find_change(story: Story, change_id: str) -> None:
    story.append(
        [e.ChangeFound(change_id=change_id, system="cards", account_id="a-2", what="account_disabled", read="day")]
    )


def judge(story: Story, about: str, verdict: Any) -> None:
    """`about` is the name of a step, or the id of a change."""
    step = story.state.plan.steps.get(story.id(about))
    story.append(
        [
            e.DifferenceJudged(
                about=story.id(about),
                digest=step.digest if step else "",
                system=step.system if step else "cards",
                verdict=verdict,
                by=OLE.actor_id,
                human=OLE.human,
                reason="seen in the console",
            )
        ]
    )


def results(story: Story) -> dict[str, str]:
    """By the name of the step."""
    return {story.state.plan.steps[id_].name: result for id_, result in step_results(story.state).items()}
