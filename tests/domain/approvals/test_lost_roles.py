"""What becomes of the votes of a person who loses the role before the gate is decided."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.domain.approvals import gates
from tests.domain.run_world import ANNA, BEN, Story


def test_a_vote_does_not_count_once_its_voter_has_lost_the_role() -> None:
    story = Story()
    story.vote("g-money-1", ANNA)
    story.without_role("anna", "approver")
    assert ("decider_missing", "g-money-1") in story.exceptions(), "one of two votes is missing, and only Ben is left"
    story.vote("g-money-1", BEN)
    assert story.state.decisions.gates["g-money-1"].open
    story.knows(ANNA)
    story.append([])
    assert story.state.decisions.gates["g-money-1"].outcome == "approved", "the role was given back"


def test_a_rejection_does_not_count_once_its_voter_has_lost_the_role() -> None:
    """Both happen before the run is looked at again."""
    story = Story()
    rejected = gates.vote(story.state, "g-money-1", ANNA, "reject", (), "no", story.world)
    story.world = replace(
        story.world, actors={**story.world.actors, "anna": ANNA.model_copy(update={"roles": frozenset()})}
    )
    story.append(rejected)
    assert story.state.decisions.gates["g-money-1"].open
