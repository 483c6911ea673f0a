"""What keeps access open for longer is for HR: cancelling, pausing, and what a cancelled run leaves behind."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.documents.runs.permissions import Permissions
from orchestrator.domain import events as e
from orchestrator.domain.commands import systems
from orchestrator.domain.commands.cancelling import systems_left_changed
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.measures.added_exposure import added_exposure
from orchestrator.domain.organisation.organisation import Holds, fold_holds, holds_of
from orchestrator.domain.permissions.levels import Actor
from tests.domain.packet_texts import SampleAbility
from tests.domain.run_world import (
    ANNA,
    CATALOGUE,
    DAY,
    EVENING,
    HOUR,
    HR,
    LEA,
    MONDAY,
    OLE,
    PERSON_ID,
    SAM,
    Story,
    actor,
    at_cutoff,
    packet,
)


@pytest.mark.parametrize("by", [ANNA, LEA, OLE, SAM], ids=lambda one: one.actor_id)
def test_only_hr_cancels_a_run(by: Actor) -> None:
    story = Story()
    with pytest.raises(NotAllowed, match="postpone_not_allowed") as refused:
        story.end(by=by)
    assert "can cancel a run" in refused.value.message and not story.state.finished
    story.end(by=HR)
    assert story.state.finish == "ended"


def test_what_a_cancelled_run_has_changed_is_an_exception_for_each_system() -> None:
    story = at_cutoff()
    assert systems_left_changed(story.state) == (), "what only reads leaves nothing behind"
    story.attempt("disable")
    story.end()
    assert ("left_behind", "code") in story.exceptions()
    assert story.state.work.exceptions["x-left_behind-code"].opened.owners == ("operator",)
    story.accept("x-left_behind-code", by=OLE)
    assert story.exceptions() == []
    nothing = Story()
    nothing.end()
    assert nothing.exceptions() == []


def test_the_leaving_in_hrs_own_record_is_an_exception_of_hr_after_a_cancellation() -> None:
    """Before the cutoff as well: the run has changed nothing, and HR's record still says that the person leaves."""
    story = Story(ready=False, hr_leaving_at=EVENING)
    story.end()
    assert story.exceptions() == [("left_behind", "hr")]
    assert story.state.work.exceptions["x-left_behind-hr"].opened.owners == ("requester", "value_owner")
    story.accept("x-left_behind-hr", by=HR)
    assert story.exceptions() == []


@pytest.mark.parametrize("by", [OLE, SAM], ids=["operator", "safety owner"])
def test_a_pause_by_others_is_confirmed_by_hr(by: Actor) -> None:
    story = Story()
    story.hold(by=by)
    assert story.exceptions() == [("pause_unconfirmed", "")]
    opened = story.state.work.exceptions[story.exception("pause_unconfirmed")].opened
    assert "requester" in opened.owners and "operator" not in opened.owners
    with pytest.raises(NotAllowed, match="role_missing"):
        story.accept(opened.exception_id, by=by)
    story.release(by=by)
    assert story.exceptions() == []
    story.later(story.now - story.now.replace(microsecond=0))
    story.hold(by=HR)
    assert story.exceptions() == [], "HR confirms its own pause"


def test_a_later_cutoff_records_what_it_keeps_open() -> None:
    story = Story()
    story.reschedule(EVENING + 2 * HOUR)
    [moved] = story.events(e.RunRescheduled)
    assert (moved.added_seconds, moved.open_systems, moved.open_privileged) == (7200.0, ("code",), 0)
    story.reschedule(EVENING)
    earlier = story.events(e.RunRescheduled)[-1]
    assert earlier.added_seconds is None and "added_seconds" not in earlier.model_dump()
    story.at(EVENING + HOUR)
    found = added_exposure(story.state, EVENING + 3 * HOUR, story.now)
    assert found is not None and found.longer == 2 * HOUR, "the hour that has passed is not added"
    assert story.refolded() == story.state


def test_a_pause_by_hr_is_resumed_by_hr() -> None:
    story = Story()
    story.hold(by=HR)
    with pytest.raises(NotAllowed, match="postpone_not_allowed"):
        story.release(by=OLE)
    story.release(by=HR)
    assert not story.state.held


@pytest.mark.parametrize(("years", "refused"), [(-6, "past"), (-4, ""), (9, ""), (11, "future")])
def test_a_year_that_is_most_likely_a_typing_error_is_refused(years: int, refused: str) -> None:
    at = EVENING + years * 365 * DAY
    story = Story()
    if not refused:
        story.reschedule(at)
        assert Story(at=at).state.cutoff == story.state.cutoff == at
        return
    for start in (lambda: story.reschedule(at), lambda: Story(at=at)):
        with pytest.raises(Invalid, match="cutoff_implausible") as invalid:
            start()
        assert f"years in the {refused}" in invalid.value.message


def test_a_pause_by_hr_takes_the_place_of_one_by_others() -> None:
    story = Story()
    story.hold(by=OLE)
    story.hold(by=HR)
    assert story.exceptions() == [], "HR confirmed it"
    with pytest.raises(NotAllowed, match="postpone_not_allowed"):
        story.release(by=OLE)
    assert story.hold(by=OLE) == story.hold(by=HR) == [] and story.state.held_by == "hr"
    story.release(by=HR)
    assert not story.state.held and story.refolded() == story.state


def test_a_pause_by_the_safety_owner_is_resumed_by_a_safety_owner_or_hr() -> None:
    story = Story()
    story.hold(by=OLE)
    story.hold(by=SAM)
    assert story.state.held_by == "sam", "it takes the place of an operator's pause"
    with pytest.raises(NotAllowed, match="role_missing"):
        story.release(by=OLE)
    assert story.hold(by=OLE) == [] and story.state.held_by == "sam"
    story.release(by=actor("sue", "safety_owner"))
    story.hold(by=SAM)
    story.release(by=HR)
    story.hold(by=SAM)
    story.without_role("sam", "safety_owner")
    story.release(by=OLE)
    assert not story.state.held and story.refolded() == story.state


# Pauses of a system


@pytest.mark.parametrize("paused", ["code", "*"])
def test_a_paused_system_that_keeps_access_open_past_the_cutoff_is_reported_to_hr(paused: str) -> None:
    story = at_cutoff()
    story.on_hold(paused)
    assert story.exceptions() == [], "not before the cutoff and the packet's patience"
    assert story.progress.due_in is not None
    story.later(timedelta(seconds=story.progress.due_in))
    story.later(HOUR)
    assert story.exceptions() == [("pause_unconfirmed", "code")]
    opened = story.state.work.exceptions[story.exception("pause_unconfirmed")].opened
    assert opened.owners == ("requester", "value_owner")
    with pytest.raises(NotAllowed, match="role_missing"):
        story.accept(opened.exception_id, by=OLE)
    story.on_hold()
    assert story.exceptions() == [], "the system is resumed"
    story.on_hold(paused)
    assert story.exceptions() == [("pause_unconfirmed", "code")], "each pause is reported"
    story.accept(story.exception("pause_unconfirmed"), by=HR)
    story.later(DAY)
    assert ("pause_unconfirmed", "code") not in story.exceptions(), "HR knows"
    story.on_hold()
    story.on_hold(paused)
    assert ("pause_unconfirmed", "code") in story.exceptions(), "HR accepted the pause before, not this one"


def test_a_system_that_was_paused_before_it_was_searched_is_reported_as_well() -> None:
    story = Story(ready=False, holds=["code"])
    story.search()
    story.at(EVENING + HOUR)
    assert ("pause_unconfirmed", "code") in story.exceptions()
    nothing_to_remove = Story(holds=["cards"])
    nothing_to_remove.at(EVENING + HOUR)
    assert ("pause_unconfirmed", "cards") not in nothing_to_remove.exceptions()


def holds(placed: Holds, person_id: str, actors: Mapping[str, Actor], departed: Collection[str] = ()) -> bool:
    return bool(systems.held_back({"code": (1, placed)}, person_id, actors, [packet()], departed))


def test_a_pause_that_only_the_leaver_placed_does_not_hold_their_own_run() -> None:
    ada, ole = actor("ada", "operator", human=PERSON_ID), actor("ole", "operator")
    actors = {one.actor_id: one for one in (ada, ole)}
    own = fold_holds(Holds(), e.HoldPlaced(by="ada"))
    assert own.held and holds(own, "p-other", actors) and not holds(own, PERSON_ID, actors)
    assert systems.hold_system(own, "code", "why", ada, packet(), [], MONDAY) == []
    both = holds_of([e.HoldPlaced(by="ada"), *systems.hold_system(own, "code", "why", ole, packet(), [], MONDAY)])
    assert holds(both, PERSON_ID, actors), "another person paused it as well"
    assert systems.hold_system(both, "code", "why", ole, packet(), [], MONDAY) == []
    assert both.since == 1
    over = fold_holds(both, e.HoldReleased(by="ole"))
    assert not over.held and fold_holds(over, e.HoldPlaced(by="ole")).since == 4


def test_a_pause_that_reports_of_the_leaver_placed_holds_no_run_of_the_leaver_while_another_person_can_pause() -> None:
    ada, rep = actor("ada", "operator", human=PERSON_ID), actor("rep", "operator", above=[PERSON_ID])
    deputy = actor("deputy", "operator", above=["h-rep", PERSON_ID])
    ole, lea, helper = (
        actor("ole", "operator"),
        actor("lea", "safety_owner"),
        actor("bot", "operator", kind="assistant"),
    )
    reports = {one.actor_id: one for one in (ada, rep, deputy, helper, actor("sam", "requester"))}
    everyone = reports | {"ole": ole}
    for by in (["rep"], ["rep", "deputy"], ["ada", "rep"]):
        placed = holds_of(e.HoldPlaced(by=one) for one in by)
        assert holds(placed, "p-other", everyone)
        assert not holds(placed, PERSON_ID, everyone) and not holds(placed, PERSON_ID, reports | {"lea": lea})
        assert holds(placed, PERSON_ID, reports), "no other person can stop a run that goes wrong"
        assert holds(placed, PERSON_ID, everyone, departed={"h-ole"})
        confirmed = holds_of([*(e.HoldPlaced(by=one) for one in by), e.HoldPlaced(by="ole")])
        assert holds(confirmed, PERSON_ID, everyone)
    assert not holds(holds_of([e.HoldPlaced(by="ada")]), PERSON_ID, reports), "never by the leaver alone"
    unknown = holds_of([e.HoldPlaced(by="rep"), e.HoldPlaced(by="gone")])
    assert holds(unknown, PERSON_ID, everyone), "an account that is not known any more"


def test_a_pause_of_everything_that_keeps_a_task_from_removing_access_is_reported_to_hr() -> None:
    task = "task: {role: operator, instruction: Hand everything over.}"
    change = "task: {role: operator, instruction: Change its password., cuts_access: true}\n    at: cutoff"
    paused = Story(packet(workflow=(task, change)))
    paused.on_hold("*")
    paused.at(EVENING)
    assert ("pause_unconfirmed", "hand_over") not in paused.exceptions(), "not before the packet's patience"
    paused.later(HOUR)
    assert ("pause_unconfirmed", "hand_over") in paused.exceptions()
    [opened] = [x.opened for x in paused.state.work.open_exceptions() if x.opened.step_id is not None]
    assert opened.owners == ("requester", "value_owner")
    paused.accept(opened.exception_id, by=HR)
    paused.later(DAY)
    assert ("pause_unconfirmed", "hand_over") not in paused.exceptions(), "HR knows"
    paused.on_hold("code")
    paused.on_hold("*")
    assert ("pause_unconfirmed", "hand_over") not in paused.exceptions(), "the task is open, and can be completed"
    assert paused.refolded() == paused.state


@pytest.mark.parametrize("paused", ["code", "*"])
def test_the_person_who_paused_a_system_does_not_confirm_it_with_another_account(paused: str) -> None:
    by, other = actor("kim", "operator"), actor("kim2", "requester", human="h-kim")
    story = at_cutoff()
    story.knows(by, other)
    story.on_hold(paused)
    story.later(HOUR)
    pause = story.exception("pause_unconfirmed")
    for placed, allowed in (({"kim"}, False), ({"kim", "kim2"}, True), ({"kim", "ole"}, True), ({"gone"}, True)):
        story.world = replace(story.world, held_by={paused: frozenset(placed)})
        assert Permissions(story.state, story.world, other).accept(pause).allowed is allowed, placed
    story.world = replace(story.world, held_by={paused: frozenset({"kim"})})
    with pytest.raises(NotAllowed, match="second_person_needed"):
        story.accept(pause, by=other)
    story.accept(pause, by=HR)


def test_a_pause_of_a_system_without_match_keys_is_reported_to_hr(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = SampleAbility("lock", cuts_access=True, needs_account=False)
    people = CATALOGUE["people"] | {"lock": lock}
    monkeypatch.setattr("tests.domain.run_world.CATALOGUE", CATALOGUE | {"people": people})
    step = "  - {name: lock, title: Lock, system: hr, ability: lock, at: cutoff, gate: access}\n"
    look = "  - {name: look, title: Look, system: code, ability: snapshot}\n"
    story = Story(packet(workflow=(look, look + step)))
    story.approve_all()
    story.on_hold("hr")
    story.at(EVENING + HOUR)
    assert ("pause_unconfirmed", "hr") in story.exceptions(), "access stays open there"
    story.on_hold()
    assert ("pause_unconfirmed", "hr") not in story.exceptions()
    story.attempt("lock")
    story.on_hold("hr")
    story.later(DAY)
    assert ("pause_unconfirmed", "hr") not in story.exceptions(), "it is done"
