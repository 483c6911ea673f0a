"""The table of commands: each command has a line, begins with `require`, and is refused to the accounts it excludes."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import reduce
from types import ModuleType
from typing import get_args

import pytest

from orchestrator import commands
from orchestrator.domain import events as e
from orchestrator.domain.approvals import delegation, gates, naming
from orchestrator.domain.batches import batch_commands
from orchestrator.domain.batches.batch import BatchState, fold_batch
from orchestrator.domain.commands import (
    doing_by_hand,
    erasing,
    exception_commands,
    judging,
    legal_holding,
    operating,
    pausing,
    replaying,
    requests,
    restoring,
    revoking_roles,
    systems,
)
from orchestrator.domain.commands.starts import making_urgent, reported_leavings, starting
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.organisation.erasures import ErasureState
from orchestrator.domain.organisation.organisation import Holds, Organisation
from orchestrator.domain.organisation.starts import StartsState, fold_starts
from orchestrator.domain.packet.history import objections, packet_phases, packet_state
from orchestrator.domain.permissions import embargo, programs
from orchestrator.domain.permissions.assistants import require_may_resume, require_may_stop
from orchestrator.domain.permissions.command_table import COMMANDS, CommandName, refusal, require
from orchestrator.domain.permissions.levels import Actor, Level
from tests.domain.run_world import EVENING, MONDAY, PERSON_ID, Story, actor, packet

ROLES = ("approver", "lead", "operator", "requester", "safety_owner", "value_owner")
KNOWN = actor("known", *ROLES)
UNKNOWN = actor("unknown", *ROLES, human=None)
SERVICE = actor("feed", *ROLES, kind="service")
ASSISTANT = actor("helper", *ROLES, kind="assistant")

BATCH_ROW = e.BatchRowProposed(
    row=1, place="line 2", person_id="p", cutoff=EVENING, zone="UTC", local_cutoff="2026-11-30T17:00:00+00:00"
)
BATCH = reduce(
    lambda state, event: fold_batch(state, event, MONDAY),
    (
        e.BatchProposed(batch_id="b1", packet="leaver", packet_version="v", by="hope", requester="hope", rows=1),
        BATCH_ROW,
    ),
    BatchState(),
)
HELD = reduce(
    lambda state, event: fold_starts(state, event, MONDAY),
    (
        e.StartHeld(
            held_id="held-1", packet="leaver", person_id="p", by="hr", requester="hr", urgent=True, why="packet"
        ),
        e.StartsTripped(
            trip_id="trip-1", packet="leaver", scope="packet", by="hr", requester="hr", urgent=True, counted=3, limit=3
        ),
    ),
    StartsState(),
)

NO_COMMANDS = {
    "parked_steps", "run_started", "record_actor", "refused_adoption", "started", "sign_out_everywhere",
}  # fmt: skip
"""Functions that users cannot change anything with: `parked_steps` is a preview, `record_actor` records what a sign-in
found out, `refused_adoption` that a packet was not adopted, and only a signed message of the identity provider signs an
account out everywhere."""
LINES = {
    "reschedule_run": {"bring_forward_run", "postpone_run"},
    "approve_gates": {"approve_gate"},
    "retry_parked_steps": {"retry_step"},
    "report_leaving": {"start_run"},
    "revoke_token": {"revoke_any_token", "revoke_token"},
}
ASKED_ELSEWHERE = {"check_systems", "compare_ledger", "list_accounts", "verify_ledger"}
"""Commands that decide nothing about a run, and are no function of `orchestrator.commands`."""
ASKS = {"require", "require_author"}
"""`require_author` asks the table for `adopt_packet`, before the files are read."""
MODULES = (
    requests, reported_leavings, making_urgent, operating, exception_commands, legal_holding, systems, starting, gates,
    naming, delegation, embargo, packet_phases, objections, batch_commands,
)  # fmt: skip
DECIDES = ("list[Event]", "list[Draft]", "list[e.GateVoted]", "list[e.DeciderNamed]", "e.RunRequested")


def test_every_command_has_a_line() -> None:
    lines: set[str] = set()
    for name in commands.__all__:
        if inspect.isfunction(getattr(commands, name)) and name not in NO_COMMANDS:
            lines |= LINES.get(name, {name})
    assert lines | ASKED_ELSEWHERE == set(COMMANDS) == set(get_args(CommandName))


def deciding(module: ModuleType) -> Iterator[ast.FunctionDef]:
    """The public functions of a module in which an actor decides on events."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.returns is not None:
            arguments = [*node.args.args, *node.args.kwonlyargs]
            annotations = {ast.unparse(one.annotation) for one in arguments if one.annotation is not None}
            if "Actor" in annotations and ast.unparse(node.returns) in DECIDES:
                yield node


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_command_of_the_domain_begins_with_the_table(module: ModuleType) -> None:
    # Consequences of `reschedule` and `request_run`; a restore and a start that end another run ask for themselves.
    helpers = {"moved_embargo", "moved_cutoff", "at_start", "ended"}
    found = [node for node in deciding(module) if node.name not in helpers]
    assert found
    for node in found:
        asked = [one for one in ast.walk(node) if isinstance(one, ast.Call) and ast.unparse(one.func) in ASKS]
        assert asked, f"{module.__name__}.{node.name} does not ask the table"


def test_what_keeps_access_open_is_for_people_that_hr_knows() -> None:
    for command, rule in COMMANDS.items():
        if rule.keeps_access:
            assert rule.kinds == {"person"} and rule.known_to_hr, command


@pytest.mark.parametrize("command", COMMANDS)
def test_who_the_table_excludes(command: CommandName) -> None:
    rule = COMMANDS[command]
    require(command, KNOWN, PERSON_ID)
    narrow = KNOWN.model_copy(update={"up_to": Level.READ})
    assert (refusal(command, narrow) is None) == (rule.level == Level.READ)
    with pytest.raises(NotAllowed, match="own_run"):
        require(command, actor("ada", *ROLES, human=PERSON_ID), PERSON_ID)
    for by in (SERVICE, ASSISTANT):
        refused = refusal(command, by)
        assert (refused is None) == (by.kind in rule.kinds)
        assert refused is None or (refused.code == rule.refused_with and by.kind in refused.message)
    unknown = refusal(command, UNKNOWN)
    assert (unknown is None) == (not rule.known_to_hr)
    assert unknown is None or unknown.code == rule.unknown_with


def test_assistants_write_nothing() -> None:
    allowed = {command for command, rule in COMMANDS.items() if "assistant" in rule.kinds}
    assert allowed == {"check_systems", "revoke_token", "verify_ledger"}


def test_services_start_runs_and_repeat_what_was_decided() -> None:
    allowed = {command for command, rule in COMMANDS.items() if "service" in rule.kinds}
    assert allowed - {"check_systems", "revoke_token", "verify_ledger"} == {
        "start_run",
        "propose_batch",
        "start_batch",
        "retry_step",
        "replan_run",
        "replay_run",
    }


def test_an_account_unknown_to_hr_reads_and_revokes_its_own_token() -> None:
    lists: set[CommandName] = {"list_sessions", "list_tokens", "list_webhooks"}
    assert {command for command, rule in COMMANDS.items() if not rule.known_to_hr} == {
        *lists,
        "revoke_token",
        "verify_ledger",
    }
    assert {command for command, rule in COMMANDS.items() if rule.level == Level.READ} == {
        *lists,
        "list_accounts",
        "verify_ledger",
    }


GRANTS = "levels:\n" + "".join(
    f"  - {{who: {role}, kind: {kind}, up_to: change}}\n"
    for role in ROLES
    for kind in ("person", "service", "assistant")
)


def attempts(story: Story) -> dict[CommandName, Callable[[Actor], object]]:
    """Each command on the domain, on a run where a person with all roles could use it or is refused for another
    reason."""
    state, world, pinned = story.state, story.world, story.world.pinned
    later, soon = MONDAY + timedelta(days=2), MONDAY + timedelta(hours=1)
    known = Organisation(actors=world.actors)
    history = packet_state.PacketState()
    return {
        "start_run": lambda by: Story(pinned, by=by),
        "propose_batch": lambda by: batch_commands.propose(
            "b1", [BATCH_ROW], broken=0, shadow=False, packet=pinned, actor=by, starts=StartsState(), now=MONDAY
        ),
        "start_batch": lambda by: batch_commands.start(BATCH, 1, by, pinned),
        "confirm_batch": lambda by: batch_commands.confirm(BATCH, by, pinned),
        "hold_batch": lambda by: batch_commands.hold(BATCH, by, pinned, []),
        "resume_batch": lambda by: batch_commands.resume(BATCH, by, pinned),
        "cancel_batch": lambda by: batch_commands.cancel(BATCH, "why", by, pinned, []),
        "postpone_run": lambda by: story.reschedule(EVENING + timedelta(days=1), by=by),
        "bring_forward_run": lambda by: story.reschedule(EVENING - timedelta(hours=1), by=by),
        "make_run_urgent": lambda by: making_urgent.make_urgent(state, "why", by, world),
        "restore_access": lambda by: restoring.restore(state, "r2", "why", None, by, by, world),
        "end_run": lambda by: requests.end(state, "why", by, world),
        "set_embargo": lambda by: embargo.change_embargo(state, None, (), by, world),
        "approve_gate": lambda by: gates.vote(state, "g-access-1", by, "approve", (), None, world),
        "reject_gate": lambda by: gates.vote(state, "g-access-1", by, "reject", (), "why", world),
        "delegate": lambda by: delegation.delegate(known, "d1", by, "ole", soon, later, None, MONDAY),
        "name_decider": lambda by: naming.name_decider(state, "x-1", "ben", "why", by, world),
        "end_delegation": lambda by: delegation.end_delegation(known, "d1", by, MONDAY),
        "retry_step": lambda by: operating.retry(state, "pay", False, "why", by, world),
        "do_step_by_hand": lambda by: doing_by_hand.do_by_hand(state, "pay", {"note": "why"}, by, world),
        "erase_person": lambda by: erasing.erase(state, erasing.PersonRecords(ErasureState(), ()), "why", by, world),
        "skip_step": lambda by: operating.skip(state, "pay", "why", by, world),
        "settle_match": lambda by: operating.settle(state, "code", (), "why", by, world),
        "replan_run": lambda by: operating.replan(state, "why", by, world),
        "replay_run": lambda by: replaying.replay(state, replaying.Scope(), "why", None, by, world),
        "accept_exception": lambda by: exception_commands.accept(state, "x-1", "why", by, world),
        "waive_exception": lambda by: exception_commands.waive(state, "x-1", later, "why", None, by, world),
        "assign_exception": lambda by: exception_commands.assign(state, "x-1", "ole", "why", by, world),
        "snooze_exception": lambda by: exception_commands.snooze(state, "x-1", later, "why", by, world),
        "judge_difference": lambda by: judging.judge_difference(state, "s-1", "plan_wrong", "why", by, world),
        "comment_on_exception": lambda by: exception_commands.comment(state, "x-1", "seen", by),
        "complete_task": lambda by: operating.complete_task(state, "t-1", "done", {"note": "seen"}, by, world),
        "hold_run": lambda by: pausing.hold(state, "why", by, world),
        "release_run": lambda by: pausing.release(state, by, world),
        "place_legal_hold": lambda by: legal_holding.place(state, "why", by, world),
        "lift_legal_hold": lambda by: legal_holding.lift(state, None, "why", by, world),
        "hold_system": lambda by: systems.hold_system(Holds(), "code", "why", by, pinned, [pinned], MONDAY),
        "confirm_start": lambda by: starting.confirm(HELD, "held-1", by, pinned, MONDAY, {}),
        "release_starts": lambda by: starting.release(HELD, "trip-1", by, pinned, {}),
        "release_system": lambda by: systems.release_system(Holds(held=True), "code", by, pinned, [pinned], {}),
        "list_accounts": lambda by: systems.require_listing("code", by, pinned),
        "check_systems": lambda by: systems.require_check("code", by, pinned),
        "adopt_packet": lambda by: packet_phases.adopt(history, pinned, by),
        "sign_packet": lambda by: packet_phases.sign(history, "0" * 64, by),
        "move_packet": lambda by: packet_phases.move(history, "0" * 64, "shadow", by),
        "object_to_packet": lambda by: objections.object_to(history, "0" * 64, by, "why"),
        "withdraw_objection": lambda by: objections.withdraw_objection(history, "0" * 64, "objection-1", by),
        "revoke_roles": lambda by: revoking_roles.revoke_roles(KNOWN, ["lead"], by, "safety_owner"),
        "make_token": lambda by: programs.require_safety_owner(by, [pinned], "make_token"),
        "change_service_owners": lambda by: programs.require_safety_owner(by, [pinned], "change_service_owners"),
        "add_webhook": lambda by: programs.require_safety_owner(by, [pinned], "add_webhook"),
        "disable_webhook": lambda by: programs.require_safety_owner(by, [pinned], "disable_webhook"),
        "replace_webhook_secret": lambda by: programs.require_safety_owner(by, [pinned], "replace_webhook_secret"),
        "revoke_any_token": lambda by: programs.require_safety_owner(by, [pinned], "revoke_any_token"),
        "end_sessions": lambda by: programs.require_safety_owner(by, [pinned], "end_sessions"),
        "stop_assistant": lambda by: require_may_stop(by, "*", Organisation(), [pinned]),
        "resume_assistant": lambda by: require_may_resume(by, [pinned]),
        "list_tokens": lambda by: programs.require_safety_owner(by, [pinned], "list_tokens"),
        "list_sessions": lambda by: programs.require_safety_owner(by, [pinned], "list_sessions"),
        "list_webhooks": lambda by: programs.require_safety_owner(by, [pinned], "list_webhooks"),
    }


TRIED = sorted(attempts(Story()))


def test_every_command_is_tried() -> None:
    assert set(TRIED) == set(COMMANDS) - {"compare_ledger", "revoke_token", "verify_ledger"}


@pytest.mark.parametrize("command", TRIED)
def test_every_command_refuses_whom_the_table_excludes(command: CommandName) -> None:
    """Whatever roles and grants the account has."""
    rule = COMMANDS[command]
    story = Story(packet(platform=("levels:\n", GRANTS)))
    for by in (KNOWN, UNKNOWN, SERVICE, ASSISTANT):
        excluded = refusal(command, by)
        try:
            attempts(story)[command](by)
            code = ""
        except Exception as error:  # another reason to refuse is a person's, who gets as far as that
            code = getattr(error, "code", "")
        assert (code == excluded.code) if excluded is not None else code not in (rule.refused_with, rule.unknown_with)
    if rule.keeps_access:
        assert all(refusal(command, by) is not None for by in (UNKNOWN, SERVICE, ASSISTANT))
