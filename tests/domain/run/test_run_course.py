"""The course of a run: its start, urgency, dates, operators' commands, its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.commands import operating, requests
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from orchestrator.domain.organisation.organisation import (
    Holds,
    Organisation,
    fold_holds,
    fold_organisation,
)
from orchestrator.domain.organisation.organisation import actor_of as known_actor
from orchestrator.domain.run.status import counts, run_status
from orchestrator.ledger.book.projections import run_rows
from tests.domain.run_world import (
    ANNA,
    DAY,
    EVENING,
    HOUR,
    HR,
    MINUTE,
    MONDAY,
    OLE,
    PERSON,
    PERSON_ID,
    REFUSED,
    ROBOT,
    SAM,
    Story,
    actor,
    cutoff,
    packet,
)


def refused(**more: object) -> Refusal:
    values = {
        "run_id": "r1",
        "person_id": PERSON_ID,
        "person": PERSON,
        "cutoff": cutoff(EVENING),
        "urgent": False,
        "actor": HR,
        "packet": packet(),
        "phase": "production",
        "open_run": None,
        "now": MONDAY,
        **more,
    }
    with pytest.raises(Refusal) as found:
        requests.request_run(**values)  # type: ignore[arg-type]  # one argument at a time is spoiled
    assert found.value.message
    return found.value


def test_what_a_start_is_refused_for() -> None:
    assert refused(actor=actor("x", "nothing")).code == "level_not_granted"
    assert refused(actor=actor("ada", "requester", human=PERSON_ID)).code == "own_run"
    assert refused(phase="draft").code == refused(phase="retired").code == "packet_not_live"
    assert refused(cutoff=None).code == "cutoff_missing"
    already = refused(open_run="r0")
    assert already.code == "run_open" and isinstance(already, TooLate) and "r0" in already.message
    assert refused(urgent=True, actor=actor("x", "operator")).code == "urgent_not_allowed"
    assert refused(urgent=True, actor=ROBOT).code == "only_people"


def test_a_pilot_covers_its_population_only() -> None:
    assert Story(phase="pilot").state.asked.phase == "pilot"
    assert refused(phase="pilot", person=PERSON.model_copy(update={"department": "IT"})).code == "not_in_pilot"
    nobody = packet(workflow=('pilot: person.department == "Sales"\n', ""))
    assert refused(phase="pilot", packet=nobody).code == "not_in_pilot"
    broken = packet(workflow=('person.department == "Sales"', "1 / 0 == 1"))
    assert refused(phase="pilot", packet=broken).code == "not_in_pilot"


def test_shadow_reads_and_prepares_only_and_closes_as_shadow() -> None:
    story = Story(phase="shadow")
    assert story.open_gates() == [] and story.state.work.tasks == {}
    assert story.ready() == {"look"}
    assert story.work() == ["look"]
    assert story.state.finish == "shadow" and story.step("disable").status == "withheld"
    assert story.events(e.RunClosed)[0].verified == 1


def test_a_shadow_run_with_a_question_stays_open_until_it_is_settled() -> None:
    story = Story(phase="shadow", ready=False)
    story.finds["code"] = []
    story.search()
    assert story.exceptions() == [("no_account", "code")] and not story.state.finished
    story.settle("code")
    assert story.state.finish == "shadow"


# Urgent


def test_urgent_begins_at_once_with_reversible_steps_that_cut_access() -> None:
    story = Story(urgent=True, at=None)
    assert story.state.cutoff == MONDAY
    story.later(timedelta(seconds=1))
    story.search()
    assert story.ready() == {"look"}, "what is there is recorded first, on the same system"
    story.attempt("look")
    story.search()
    assert story.ready() == {"disable"}
    story.attempt("disable")
    assert story.ready() == {"sessions"}
    assert story.events(e.StepStarted)[1].caused_by == ("hr",)
    assert {name for gate in story.open_gates() for name in story.asked_at(gate)} == {
        "freeze",
        "close",
        "pay",
        "remove",
    }


def test_urgent_never_begins_the_irreversible_before_its_gate() -> None:
    story = Story(packet(workflow=("ability: sessions, needs", "ability: tokens, needs")), urgent=True, at=None)
    story.work()
    assert story.readiness("sessions").waits_for == "gate"
    assert "sessions" in story.asked_at(story.open_gates()[0])


def test_an_urgent_start_is_a_review_that_its_requester_cannot_close() -> None:
    boss = actor("hr", "requester", "safety_owner")
    story = Story(urgent=True, at=None, by=boss)
    review = story.exception("urgent_review")
    assert story.state.work.exceptions[review].opened.due == MONDAY + DAY
    assert story.state.work.exceptions[review].opened.owners == ("safety_owner",)
    for who, code in (
        (boss, "own_review"),
        (actor("hr-other-account", "safety_owner", human="h-hr"), "own_review"),
        (actor("hr", "safety_owner", human=None), "unknown_to_hr"),
        (OLE, "role_missing"),
        (ROBOT, "only_people"),
        (actor("ada", "safety_owner", human=PERSON_ID), "own_run"),
    ):
        with pytest.raises(NotAllowed) as no:
            story.accept(review, by=who)
        assert no.value.code == code, who.actor_id
    story.accept(review, by=SAM)
    assert not story.state.work.exceptions[review].open


def test_ending_an_urgent_run_leaves_its_review_open() -> None:
    story = Story(urgent=True, at=None)
    story.end()
    assert story.exceptions() == [("urgent_review", "")]
    story.accept(story.exception("urgent_review"), by=SAM)
    assert story.exceptions() == [] and story.state.finish == "ended"


def test_an_urgent_run_stays_open_until_it_is_reviewed() -> None:
    story = Story(urgent=True, at=None)
    story.approve_all()
    story.complete("hand_over")
    story.later(DAY)
    story.work()
    assert not story.state.finished and story.exceptions() == [("urgent_review", "")]
    story.accept(story.exception("urgent_review"), by=SAM)
    assert story.state.finish == "clean"


def test_an_urgent_requester_who_loses_the_level_stops_what_has_not_begun() -> None:
    story = Story(urgent=True, at=None)
    story.later(timedelta(seconds=1))
    story.attempt("look")
    story.search()
    story.attempt("disable")
    story.without_role("hr", "requester")
    assert story.begin("sessions") is None and ("level_missing", "sessions") in story.exceptions()
    story.retry("sessions")
    assert "sessions" in story.ready()


# Operators


def test_leaving_out_needs_a_person_with_the_role_and_a_reason() -> None:
    story = Story()
    for who in (ROBOT, actor("bot", "operator", kind="service"), actor("x", "approver")):
        with pytest.raises(NotAllowed):
            story.skip("pay", by=who)
    with pytest.raises(Invalid):
        story.append(operating.skip(story.state, "pay", " ", OLE, story.world))
    intent = story.begin("look")
    assert intent is not None
    with pytest.raises(TooLate):
        story.skip("look")
    story.skip("pay")
    assert story.step("pay").final
    with pytest.raises(TooLate):
        story.skip("pay")


def test_what_was_left_out_is_said_at_the_end() -> None:
    story = Story()
    story.approve_all()
    story.skip("pay")
    story.complete("hand_over")
    story.at(EVENING)
    story.work()
    story.later(DAY)
    story.work()
    assert story.state.finish == "with_exceptions"
    closed = story.events(e.RunClosed)[0]
    assert (closed.verified, closed.attested, closed.skipped) == (6, 1, 1)


def test_a_run_closes_only_when_all_is_final_and_nothing_is_open() -> None:
    story = Story()
    story.approve_all()
    story.complete("hand_over")
    story.at(EVENING)
    story.work()
    assert not story.state.finished
    story.later(DAY)
    story.search()
    story.attempt("remove", REFUSED)
    assert not story.state.finished and run_status(story.state) == "needs_attention"
    story.retry("remove")
    story.attempt("remove")
    assert story.state.finish == "clean"
    closed = e.RunClosed(outcome="clean", verified=7, attested=1, skipped=0, watch_days=(1, 7, 30))
    assert story.events(e.RunClosed) == [closed]


def test_a_finished_run_takes_no_more_commands() -> None:
    story = Story()
    gate = story.open_gates()[0]
    task = next(iter(story.state.work.tasks))
    story.end()
    assert story.state.finish == "ended" and story.exceptions() == [] and story.open_gates() == []
    assert not any(t.open for t in story.state.work.tasks.values())
    for command in (
        lambda: story.vote(gate, ANNA),
        lambda: story.skip("pay"),
        lambda: story.retry("pay"),
        lambda: story.replan(),
        lambda: story.hold(),
        lambda: story.release(),
        lambda: story.end(),
        lambda: story.settle("code"),
        lambda: story.append(operating.complete_task(story.state, task, "done", {"text": "x"}, OLE, story.world)),
    ):
        with pytest.raises(TooLate):
            command()
    assert story.at(EVENING + 100 * DAY) == [] and story.progress.finished
    assert counts(story.state)["open_tasks"] == 0 and run_status(story.state) == "ended"


def test_ending_needs_a_reason_and_an_account_that_may_ask() -> None:
    story = Story()
    with pytest.raises(Invalid):
        requests.end(story.state, " ", HR, story.world)
    with pytest.raises(NotAllowed):
        story.end(by=actor("x", "nothing"))


def test_completing_a_task_needs_its_role_evidence_and_a_person() -> None:
    story = Story()
    with pytest.raises(Invalid):
        story.complete("hand_over", shown=False)
    with pytest.raises(NotAllowed):
        story.complete("hand_over", by=ANNA)
    with pytest.raises(Invalid):
        operating.complete_task(story.state, "t-none", "done", {"text": "x"}, OLE, story.world)
    task = next(iter(story.state.work.tasks))
    story.complete("hand_over")
    attested = story.events(e.StepAttested)[0]
    assert attested.by == "ole" and attested.evidence == {"note": "seen"}
    with pytest.raises(TooLate) as late:
        operating.complete_task(story.state, task, "done", {"text": "x"}, OLE, story.world)
    assert "ole" in late.value.message


def test_saying_that_a_task_was_not_done_needs_a_reason() -> None:
    story = Story()
    task = next(iter(story.state.work.tasks))
    for shown in (None, {"note": "  "}, {"attachments": [{"name": "receipt.pdf"}]}):
        with pytest.raises(Invalid) as refused:
            operating.complete_task(story.state, task, "not_done", shown, OLE, story.world)
        assert refused.value.code == "reason_missing" and task in refused.value.message
    operating.complete_task(
        story.state, task, "not_done", {"note": "The laptop was never handed out."}, OLE, story.world
    )


def test_confirming_an_unknown_outcome_settles_it_either_way() -> None:
    for outcome, status in (("done", "attested"), ("not_done", "failed")):
        story = Story()
        story.approve_all()
        story.complete("hand_over")
        story.at(EVENING)
        story.work()
        story.later(DAY)
        story.search()
        story.attempt("remove", REFUSED.__class__("refused", "unknown", "nonsense"))
        assert story.exceptions() == [("outcome_unknown", "remove")]
        story.complete("remove", outcome)
        assert story.step("remove").status == status
        assert story.exceptions() == ([] if outcome == "done" else [("step_failed", "remove")])


def test_what_is_done_about_an_exception_cannot_be_accepted_away() -> None:
    story = Story()
    story.vote("g-money-1", ANNA, "reject")
    with pytest.raises(Invalid):
        story.accept(story.exception("gate_rejected"))
    with pytest.raises(Invalid):
        story.accept("x-none")


def test_assistants_neither_hold_nor_release_a_run() -> None:
    story = Story()
    with pytest.raises(NotAllowed):
        story.hold(by=ROBOT)
    story.hold()
    with pytest.raises(NotAllowed):
        story.release(by=ROBOT)
    story.release()
    with pytest.raises(NotAllowed):
        story.hold(by=actor("x", "approver"))


# Around runs


def test_roles_are_the_last_seen_less_what_was_revoked() -> None:
    state = Organisation()
    state = fold_organisation(
        state, e.ActorRecorded(actor_id="anna", kind="person", roles=("approver", "lead"), human="h", managers=("m",))
    )
    state = fold_organisation(state, e.RolesRevoked(actor_id="anna", roles=("lead",), by="sam"))
    state = fold_organisation(state, e.RolesRevoked(actor_id="stranger", roles=("lead",), by="sam"))
    assert known_actor(state, "anna").roles == {"approver"} and state.version == 3
    with pytest.raises(NotAllowed):
        known_actor(state, "stranger")


def test_holds_and_persons_fold() -> None:
    held = fold_holds(Holds(), e.HoldPlaced(by="ole"))
    assert held == Holds(1, True) and fold_holds(held, e.HoldReleased(by="ole")) == Holds(2, False)


def test_words_for_lists() -> None:
    story = Story(ready=False)
    assert run_status(story.state) == "searching"
    story.search()
    assert run_status(story.state) == "awaiting_decision"
    story.approve_all()
    assert run_status(story.state) == "scheduled"
    story.hold()
    assert run_status(story.state) == "held"
    story.release()
    story.work()
    assert run_status(story.state) == "in_progress"
    assert counts(story.state)["verified"] == 1
    assert story.progress.due_in == 9 * 3600
    assert MINUTE < HOUR


def test_an_ended_run_leaves_the_inbox_but_for_its_review() -> None:
    for urgent, kinds in ((False, []), (True, ["review"])):
        story = Story(urgent=urgent)
        assert len([row for row in run_rows(story.state) if row[0] == "inbox"]) >= 3
        story.end()
        left = [values["kind"] for (table, _), values in run_rows(story.state).items() if table == "inbox"]
        assert left == kinds
