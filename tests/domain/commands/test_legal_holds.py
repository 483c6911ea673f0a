"""Legal holds: what destroys data waits until every hold is lifted, by a second person; access is removed meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import Refusal
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.run.legal_holds import destroying_steps, destroys
from orchestrator.domain.run.steps.steps import why_no_call
from tests.domain.run_world import (
    ANNA,
    DAY,
    EVENING,
    HOUR,
    HR,
    LOST,
    MINUTE,
    OLE,
    PERSON_ID,
    ROBOT,
    SAM,
    WORKFLOW,
    Story,
    actor,
    packet,
)

LEX, LUZ = actor("lex", "legal"), actor("luz", "legal")
ERASES = ("ability: remove, needs: [sessions, hand_over]", "ability: erase, needs: [sessions, hand_over]")
LEGAL = "legal_hold: {allowed_to: [legal]}\nexceptions:\n"


def with_legal(when: str | None = None, workflow: tuple[str, str] = ERASES) -> Packet:
    spec = LEGAL if when is None else LEGAL.replace("}", f", when: '{when}'}}")
    return packet(workflow=workflow, approvals=("exceptions:\n", spec))


def at_deletion(story: Story | None = None) -> Story:
    """Everything approved and done but the deletion, whose date has come."""
    story = story or Story(with_legal())
    story.knows(LEX, LUZ)
    story.approve_all()
    story.complete("hand_over")
    story.attempt("look")
    story.at(EVENING + timedelta(milliseconds=1))
    story.search()
    story.work()
    story.at(EVENING + DAY + MINUTE)
    story.search()
    return story


def standing(story: Story) -> dict[str, str]:
    found = destroying_steps(story.state, story.world.pinned, story.world.abilities)
    return {step.name: how for step, how in found}


def code_of(refused: pytest.ExceptionInfo[Refusal]) -> str:
    return str(refused.value.code)


def test_only_what_destroys_waits_although_it_is_approved() -> None:
    story = Story(with_legal())
    story.knows(LEX, LUZ)
    story.place_legal_hold(by=LEX)
    story = at_deletion(story)
    assert {story.step(name).status for name in ("disable", "sessions", "freeze", "close", "pay")} == {"verified"}
    assert story.readiness("remove").waits_for == "legal_hold"
    assert story.begin("remove") is None
    assert story.exceptions() == [("legal_hold", "remove")]
    asked = story.state.work.exceptions[story.exception("legal_hold")].opened
    assert asked.owners == ("legal", "requester", "value_owner"), "HR and those who can lift the hold"
    story.later(300 * DAY)
    assert not story.state.finished, "the deletion is still to be done"


def test_it_runs_once_a_second_person_lifted_the_hold() -> None:
    story = at_deletion()
    story.place_legal_hold(by=LEX)
    story.later(90 * DAY)
    assert story.open_gates() == [], "the approval has lapsed, and is not asked for while the hold is in force"
    story.lift_legal_hold(by=LUZ)
    story.approve_all()
    assert story.exceptions() == [], "also none about a step that waited for long"
    story.later(MINUTE)
    story.search()
    assert story.work() == ["remove"]
    assert story.state.finish == "clean"


def test_who_placed_it_does_not_lift_it_with_whatever_account() -> None:
    story = at_deletion()
    other_account = actor("lex2", "legal", human=LEX.human)
    story.knows(other_account)
    story.place_legal_hold(by=LEX)
    for by in (LEX, other_account):
        with pytest.raises(Refusal) as refused:
            story.lift_legal_hold(by=by)
        assert code_of(refused) == "second_person_needed"
    story.lift_legal_hold(by=LUZ)
    assert not story.state.legal_hold


def test_owners_of_the_packet_lift_it_where_no_other_person_has_the_role() -> None:
    story = at_deletion()
    story.place_legal_hold(by=LEX)
    with pytest.raises(Refusal) as refused:
        story.lift_legal_hold(by=SAM)
    assert code_of(refused) == "role_missing", "another person of legal can"
    story.without_role("luz", "legal")
    story.lift_legal_hold(by=SAM)
    assert not story.state.legal_hold


def test_the_leavers_reports_lift_it_if_only_the_person_who_placed_it_is_no_report() -> None:
    """The head of a company leaves: everyone reports to the leaver but the person who placed the hold."""
    story = at_deletion()
    story.place_legal_hold(by=LEX)
    story.without_role("luz", "legal")
    rob, sue = actor("rob", "legal", above=[PERSON_ID]), actor("sue", "safety_owner", above=[PERSON_ID])
    story.knows(rob, sue)
    with pytest.raises(Refusal) as refused:
        story.lift_legal_hold(by=rob)
    assert code_of(refused) == "reports_to_person", "a safety owner can, who is no report"
    story.without_role("sam", "safety_owner")
    with pytest.raises(Refusal) as refused:
        story.lift_legal_hold(by=LEX)
    assert code_of(refused) == "second_person_needed"
    story.lift_legal_hold(by=rob)
    assert not story.state.legal_hold


@pytest.mark.parametrize("by", [ANNA, OLE, ROBOT], ids=lambda one: one.actor_id)
def test_others_neither_place_nor_lift(by: object) -> None:
    story = at_deletion()
    with pytest.raises(Refusal):
        story.place_legal_hold(by=by)  # type: ignore[arg-type]  # an actor of the parameters
    story.place_legal_hold(by=LEX)
    with pytest.raises(Refusal):
        story.lift_legal_hold(by=by)  # type: ignore[arg-type]  # as above


def test_the_leaver_and_the_leavers_reports_neither_place_nor_lift() -> None:
    story = at_deletion()
    ada, rob = actor("ada", "legal", human=PERSON_ID), actor("rob", "legal", above=[PERSON_ID])
    story.knows(ada, rob)
    for by, code in ((ada, "own_run"), (rob, "reports_to_person")):
        with pytest.raises(Refusal) as refused:
            story.place_legal_hold(by=by)
        assert code_of(refused) == code
    story.place_legal_hold(by=LEX)
    for by, code in ((ada, "own_run"), (rob, "reports_to_person")):
        with pytest.raises(Refusal) as refused:
            story.lift_legal_hold(by=by)
        assert code_of(refused) == code


def test_hr_places_and_lifts_where_the_packet_names_no_roles() -> None:
    story = at_deletion(Story(packet(workflow=ERASES)))
    eve = actor("eve", "requester")
    story.knows(eve)
    with pytest.raises(Refusal):
        story.place_legal_hold(by=LEX)
    story.place_legal_hold(by=HR)
    story.lift_legal_hold(by=eve)


def test_each_hold_is_lifted_on_its_own() -> None:
    story = at_deletion()
    story.place_legal_hold(by=LEX)
    story.place_legal_hold(by=LUZ)
    with pytest.raises(Refusal) as refused:
        story.lift_legal_hold(by=LUZ)
    assert code_of(refused) == "several_legal_holds"
    story.lift_legal_hold("hold-1", by=LUZ)
    assert story.readiness("remove").waits_for == "legal_hold"
    assert story.exceptions() == [("legal_hold", "remove")]
    with pytest.raises(Refusal) as refused:
        story.lift_legal_hold("hold-1", by=LUZ)
    assert code_of(refused) == "legal_hold_lifted"
    with pytest.raises(Refusal) as refused:
        story.lift_legal_hold("hold-9", by=LUZ)
    assert code_of(refused) == "unknown_legal_hold"
    story.lift_legal_hold("hold-2", by=LEX)
    assert story.readiness("remove").kind == "ready"
    assert story.refolded().legal_holds == story.state.legal_holds


def test_an_accepted_wait_is_reported_again_for_another_hold_only() -> None:
    story = at_deletion()
    story.place_legal_hold(by=LEX)
    story.accept(story.exception("legal_hold"), by=HR)
    story.later(30 * DAY)
    assert story.exceptions() == [] and not story.state.finished
    story.place_legal_hold(by=LUZ)
    assert story.exceptions() == []
    story.lift_legal_hold("hold-1", by=LUZ)
    assert story.exceptions() == [("legal_hold", "remove")]


def test_a_pause_of_the_run_does_not_end_the_exception() -> None:
    story = at_deletion()
    story.place_legal_hold(by=LEX)
    story.hold(by=HR)
    assert ("legal_hold", "remove") in story.exceptions()


def test_a_kept_step_can_be_skipped_so_that_the_run_ends_under_the_hold() -> None:
    story = at_deletion()
    story.place_legal_hold(by=LEX)
    story.skip("remove")
    assert story.state.finish == "with_exceptions"
    story.lift_legal_hold(by=LUZ)
    assert not story.state.legal_hold, "it is not carried over to the next run"


def test_an_attempt_in_flight_is_stopped_just_before_its_call() -> None:
    story = at_deletion()
    intent = story.begin("remove")
    assert intent is not None and intent.destroys
    assert why_no_call(story.state, intent, story.now) is None
    story.place_legal_hold(by=LEX)
    assert why_no_call(story.state, intent, story.now) == "legal_hold"
    assert standing(story) == {"remove": "may_have_happened"}
    story.finish(intent, replace(LOST, happened="no", code="legal_hold"))
    assert story.exceptions() == [("legal_hold", "remove")]
    story.later(HOUR)
    assert story.exceptions() == [("legal_hold", "remove")], "a step that waits for a hold is not failing"
    assert standing(story) == {"remove": "waits"}


def test_a_step_that_does_not_destroy_is_not_stopped() -> None:
    story = Story(with_legal())
    story.knows(LEX)
    intent = story.begin("look")
    story.place_legal_hold(by=LEX)
    assert intent is not None and why_no_call(story.state, intent, story.now) is None


def test_a_lost_reply_may_have_happened_and_is_not_repeated_under_the_hold() -> None:
    story = at_deletion()
    story.attempt("remove", LOST)
    story.place_legal_hold(by=LEX)
    story.later(HOUR)
    story.search()
    assert story.begin("remove") is None
    assert standing(story) == {"remove": "may_have_happened"}


def test_what_was_destroyed_before_the_hold_is_named() -> None:
    story = at_deletion(
        Story(
            with_legal(
                workflow=(
                    WORKFLOW[WORKFLOW.index("  - {name: pay") :],
                    """\
  - {name: pay, title: Pay, system: cards, ability: pay, needs: [hand_over], at: cutoff, gate: money}
  - {name: remove, title: Remove, system: code, ability: erase, needs: [sessions], at: cutoff+P1D, gate: access}
  - {name: more, title: More, task: {role: operator, instruction: Delete the rest., destroys: true}, at: cutoff+P2D}
""",
                )
            )
        )
    )
    assert story.work() == ["remove"]
    story.place_legal_hold(by=LEX)
    assert standing(story) == {"remove": "done", "more": "waits"}


def test_a_task_that_deletes_data_is_withdrawn_and_opens_again() -> None:
    task = ("Hand everything over.}", "Delete the mailbox., destroys: true}")
    story = Story(with_legal(workflow=task))
    story.knows(LEX, LUZ)
    opened = next(iter(story.state.work.tasks))
    story.place_legal_hold(by=LEX)
    assert not story.state.work.tasks[opened].open
    assert story.exceptions() == [("legal_hold", "hand_over")]
    story.lift_legal_hold(by=LUZ)
    assert [task.open for task in story.state.work.tasks.values()] == [False, True]
    story.complete("hand_over")


def test_the_requester_does_not_lift_a_hold_of_the_packet() -> None:
    story = at_deletion(Story(packet(workflow=ERASES)))
    eve = actor("eve", "requester")
    story.knows(eve)
    story.append([e.LegalHoldPlaced(hold_id="hold-1")])
    with pytest.raises(Refusal) as refused:
        story.lift_legal_hold(by=HR)
    assert code_of(refused) == "second_person_needed"
    story.lift_legal_hold(by=eve)


def test_a_new_plan_and_a_new_packet_version_keep_the_hold() -> None:
    story = at_deletion()
    story.place_legal_hold(by=LEX)
    story.replan()
    story.later(MINUTE)
    story.search()
    assert story.state.legal_hold and story.begin("remove") is None
    story.today(packet(workflow=ERASES))
    assert story.state.legal_hold and story.begin("remove") is None
    with pytest.raises(Refusal) as refused:
        story.lift_legal_hold(by=OLE)
    assert code_of(refused) == "role_missing", "an operator lifts no hold under any version"


def test_in_a_process_without_the_connector_what_cannot_be_undone_waits() -> None:
    story = at_deletion()
    story.place_legal_hold(by=LEX)
    story.world = replace(story.world, abilities={**story.world.abilities, "forge": {}})
    assert standing(story)["remove"] == "waits" and story.begin("remove") is None


@pytest.mark.parametrize(
    "reversible, cuts, kept",
    [("no", False, True), ("limited", False, True), ("yes", False, False), ("no", True, False)],
)
def test_a_process_without_the_connector_keeps_what_cannot_be_undone_for_good(
    reversible: str, cuts: bool, kept: bool
) -> None:
    story = Story(with_legal())
    step = story.planned("remove").model_copy(update={"reversible": reversible, "cuts_access": cuts})
    assert destroys(step, story.world.pinned, {}) is kept


def test_an_urgent_run_keeps_the_hold_and_removes_access_at_once() -> None:
    story = Story(with_legal(), urgent=True)
    story.knows(LEX)
    story.place_legal_hold(by=LEX)
    story.work()
    assert story.step("disable").status == "verified"
    assert story.begin("remove") is None


def test_no_hold_is_placed_on_a_finished_run() -> None:
    story = at_deletion()
    story.work()
    assert story.state.finished
    with pytest.raises(Refusal) as refused:
        story.place_legal_hold(by=LEX)
    assert code_of(refused) == "run_finished"


@pytest.mark.parametrize("between", ["remove", "file"], ids=["directly", "with a step between"])
def test_a_removal_of_access_does_not_wait_for_what_a_hold_keeps(between: str) -> None:
    """The packet deletes on a system before it removes access in another place."""
    story = Story(
        with_legal(
            workflow=(
                WORKFLOW[WORKFLOW.index("  - {name: freeze") :],
                f"""\
  - {{name: remove, title: Remove, system: code, ability: erase,
     needs: [sessions, hand_over], at: cutoff, gate: access}}
  - {{name: file, title: File, task: {{role: operator, instruction: File it.}}, needs: [remove], at: cutoff}}
  - name: passwords
    title: Passwords
    task: {{role: operator, instruction: Change the shared passwords., cuts_access: true}}
    needs: [disable, {between}]
    at: cutoff
""",
            )
        )
    )
    story.knows(LEX, LUZ)
    story.place_legal_hold(by=LEX)
    at_deletion(story)
    story.complete("passwords")
    assert story.readiness("remove").waits_for == "legal_hold"
    assert story.readiness("file").waits_for == "predecessors", "what removes no access keeps its order"
