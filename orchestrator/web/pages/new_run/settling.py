"""Matches that are confirmed on a preview's page and sent with the start: the ticked accounts, errors in them, and the
answers for the command.

The page's questions are those of the preview that was made for the requester; a form's other fields are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from starlette.datastructures import FormData

from orchestrator.documents.runs.previews.preview import MatchQuestion
from orchestrator.documents.runs.previews.shown_matches import Answered
from orchestrator.web.access.forms import MAX_REASON_CHARACTERS, text, texts

MAX_CHOSEN = 100
MAX_ID_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Ticked:
    """What was said to one question. `none` is that no account is theirs; a question that is left open has nothing."""

    accounts: tuple[str, ...] = ()
    none: bool = False
    reason: str = ""

    @property
    def fault(self) -> str:
        """What cannot be so, in words; empty where it can."""
        if self.none and self.accounts:
            return "Choose either accounts or “None of these”."
        if self.reason and not (self.none or self.accounts):
            return "There is a justification but no answer. Select accounts, or choose “None of these”."
        return ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a start's form says: `ticked` by system, why the run is asked for, and the reason of a legal hold."""

    ticked: dict[str, Ticked] = field(default_factory=dict)
    reason: str = ""
    legal_hold: str = ""

    @classmethod
    def of(cls, form: FormData, questions: Iterable[MatchQuestion]) -> Said:
        return cls(
            {one.system: _ticked(form, one.system) for one in questions}, text(form, "reason"), text(form, "legal_hold")
        )

    def to(self, system: str) -> Ticked:
        return self.ticked.get(system, Ticked())

    def faults(self) -> list[tuple[str, str]]:
        """As the id of the question's fieldset, and words."""
        return [(fieldset(system), said.fault) for system, said in self.ticked.items() if said.fault]

    def answers(self, questions: Iterable[MatchQuestion]) -> list[Answered]:
        """To those that were answered. The command decides whether the requester may answer them."""
        said = ((one, self.to(one.system)) for one in questions)
        return [
            Answered(one.handle, ticked.accounts, ticked.reason or None)
            for one, ticked in said
            if ticked.none or ticked.accounts
        ]


def fieldset(system: str) -> str:
    """The id of a question's fieldset on the page."""
    return f"settle-{system}"


def _ticked(form: FormData, system: str) -> Ticked:
    chosen = tuple(one[:MAX_ID_CHARACTERS] for one in texts(form, f"account-{system}")[:MAX_CHOSEN])
    return Ticked(chosen, text(form, f"none-{system}") == "yes", text(form, f"how-{system}")[:MAX_REASON_CHARACTERS])
