"""A restore gives back what the run is recorded to have taken: no more, to no one else, and after approval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.commands import restoring
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.packet.checks.packet_checks import check_packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.run_projection import RunProjection
from orchestrator.domain.planning.restoring_packet import packet_of
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.status import confirmed
from orchestrator.domain.run.steps.steps import AttemptResult
from tests.domain.packet_texts import SampleAbility
from tests.domain.run_world import (
    ANNA,
    CATALOGUE,
    DAY,
    EVENING,
    EVERYBODY,
    HR,
    MINUTE,
    OLE,
    PERSON_ID,
    ROBOT,
    SAM,
    Story,
    account,
    actor,
    packet,
)

GROUPS = ({"id": "1", "name": "Sales"}, {"id": "2", "name": "Admins"})
FORGE = {
    **CATALOGUE["forge"],
    "disable": SampleAbility("disable", cuts_access=True, undone_by="enable"),
    "enable": SampleAbility("enable", gives_access=True),
    "groups": SampleAbility("groups", cuts_access=True, undone_by="join", taken_as="left", recorded_as="groups"),
    "join": SampleAbility("join", gives_access=True),
}
ABILITIES = {**CATALOGUE, "forge": FORGE}
STEPS = "  - {name: freeze, title: Freeze"
MORE = "  - {name: groups, title: Groups, system: code, ability: groups, needs: [look], at: cutoff, gate: access}\n"


def removing(*, reply: Any = GROUPS, snapshot: Any = GROUPS, until: str = "", active: bool | None = True) -> Story:
    """A run at its cutoff, whose steps on `code` are done: `reply` is what the removal from groups named, None for a
    reply that was lost; `snapshot` is what was recorded before."""
    pinned = packet(workflow=(STEPS, MORE + STEPS))
    story = Story(pinned, ready=False)
    story.world = replace(story.world, abilities=ABILITIES)
    story.finds["code"] = [account("code").model_copy(update={"active": active})]
    story.search()
    story.approve_all()
    story.at(EVENING)
    recorded = {"groups": snapshot} if snapshot is not None else {}
    story.attempt("look", AttemptResult(read="done", detail={"read_back": recorded}))
    story.later(timedelta(milliseconds=1))
    story.search()
    if until == "look":
        return story
    story.attempt("disable", AttemptResult(read="done", detail={"reply": {"active": False}}))
    detail = {"found_done": True} if reply is None else {"reply": {"left": reply}}
    story.attempt("groups", AttemptResult(read="done", detail=detail))
    return story


def shown(story: Story) -> dict[str, str]:
    """What a restore would do, by the step's name."""
    found = restoring.preview(story.state, story.world)
    return {one.name: one.why or one.act for one in found.restorations}


def taken(story: Story) -> Mapping[str, Any]:
    """What would be given back, by ability."""
    found = restoring.preview(story.state, story.world)
    return {
        one.ability: [thing["name"] for thing in found.taken.get(one.step_id, ())]
        for one in found.restorations
        if one.act == "restore"
    }


def asked(story: Story, by: Actor = HR, reason: str = "They stay", seen: int | None = None) -> e.RunRequested:
    return restoring.restore(story.state, "r2", reason, seen, by, by, story.world)[0]


def restored(story: Story, *, search: bool = True) -> Story:
    """The run that restores, with its accounts found if they are searched."""
    request, ended = restoring.restore(story.state, "r2", "They stay", None, HR, HR, story.world)
    story.append(ended)
    other = Story(story.world.pinned, ready=False)
    other.finds, other.state, other.log, other.keys = story.finds, RunState(), [], set()
    other.world = replace(
        story.world,
        pinned=packet_of(request, story.world.pinned),
        current=packet_of(request, story.world.current),
    )
    other.append([request])
    if search:
        other.search()
    return other


def names(story: Story) -> set[str]:
    return {step.name for step in story.state.plan.steps.values()}


def test_what_was_taken_is_restored_and_nothing_else() -> None:
    story = removing()
    assert shown(story) == {
        "look": "changes_nothing",
        "hand_over": "not_done",
        "disable": "restore",
        "sessions": "not_done",
        "groups": "restore",
        "freeze": "not_done",
        "close": "not_done",
        "pay": "not_done",
        "remove": "not_done",
    }
    assert taken(story) == {"enable": [], "join": ["Sales", "Admins"]}


def test_a_message_is_no_task_of_a_restore() -> None:
    story = removing()
    told = SampleAbility("disable", repeat="never", read_back=False, takes_nothing=True)
    story.world = replace(story.world, abilities={**ABILITIES, "forge": {**FORGE, "disable": told}})
    assert shown(story)["disable"] == "nothing_taken"


def test_never_more_is_restored_than_the_snapshot_shows() -> None:
    assert taken(removing(snapshot=GROUPS[:1]))["join"] == ["Sales"]
    assert shown(removing(snapshot=[]))["groups"] == "nothing_taken"


def test_without_a_reply_the_snapshot_says_what_was_taken() -> None:
    assert taken(removing(reply=None, snapshot=GROUPS[:1]))["join"] == ["Sales"]
    assert shown(removing(reply=None, snapshot=None))["groups"] == "not_recorded"


def test_what_others_removed_before_is_not_restored() -> None:
    assert taken(removing(reply=GROUPS[:1]))["join"] == ["Sales"]
    assert shown(removing(reply=[]))["groups"] == "nothing_taken"


def test_an_account_that_was_inactive_before_stays_so() -> None:
    assert shown(removing(active=False))["disable"] == "inactive_before"
    assert shown(removing(active=None))["disable"] == "restore"


def test_what_was_skipped_is_not_restored_and_an_unknown_outcome_is_a_task() -> None:
    story = removing(until="look")
    story.attempt("disable", AttemptResult("try_again", "unknown", "reply_lost"))
    story.skip("groups")
    assert shown(story)["groups"] == "not_done" and shown(story)["disable"] == "outcome_unknown"


def test_what_ended_the_account_makes_no_card_usable_again() -> None:
    story = removing()
    story.world = replace(
        story.world,
        abilities={
            **ABILITIES,
            "forge": {**FORGE, "remove": SampleAbility("remove", reversible="no", ends_account=True)},
        },
    )
    story.complete("hand_over")
    story.attempt("sessions")
    story.later(DAY)
    story.search()
    story.attempt("remove")
    assert shown(story)["disable"] == shown(story)["groups"] == "account_ended"
    assert shown(story)["remove"] == "no_inverse" and shown(story)["sessions"] == "signs_in_again"
    assert shown(story)["hand_over"] == "done_by_hand"


@pytest.mark.parametrize("ability", ["disable", "groups"])
def test_a_removal_that_offboard_cannot_undo_is_a_task(ability: str) -> None:
    """It is not enough that the system can undo it, and that it removes access."""
    story = removing()
    facts = replace(FORGE[ability], undone_by="")
    story.world = replace(story.world, abilities={**ABILITIES, "forge": {**FORGE, ability: facts}})
    assert facts.reversible == "yes" and facts.cuts_access
    assert shown(story)[ability] == "no_inverse"


def test_a_restore_is_never_urgent() -> None:
    """It removes no access, and what it gives is approved before."""
    other = restored(removing())
    with pytest.raises(Invalid, match="restore_urgent"):
        other.make_urgent()


@pytest.mark.parametrize("days", [-1, 1])
def test_a_restore_has_no_cutoff_to_change(days: int) -> None:
    other = restored(removing())
    with pytest.raises(Invalid, match="restore_cutoff"):
        other.reschedule(other.state.cutoff + timedelta(days=days))


def test_an_open_run_is_cancelled_and_the_account_comes_before_its_groups() -> None:
    story = removing()
    other = restored(story)
    assert story.state.finish == "ended" and not story.state.work.open_exceptions()
    assert names(other) == {"undo_disable", "undo_groups"} and other.state.restores == "r1"
    other.approve_all()
    assert other.work() == ["undo_disable", "undo_groups"]
    assert other.state.finish == "clean" and other.state.watch.since is None
    assert not any(step.removes_access for step in other.state.plan.steps.values())


def test_approval_is_by_those_who_decided_about_the_removal_and_never_by_the_requester_or_the_person() -> None:
    other = restored(removing())
    [gate] = other.state.decisions.gates.values()
    assert (gate.opened.gate, gate.opened.roles) == ("restore_access", ("approver",))
    leaver = actor("ada", "approver", "requester", human=PERSON_ID)
    asker = actor("second", "approver", human="h-hr")
    report = actor("report", "approver", above=(PERSON_ID,))
    other.knows(leaver, asker, report)
    for one in (leaver, asker, report, ROBOT, HR, OLE):
        with pytest.raises(NotAllowed):
            other.vote(gate.opened.gate_id, one)
    assert other.begin("undo_disable") is None
    other.vote(gate.opened.gate_id, ANNA)
    other.later(timedelta(milliseconds=1))
    other.search()
    assert {step for step in ("undo_disable", "undo_groups") if other.begin(step)} == {"undo_disable"}


def test_the_strictest_gate_says_how_many_approve() -> None:
    story = removing()
    pinned = packet(workflow=(STEPS, MORE.replace("gate: access", "gate: money") + STEPS))
    story.world = replace(story.world, pinned=pinned, current=pinned)
    request = asked(story)
    gate = packet_of(request, pinned).approvals.gates["restore_access"]
    assert (gate.decided_by, gate.quorum, gate.title) == (("approver",), 2, "Restore access")


def test_a_packet_can_say_who_approves_a_restore() -> None:
    own = "  restore_access: {title: Back, decided_by: [lead], decide_within: P1D, valid_for: P7D}\n"
    pinned = packet(approvals=("urgent:\n", own + "urgent:\n"))
    gate = packet_of(asked(removing()), pinned).approvals.gates["restore_access"]
    assert gate.decided_by == ("lead",)


def test_an_account_that_is_gone_or_of_another_person_gets_nothing() -> None:
    for found in ([], [account("code", "bob", "E-1", "Bob")], [account("code", "ada", "E-2", "Ada Lovelace")]):
        story = removing()
        story.finds["code"] = found
        other = restored(story)
        assert not any(step.account_id == "a-code-ada" for step in other.state.plan.steps.values())
        other.approve_all()
        assert other.work() == []


def test_hrs_own_record_is_a_task_for_hr() -> None:
    story = Story(ready=False, hr_leaving_at=EVENING)
    story.search()
    story.at(EVENING - MINUTE)
    request, ended = restoring.restore(story.state, "r2", "They stay", None, HR, HR, story.world)
    [record] = [one for one in request.restorations if one.act != "none"]
    assert (record.why, record.system) == ("record_in_hr", "hr") and ended
    [step] = packet_of(request, story.world.pinned).workflow.steps
    assert step.task is not None and step.task.evidence_required and "leaving date back in HR" in step.task.instruction
    assert request.hr_leaving_at == EVENING


def test_who_may_restore() -> None:
    story = removing()
    leaver = actor("ada", "requester", human=PERSON_ID)
    report = actor("report", "requester", above=(PERSON_ID,))
    for one, code in (
        (OLE, "level_not_granted"),
        (ANNA, "postpone_not_allowed"),
        (SAM, "postpone_not_allowed"),
        (ROBOT, "only_people"),
        (leaver, "own_run"),
        (report, "reports_to_person"),
        (actor("service", "requester", kind="service"), "only_people"),
    ):
        story.world = replace(story.world, actors={**EVERYBODY, one.actor_id: one})
        with pytest.raises(NotAllowed) as refused:
            asked(story, by=one)
        assert refused.value.code in (code, "postpone_not_allowed"), one.actor_id


def test_what_cannot_be_restored_is_refused() -> None:
    story = removing()
    with pytest.raises(Invalid, match="reason_missing"):
        asked(story, reason=" ")
    with pytest.raises(TooLate, match="restore_outdated"):
        asked(story, seen=story.state.version - 1)
    other = restored(story)
    with pytest.raises(TooLate, match="restore_of_restore"):
        restoring.preview(other.state, other.world)
    with pytest.raises(TooLate, match="dry_run_restore"):
        restoring.preview(Story(phase="shadow").state, story.world)
    with pytest.raises(TooLate, match="nothing_to_restore"):
        asked(removing(until="look"))


def test_a_restore_does_not_end_the_persons_access_to_offboard() -> None:
    other = restored(removing())
    assert not confirmed(other.state)
    other.approve_all()
    assert not confirmed(other.state)
    other.work()
    assert other.state.finish == "clean" and confirmed(other.state)


def test_the_things_are_personal_and_shown_to_readers_of_the_system_only() -> None:
    other = restored(removing())
    assert "taken" in e.RunRequested.personal_fields()
    assert all("Sales" not in str(step) for step in other.state.plan.steps.values())
    whole = RunProjection.of(other.state, ANNA, other.world).state().asked
    hidden = RunProjection.of(other.state, actor("gus", "guest"), other.world).state().asked
    assert whole.taken and not hidden.taken and not hidden.restorations


def test_no_packet_can_give_access() -> None:
    pinned = packet(workflow=("ability: sessions", "ability: enable"))
    found = [problem.message for problem in check_packet(pinned, ABILITIES)]
    assert any("'enable' restores what a run removed" in message for message in found)


def test_access_that_was_removed_after_a_restore_is_not_given_again_without_a_new_approval() -> None:
    """An administrator disables the account after the restore. A replay, which a program can request, gives access only
    once people have approved it again."""
    other = restored(removing())
    other.approve_all()
    assert other.work() == ["undo_disable", "undo_groups"]
    other.replay(from_step="undo_disable")
    [gate] = other.open_gates()
    assert other.asked_at(gate) == {"undo_disable", "undo_groups"} and other.work() == []
    with pytest.raises(NotAllowed):
        other.vote(gate, HR)
    other.vote(gate, ANNA)
    assert other.work() == ["undo_disable", "undo_groups"] and other.state.finish == "clean"
