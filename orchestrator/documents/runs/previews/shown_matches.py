"""The possible matches that a preview showed, sealed for the account that asked, so that it can answer when it starts
the run.

A preview's account ids are temporary. What they refer to is sent with the preview, sealed: it is opened here again, for
the same actor and the same person only, to find the accounts.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.domain.errors import Invalid
from orchestrator.domain.events import SystemSearched
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.ledger.book.errors import UnreadableEvent
from orchestrator.ledger.engine.inquiries import INQUIRY_TTL
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.persons.sealing import PersonKey

SHOWN_FOR: timedelta = INQUIRY_TTL
"""For how long it can be answered: as long as a preview is kept."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer to a preview's question. `question` is the question's handle, `accounts` are ids of its candidates;
    none of them is an answer too. `reason` is personal data."""

    question: str
    accounts: tuple[str, ...]
    reason: str | None = None

    def __repr__(self) -> str:
        return "Answered(…)"


class MatchShown(BaseModel):
    """`native` maps the preview's account ids to what the system calls the accounts, which is personal data."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    hr_id: str = Field(repr=False)
    looked_at: datetime
    seen: SystemSearched
    native: dict[str, str] = Field(repr=False)

    @classmethod
    def of(cls, hr_id: str, looked_at: datetime, seen: SystemSearched, accounts: Sequence[FoundAccount]) -> MatchShown:
        natives = {one.account_id: one.native_id for one in accounts if one.account_id in seen.candidates}
        return cls(hr_id=hr_id, looked_at=looked_at, seen=seen, native=natives)

    def sealed(self, keyring: Keyring, actor_id: str) -> str:
        """Opaque, and for this actor alone."""
        return base64.urlsafe_b64encode(keyring.seal(_context(actor_id), self.model_dump_json().encode())).decode()

    @classmethod
    def opened(cls, keyring: Keyring, actor_id: str, handle: str) -> MatchShown:
        """Raises `Invalid` for what was not made here for this actor."""
        try:
            return cls.model_validate_json(keyring.open(_context(actor_id), base64.urlsafe_b64decode(handle.encode())))
        except (UnreadableEvent, binascii.Error, ValueError) as error:
            raise Invalid("unknown_question", "This question is not from one of your previews.") from error

    def require_fresh(self, hr_id: str, now: datetime) -> None:
        """Raises `Invalid` where it was shown about another person, or too long ago."""
        if self.hr_id != hr_id:
            raise Invalid("shown_for_another", "The answer is for a question about another person.")
        if now - self.looked_at > SHOWN_FOR:
            minutes = SHOWN_FOR // timedelta(minutes=1)
            raise Invalid("preview_over", f"The preview is older than {minutes} minutes.")

    def as_of(self, key: PersonKey) -> SystemSearched:
        """What was seen, with the account ids of the run to come. `key` is the person's."""
        return self.seen.model_copy(update={"candidates": tuple(sorted(self._real(key).values()))})

    def chosen(self, key: PersonKey, accounts: Sequence[str]) -> tuple[str, ...]:
        """The ids of the run to come for these ids of the preview. Raises `Invalid` for one that it did not show."""
        real = self._real(key)
        if strangers := [account for account in accounts if account not in real]:
            raise Invalid(
                "not_a_candidate",
                f"{', '.join(strangers)[:200]} is not one of the accounts found on {self.seen.system}.",
            )
        return tuple(sorted({real[account] for account in accounts}))

    def _real(self, key: PersonKey) -> dict[str, str]:
        return {shown: key.account_id(self.seen.system, native) for shown, native in self.native.items()}


def _context(actor_id: str) -> str:
    return f"match shown:{actor_id}"
