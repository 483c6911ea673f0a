"""What people call gates, tasks, exceptions and accounts, and the ids that are meant.

Where a name could mean several things, it is passed on as it is and refused by the domain, which says what there is.
"""

from __future__ import annotations

from orchestrator.domain.errors import Invalid
from orchestrator.domain.run import RunState

SHORTEST_ACCOUNT = 6
"""Characters of an account's id that may stand for it, where no other candidate begins so."""


def gate_named(state: RunState, named: str) -> str:
    """By id; or by the packet's name, where one of it is open. Raises `Invalid` where several are."""
    if named in state.gates:
        return named
    same = [id_ for id_, gate in state.gates.items() if gate.opened.gate == named]
    still_open = [id_ for id_ in same if state.gates[id_].open]
    if len(still_open) > 1:
        raise Invalid("several_gates", f"Several gates {named} are open.", f"Name one: {', '.join(still_open)}.")
    return (still_open or same or [named])[-1]


def task_named(state: RunState, named: str) -> str:
    """By id, or by the step that it is about."""
    if named in state.tasks:
        return named
    same = [
        id_ for id_, task in state.tasks.items()
        if named in (task.opened.step_id, getattr(state.steps.get(task.opened.step_id), "name", None))
    ]  # fmt: skip
    still_open = [id_ for id_ in same if state.tasks[id_].open]
    return (still_open or same or [named])[-1]


def exception_named(state: RunState, named: str) -> str:
    """By id; or by kind or system, where one of it is open."""
    if named in state.exceptions:
        return named
    same = [
        id_ for id_, known in state.exceptions.items()
        if known.open and named in (known.opened.kind, known.opened.system)
    ]  # fmt: skip
    if len(same) > 1:
        raise Invalid(
            "several_exceptions", f"Several open exceptions are meant by {named}.", f"Name one: {', '.join(same)}."
        )
    return same[0] if same else named


def accounts_named(state: RunState, system: str, named: list[str]) -> list[str]:
    """By id, a beginning of it that fits one candidate, or the label that the system shows."""
    found = state.planned_on.get(system)
    candidates = found.candidates if found is not None else ()
    meant = []
    for text in named:
        fits = [
            id_ for id_ in candidates
            if (len(text) >= SHORTEST_ACCOUNT and id_.startswith(text))
            or (state.details.get(id_) or {}).get("label") == text
        ]  # fmt: skip
        if len(fits) > 1 and text not in candidates:
            raise Invalid("several_accounts", f"Several accounts on {system} are meant by what was given.",
                          "Give more of the account's id.")  # fmt: skip
        meant.append(fits[0] if len(fits) == 1 else text)
    return meant
