"""The command `checklist`: what a new installation still needs before its first run."""

from __future__ import annotations

import textwrap

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json
from orchestrator.cli.terminal.refusals import REFUSED
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, print_json, say
from orchestrator.documents.document import Document

WIDTH = 80


def checklist(alias: As = None, json: Json = False, folder: Folder = FOLDER) -> None:
    """Show what this installation still needs: sign-in, HR, a system, mail, a packet. Ends with 1 if a step is open."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.get("checklist")

    found = carry_out(work())
    if json:
        print_json(found)
    else:
        for step in found["steps"]:
            _print(step)
    if not found["done"]:
        raise typer.Exit(REFUSED)


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
