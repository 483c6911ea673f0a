"""Which exceptions a run opens and closes, in which order and under which ids. The ids are inputs of keys: frozen.

Over 400 lines: one story for each group of kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.commands import requests
from orchestrator.domain.commands.starts.reported_leavings import report_leaving
from orchestrator.domain.organisation.services import TokenProgram
from orchestrator.domain.permissions.levels import hr_feed
from orchestrator.domain.run.comparison.left_open import left_open
from tests.domain.run.compared_runs import beside, read
from tests.domain.run.test_restores import removing, restored
from tests.domain.run_world import (
    ANNA,
    BEN,
    DAY,
    EVENING,
    HOUR,
    HR,
    LOST,
    MINUTE,
    NOT_YET,
    PERSON,
    PERSON_ID,
    REFUSED,
    SAM,
    Story,
    account,
    actor,
    at_cutoff,
    cutoff,
    packet,
)


def log(story: Story) -> list[str]:
    """`+` an exception opened, with its due time after the request; `-` one closed, and how."""
    told = []
    for event, at in story.log:
        if isinstance(event, e.ExceptionOpened):
            about = [event.exception_id, *event.owners, str(event.due - at), event.step_id and "step", event.system]
            told.append(" ".join(["+", *(part for part in (*about, event.gate_id, event.code) if part)]))
        elif isinstance(event, e.ExceptionClosed):
            told.append(f"- {event.exception_id} {event.disposition} {event.by}".rstrip())
    names = {step.step_id: step.name for step in story.state.plan.steps.values()}
    for step_id, name in names.items():
        told = [line.replace(step_id, name) for line in told]
    return told


def questions() -> Story:
    story = Story(packet(platform=("expected: false", "expected: true")), ready=False)
    story.finds["code"] = [account("code"), account("code", "other")]
    story.finds["cards"] = []
    story.search()
    story.settle("code", "a-code-ada", "a-code-other")
    story.settle("cards")
    return story


def weak_match() -> Story:
    story = Story(ready=False)
    story.finds["code"] = [account("code", "namesake", number="E-9")]
    story.search()
    story.later(MINUTE)
    story.finds["code"] = [account("code")]
    story.replan()
    story.later(timedelta(seconds=1))
    story.search()
    return story


def accounts_change() -> Story:
    story = at_cutoff()
    story.attempt("disable", NOT_YET)
    story.finds["code"] = [account("code", "other")]
    story.finds["cards"] = []
    story.at(EVENING + 20 * MINUTE)
    story.search()
    story.later(HOUR)
    story.search()
    story.replan()
    story.later(2 * HOUR)
    story.search()
    story.later(DAY)
    story.search()
    return story


def account_gone() -> Story:
    story = at_cutoff()
    story.search()
    story.attempt("disable", NOT_YET)
    disable = story.planned("disable").step_id
    story.finds["code"] = [account("code", "other")]
    story.later(MINUTE)
    story.replan()
    story.later(MINUTE)
    story.search()
    story.skip(disable)
    return story


def outcome_unknown() -> Story:
    blind = packet(workflow=("system: code, ability: disable, needs", "system: code, ability: notify, needs"))
    story = at_cutoff(pinned=blind)
    story.attempt("disable", LOST)
    story.complete("disable", "not_done")
    story.retry("disable")
    return story


def searches_fail() -> Story:
    story = Story(ready=False)
    story.finds = dict.fromkeys(story.finds)
    for _ in range(4):
        story.search()
        story.later(10 * MINUTE)
    story.accept(story.exception("search_failed"))
    story.finds = {"code": [account("code")], "cards": [account("cards")]}
    story.search()
    return story


def nobody_looked() -> Story:
    story = Story(ready=False)
    story.on_hold("cards")
    story.later(DAY)
    story.search()
    return story


def gates_say_no() -> Story:
    story = Story()
    access, money = sorted(story.open_gates())
    story.vote(access, ANNA, excluded=("sessions",))
    story.vote(money, ANNA, "reject")
    story.later(2 * DAY)
    story.replan()
    story.replan(by=ANNA)
    story.later(timedelta(seconds=1))
    story.search()
    access, money = sorted(story.open_gates())
    story.vote(access, BEN, "reject")
    story.vote(money, BEN, "reject")
    story.skip("sessions")
    story.end()
    return story


def steps_go_wrong() -> Story:
    story = at_cutoff()
    story.attempt("disable", REFUSED)
    story.later(MINUTE)
    story.retry("disable")
    story.search()
    story.attempt("disable")
    story.attempt("pay", LOST)
    story.attempt("freeze", NOT_YET)
    story.later(2 * HOUR)
    story.search()
    story.attempt("freeze")
    story.attempt("sessions", REFUSED)
    story.retry("pay", again=True)
    story.later(9 * DAY)
    story.skip("sessions")
    return story


def overdue() -> Story:
    story = Story()
    story.approve_all()
    story.at(EVENING + 9 * DAY)
    story.complete("hand_over")
    return story


def level_and_idle() -> Story:
    story = at_cutoff()
    story.without_role("anna", "approver")
    story.without_role("ben", "approver")
    story.knows(ANNA)
    story.later(8 * HOUR)
    story.skip("disable")
    return story


def unclear() -> Story:
    story = Story(packet(workflow=("{name: look, title: Look,", '{name: look, title: Look, when: "1 / 0 == 1",')))
    story.approve_all()
    story.skip("look")
    return story


def urgent_and_twice() -> Story:
    story = Story(urgent=True, at=None)
    asked = requests.request_run(
        run_id="r2",
        person_id=story.state.asked.person_id,
        person=PERSON,
        cutoff=cutoff(EVENING),
        urgent=False,
        actor=actor("hal", "requester"),
        packet=packet(),
        phase="production",
        open_run=None,
        now=story.now,
    )
    story.append(requests.second_request(story.state, asked))
    story.accept(story.exception("urgent_review"), by=SAM)
    story.end(by=HR)
    return story


def erased() -> Story:
    story = Story(ready=False)
    request = story.state.asked.model_copy(update={"facts": None})
    story.state = replace(story.state, request=request)
    story.later(HOUR)
    return story


def connector_missing() -> Story:
    story = Story(ready=False)
    abilities = story.world.abilities
    story.world = replace(story.world, abilities={kind: abilities[kind] for kind in ("people", "forge")})
    story.search()
    story.attempt("look")
    story.later(HOUR)
    story.world = replace(story.world, abilities=abilities)
    story.later(MINUTE)
    return story


def too_few_deciders() -> Story:
    story = Story(urgent=True, at=None, ready=False)
    story.without_role("sam", "safety_owner")
    story.without_role("ben", "approver")
    story.later(timedelta(seconds=1))
    story.search()
    story.knows(BEN, SAM)
    story.later(MINUTE)
    return story


def paused_and_cancelled() -> Story:
    story = at_cutoff()
    story.attempt("disable")
    story.hold()
    story.accept(story.exception("pause_unconfirmed"), by=HR)
    story.release()
    story.later(MINUTE)
    story.hold(by=HR)
    story.end()
    return story


def restore_cancelled() -> Story:
    story = restored(removing())
    story.end()
    return story


def service_ends() -> Story:
    story = Story()
    ada, feed = actor("ada", "safety_owner", human=PERSON_ID), actor("s_1", kind="service")
    story.knows(ada, feed)
    story.world = replace(story.world, programs={"s_1": TokenProgram("s_1", "1", "ada", "ada")})
    story.later(MINUTE)
    story.world = replace(story.world, programs={"s_1": TokenProgram("s_1", "1", "ada", "ada", "sam")})
    story.later(MINUTE)
    return story


def only_holder() -> Story:
    story = Story()
    story.knows(actor("ada", "clerk", human=PERSON_ID))
    story.later(MINUTE)
    story.knows(actor("cleo", "clerk"))
    story.later(MINUTE)
    return story


def access_kept() -> Story:
    story = at_cutoff()
    story.skip("disable")
    story.retry("disable", by=HR)
    story.skip("disable")
    story.accept(story.exception("access_kept"), by=HR)
    return story


def kept_by_legal_hold() -> Story:
    erases = ("ability: remove, needs: [sessions, hand_over]", "ability: erase, needs: [sessions, hand_over]")
    story = at_cutoff(pinned=packet(workflow=erases))
    story.knows(actor("eve", "requester"))
    story.place_legal_hold()
    story.work()
    story.later(DAY)
    story.search()
    story.accept(story.exception("legal_hold"), by=HR)
    story.place_legal_hold()
    story.lift_legal_hold("hold-1", by=actor("eve", "requester"))
    story.lift_legal_hold("hold-2", by=actor("eve", "requester"))
    return story


def system_not_covered() -> Story:
    story = Story()
    own = story.world.pinned
    further = "steps:\n  - {name: stage, title: Stage, system: hr, ability: stage_leaving}\n"
    story.today(packet(workflow=("steps:\n", further)))
    story.today(own)
    story.today(packet(workflow=("steps:\n", further)))
    story.accept(story.exception("system_not_covered"), by=HR)
    return story


def leaving_changes() -> Story:
    """The last one is earlier, but HR's feed has no permission under this packet."""
    story = Story()
    request = story.state.asked.model_copy(update={"hr_leaving_at": EVENING})
    story.state = replace(story.state, request=request)
    for at in (EVENING + 2 * DAY, None, EVENING + 3 * DAY, EVENING, EVENING - HOUR, EVENING - 2 * DAY):
        leaving = None if at is None else cutoff(at)
        story.append(report_leaving(story.state, leaving, hr_feed(), story.world))
        if at is None:
            story.accept(story.exception("leaving_changed"), by=HR)
    return story


def access_returns() -> Story:
    story = at_cutoff()
    story.at(EVENING + DAY)
    story.work()
    story.later(DAY)
    step = story.planned("disable").step_id
    down = e.WatchedSystem(system="cards", outcome="failed", code="down")
    back = e.WatchedSystem(system="code", outcome="access_found", steps={step: 1})
    story.append([e.SystemsWatched(day=1, results=(back, down))])
    story.later(15 * MINUTE)
    story.append([e.SystemsWatched(day=1, results=(down,))])
    story.accept(story.exception("watch_failed"))
    story.retry("disable")
    return story


def undone() -> Story:
    story = at_cutoff()
    story.attempt("disable")
    story.replay()
    story.read_again("disable", "not_done")
    story.retry("disable")
    story.attempt("disable")
    story.replay()
    story.read_again("disable", "not_done")
    story.skip("disable")
    return story


def workflow_stops() -> Story:
    """One exception for as long as there is a problem; the next problem has its own."""
    story = at_cutoff()
    for problem in ("missing", "failing", "", "late"):
        story.append([e.WorkflowCompared.model_validate({"problem": problem})])
    story.accept(story.exception("workflow_stopped"))
    story.append([e.WorkflowCompared(problem="missing", code="terminated")])
    story.append([e.WorkflowRestarted()])
    story.append([e.WorkflowCompared(problem="missing", code="deleted")])
    story.append([e.WorkflowRestarted()])
    return story


def close_is_signed() -> Story:
    """HR rejects, finance is late; then a step is repeated, and HR rejects that as well."""
    signs = "{title: Signs, decided_by: [approver], decide_within: P2D, valid_for: P30D}"
    story = at_cutoff(
        pinned=packet(approvals=("exceptions:\n", f"close:\n  hr: {signs}\n  finance: {signs}\nexceptions:\n"))
    )
    story.work()
    story.later(DAY)
    story.work()
    story.vote("g-hr-1", ANNA, "reject")
    story.later(2 * DAY)
    story.accept("x-close_overdue-g-finance-1")
    story.vote("g-finance-1", BEN)
    story.replay("sessions")
    for step in ("sessions", "remove"):
        if step == "remove":
            for gate_id in story.open_gates():
                story.vote(gate_id, ANNA)
        story.work()
    story.vote("g-hr-2", ANNA, "reject")
    story.replan(by=ANNA)
    return story


def reported() -> Story:
    story = at_cutoff()
    story.attempt("disable", REFUSED)
    story.do_by_hand("disable")
    story.read_again("disable", "unknown", "down")
    story.accept(story.exception("done_by_hand"), by=HR)
    return story


def left_open_beside() -> Story:
    """A dry run beside the run has a step that the run does not have."""
    story, twin = at_cutoff(), beside()
    story.append([e.PlanFrozen(revision=9, digest="d", steps=())])
    read(twin, "plan")
    for when, outcome in (("day", "not_done"), ("week", "done")):
        read(twin, when, "done", disable=outcome)  # type: ignore[arg-type]  # two of the reads
        story.append(list(left_open(twin.state, story.state, story.world.pinned, story.now)))
    return story


STORIES = (
    questions, weak_match, accounts_change, account_gone, outcome_unknown, searches_fail, nobody_looked, gates_say_no,
    steps_go_wrong, overdue, level_and_idle, unclear, urgent_and_twice, erased, connector_missing,
    too_few_deciders, paused_and_cancelled, restore_cancelled, service_ends, only_holder, access_kept,
    kept_by_legal_hold, system_not_covered, leaving_changes, access_returns, undone,
    workflow_stops, close_is_signed, reported,
    left_open_beside,
)  # fmt: skip
EXPECTED = Path(__file__).with_name("exception_events.txt")


def expected() -> dict[str, list[str]]:
    blocks = (block.splitlines() for block in EXPECTED.read_text().strip().split("\n\n"))
    return {name: lines for name, *lines in blocks}


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.__name__)
def test_the_same_exceptions_open_and_close_under_the_same_ids(told: Callable[[], Story]) -> None:
    assert log(told()) == expected()[told.__name__]


def test_the_stories_open_every_kind() -> None:
    opened = {line.split("-")[1] for lines in expected().values() for line in lines if line.startswith("+")}
    # A limit on starts is no state of a run: tests/deciding/test_counted_starts.py.
    assert opened == set(get_args(e.ExceptionKind)) - {"start_limit"}
