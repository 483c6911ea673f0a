"""The close of a run is signed: what is asked, what a signature is bound to, and which signatures count.

Over 400 lines: one story for each rule, about one section of a packet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.documents.runs.permissions import Permissions
from orchestrator.documents.runs.previews.preview import preview
from orchestrator.domain import events as e
from orchestrator.domain.approvals.close_gates import close_digest, close_record
from orchestrator.domain.errors import Refusal, TooLate
from orchestrator.domain.measures.decided_again import decided_again
from orchestrator.domain.measures.outcomes import approved_at
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.embargo import missing_people
from orchestrator.domain.permissions.postponing import postponing_roles
from orchestrator.domain.permissions.programs import require_harmless_roles
from orchestrator.domain.permissions.run_projection import RunProjection
from orchestrator.domain.planning.uncovered import conflicts
from orchestrator.domain.run.run import RunState, fold
from orchestrator.domain.run.status import run_status
from tests.domain.run_world import (
    ANNA,
    BEN,
    CATALOGUE,
    DAY,
    HOUR,
    HR,
    OLE,
    PERSON_ID,
    REFUSED,
    ROBOT,
    Story,
    account,
    actor,
    at_cutoff,
    packet,
)

CLOSE = """\
close:
  hr: {title: HR signs, decided_by: [hr], decide_within: P2D, valid_for: P30D}
  finance:
    title: Finance signs
    decided_by: [finance]
    decide_within: P2D
    escalate_to: [lead]
    valid_for: P30D
exceptions:
"""
IDA = actor("ida", "hr")
IVO = actor("ivo", "hr")
FAY = actor("fay", "finance")
FLO = actor("flo", "finance")
BOTH = actor("bo", "hr", "finance")


def signed_packet(close: str = CLOSE, **changes: tuple[str, str]) -> Packet:
    return packet(**({"approvals": ("exceptions:\n", close)} | changes))


def at_end(close: str = CLOSE, *people: object, **more: object) -> Story:
    """Every step has ended. Two people of HR and two of finance have signed in, and one with both roles."""
    story = at_cutoff(pinned=signed_packet(close), **more)
    story.knows(*(people or (IDA, IVO, FAY, FLO, BOTH)))  # type: ignore[arg-type]  # actors
    story.work()
    story.later(DAY)
    story.work()
    return story


def sign(story: Story) -> None:
    for gate_id, signer in zip(story.open_gates(), (IDA, FAY), strict=True):
        story.vote(gate_id, signer)


def repeat(story: Story) -> None:
    """A step and what needs it are done again; what can't be undone is approved again."""
    story.replay("freeze")
    story.work()
    for voter in (ANNA, BEN):
        story.vote("g-money-2", voter)
    story.work()


def refusal(story: Story, gate: str, by: object, verdict: str = "approve", excluded: Sequence[str] = ()) -> str:
    with pytest.raises(Refusal) as raised:
        story.vote(gate, by, verdict, excluded)  # type: ignore[arg-type]  # an actor
    return raised.value.code


def test_a_run_whose_steps_have_ended_closes_once_all_have_signed() -> None:
    story = at_end()
    assert story.open_gates() == ["g-hr-1", "g-finance-1"] and not story.state.finished
    assert run_status(story.state) == "awaiting_decision"
    story.vote("g-hr-1", IDA)
    assert story.open_gates() == ["g-finance-1"] and not story.state.finished
    happened = story.vote("g-finance-1", FAY)
    # One append: no crash can come between the last signature and the close.
    assert [type(event) for event in happened] == [e.GateVoted, e.GateDecided, e.RunClosed]
    [closed] = story.events(e.RunClosed)
    assert (closed.outcome, closed.signed_at) == ("clean", ("g-hr-1", "g-finance-1"))
    assert story.refolded() == story.state


def test_a_packet_without_signatures_closes_as_before() -> None:
    story = at_cutoff()
    story.work()
    story.later(DAY)
    story.work()
    [closed] = story.events(e.RunClosed)
    assert closed.signed_at == () and "signed_at" not in closed.model_dump(mode="json")
    assert all("close" not in opened.model_dump(mode="json") for opened in story.events(e.GateOpened))


def test_no_one_is_asked_before_the_last_step_has_ended() -> None:
    story = at_cutoff(pinned=signed_packet())
    story.knows(IDA, FAY)
    story.work()
    assert story.ready() == set() and story.open_gates() == [], "one step is due the next day"
    assert refusal(story, "g-hr-1", IDA) == "unknown_gate"


def test_a_signature_is_bound_to_the_outcome_of_each_step_and_system() -> None:
    story = at_end()
    [hr, finance] = story.events(e.GateOpened)[-2:]
    assert hr.close == finance.close and hr.digests != finance.digests
    assert {one.place: one.outcome for one in hr.close.systems} == {
        "cards": "verified",
        "code": "verified",
        "hand_over": "attested",
    }
    assert {story.state.plan.steps[step.step_id].name: step.status for step in hr.close.steps}[
        "hand_over"
    ] == "attested"
    assert len(hr.close.steps) == 8 and hr.close.exceptions == () and hr.close.outcome == "clean"
    for opened in (hr, finance):
        assert opened.digests == (close_digest("r1", opened.gate, opened.close),), "from the event alone"
    state = RunState()
    for event, at in story.log:
        if event is hr:
            assert close_record(state) == hr.close, "from the events before"
        state = fold(state, event, at)


def test_what_was_accepted_is_signed_and_the_run_is_not_clean() -> None:
    story = at_cutoff(pinned=signed_packet())
    story.knows(IDA, FAY)
    story.attempt("disable")
    story.attempt("freeze", REFUSED)
    story.skip("freeze")
    story.work()
    story.later(DAY)
    story.work()
    opened = story.events(e.GateOpened)[-1]
    assert opened.close.outcome == "with_exceptions"
    assert {one.place: one.outcome for one in opened.close.systems}["cards"] == "with_exceptions"
    sign(story)
    [closed] = story.events(e.RunClosed)
    assert (closed.outcome, closed.skipped) == ("with_exceptions", 1)


def test_a_repeat_between_two_signatures_asks_both_again() -> None:
    story = at_end()
    story.vote("g-hr-1", IDA)
    repeat(story)
    assert refusal(story, "g-finance-1", FAY) == "gate_withdrawn"
    assert story.open_gates() == ["g-hr-2", "g-finance-2"], "the signature of HR was about another outcome"
    sign(story)
    assert story.state.finish == "clean"
    assert story.events(e.RunClosed)[0].signed_at == ("g-hr-2", "g-finance-2")


def test_a_signature_counts_as_long_as_the_outcome_is_the_same() -> None:
    story = at_end()
    story.vote("g-hr-1", IDA)
    story.replay()
    assert story.open_gates() == [], "what is done is read again"
    story.work()
    assert story.open_gates() == ["g-finance-2"]
    story.vote("g-finance-2", FAY)
    assert story.state.finish == "clean" and story.events(e.RunClosed)[0].signed_at == ("g-hr-1", "g-finance-2")


def test_access_that_is_gone_no_longer_asks_all_again() -> None:
    story = at_end()
    story.vote("g-hr-1", IDA)
    story.replay()
    story.read_again("disable", "not_done")
    story.work()
    assert ("access_returned", "disable") in story.exceptions() and story.open_gates() == []
    story.retry("disable")
    story.work()
    assert story.open_gates() == ["g-hr-2", "g-finance-2"]


def test_a_run_that_opens_again_is_signed_again() -> None:
    story = at_end()
    sign(story)
    assert story.state.finished
    story.replay()
    story.work()
    assert story.state.reopened == 1 and story.open_gates() == ["g-hr-2", "g-finance-2"]
    sign(story)
    assert [closed.reopened for closed in story.events(e.RunClosed)] == [0, 1]


def test_access_that_comes_back_after_the_close_is_signed_again() -> None:
    story = at_end()
    sign(story)
    story.at(story.now + DAY + HOUR)
    found = e.SystemsWatched(
        day=1,
        results=(e.WatchedSystem(system="code", outcome="access_found", steps={story.id("disable"): 1}),),
    )
    story.append([found])
    assert ("access_returned", "disable") in story.exceptions() and story.open_gates() == []
    story.knows(actor("hal", "requester", "value_owner"))
    story.accept(story.exception("access_returned"), by=story.world.actors["hal"])
    assert story.open_gates() == ["g-hr-2", "g-finance-2"]
    assert [one.kind for one in story.events(e.GateOpened)[-1].close.exceptions] == ["access_returned"]
    sign(story)
    assert story.state.finish == "with_exceptions"


def test_a_run_that_waits_only_for_signatures_is_not_made_urgent() -> None:
    story = at_end()
    for _ in ("asked", "rejected"):
        with pytest.raises(TooLate, match="only_signatures"):
            story.make_urgent()
        assert not Permissions(story.state, story.world, HR).make_urgent(), "it is not offered"
        if story.open_gates() == ["g-hr-1", "g-finance-1"]:
            story.vote("g-hr-1", IDA, "reject")
    earlier = at_cutoff(pinned=signed_packet())
    assert Permissions(earlier.state, earlier.world, HR).make_urgent(), "steps are open"


def test_an_exception_keeps_people_from_signing() -> None:
    story = at_end()
    story.vote("g-hr-1", IDA)
    asked = e.SecondRequestReceived(
        by="hal", packet="leaver", cutoff=story.now, zone="UTC", local_cutoff="", reason="again"
    )
    story.append([asked])
    assert story.open_gates() == [] and refusal(story, "g-finance-1", FAY) == "gate_withdrawn"
    story.accept(story.exception("second_request"))
    assert story.open_gates() == ["g-finance-2"], "the outcome is the same, and so is the signature of HR"


def ask_twice(story: Story) -> None:
    """HR requests the run once more, which is an exception for HR."""
    asked = e.SecondRequestReceived(
        by="hal", packet="leaver", cutoff=story.now, zone="UTC", local_cutoff="", reason="again"
    )
    story.append([asked])


def half_signed() -> Story:
    """One of the two people of HR that the packet asks for has signed, and then an exception has opened."""
    story = at_end(CLOSE.replace("decided_by: [hr],", "decided_by: [hr], quorum: 2,"))
    story.vote("g-hr-1", IDA)
    ask_twice(story)
    assert story.open_gates() == []
    return story


def test_a_vote_counts_after_an_exception_if_the_outcome_is_the_same() -> None:
    story = half_signed()
    story.accept(story.exception("second_request"))
    assert story.open_gates() == ["g-hr-2", "g-finance-2"]
    first, again = (story.state.decisions.gates[id_] for id_ in ("g-hr-1", "g-hr-2"))
    assert again.opened.continues == "g-hr-1" and again.votes == first.votes
    assert again.opened.valid_until == first.opened.valid_until, "the vote does not count for longer"
    assert refusal(story, "g-hr-2", IDA, "reject") == "already_voted"
    assert refusal(story, "g-finance-2", actor("ida-2", "finance", human=IDA.human)) == "close_signed_once"
    ask_twice(story)
    story.accept(story.exception("second_request"))
    assert story.state.decisions.gates["g-hr-3"].opened.continues == "g-hr-2", "also after a second exception"
    story.vote("g-hr-3", IVO)
    assert story.events(e.GateDecided)[-1].by == ("ida", "ivo")
    story.vote("g-finance-3", FAY)
    assert story.state.finish == "clean" and story.refolded() == story.state


def test_a_vote_does_not_count_after_a_repeat_or_its_expiry() -> None:
    story = half_signed()
    repeat(story)
    story.accept(story.exception("second_request"))
    story.work()
    assert story.state.decisions.gates[story.open_gates()[0]].opened.continues == "", "the outcome is another one"
    story = half_signed()
    story.later(31 * DAY)
    story.accept(story.exception("second_request"))
    again = story.state.decisions.gates["g-hr-2"]
    assert again.open and again.opened.continues == "" and again.votes == ()


def test_a_vote_that_is_carried_over_is_lost_with_its_role() -> None:
    story = half_signed()
    story.accept(story.exception("second_request"))
    story.knows(IDA.model_copy(update={"roles": frozenset()}))
    story.vote("g-hr-2", IVO)
    assert story.state.decisions.gates["g-hr-2"].open


def test_a_gate_is_not_carried_over_with_roles_to_which_the_packet_no_longer_escalates() -> None:
    """The run takes a later version of its packet while the exception is open."""
    close = CLOSE.replace("decided_by: [hr],", "decided_by: [hr], quorum: 2, escalate_to: [lead],", 1)
    for later, roles in ((close, {"hr", "lead"}), (close.replace("escalate_to: [lead], ", "", 1), {"hr"})):
        story = at_end(close)
        story.vote("g-hr-1", IDA)
        story.later(3 * DAY)
        assert story.state.decisions.gates["g-hr-1"].roles == {"hr", "lead"}
        ask_twice(story)
        story.world = replace(story.world, pinned=signed_packet(later))
        story.accept(story.exception("second_request"))
        assert story.state.decisions.gates["g-hr-2"].roles == roles


def test_requester_leaver_reports_and_programs_do_not_sign() -> None:
    requester = HR.model_copy(update={"roles": frozenset({"requester", "hr"})})
    story = at_end(CLOSE, requester, IDA, FAY)
    assert refusal(story, "g-hr-1", requester) == "requester_never_decides"
    assert refusal(story, "g-finance-1", actor("ada", "finance", human=PERSON_ID)) == "own_run"
    assert refusal(story, "g-finance-1", actor("rob", "finance", above=[PERSON_ID])) == "reports_to_person"
    assert (
        refusal(story, "g-finance-1", ROBOT.model_copy(update={"roles": frozenset({"finance"})}))
        == "only_people_decide"
    )
    assert refusal(story, "g-finance-1", OLE) == "role_missing"
    assert refusal(story, "g-hr-1", IDA, excluded=("freeze",)) == "not_at_this_gate", "the close is signed as a whole"


def test_one_person_does_not_sign_as_hr_and_as_finance() -> None:
    story = at_end()
    story.vote("g-hr-1", BOTH)
    assert refusal(story, "g-finance-1", BOTH) == "close_signed_once"
    other = actor("bo-2", "finance", human="h-bo")
    assert refusal(story, "g-finance-1", other) == "close_signed_once", "another account of the same person"
    story.vote("g-finance-1", FAY)
    assert story.state.finish == "clean"


def test_a_person_whose_signature_no_longer_counts_can_sign_for_another() -> None:
    story = at_end()
    story.vote("g-hr-1", BOTH)
    repeat(story)
    story.vote("g-finance-2", BOTH)
    assert refusal(story, "g-hr-2", BOTH) == "close_signed_once"


def test_if_the_only_person_left_has_signed_already_it_is_an_exception() -> None:
    story = at_end(CLOSE, BOTH, FAY)
    story.vote("g-finance-1", BOTH)
    assert ("decider_missing", "g-hr-1") in story.exceptions()
    story.knows(IDA)
    story.append([])
    assert story.exceptions() == []
    story.vote("g-hr-1", IDA)
    assert story.state.finish == "clean"


def test_a_finance_department_that_reports_to_the_leaver_is_no_dead_end() -> None:
    story = at_end(CLOSE, IDA, actor("rob", "finance", above=[PERSON_ID]))
    # The lead, to whom the signature escalates, is asked at once.
    assert story.state.decisions.gates["g-finance-1"].escalated_to == ("lead",)
    assert story.exceptions() == []
    story.vote("g-hr-1", IDA)
    story.vote("g-finance-1", story.world.actors["lea"])
    assert story.state.finish == "clean"


def test_a_role_that_is_lost_takes_the_vote_back() -> None:
    story = at_end(CLOSE.replace("decided_by: [hr],", "decided_by: [hr], quorum: 2,"))
    story.vote("g-hr-1", IDA)
    story.without_role("ida", "hr")
    story.vote("g-hr-1", IVO)
    assert "g-hr-1" in story.open_gates(), "one of two votes counts"
    story.vote("g-hr-1", BOTH)
    assert story.state.decisions.gates["g-hr-1"].outcome == "approved"


def test_a_rejection_is_an_exception_for_it_and_a_correction_asks_again() -> None:
    story = at_end()
    story.vote("g-hr-1", IDA)
    story.vote("g-finance-1", FAY, "reject")
    assert story.exceptions() == [("close_rejected", "g-finance-1")]
    [opened] = [x for x in story.events(e.ExceptionOpened) if x.kind == "close_rejected"]
    assert opened.owners == ("operator",) and run_status(story.state) == "needs_attention"
    story.later(DAY)
    assert story.open_gates() == [], "time asks no one again"
    repeat(story)
    assert story.exceptions() == []
    assert story.open_gates() == ["g-hr-2", "g-finance-2"]
    sign(story)
    assert story.state.finish == "clean"


def test_a_rejection_is_taken_back_by_the_person_who_rejected() -> None:
    story = at_end()
    story.vote("g-hr-1", IDA)
    story.vote("g-finance-1", FAY, "reject")
    story.replan(by=OLE)
    story.later(timedelta(minutes=1))
    story.work()
    assert story.exceptions() == [("close_rejected", "g-finance-1")], "an operator does not take it back"
    assert story.open_gates() == []
    story.replan(by=FAY)
    story.later(timedelta(minutes=1))
    story.work()
    assert story.open_gates() == ["g-finance-2"] and story.exceptions() == [], "the signature of HR still counts"
    story.vote("g-finance-2", FLO)
    assert story.state.finish == "clean"


def test_a_signature_that_is_late_escalates_and_then_is_an_exception() -> None:
    story = at_end()
    assert story.progress.due_in is not None and story.progress.due_in <= timedelta(days=2).total_seconds()
    story.later(2 * DAY)
    assert story.state.decisions.gates["g-finance-1"].escalated_to == ("lead",)
    assert story.exceptions() == [("close_overdue", "g-hr-1")], "HR's signature escalates to no role"
    story.later(2 * DAY)
    assert story.exceptions() == [("close_overdue", "g-finance-1"), ("close_overdue", "g-hr-1")]
    story.accept(story.exception("close_overdue"))
    story.vote("g-hr-1", IDA)
    story.vote("g-finance-1", FAY)
    assert story.state.finish == "clean" and story.exceptions() == []


def test_a_signature_that_has_expired_is_asked_for_again() -> None:
    story = at_end(CLOSE.replace("decide_within: P2D, valid_for: P30D}", "decide_within: P2D, valid_for: P3D}"))
    story.vote("g-hr-1", IDA)
    story.later(3 * DAY)
    assert "g-hr-2" in story.open_gates() and "g-finance-1" in story.open_gates()
    story.vote("g-finance-1", FAY)
    assert not story.state.finished
    story.vote("g-hr-2", IVO)
    assert story.state.finish == "clean"


def test_a_cutoff_that_is_moved_to_a_later_time_withdraws_the_gates() -> None:
    story = at_end()
    story.vote("g-hr-1", IDA)
    story.knows(actor("hal", "requester", "value_owner"))
    story.reschedule(story.now + DAY, by=story.world.actors["hal"])
    assert story.open_gates() == []
    story.later(DAY)
    story.search()
    story.work()
    assert story.open_gates() == ["g-finance-2"] and not story.state.finished


def test_a_cancelled_run_is_not_signed() -> None:
    story = at_end()
    story.knows(actor("hal", "requester", "value_owner"))
    story.end(by=story.world.actors["hal"])
    assert story.open_gates() == [] and refusal(story, "g-hr-1", IDA) == "run_finished"


def test_a_dry_run_is_not_signed() -> None:
    story = Story(pinned=signed_packet(), phase="shadow")
    story.work()
    assert story.events(e.GateOpened) == [] and story.state.finish == "shadow"


def test_an_account_that_appears_is_dealt_with_before_people_sign() -> None:
    story = at_end()
    story.vote("g-hr-1", IDA)
    story.finds["cards"] = [account("cards"), account("cards", "second")]
    story.replan()
    story.later(timedelta(minutes=1))
    story.work()
    assert story.open_gates() == [] and ("ambiguous_match", "cards") in story.exceptions()


def test_a_run_keeps_the_signatures_of_its_packet_version() -> None:
    story = at_end()
    story.today(packet())
    assert story.open_gates() == ["g-hr-1", "g-finance-1"]
    sign(story)
    assert story.state.finish == "clean"
    without = at_cutoff()
    without.today(signed_packet())
    without.work()
    without.later(DAY)
    without.work()
    assert without.state.finish == "clean", "its version asks for none"


def test_people_with_a_role_that_signs_keep_the_permissions_of_hr() -> None:
    """Who approves a removal does not postpone it by default. Who signs the close does."""
    signed = signed_packet(CLOSE.replace("decided_by: [hr]", "decided_by: [requester]"))
    assert postponing_roles(signed, signed) == postponing_roles(packet(), packet()) == {"requester", "value_owner"}


def test_no_program_gets_a_role_that_signs() -> None:
    with pytest.raises(Refusal) as raised:
        require_harmless_roles("service", ["finance"], [signed_packet()])
    assert raised.value.code == "role_of_people"
    require_harmless_roles("service", ["finance"], [packet()])


def test_an_embargo_names_people_who_can_sign() -> None:
    named = [HR, ANNA, BEN, OLE]
    assert list(missing_people(packet(), named, CATALOGUE)) == []
    assert [said.split(";")[0] for said in missing_people(signed_packet(), named, CATALOGUE)] == [
        "the signature 'HR signs' needs 1 with the role HR",
        "the signature 'Finance signs' needs 1 with the role finance",
    ]
    alone = list(missing_people(signed_packet(), [*named, BOTH], CATALOGUE))
    assert alone == ["the close is signed by 2 different people; 1 of them can sign together"]
    assert list(missing_people(signed_packet(), [*named, BOTH, FAY], CATALOGUE)) == []


def test_those_who_sign_read_why_an_exception_was_accepted_and_no_other_system() -> None:
    story = at_cutoff(pinned=signed_packet())
    story.knows(IDA, FAY, actor("hal", "requester", "value_owner"))
    story.attempt("disable")
    story.attempt("freeze", REFUSED)
    story.skip("freeze")
    story.work()
    story.later(DAY)
    story.work()
    assert story.open_gates() == ["g-hr-1", "g-finance-1"]
    read = RunProjection.of(story.state, FAY, story.world)
    assert not read.whole and not read.reads("code") and read.reads("")
    sign(story)
    assert not RunProjection.of(story.state, FAY, story.world).reads("")


def test_a_later_version_without_the_signature_is_not_taken_once_people_were_asked() -> None:
    further = ("steps:\n", "steps:\n  - {name: stage, title: Stage, system: hr, ability: stage_leaving}\n")
    story = at_end()
    assert conflicts(story.state, story.world.pinned, packet(workflow=further)) == ("hr", "finance")
    assert conflicts(story.state, story.world.pinned, signed_packet(workflow=further)) == ()
    before = at_cutoff(pinned=signed_packet())
    assert conflicts(before.state, before.world.pinned, packet(workflow=further)) == ()


def test_a_preview_names_those_who_will_sign_and_warns_if_no_one_can() -> None:
    story = Story(pinned=signed_packet())
    story.knows(IDA, actor("ada", "finance", human=PERSON_ID))
    searched: list[e.SystemSearched] = []
    shown = preview(story.state, story.world.pinned, searched, {}, OLE, story.world, {})
    assert {gate.gate: (gate.close, gate.steps, gate.deciders) for gate in shown.gates if gate.close} == {
        "hr": (True, (), ("ida",)),
        "finance": (True, (), ()),
    }
    assert [warning.gate for warning in shown.warnings if warning.kind == "decider_missing"] == [], "the lead can sign"
    without = signed_packet(CLOSE.replace("    escalate_to: [lead]\n", ""))
    alone = Story(pinned=without)
    alone.knows(IDA, actor("ada", "finance", human=PERSON_ID))
    shown = preview(alone.state, without, searched, {}, OLE, alone.world, {})
    assert [warning.gate for warning in shown.warnings if warning.kind == "decider_missing"] == ["finance"]


def test_signatures_are_no_decisions_about_the_plan() -> None:
    story = at_end()
    before = approved_at(story.state)
    assert before is not None
    story.later(HOUR)
    sign(story)
    assert approved_at(story.state) == before


def test_a_mail_address_or_name_is_in_no_record() -> None:
    story = at_end()
    text = story.events(e.GateOpened)[-1].close.model_dump_json()
    assert "Ada" not in text and "E-1" not in text


def test_what_a_replay_decides_again_is_the_same_for_signatures() -> None:
    story = at_end()
    sign(story)
    assert decided_again(story.state, OLE, story.world) == ()
