"""`start --preview`: what a run would do. Nothing is written, in the ledger or anywhere else."""

from __future__ import annotations

from orchestrator.cli.commands.settling import told
from orchestrator.cli.server.server import Document
from orchestrator.cli.terminal.run_pages import label
from orchestrator.cli.terminal.screen import cutoff, instant, length, name, say, table
from orchestrator.cli.terminal.shapes import role_words


def print_preview(document: Document) -> None:
    say(f"Preview for {name(document['person'])}: nothing is written.", style="bold")
    ends = "now (urgent)" if document["urgent"] else cutoff(document["cutoff"], document["zone"])
    say(f"Access ends {ends}, under packet {document['packet']} ({document['phase']}).")
    say("")
    table(
        ("System", "Found", "Accounts", "On"),
        [
            (
                system["system"],
                system["outcome"],
                ", ".join(label(account) for account in system["accounts"] or system["candidates"]) or "none",
                system["trouble"] or system["matched_on"] or system["code"],
            )
            for system in document["systems"]
        ],
    )
    say("")
    table(
        ("Step", "System", "Account", "Level", "When", "Gate", "Can be undone"),
        [
            (
                step["name"],
                step["system"] or f"task for {role_words((step['task_for'],))}",
                label(step["account"]),
                step["level"] + (" (withheld)" if step["withheld"] else ""),
                _when(step),
                "before its gate" if step["before_gates"] and step["gate"] else step["gate"],
                _undone(step),
            )
            for step in document["steps"]
        ],
    )
    say("")
    for gate in document["gates"]:
        people = "one person" if gate["quorum"] == 1 else f"{gate['quorum']} people"
        say(
            f"Gate {gate['gate']} opens for {role_words(gate['roles'])} ({people}, within "
            f"{length(gate['decide_within'])}): {', '.join(gate['steps'])}"
        )
    for question in document["questions"]:
        for line in told(question):
            say(line, style="yellow")
    for system in document["not_looked_at"]:
        say(f"{system['system']} could not be looked at: {system['why']}", style="yellow")
    if document["steps_left_open"]:
        say(f"Not planned yet, until that is known: {', '.join(document['steps_left_open'])}", style="yellow")


def _when(step: Document) -> str:
    if step["due_at"] is not None:
        return instant(step["due_at"])
    return "when approved" if step["gate"] and not step["before_gates"] else "at once"


def _undone(step: Document) -> str:
    if step["task_for"] or step["level"] in ("read", "prepare"):
        return ""
    limit = length(step["reversible_for"])
    return {"yes": "yes", "no": "no", "limited": f"for {limit}"}[step["reversible"]]
