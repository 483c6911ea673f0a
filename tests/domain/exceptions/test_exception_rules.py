"""The table of exception rules is complete: every kind has one rule, and every entry point finds its words there."""

from __future__ import annotations

from typing import get_args

import pytest

from orchestrator.cli.terminal.repairs import COMMANDS, commands_for
from orchestrator.domain.events import QUESTION_OF, ExceptionKind
from orchestrator.domain.exceptions import exceptions
from orchestrator.domain.exceptions.exception_rule import ExceptionRule, Repair
from orchestrator.domain.exceptions.exceptions import RULES


def test_every_kind_has_exactly_one_rule() -> None:
    assert set(RULES) == set(get_args(ExceptionKind))
    assert len(exceptions._RULES) == len(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_a_rule_opens_is_repaired_and_has_words(rule: ExceptionRule) -> None:
    by_command = ("start_limit", "left_behind", "still_removed", "access_kept", "done_by_hand", "left_open")
    assert rule.opens or rule.kind in by_command
    assert rule.repairs and len(set(rule.repairs)) == len(rule.repairs)
    assert rule.closed_by <= set(rule.repairs) & {Repair.RETRY, Repair.REPLAN}
    assert rule.title[0].isupper() and not rule.title.endswith(".")
    for sentence in (rule.meaning, rule.remedy):
        assert sentence[0].isupper() and sentence.endswith(".")
        assert "--" not in sentence and "`" not in sentence and "offboard " not in sentence


def test_what_asks_whose_an_account_is_can_be_settled() -> None:
    assert {kind for kind, rule in RULES.items() if Repair.SETTLE in rule.repairs} == {
        *QUESTION_OF.values(),
        "access_kept",
    }


def test_the_terminal_has_a_command_for_every_repair() -> None:
    of_every_exception = {"assign", "snooze", "comment"}
    assert set(COMMANDS) == {str(repair) for repair in Repair} | of_every_exception
    known = {"exception_id": "x-1", "step": "disable", "system": "code", "repairs": ["retry", "accept", "fly_away"]}
    assert commands_for("r1", known) == [
        "offboard retry r1 disable",
        "offboard exceptions accept r1 x-1 --reason …",
    ]
