"""`exceptions show`: one exception with the facts of its card on the page, and the command of each action."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from orchestrator.cli.commands.exceptions.exceptions import NamedException
from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.exception_lines import exception_state, exception_words, quoted, record_lines
from orchestrator.cli.terminal.names import exception_named
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json, RunArgument
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.repairs import action_commands
from orchestrator.cli.terminal.run_pages import candidate_words, label, still_removed_lines
from orchestrator.cli.terminal.screen import cutoff, instant, moment, name, print_json, say
from orchestrator.cli.terminal.shapes import role_words
from orchestrator.documents.document import Document
from orchestrator.vocabulary.states import STEP
from orchestrator.vocabulary.states import label as label_of


def show(
    run_id: RunArgument, exception: NamedException, json: Json = False, alias: As = None, folder: Folder = FOLDER
) -> None:
    """Show one exception: cause, owner, due date, what people recorded, and each action with its command."""
    run, found = carry_out(_found(run_id, exception, alias, folder))
    if json:
        print_json(found)
    else:
        print_exception(run, found)


async def _found(run_id: str, exception: str, alias: str | None, folder: Path) -> tuple[Document, Document]:
    """The run, and the exception."""
    async with entering(folder, alias) as server:
        run = await server.run(run_id)
        return run, await server.get("runs", run["run_id"], "exceptions", exception_named(run, exception))


def print_exception(run: Document, known: Document) -> None:
    say(f"{exception_words(known)}  ·  {name(run['person'])}", style="bold")
    for called, value in _facts(run, known):
        if value:
            say(f"{called:<11}{value}")
    say("")
    say(known["meaning"])
    for line in _decided(known):
        say(line)
    for line in record_lines(known):
        say(line)
    if known["state"] == "open":
        say(known["remedy"])
        if known["if_not_resolved"]:
            say(known["if_not_resolved"])
        _print_actions(known)


def _facts(run: Document, known: Document) -> Iterator[tuple[str, str]]:
    yield "Exception", known["exception_id"]
    yield "Run", f"{run['run_id']}, cutoff {cutoff(run['cutoff'], run['zone'])}"
    yield "State", exception_state(known)
    yield "Step", f"{known['title']} ({known['step']})" if known["step"] else ""
    yield "Approval", known["gate_title"] or known["gate"] or ""
    titled = known["system_title"] and known["system_title"] != known["system"]
    yield "System", f"{known['system_title']} ({known['system']})" if titled else known["system"] or ""
    yield "Account", label(known["account"])
    owners = role_words(known["owners"])
    yield "Owner", f"{known['assigned_to']}, of {owners}" if known["assigned_to"] else owners
    yield "Can act", ", ".join(known["can_resolve"]) or ("no user at the moment" if known["state"] == "open" else "")
    yield "Opened", instant(known["opened_at"])
    yield "Due", instant(known["due_at"]) if known["state"] == "open" else ""
    yield "Closed", f"{instant(known['closed_at'])} by {known['by'] or 'Offboard'}" if known["closed_at"] else ""
    support = known.get("support_details") or {}  # an older server has none
    hours = f", {support['hours']}" if support.get("hours") else ""
    yield "Support", f"{known['support']}{hours}" if known["support"] else ""
    yield "On call", support.get("on_call") or ""
    yield "Escalation", support.get("escalation") or ""
    yield "Contact now", (support.get("contact_now") or "") if support.get("on_call") else ""
    yield "Runbook page", support.get("runbook_url") or ""
    yield "Runbook", known["runbook"] or ""


def _decided(known: Document) -> Iterator[str]:
    """What the exception is about: a decision, a request, steps that ran, and accounts to select from."""
    if vote := known["decision"]:
        instead_of = f" for {vote['on_behalf_of']}" if vote["on_behalf_of"] else ""
        verb = "Rejected" if vote["verdict"] == "reject" else "Excluded"
        yield f"{verb} by {vote['by']}{instead_of}, {instant(vote['at'])}{quoted(vote['reason'])}"
    if request := known["second_request"]:
        urgent = ", urgent" if request["urgent"] else ""
        at = cutoff(request["cutoff"], request["zone"])
        yield f"{request['by']} requested the cutoff {at}{urgent}{quoted(request['reason'])}"
        if request["legal_hold"]:
            yield f"A legal hold is requested{quoted(request['legal_hold'])}"
    if known["ran_before_approval"]:
        yield "Steps that ran before approval:"
    for step in known["ran_before_approval"]:
        place = ", ".join(part for part in (step["system"], label(step["account"])) if part)
        yield f"  {step['title']} ({place}): {label_of(step['status'], STEP)}, {moment(step['at'])}"
    if known["still_removed"]:
        yield "Not restored:"
    yield from still_removed_lines(known)
    if known["candidates"]:
        yield "Possible accounts:"
    for candidate in known["candidates"]:
        yield f"  {candidate_words(candidate, known['not_selected'])}"


def _print_actions(known: Document) -> None:
    allowed = [one for one in known["actions"] if one["allowed"]]
    say("")
    say("You can:" if allowed else "You can't act on it.")
    for one in allowed:
        instead_of = f"  (for {one['instead_of']})" if one["instead_of"] else ""
        for command in action_commands(known["run_id"], known, one):
            say(f"  {command}{instead_of}")
    refused = [(one["refused"]["message"], one) for one in known["actions"] if not one["allowed"]]
    for why, ones in groupby(sorted(refused, key=itemgetter(0)), key=itemgetter(0)):
        say("")
        say(f"Not available to you: {why}")
        for _, one in ones:
            for command in action_commands(known["run_id"], known, one):
                say(f"  {command}")
