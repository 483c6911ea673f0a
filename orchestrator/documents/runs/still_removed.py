"""What a restore has not restored, as a part of the run's document."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.documents.document import Document
from orchestrator.documents.runs.account_labels import account_shown
from orchestrator.domain.events import ExceptionOpened
from orchestrator.domain.planning.still_removed import StillRemoved, still_removed
from orchestrator.domain.run.run import RunState
from orchestrator.vocabulary.still_removed import still_removed_state


def still_removed_document(state: RunState) -> list[Document]:
    """By system and account. Empty for a run that is no restore. `status` is that of the restore's step: None where
    its plan has no such step."""
    return [_line(state, one) for one in still_removed(state)]


def still_removed_for(state: RunState, opened: ExceptionOpened) -> list[Document]:
    """What an exception of the kind `still_removed` is about: the lines of its system. Empty for every other kind."""
    if opened.kind != "still_removed":
        return []
    return [line for line in still_removed_document(state) if line["system"] == opened.system]


def still_removed_lines(lines: Sequence[Document], title_of: Callable[[str], str]) -> list[Document]:
    """The lines with the title of the system as `place`, and the state in words."""
    return [
        line | {"place": title_of(line["system"]) if line["system"] else "Task", "state": still_removed_state(line)}
        for line in lines
    ]


def _line(state: RunState, one: StillRemoved) -> Document:
    known = one.restoration
    shown = state.accounts.details.get(known.account_id)
    return {
        "step_id": known.restored_step or None,
        "name": known.name or None,
        "title": known.title,
        "system": known.system or None,
        "account": account_shown(known.account_id, shown) if known.account_id else None,
        "act": known.act,
        "why": known.why,
        "given": [str(thing.get("name") or thing["id"]) for thing in one.things],
        "status": one.step.status if one.step is not None else None,
        "may_be_restored": one.may_be_restored,
    }
