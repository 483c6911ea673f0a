"""Resolves the names that people type for gates, tasks, exceptions, accounts and colleagues to IDs.

A name that could mean several things is sent as it is; the server refuses it and lists the possible ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.documents.document import Document

MIN_ACCOUNT_CHARACTERS = 6
"""Characters of an account's id that may replace it, where no other candidate begins so."""


def gate_named(run: Document, named: str) -> str:
    """By id; or by the packet's name, where one of it is open. Raises `Invalid` where several are."""
    if any(gate["gate_id"] == named for gate in run["gates"]):
        return named
    same = [gate for gate in run["gates"] if gate["gate"] == named]
    still_open = [gate for gate in same if gate["state"] == "open"]
    if len(still_open) > 1:
        ids = ", ".join(gate["gate_id"] for gate in still_open)
        raise LocalRefusal("several_gates", f"Several gates named {named} are open.", f"Give one of these IDs: {ids}.")
    return str((still_open or same or [{"gate_id": named}])[-1]["gate_id"])


def gate_name(run: Document, gate_id: str | None) -> str:
    """What people call a gate: by the packet's name, with its id where the run has several of that name."""
    names = {gate["gate_id"]: str(gate["gate"]) for gate in run["gates"]}
    if gate_id is None or gate_id not in names:
        return gate_id or ""
    called = names[gate_id].replace("_", " ")
    return called if list(names.values()).count(names[gate_id]) == 1 else f"{called} ({gate_id})"


def gate_title(run: Document, gate_id: str | None) -> str:
    """The gate's title in the packet, with its id where the run has several of that name. An older server does not
    send it: then `gate_name`."""
    gate: Document = next((gate for gate in run["gates"] if gate["gate_id"] == gate_id), {})
    title = gate.get("title")
    several = sum(1 for other in run["gates"] if other["gate"] == gate.get("gate")) > 1
    return (f"{title} ({gate_id})" if several else str(title)) if title else gate_name(run, gate_id)


def step_title(run: Document, step_id: str | None) -> str:
    """Empty for a step that the run does not have."""
    return next((str(step["title"]) for step in run["steps"] if step["step_id"] == step_id), "")


def subject(run: Document, exception: Document) -> str:
    """The step, system or gate that an exception of the run is about; empty where it is about the run."""
    about = step_title(run, exception["step_id"]) or exception["step"] or exception["system"]
    return str(about or gate_title(run, exception["gate_id"]))


def task_named(run: Document, named: str) -> str:
    """By id, or by the step that it is about."""
    if any(task["task_id"] == named for task in run["tasks"]):
        return named
    same = [task for task in run["tasks"] if named in (task["step_id"], task["step"])]
    still_open = [task for task in same if task["state"] == "open"]
    return str((still_open or same or [{"task_id": named}])[-1]["task_id"])


def exception_named(run: Document, named: str) -> str:
    """By id; or by kind or system, where one of it is open."""
    if any(known["exception_id"] == named for known in run["exceptions"]):
        return named
    same = [
        str(known["exception_id"])
        for known in run["exceptions"]
        if known["state"] == "open" and named in (known["kind"], known["system"])
    ]
    if len(same) > 1:
        raise LocalRefusal(
            "several_exceptions",
            f"{named} matches several open exceptions.",
            f"Give one of these IDs: {', '.join(same)}.",
        )
    return same[0] if same else named


def accounts_named(run: Document, system: str, named: Sequence[str]) -> list[str]:
    """By id, a beginning of it that fits one candidate, or the label that the system shows."""
    candidates = {
        str(account["account_id"]): account["label"]
        for known in run["systems"]
        if known["system"] == system
        for account in known["candidates"]
    }
    meant = []
    for text in named:
        fits = [
            id_
            for id_, label in candidates.items()
            if (len(text) >= MIN_ACCOUNT_CHARACTERS and id_.startswith(text)) or label == text
        ]
        if len(fits) > 1 and text not in candidates:
            raise LocalRefusal(
                "several_accounts",
                f"The given text matches several accounts on {system}.",
                "Give more of the account's ID.",
            )
        meant.append(fits[0] if len(fits) == 1 else text)
    return meant


def colleague_named(members: Sequence[Document], named: str) -> str:
    """By account, or by the name from sign-in, in any case. Raises `Invalid` where several have it."""
    if any(member["actor_id"] == named for member in members):
        return named
    same = [str(member["actor_id"]) for member in members if (member["name"] or "").casefold() == named.casefold()]
    if len(same) > 1:
        raise LocalRefusal(
            "several_colleagues",
            f"Several people are named {named}.",
            f"Give one of these accounts: {', '.join(same)}.",
        )
    return same[0] if same else named
