"""A task that asks for the outcome of a call says until when the call can still take effect."""

from __future__ import annotations

from orchestrator.documents.runs.run import may_take_effect_until
from orchestrator.domain.run.steps.steps import AttemptResult
from tests.domain.run_world import at_cutoff


def test_until_the_end_of_the_calls_lease() -> None:
    story = at_cutoff()
    intent = story.begin("pay")
    assert intent is not None
    story.at(intent.started.lease_until)
    story.attempt("pay", AttemptResult(read="unknown", acted=False))
    [task_id] = [id_ for id_, task in story.state.work.tasks.items() if task.opened.kind == "confirm_outcome"]
    assert may_take_effect_until(story.state, task_id) == story.step("pay").in_flight_until
    assert may_take_effect_until(story.state, task_id) > story.now  # type: ignore[operator]  # it is not None
    others = [id_ for id_ in story.state.work.tasks if id_ != task_id]
    assert others and all(may_take_effect_until(story.state, id_) is None for id_ in others)
