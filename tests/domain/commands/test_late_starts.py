"""Starts with a cutoff in the past are urgent: they need the role and the recent sign-in, and are reviewed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orchestrator.cli.commands.starts.starts import may_be_past
from orchestrator.domain import events as e
from orchestrator.domain.commands import requests
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_yaml import PacketProblems
from orchestrator.domain.permissions.levels import HR_FEED, Actor
from orchestrator.domain.permissions.urgent import SignIn
from orchestrator.domain.run.run import RunState, fold
from orchestrator.domain.run.status import confirmed
from tests.domain.run_world import ANNA, CATALOGUE, HOUR, HR, MINUTE, MONDAY, OLE, ROBOT, Story, actor, cutoff, packet

RECENT = SignIn(recent=True)
LATE = ("late_after: P3650D", "late_after: PT15M")
PREPARES = (
    "  - {who: approver, up_to: change}\n",
    "  - {who: approver, up_to: change}\n  - {who: clerk, up_to: prepare}\n",
)
FEED = Actor(actor_id=HR_FEED, kind="service", roles=frozenset({"hr_system"}))
READS = "  - {who: hr_system, kind: service, up_to: prepare}\n"
CUTS = "  - {who: hr_system, kind: service, systems: [code], up_to: change}\n"


def test_fifteen_minutes_are_the_default() -> None:
    urgent = packet(approvals=("  late_after: P3650D\n", "")).approvals.urgent
    assert urgent is not None and urgent.late_after == 15 * MINUTE


def asked(
    ago: timedelta, by: Actor = HR, sign_in: SignIn = RECENT, under: Packet | None = None, **more: Any
) -> e.RunRequested:
    return requests.request_run(
        run_id="r1",
        person_id="p-ada",
        person=PersonFacts(hr_id="1", employee_number="E-1", display_name="Ada"),
        cutoff=cutoff(MONDAY - ago),
        urgent=False,
        actor=by,
        packet=under or packet(platform=PREPARES, approvals=LATE),
        phase="production",
        open_run=None,
        now=MONDAY,
        abilities=CATALOGUE,
        sign_in=sign_in,
        **more,
    )


def refused(*args: Any, **more: Any) -> NotAllowed:
    with pytest.raises(NotAllowed) as found:
        asked(*args, **more)
    return found.value


def with_grants(grants: str) -> Packet:
    approver = "  - {who: approver, up_to: change}\n"
    return packet(platform=(approver, approver + grants), approvals=LATE)


def test_a_start_is_late_after_fifteen_minutes_and_keeps_its_cutoff() -> None:
    on_time = asked(15 * MINUTE, sign_in=SignIn())
    assert not on_time.urgent
    late = asked(15 * MINUTE + timedelta(seconds=1))
    assert late.urgent
    assert late.cutoff == MONDAY - 15 * MINUTE - timedelta(seconds=1) and late.local_cutoff


def test_a_late_start_needs_the_role_of_urgent_starts() -> None:
    clerk = actor("cleo", "clerk")
    assert not asked(MINUTE, clerk).urgent
    assert refused(HOUR, clerk).code == "urgent_not_allowed"
    assert "in the past" in refused(HOUR, clerk).message and "requester" in refused(HOUR, clerk).message


def test_a_late_start_needs_a_recent_sign_in() -> None:
    error = refused(HOUR, sign_in=SignIn(recent=False, minutes=7))
    assert error.code == "step_up_needed" and error.facts["minutes"] == 7


@pytest.mark.parametrize("kind", ["service", "assistant"])
def test_programs_start_no_late_run(kind: str) -> None:
    program = ROBOT.model_copy(update={"kind": kind})
    granted = with_grants("  - {who: requester, kind: service, up_to: change}\n")
    assert refused(HOUR, program, under=granted).code in ("urgent_not_allowed", "only_people")
    if kind == "service":
        assert refused(HOUR, program, under=granted).code == "urgent_not_allowed"


def test_the_packet_says_what_is_late() -> None:
    def under(value: str) -> Packet:
        return packet(approvals=(LATE[0], f"late_after: {value}"))

    assert not asked(HOUR, sign_in=SignIn(), under=under("P30D")).urgent
    assert asked(2 * MINUTE, under=under("PT1M")).urgent
    for wrong in ("PT0S", "-PT1M", "soon"):
        with pytest.raises(PacketProblems) as found:
            under(wrong)
        assert "late_after" in str(found.value.problems)


def test_a_packet_without_urgent_starts_waits_for_approval() -> None:
    none = (
        "urgent:\n  allowed_to: [requester]\n  review_by: [safety_owner]\n  review_within: P1D\n  late_after: P3650D\n"
    )
    assert not asked(HOUR, sign_in=SignIn(), under=packet(approvals=(none, ""))).urgent


def test_a_late_run_removes_access_before_approval_and_is_reviewed() -> None:
    story = Story(packet(approvals=LATE), at=MONDAY - HOUR, sign_in=RECENT)
    assert story.state.urgent and story.state.cutoff == MONDAY - HOUR
    assert any(story.state.goes_before_gates(step) for step in story.state.plan.steps.values())
    assert story.state.work.exceptions["x-urgent_review-start"].open


def test_the_feed_of_hr_needs_no_role_and_no_sign_in() -> None:
    assert asked(HOUR, FEED, SignIn(), with_grants(READS + CUTS), expected=True).urgent


def test_a_report_that_hrs_record_does_not_have_waits_for_approval_and_locks_no_one_out() -> None:
    """The secret of the webhook is enough to report anyone."""
    for ago in (HOUR, -HOUR):
        forged = asked(ago, FEED, SignIn(), with_grants(READS + CUTS))
        true = asked(ago, FEED, SignIn(), with_grants(READS + CUTS), expected=True)
        assert not forged.urgent and forged.hr_disagrees and not true.hr_disagrees
        assert not confirmed(fold(RunState(), forged, MONDAY)) and confirmed(fold(RunState(), true, MONDAY))
        assert "hr_disagrees" not in true.model_dump() and forged.model_dump()["hr_disagrees"]
    assert not asked(MINUTE, HR).hr_disagrees, "only HR's feed is taken at its word"


def test_the_feed_of_hr_waits_for_approval_without_the_permission_for_the_steps() -> None:
    assert not asked(HOUR, FEED, SignIn(), with_grants(READS), expected=True).urgent


def test_only_the_feed_itself_is_exempt() -> None:
    other = Actor(actor_id="svc-hr", kind="service", roles=frozenset({"hr_system"}))
    assert refused(HOUR, other, SignIn(), with_grants(READS + CUTS)).code == "urgent_not_allowed"


def test_the_terminal_asks_only_where_a_cutoff_may_be_past() -> None:
    now = MONDAY
    local = MONDAY.replace(tzinfo=None)
    assert may_be_past((local - HOUR).isoformat(), "UTC", now)
    assert not may_be_past((local + HOUR).isoformat(), "UTC", now)
    assert may_be_past((local + HOUR).isoformat(), None, now), "in some zone this is past"
    assert not may_be_past((local + 15 * HOUR).isoformat(), None, now)
    assert may_be_past((MONDAY - HOUR).isoformat(), None, now)
    assert not may_be_past(None, None, now)
    assert not may_be_past("soon", "Mars/Base", now)


def test_other_roles_are_unaffected() -> None:
    for by in (ANNA, OLE):
        assert refused(HOUR, by).code in ("level_not_granted", "urgent_not_allowed")
