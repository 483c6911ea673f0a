"""A step that failed and that a person did by hand: attested, never verified, confirmed by a second person where one is
asked for."""

from __future__ import annotations

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from tests.domain.run_world import HR, OLE, REFUSED, ROBOT, Story, actor, at_cutoff, packet

OLES_OTHER = actor("ole-at-hr", "requester", human=OLE.human)
OLGA = actor("olga", "operator")


def failed(name: str = "disable", pinned: Packet | None = None) -> Story:
    story = at_cutoff(pinned=pinned) if pinned is not None else at_cutoff()
    story.knows(OLES_OTHER)
    story.knows(OLGA)
    story.attempt(name, REFUSED)
    assert story.exceptions() == [("step_failed", name)]
    return story


def refused(story: Story, by: Actor = OLE, **how: str) -> str:
    with pytest.raises(Refusal) as raised:
        story.do_by_hand(how.pop("step", "disable"), by=by, **how)
    return raised.value.code


def asks_for_two() -> Packet:
    return packet(approvals=("  owner: operator", "  owner: operator\n  second_person: true"))


@pytest.mark.parametrize("shows", ["done", "unknown"])
def test_the_system_is_read_first_and_the_step_is_attested_and_never_verified(shows: str) -> None:
    story = failed()
    happened = story.do_by_hand("disable")
    assert [type(event) for event in happened] == [e.StepDoneByHand]
    assert story.exceptions() == [("step_failed", "disable")], "nothing counts before the system was read"
    assert story.begin("disable") is None and "disable" in story.ready(), "it is only read"
    story.read_again("disable", shows)
    assert story.step("disable").status == "attested" and not story.events(e.StepVerified)[1:]
    [closed] = [event for event in story.events(e.ExceptionClosed) if event.disposition == "done_by_hand"]
    assert (closed.by, closed.reason) == ("ole", "Disabled in the console.")
    assert [event.outcome for event in story.events(e.StepReadBack)] == [shows]
    assert story.refolded() == story.state


def test_a_report_that_the_system_contradicts_does_not_count() -> None:
    story = failed()
    story.do_by_hand("disable")
    story.read_again("disable", "not_done")
    assert story.step("disable").status == "failed" and story.step("disable").code == "not_done"
    assert story.exceptions() == [("step_failed", "disable")]
    assert story.id("disable") not in {event.step_id for event in story.events(e.StepAttested)}
    story.retry("disable")
    assert "disable" in story.work()


def test_hr_confirms_a_removal_and_the_same_person_with_another_account_does_not_count() -> None:
    story = failed()
    story.do_by_hand("disable")
    story.read_again("disable", "done")
    assert story.exceptions() == [("done_by_hand", "disable")]
    story.work()
    exception_id = story.exception("done_by_hand")
    assert not story.state.is_done(story.id("disable")) and not story.state.finished
    with pytest.raises(NotAllowed) as raised:
        story.accept(exception_id, by=OLES_OTHER)
    assert raised.value.code == "second_person_needed"
    with pytest.raises(NotAllowed):
        story.accept(exception_id, by=OLGA)
    story.accept(exception_id, by=HR)
    assert story.exceptions() == [] and story.state.is_done(story.id("disable"))


def test_a_step_that_removes_nothing_needs_a_second_person_only_if_the_packet_asks() -> None:
    story = failed("pay")
    story.do_by_hand("pay")
    story.read_again("pay", "unknown")
    assert story.exceptions() == [] and story.step("pay").status == "attested"
    story = failed("pay", asks_for_two())
    story.do_by_hand("pay")
    story.read_again("pay", "unknown")
    exception_id = story.exception("done_by_hand")
    with pytest.raises(NotAllowed) as raised:
        story.accept(exception_id, by=OLE)
    assert raised.value.code == "second_person_needed"
    story.accept(exception_id, by=OLGA)
    assert story.exceptions() == []


def test_a_report_that_is_wrong_is_undone_by_a_retry() -> None:
    story = failed()
    story.do_by_hand("disable")
    story.read_again("disable", "unknown")
    story.retry("disable")
    assert story.exceptions() == [] and "disable" in story.work()
    assert story.step("disable").status == "verified" and story.step("disable").generation == 2


@pytest.mark.parametrize("evidence", ["", "   ", "\u200b\u2060"])
def test_evidence_that_says_nothing_is_refused(evidence: str) -> None:
    story = failed()
    with pytest.raises(Invalid) as raised:
        story.do_by_hand("disable", evidence=evidence)
    assert raised.value.code == "evidence_missing"


def test_only_an_operator_reports_and_only_a_step_that_failed() -> None:
    story = failed()
    assert refused(story, by=ROBOT) == "only_people" and refused(story, by=HR) == "role_missing"
    assert refused(story, step="sessions") == "step_not_open"
    story.do_by_hand("disable")
    with pytest.raises(TooLate):
        story.do_by_hand("disable")


def test_a_skip_or_retry_before_the_system_was_read_takes_the_place_of_the_report() -> None:
    story = failed()
    story.do_by_hand("disable")
    story.skip("disable")
    assert story.step("disable").status == "skipped" and story.step("disable").by_hand is None
