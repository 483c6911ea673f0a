"""The command `checklist`: what a new installation still needs before its first run."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Final

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json
from orchestrator.cli.terminal.refusals import REFUSED
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, print_json, say
from orchestrator.documents.document import Document

WIDTH = 80

TESTS: Final[Mapping[str, str]] = {
    "sign_in": "offboard whoami",
    "hr": "offboard systems test {system} --packet {packet}",
    "system": "offboard systems test {system} --packet {packet}",
    "mail": "offboard mail test ADDRESS",
    "packet": "offboard packet check {packet}",
}
"""The commands that test a step, in place of the requests that the server names."""
NEXT: Final[Mapping[str, str]] = {
    "hr": "offboard systems connect",
    "system": "offboard systems connect",
    "packet": "offboard packet sign {packet}",
}
"""The commands for an open step."""


def checklist(alias: As = None, json: Json = False, folder: Folder = FOLDER) -> None:
    """Show what this installation still needs: sign-in, HR, a system, mail, a packet. Ends with 1 if a step is open."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            found = await server.get("checklist")
            return found | {"steps": [with_commands(step) for step in found["steps"]]}

    found = carry_out(work())
    if json:
        print_json(found)
    else:
        for step in found["steps"]:
            _print(step)
    if not found["done"]:
        raise typer.Exit(REFUSED)


def with_commands(step: Document) -> Document:
    """The step with this terminal's commands in `next` and `test`."""
    names = {"system": step.get("system") or "SYSTEM", "packet": step.get("packet") or "FOLDER"}
    then = step["next"]
    if then and step["step"] in NEXT:
        then += f" Command: {NEXT[step['step']]}".format(**names)
    names["packet"] = step.get("packet") or "PACKET"
    return step | {"next": then, "test": TESTS.get(step["step"], "").format(**names)}


def _print(step: Document) -> None:
    since = f" (since {instant(step['since'])})" if step["since"] else ""
    head = f"{'✓' if step['done'] else '–'} {step['title']:14}"
    state, style = ("done", "green") if step["done"] else ("open", "")
    say(_wrapped(f"{state}: {step['fact']}{since}", head), style=style)
    for text in (step["next"], f"Test: {step['test']}" if step["test"] else ""):
        if text:
            say(_wrapped(text, " " * len(head)))


def _wrapped(text: str, head: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)
