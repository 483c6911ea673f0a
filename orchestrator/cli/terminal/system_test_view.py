"""The result of testing a system, in 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from orchestrator.cli.terminal.screen import say
from orchestrator.cli.terminal.shapes import code_words
from orchestrator.vocabulary.states import TEST_OUTCOME, TEST_PART, label

WIDTH = 80
_MARKS: Mapping[str, tuple[str, str]] = {
    "passed": ("✓", "green"), "partly": ("!", "yellow"), "failed": ("✗", "red"), "skipped": ("–", ""),
}  # fmt: skip
_NAME = max(len(name) for name in TEST_PART.values())
_OUTCOME = max(len(name) for name in TEST_OUTCOME.values())
_HEAD = _NAME + _OUTCOME + 6


def print_system_test(document: Mapping[str, Any]) -> None:
    """`document` is a `SystemTested`, as JSON has it."""
    say(f"Test of {document['system']} ({document['title']}). Nothing is changed.", style="bold")
    for part in document["parts"]:
        _part(part)
        for account in document["accounts"] if part["part"] == "person" else ():
            say(_wrapped(account, " " * _HEAD))
    if document["abilities"]:
        say("")
        say("A run would send these requests. Those with * change something; the test did")
        say("not send them.")
    for ability in document["abilities"]:
        _ability(ability)


def _part(part: Mapping[str, Any]) -> None:
    mark, style = _MARKS[part["outcome"]]
    took = f" ({part['milliseconds']} ms)" if part["outcome"] != "skipped" else ""
    outcome = label(part["outcome"], TEST_OUTCOME).lower()
    head = f"{mark} {label(part['part'], TEST_PART):{_NAME}}  {outcome:{_OUTCOME}}  "
    said = " ".join(text for text in (part["said"], part["remedy"]) if text) or code_words(part["code"])
    say(_wrapped(f"{said}{took}", head), style=style)


def _ability(ability: Mapping[str, Any]) -> None:
    mark, style = _MARKS[ability["outcome"]]
    step = f" ({ability['step']})" if ability["step"] and ability["step"] != ability["ability"] else ""
    head = f"{mark} {ability['ability']}{step}"
    if ability["outcome"] != "passed":
        why = " ".join(text for text in (ability["said"], ability["remedy"]) if text)
        if ability["code"] and ability["outcome"] != "skipped":
            why = f"{code_words(ability['code'])}. {why}".strip()
        say(_wrapped(why, f"{head}: ", "    "), style=style)
        return
    say(head, style=style)
    for request in ability["requests"]:
        times = f", {request['times']} times" if request["times"] > 1 else ""
        named = f"  {request['operation_id']}" if request["operation_id"] else ""
        line = f"{request['method']} {request['path']}{named}{times}"
        say(_wrapped(line, f"  {'*' if request['changes'] else ' '} ", "      "))
    if not any(one["changes"] for one in ability["requests"]):
        say("    Nothing to change.")
    if not ability["complete"]:
        say("    Further requests depend on the responses to these.")


def _wrapped(text: str, head: str, indent: str | None = None) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=indent if indent is not None else " " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
