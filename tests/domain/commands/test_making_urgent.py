"""A scheduled run becomes an urgent one without a new start: what runs at once, who causes it, and who reviews it."""

from __future__ import annotations

import pytest

from orchestrator.documents.runs.permissions import Permissions
from orchestrator.domain import events as e
from orchestrator.domain.commands.starts import making_urgent
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.organisation.starts import StartsState, fold_starts
from orchestrator.domain.packet import packet as packet_models
from orchestrator.domain.packet.packet import StartLimits
from orchestrator.domain.permissions.levels import Actor
from tests.domain.run_world import (
    ANNA,
    DAY,
    HOUR,
    HR,
    MINUTE,
    MONDAY,
    OLE,
    ROBOT,
    SAM,
    Story,
    account,
    actor,
    at_cutoff,
    packet,
)

HEIDI = actor("heidi", "requester", "safety_owner")


def scheduled() -> Story:
    story = Story(at=MONDAY + 30 * DAY)
    story.knows(HEIDI)
    return story


def test_reversible_removals_run_at_once_and_the_rest_waits_for_approval() -> None:
    story = scheduled()
    story.attempt("look")
    assert story.readiness("disable").waits_for == "time"
    assert [step.name for step in making_urgent.before_gates(story.state, story.world)] == ["disable", "sessions"]
    story.later(HOUR)
    story.make_urgent()
    assert story.state.urgent and story.state.cutoff == story.now
    assert making_urgent.before_gates(story.state, story.world) == []
    assert set(story.work()) == {"disable", "sessions"}
    assert story.readiness("freeze").waits_for == "gate" and story.readiness("remove").kind == "waiting"
    assert ("urgent_review", "") in story.exceptions()
    assert story.refolded() == story.state


def test_the_account_that_makes_a_run_urgent_causes_what_runs_before_approval() -> None:
    story = scheduled()
    story.make_urgent(by=HEIDI)
    story.attempt("look")
    story.later(MINUTE)
    story.search()
    assert story.readiness("disable").caused_by == ("heidi",)
    with pytest.raises(NotAllowed, match="own_review"):
        story.accept(story.exception("urgent_review"), by=HEIDI)
    story.accept(story.exception("urgent_review"), by=SAM)


@pytest.mark.parametrize(
    ("by", "code"),
    [(ANNA, "urgent_not_allowed"), (OLE, "urgent_not_allowed"), (ROBOT, "only_people")],
    ids=lambda one: getattr(one, "actor_id", one),
)
def test_only_people_who_can_start_urgently_make_a_run_urgent(by: Actor, code: str) -> None:
    story = scheduled()
    with pytest.raises(NotAllowed, match=code):
        story.make_urgent(by=by)
    assert not story.state.urgent and not Permissions(story.state, story.world, by).make_urgent()


def test_it_needs_a_recent_sign_in() -> None:
    story = scheduled()
    with pytest.raises(NotAllowed, match="step_up_needed"):
        making_urgent.make_urgent(story.state, None, HR, story.world)


def test_the_packet_in_use_can_forbid_it() -> None:
    story = scheduled()
    story.today(packet(approvals=("  allowed_to: [requester]", "  allowed_to: [lead]")))
    with pytest.raises(NotAllowed, match="urgent_not_allowed"):
        story.make_urgent()


def test_an_urgent_a_finished_and_a_dry_run_stay_as_they_are() -> None:
    urgent = Story(urgent=True)
    assert urgent.make_urgent() == []
    over = scheduled()
    over.end()
    with pytest.raises(TooLate, match="run_finished"):
        over.make_urgent()
    dry = Story(phase="shadow")
    with pytest.raises(Invalid, match="dry_run_urgent"):
        dry.make_urgent()


def test_a_cutoff_that_has_passed_stays() -> None:
    story = at_cutoff()
    before = story.state.cutoff
    story.later(HOUR)
    story.make_urgent()
    assert story.state.urgent and story.state.cutoff == before


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_a_step_that_approvers_refused_keeps_its_gate(verdict: str) -> None:
    story = scheduled()
    [gate] = [one.gate_id for one in story.events(e.GateOpened) if one.gate == "access"]
    story.vote(gate, ANNA, verdict, excluded=("disable",) if verdict == "approve" else ())
    story.make_urgent()
    assert "disable" not in story.work()
    assert story.readiness("disable").kind == "stopped"


@pytest.mark.parametrize("before", [True, False])
def test_an_account_that_one_person_selected_before_keeps_its_gate(before: bool) -> None:
    story = Story(at=MONDAY + 30 * DAY, ready=False)
    story.finds["code"] = [account("code", "ada2", number="E-2"), account("code", "ada3", number="E-3")]
    story.search()
    if before:
        story.settle("code", "a-code-ada2")
        story.later(MINUTE)
    story.make_urgent()
    if not before:
        story.later(MINUTE)
        story.settle("code", "a-code-ada2")
    for id_ in [id_ for id_ in story.state.work.exceptions if "access_kept" in id_]:
        story.accept(id_, by=HR)
    assert story.state.goes_before_gates(story.planned("disable")) is not before
    assert ("disable" in story.work()) is not before


def test_it_counts_toward_the_limit_on_urgent_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = StartLimits(urgent_per_requester=1)
    monkeypatch.setattr(packet_models, "DEFAULT_START_LIMITS", limits)
    story, starts = scheduled(), StartsState()
    first = making_urgent.admit(starts, story.state, HR, story.world)
    assert first.refused is None
    [counted] = first.events
    assert isinstance(counted, e.StartCounted) and counted.urgent and counted.by == "hr"
    starts = fold_starts(starts, counted, story.now)
    second = making_urgent.admit(starts, story.state, HR, story.world)
    assert second.refused is not None and second.refused.code == "starts_held"
    alone = making_urgent.admit(StartsState(), story.state, HR, story.world, last_of=["operator"])
    assert alone.refused is not None and alone.refused.code == "last_holder"
