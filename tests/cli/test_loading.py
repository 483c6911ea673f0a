"""Commands are imported when they are used, and lists of commands say what the commands do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from inspect import cleandoc

import pytest
from typer.testing import CliRunner

from orchestrator.cli import make_app
from orchestrator.cli.command_table import SECTIONS, CommandEntry, CommandGroup
from orchestrator.cli.loading import load_function

ALL = [one for section in SECTIONS for one in section.commands]
COMMANDS = [one for one in ALL if isinstance(one, CommandEntry)] + [
    one for group in ALL if isinstance(group, CommandGroup) for one in group.commands
]
HEAVY = ("httpx", "rich", "pydantic", "asyncio", "sqlalchemy", "temporalio")


def loaded_after(code: str) -> list[str]:
    """Names of all modules that a new process has after this code."""
    report = "import sys, json; print('\\n' + json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], check=True, capture_output=True, text=True, timeout=60
    )
    names: list[str] = json.loads(ran.stdout.splitlines()[-1])
    return names


def of_commands(names: list[str]) -> list[str]:
    return [name for name in names if re.match(r"orchestrator\.cli\.(commands|server|terminal)\.", name)]


@pytest.mark.parametrize("words", [["--help"], ["--version"], []])
def test_what_lists_commands_imports_none_of_them(words: list[str]) -> None:
    names = loaded_after(
        f"from orchestrator.cli import make_app\ntry: make_app()({words!r})\nexcept SystemExit as end: print(end.code)"
    )
    assert not of_commands(names) and not set(HEAVY) & set(names)


def test_a_command_imports_its_own_module_and_neither_the_http_client_nor_rich() -> None:
    names = loaded_after(
        "from orchestrator.cli import make_app; from typer.main import get_command\n"
        "get_command(make_app()).commands['inbox']"
    )
    commands = [name for name in names if name.startswith("orchestrator.cli.commands.")]
    assert commands == ["orchestrator.cli.commands.decisions"]
    assert not {"httpx", "rich", "pydantic"} & set(names)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.place)
def test_the_summary_is_the_first_sentence_of_the_docstring(command: CommandEntry) -> None:
    paragraph = cleandoc(load_function(command.place).__doc__ or "").split("\n\n")[0].replace("\n", " ")
    assert command.summary == re.split(r"(?<=\.) ", paragraph)[0]


def test_help_lists_every_command_under_its_kind_of_user() -> None:
    helped = CliRunner().invoke(make_app(), ["--help"]).output
    at = 0
    for section in SECTIONS:
        at = helped.index(f"\n{section.title}:\n", at)
        for one in section.commands:
            at = helped.index(f"\n  {one.called} ", at)


def test_a_mistyped_command_is_refused_with_the_closest_name() -> None:
    done = CliRunner().invoke(make_app(), ["inbx"])
    assert done.exit_code == 2 and "Did you mean 'inbox'?" in done.output
