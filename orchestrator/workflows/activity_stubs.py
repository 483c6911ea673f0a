"""The activities that workflows ask for, as typed names without bodies: workflows never import what activities import.

A test holds these equal, name and signature, to what the worker registers.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from temporalio import activity

from orchestrator.domain.run.progress import Progress


class RunRef(BaseModel):
    """Which run. Nothing about a person: ids only travel through the engine."""

    model_config = ConfigDict(frozen=True)
    run_id: str


class SearchAccounts(BaseModel):
    """`given_up`: no worker took this from the systems' own task queue, which is to be recorded in place of answers."""

    model_config = ConfigDict(frozen=True)
    run_id: str
    systems: tuple[str, ...]
    given_up: bool = Field(default=False, exclude_if=lambda given_up: not given_up)  # as before there was such a thing


class ExecuteSteps(BaseModel):
    model_config = ConfigDict(frozen=True)
    run_id: str
    step_ids: tuple[str, ...]


class InquiryRef(BaseModel):
    """The id of the request. Its content and its requester are in a sealed row."""

    model_config = ConfigDict(frozen=True)
    inquiry_id: str


@activity.defn(name="advance")
async def advance(run: RunRef) -> Progress:
    """Let the domain say what time has brought about, and what is to be started."""
    raise NotImplementedError


@activity.defn(name="search_accounts")
async def search_accounts(search: SearchAccounts) -> Progress:
    """Ask systems which accounts are the person's, and record their answers."""
    raise NotImplementedError


@activity.defn(name="execute_steps")
async def execute_steps(due: ExecuteSteps) -> Progress:
    """One attempt at each of some steps: check, intent, effect, read-back, result."""
    raise NotImplementedError


class NextLook(BaseModel):
    """When open items are checked again; None if notices are off."""

    model_config = ConfigDict(frozen=True)
    in_seconds: float | None


class Delivery(BaseModel):
    """One event for one webhook: where it is in the ledger, and nothing of what it says. `last`: no further
    attempt follows, which is to be recorded if this one fails."""

    model_config = ConfigDict(frozen=True)
    hook_id: str
    position: int
    last: bool = False


class Attempted(BaseModel):
    """`over`: delivered, or never to be. Else `wait_seconds` is how long nothing may be sent yet (an embargo); 0 for
    an attempt that did not work."""

    model_config = ConfigDict(frozen=True)
    over: bool
    wait_seconds: float = 0.0


@activity.defn(name="send_notices")
async def send_notices() -> NextLook:
    """Mail everyone what waits for them and was not mailed yet, and what is due soon."""
    raise NotImplementedError


@activity.defn(name="deliver_webhook")
async def deliver_webhook(delivery: Delivery) -> Attempted:
    """One attempt at telling a webhook of an event."""
    raise NotImplementedError


@activity.defn(name="answer_inquiry")
async def answer_inquiry(inquiry: InquiryRef) -> None:
    """Answer a question of the web process into its row."""
    raise NotImplementedError
