"""Removals of which nothing shows whether they took effect, and which a person reports as done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain.errors import NotAllowed, TooLate
from orchestrator.domain.measures.access_end import access_end
from orchestrator.domain.measures.added_exposure import added_exposure
from orchestrator.domain.measures.exposure import exposure
from orchestrator.domain.measures.outcomes import systems_open
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.steps.steps import AttemptResult
from tests.domain.commands.test_kept_access import kept
from tests.domain.run_world import ANNA, CATALOGUE, DAY, EVENING, HR, MINUTE, OLE, SAM, Story, actor, at_cutoff, packet

UNKNOWN = AttemptResult("refused", "unknown", "nonsense")


def attested(step: str = "disable", by: Actor = OLE) -> Story:
    """A step of which nothing shows whether it took effect, and a person who reports that it did."""
    story = at_cutoff()
    story.knows(by)
    if step == "sessions":
        story.attempt("disable")
    intent = story.begin(step)
    assert intent is not None
    story.finish(intent, UNKNOWN)
    assert story.exceptions() == [("outcome_unknown", step)]
    story.complete(step, by=by)
    assert story.step(step).status == "attested"
    return story


@pytest.mark.parametrize("step", ["disable", "sessions"])
def test_hr_confirms_a_removal_that_an_operator_reports_as_done(step: str) -> None:
    story = attested(step)
    opened = kept(story)
    assert (opened.step_id, opened.system, opened.owners) == (story.id(step), "code", ("requester", "value_owner"))
    for by in (OLE, ANNA, SAM):
        with pytest.raises(NotAllowed, match="role_missing"):
            story.accept(opened.exception_id, by=by)
    other = actor("ole2", "requester", human=OLE.human)
    story.knows(other)
    with pytest.raises(NotAllowed, match="second_person_needed"):
        story.accept(opened.exception_id, by=other)
    story.later(DAY)
    story.search()
    story.work()
    story.later(DAY)
    story.search()
    story.work()
    assert not story.state.finished, "the run does not complete without HR"
    story.accept(opened.exception_id, by=HR)
    assert story.state.finish == "clean" and story.refolded() == story.state
    with pytest.raises(TooLate, match="run_finished"):
        story.retry(step)


@pytest.mark.parametrize("ending", ["accepted", "cancelled"])
def test_access_counts_as_removed_once_hr_has_confirmed_it(ending: str) -> None:
    story = attested("sessions")
    later = EVENING + 2 * DAY
    assert access_end(story.state) is None and exposure(story.state, story.world).whole.still_open
    moved = added_exposure(story.state, later, story.now)
    assert systems_open(story.state) == ["code"] and moved is not None and moved.systems == ("code",)
    if ending == "cancelled":
        story.end()
        assert access_end(story.state) is None and exposure(story.state, story.world).whole.verified is None
        return
    story.accept(kept(story).exception_id, by=HR)
    end = access_end(story.state)
    assert end is not None and end.gone_at == EVENING == exposure(story.state, story.world).whole.verified
    assert systems_open(story.state) == []


@pytest.mark.parametrize("by", [HR, OLE], ids=["HR", "operator"])
@pytest.mark.parametrize("again", [False, True])
def test_a_reported_removal_is_proven_by_another_attempt(by: Actor, again: bool) -> None:
    story = attested()
    story.retry("disable", again=again, by=by)
    assert story.exceptions() == [] and story.step("disable").status == "retrying"
    assert (story.step("disable").generation, story.step("disable").ordered_by) == (2, by.actor_id)
    intent = story.begin("disable")
    assert intent is not None and intent.look_first and intent.may_act
    story.finish(intent, AttemptResult(read="done", acted=False))
    assert story.step("disable").status == "verified" and "access_kept" not in [kind for kind, _ in story.exceptions()]
    with pytest.raises(TooLate, match="nothing_to_retry"):
        story.retry("disable")
    assert story.refolded() == story.state


def test_a_proof_that_comes_later_needs_no_confirmation_any_more() -> None:
    story = attested()
    story.retry("disable")
    intent = story.begin("disable")
    assert intent is not None
    story.finish(intent, UNKNOWN)
    assert story.exceptions() == [("outcome_unknown", "disable")], "it is unknown again"
    story.complete("disable")
    assert kept(story).step_id == story.id("disable")


@pytest.mark.parametrize(("repeat", "waits", "acts"), [("never", False, False), ("keyed", True, True)])
def test_a_reported_removal_is_not_repeated_under_a_new_key_while_the_call_can_take_effect(
    repeat: str, waits: bool, acts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = replace(CATALOGUE["forge"]["disable"], repeat=repeat, keyed_for=DAY)  # type: ignore[type-var]
    monkeypatch.setattr(
        "tests.domain.run_world.CATALOGUE", CATALOGUE | {"forge": CATALOGUE["forge"] | {"disable": once}}
    )
    story = attested()
    story.retry("disable")
    if waits:
        assert story.readiness("disable").waits_for == "lease"
        story.later(10 * MINUTE)
        story.search()
    intent = story.begin("disable")
    assert intent is not None and intent.may_act is acts and intent.look_first is not waits


def test_a_reported_removal_is_repeated_with_the_permission_to_change_the_system() -> None:
    story = attested()
    platform = packet(platform=("  - {who: requester, systems: [code], up_to: change}\n", ""))
    story.world = replace(story.world, pinned=platform, current=platform)
    with pytest.raises(NotAllowed, match="level_not_granted"):
        story.retry("disable", by=HR)
    story.retry("disable", by=OLE)


def test_no_one_confirms_what_hr_reports_nor_what_removes_no_access() -> None:
    both = actor("bo", "operator", "requester")
    assert "access_kept" not in [kind for kind, _ in attested(by=both).exceptions()]
    story = at_cutoff()
    story.attempt("pay", UNKNOWN)
    story.complete("pay")
    assert "access_kept" not in [kind for kind, _ in story.exceptions()]
    not_done = at_cutoff()
    not_done.attempt("disable", UNKNOWN)
    not_done.complete("disable", "not_done")
    assert not_done.exceptions() == [("step_failed", "disable")]
    not_done.skip("disable")
    assert kept(not_done).step_id == not_done.id("disable")
