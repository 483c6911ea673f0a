"""Every code of the domain has its label in `orchestrator.vocabulary.states`."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from typing import get_args, get_type_hints

import pytest

from orchestrator.domain.approvals import gates
from orchestrator.domain.events import ExceptionClosed, ExceptionKind, SearchOutcome
from orchestrator.domain.packet.history import objections, packet_phases
from orchestrator.domain.packet.history.packet_events import PacketAct, Phase
from orchestrator.domain.packet.versions import file_ownership
from orchestrator.domain.packet.versions.change_table import ChangeKind
from orchestrator.domain.permissions.command_table import COMMANDS
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.run.decisions import GateState
from orchestrator.domain.run.status import RunStatus
from orchestrator.domain.run.steps.readiness import WaitsFor
from orchestrator.domain.run.work import StepStatus, TaskState
from orchestrator.vocabulary import states
from orchestrator.vocabulary.refused_packet_acts import PACKET_ACT, REFUSED_PACKET_ACT
from orchestrator.vocabulary.refused_votes import REFUSED_VOTE

GROUPS_OF_STATES = {"open", "finished"}
"""What lists of runs filter by, beside the states themselves."""

CODES: Mapping[str, set[str]] = {
    "RUN": set(get_args(RunStatus)) | GROUPS_OF_STATES,
    "STEP": set(get_args(StepStatus)),
    "WAITS_FOR": set(get_args(WaitsFor)),
    "GATE": set(get_args(get_type_hints(GateState)["outcome"])),
    "TASK": set(get_args(get_type_hints(TaskState)["outcome"])),
    "EXCEPTION": set(get_args(ExceptionKind)),
    "EXCEPTION_STATE": {"open", "waived", "closed"},
    "DISPOSITION": set(get_args(get_type_hints(ExceptionClosed)["disposition"])),
    "SEARCH": set(get_args(SearchOutcome)) | {"settled"},
    "LEVEL": {level.name.lower() for level in Level},
    "PHASE": set(get_args(Phase)),
    "CHANGE_KIND": set(get_args(ChangeKind)),
}


def test_every_code_of_a_refused_vote_has_one_label() -> None:
    """The codes with which `gates.py` refuses, and those of the rules that it asks."""
    refused = {
        node.args[0].value
        for node in ast.walk(ast.parse(inspect.getsource(gates)))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("NotAllowed", "TooLate")
        and isinstance(node.args[0], ast.Constant)
    }
    assert "role_missing" in refused
    rule = COMMANDS["approve_gate"]
    asked = {rule.refused_with, rule.unknown_with, "access_limited", "level_not_granted", "own_run", "run_finished"}
    assert set(REFUSED_VOTE) == refused | asked
    assert all(label[:1].isupper() and not label.endswith(".") for label in REFUSED_VOTE.values())


def test_every_code_of_a_refused_packet_act_has_one_label() -> None:
    """The codes with which the rules of packets refuse an account, and those of the table of commands."""
    refused = {
        node.args[0].value
        for rules in (packet_phases, objections, file_ownership)
        for node in ast.walk(ast.parse(inspect.getsource(rules)))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("NotAllowed", "TooLate")
        and isinstance(node.args[0], ast.Constant)
    }
    acts = ("adopt_packet", "sign_packet", "move_packet", "object_to_packet", "withdraw_objection")
    rules = [rule for name, rule in COMMANDS.items() if name in acts]
    assert len(rules) == len(acts)
    asked = {code for rule in rules for code in (rule.refused_with, rule.unknown_with)} | {"access_limited"}
    assert set(REFUSED_PACKET_ACT) == refused | asked
    assert set(PACKET_ACT) == set(get_args(PacketAct))
    for vocabulary in (REFUSED_PACKET_ACT, PACKET_ACT):
        assert all(label[:1].isupper() and not label.endswith(".") for label in vocabulary.values())


def test_what_an_account_has_is_called_as_people_write_it() -> None:
    said = {
        "groups": "Groups",
        "idp_groups": "IdP groups",
        "api_tokens": "API tokens",
        "mfa_devices": "MFA devices",
        "sso_authorizations": "SSO authorizations",
        "ssh_keys": "SSH keys",
        "licenses": "Licences",
        "owned": "Owned apps and groups",
        "admin": "Administrator",
    }
    assert {name: states.label(name, states.ACCESS_FACT) for name in said} == said


@pytest.mark.parametrize("name", CODES)
def test_every_code_has_one_label(name: str) -> None:
    vocabulary: states.Vocabulary = getattr(states, name)
    assert set(vocabulary) == CODES[name]
    assert all(label[:1].isupper() and not label.endswith(".") for label in vocabulary.values()), vocabulary
