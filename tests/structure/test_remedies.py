"""Every refusal has a remedy at each entry point, in the entry point's own words."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import get_args

import pytest
from typer.main import get_command

from orchestrator.cli import make_app
from orchestrator.cli.terminal import remedies as terminal
from orchestrator.cli.terminal.repairs import COMMANDS as COMMANDS_OF_REPAIRS
from orchestrator.domain.errors import Remedies, remedy_in
from orchestrator.domain.refusal_codes import ApiCode, CommonCode, PageCode, TerminalCode
from orchestrator.vocabulary.remedies import COMMON
from orchestrator.web.api import remedies as api
from orchestrator.web.pages import remedies as pages

COMMANDS = re.compile(r"--\w|`?\boffboard [a-z]")
PROBLEMS = {"ledger_fault", "ledger_unavailable", "token_needed"}
"""Codes of problems that are no refusals."""


def sentences(remedies: Remedies) -> list[str]:
    return [one for said in remedies.values() for one in ((said,) if isinstance(said, str) else said)]


@pytest.mark.parametrize(
    ("remedies", "codes"),
    [
        (pages.REMEDIES, {*get_args(CommonCode), *get_args(PageCode)}),
        (api.REMEDIES, {*get_args(CommonCode), *get_args(ApiCode)}),
        (terminal.REMEDIES, {*get_args(CommonCode), *get_args(ApiCode), *get_args(TerminalCode)}),
    ],
    ids=["pages", "api", "terminal"],
)
def test_each_table_covers_its_codes(remedies: Remedies, codes: Collection[str]) -> None:
    assert set(remedies) - PROBLEMS == set(codes)
    for sentence in sentences(remedies):
        assert sentence[0].isupper() and sentence.endswith((".", "?")), sentence


def test_only_the_terminal_speaks_of_commands() -> None:
    for sentence in (*sentences(COMMON), *sentences(pages.REMEDIES), *sentences(api.REMEDIES)):
        assert not COMMANDS.search(sentence), sentence
    assert any(COMMANDS.search(sentence) for sentence in sentences(terminal.REMEDIES))
    for sentence in sentences(terminal.REMEDIES):
        assert "page" not in sentence.casefold() and "/api/" not in sentence, sentence


def test_the_commands_that_the_terminal_names_exist() -> None:
    known = list_commands(get_command(make_app()))
    named = {
        match.group(1)
        for sentence in (*sentences(terminal.REMEDIES), *COMMANDS_OF_REPAIRS.values())
        for match in re.finditer(
            r"offboard ((?:packet |ledger |exceptions (?=[a-z])|tasks (?=[a-z]))?[a-z-]+)", sentence
        )
    }
    assert named and named <= known, named - known


def list_commands(group: object, prefix: str = "") -> set[str]:
    found = set()
    for name, command in getattr(group, "commands", {}).items():
        found |= {f"{prefix}{name}"} | list_commands(command, f"{prefix}{name} ")
    return found


def test_a_remedy_names_facts_where_they_are_there() -> None:
    assert remedy_in(COMMON, "unknown_zone", {"suggestion": "Europe/Berlin"}) == "Did you mean Europe/Berlin?"
    assert remedy_in(COMMON, "unknown_zone", {}).startswith("Use a zone")
    assert remedy_in(COMMON, "not_a_code", {}) == ""
