"""Sends a request to a worker and waits for its answer: the web process has no credentials of systems.

    sealed row ─► the engine starts a workflow with the row's id ─► a worker answers into the row ─► read, for the asker

Nothing about a person is in what the engine carries, and the row expires.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import Any, cast

from orchestrator.documents.runs import questions as q
from orchestrator.documents.runs.questions import (
    Question,
    StartAsked,
    VerifyLedger,
)
from orchestrator.domain import errors
from orchestrator.domain.errors import Invalid
from orchestrator.domain.refusal_codes import RefusalCode
from orchestrator.engine import Engine, EngineUnavailable
from orchestrator.ledger.engine.inquiries import INQUIRY_TTL, InquiryAnswer, InquiryRows
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database

ANSWER_TIMEOUT_SECONDS = 10.0  # for which a page waits
HR_TIMEOUT_SECONDS = 8.0
"""Seconds for a question that HR answers. Browsers and programs wait no longer for a page; a sign-in without the answer
succeeds, but its account can decide nothing new."""
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS, PAUSE_GROWTH = 0.01, 0.5, 1.25
"""Pauses between two reads of the row, and the factor by which they grow."""


ANSWER_READ_WITHIN = timedelta(seconds=5)
"""How long a start's row outlives the wait for it. A worker that comes later opens no run that no one waits for."""


class NotAnswered(errors.Refusal):
    """There is no answer: no worker gave one in time, and `Inquiries.result` may have it later."""

    def __init__(self, code: str, place: str, cause: str, remedy: str = "", *, inquiry_id: str = "") -> None:
        """`remedy` is what a system or a worker said can be done; empty where the tables of remedies say it."""
        super().__init__(cast(RefusalCode, code), f"{place}: {cause.removesuffix('.')}.")
        self.remedy = remedy
        self.place = place
        self.cause = cause
        self.inquiry_id = inquiry_id


class InquiryFailed(NotAnswered):
    """A worker took the question and could not answer it: HR is away, or an unexpected error. Place and cause are
    for the asker, and may name a person."""


class Inquiries:
    """Raises `LedgerUnavailable`; and `EngineUnavailable` where Temporal cannot be reached (`engine` is None where it
    never could)."""

    def __init__(self, database: Database, keyring: Keyring, engine: Engine | None) -> None:
        self._rows = InquiryRows(database, keyring)
        self._engine = engine

    async def ask(
        self,
        asked_by: str,
        question: q.Asked[q.A],
        *,
        within: float = ANSWER_TIMEOUT_SECONDS,
        inquiry_id: str | None = None,
    ) -> q.A:
        """The answer. `asked_by` is an actor's id. Raises the worker's `Refusal` word for word, `InquiryFailed` where
        it could not answer, and `NotAnswered` where no worker did `within` so many seconds."""
        clock = asyncio.get_running_loop().time
        until = clock() + within
        inquiry_id = await self.put(asked_by, question, within=within, inquiry_id=inquiry_id)
        try:
            answer = await self.wait(inquiry_id, asked_by, within=max(until - clock(), 0.0))
        except Invalid as refused:
            if refused.code != "unknown_inquiry":
                raise
            answer = None  # On a slow machine, the row can expire before this process reads it.
        if answer is None:
            raise self._not_answered(inquiry_id, within)
        return cast(q.A, answer)

    async def wait(self, inquiry_id: str, asked_by: str, *, within: float) -> q.WorkerAnswer | None:
        """The result, None where no worker answers `within` so many seconds. Raises like `result`."""
        clock = asyncio.get_running_loop().time
        until = clock() + within
        pause = FIRST_PAUSE_SECONDS
        while (answer := await self.result(inquiry_id, asked_by)) is None:
            left = until - clock()
            if left <= 0:
                return None
            await asyncio.sleep(min(pause, left))
            pause = min(pause * PAUSE_GROWTH, MAX_PAUSE_SECONDS)
        return answer

    async def put(
        self,
        asked_by: str,
        question: q.Asked[Any],
        *,
        within: float = ANSWER_TIMEOUT_SECONDS,
        inquiry_id: str | None = None,
    ) -> str:
        """Asks without waiting for an answer, and for Temporal no longer than `within`. Returns the inquiry's id, for
        `result`; `inquiry_id` is one that the caller has made. For a verification of the ledger it is the one in
        progress, also if another account requested it. Raises `TooOften` for an account that asks too much at once."""
        if self._engine is None:
            raise EngineUnavailable("its address", "it has not been reached since this process started")
        shared = isinstance(question, VerifyLedger)
        joined = await self._rows.verification_in_progress() if shared else None
        inquiry_id = joined or inquiry_id or new_inquiry_id()
        if joined is None:
            kind = str(getattr(question, "kind", ""))
            kept = timedelta(seconds=within) + ANSWER_READ_WITHIN if isinstance(question, StartAsked) else INQUIRY_TTL
            await self._rows.put(inquiry_id, kind, asked_by, question.model_dump_json().encode(), kept)
        try:
            # Also for one in progress: the process that requested it may have ended before it reached Temporal.
            await self._engine.inquire(inquiry_id, within=timedelta(seconds=within))
        except EngineUnavailable:
            # A start is withdrawn by its caller, who looks for an answer first.
            if joined is None and not isinstance(question, StartAsked):
                await self._rows.withdraw(inquiry_id, asked_by)
            raise
        return inquiry_id

    async def withdraw(self, inquiry_id: str, asked_by: str) -> q.WorkerAnswer | None:
        """No worker begins with it from now on. The answer that a worker has given meanwhile, None where there is none.
        Raises like `result` where it was refused or failed."""
        await self._rows.withdraw(inquiry_id, asked_by)
        answered = await self._rows.answered(inquiry_id, asked_by)
        return None if answered is None or answered == "waiting" else _parsed_answer(answered)

    async def forget(self, inquiry_id: str, asked_by: str) -> None:
        """There is no such inquiry from now on, so that it can be asked again under its ID."""
        await self._rows.delete(inquiry_id, asked_by)

    async def result(self, inquiry_id: str, asked_by: str) -> q.WorkerAnswer | None:
        """The result, None while no worker has answered. Raises like `ask`; and `Invalid` for what this actor never
        asked and for what has expired, in the same words."""
        answered = await self._rows.answered(inquiry_id, asked_by)
        if answered is None:
            raise unknown_inquiry()
        if answered == "waiting":
            return None
        return _parsed_answer(answered)

    async def question(self, inquiry_id: str, asked_by: str) -> Question:
        """What was asked, so that it can be asked again or changed. Raises `Invalid` like `result`."""
        question = await self._rows.asked(inquiry_id, asked_by)
        if question is None:
            raise unknown_inquiry()
        return q.QUESTIONS.validate_json(question)

    def _not_answered(self, inquiry_id: str, within: float) -> NotAnswered:
        queue = self._engine.task_queue if self._engine is not None else ""
        return NotAnswered(
            "not_answered",
            f"The workers of the task queue {queue}",
            f"no worker responded within {within:g} seconds",
            inquiry_id=inquiry_id,
        )


def new_inquiry_id() -> str:
    return f"i{secrets.token_hex(16)}"


def unknown_inquiry() -> Invalid:
    return Invalid("unknown_inquiry", "This request was not found, or it has expired.")


def _parsed_answer(answered: InquiryAnswer) -> q.WorkerAnswer:
    match answered.outcome:
        case "answered":
            return q.ANSWERS[answered.kind].model_validate_json(answered.answer)
        case "refused":
            refused = q.Refused.model_validate_json(answered.answer)
            kind: type[errors.Refusal] = getattr(errors, refused.type)
            more = {"again_after": refused.again_after} if refused.again_after is not None else {}
            raise kind(cast(RefusalCode, refused.code), refused.message, **more, **refused.facts)
        case "failed":
            failed = q.Failed.model_validate_json(answered.answer)
            raise InquiryFailed(failed.code, failed.place, failed.cause, failed.remedy)
