"""Runs to look at, made through the API, and pages opened by those who work with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.smaller_packet import without_late_starts, without_systems
from orchestrator.embedded.stack import Stack, put_in_production
from tests.cli.command_line import StartRun
from tests.ledger.small_office import renamed
from tests.web.api.running import PAST, planned, start, until
from tests.web.conftest import Program
from tests.web.requests.entry_points import packet_of

FEW_STEPS = (
    "snapshot_code", "record_leaving", "hand_over_repositories", "disable_identity", "end_code_sessions",
    "suspend_code", "revoke_code_tokens", "rotate_shared_secrets", "final_pay", "collect_equipment",
)  # fmt: skip
"""Steps with and without a gate, tasks, and the gates of IT and of finance."""


@pytest_asyncio.fixture
async def two_approve(stack: Stack) -> str:
    """A packet in production in which two people decide at each gate; its name."""
    packet = without_late_starts(without_systems(starter_packet("standard-leaver"), stack.company.missing))
    packet = renamed(packet, "two-approve", approvals=("quorum: 1", "quorum: 2"))
    known = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, known["value-owner"], known["safety-owner"])
    return packet.name


@pytest.fixture
def started(stack: Stack, program: Program, leaver: Callable[..., Awaitable[Employee]]) -> StartRun:
    """`await started()`: a run of someone new with its plan, whose cutoff has passed; its id. Fields of the person by
    their names, of the request in `asked`."""

    async def one(*traits: str, asked: dict[str, Any] | None = None, **fields: Any) -> str:
        person = await leaver(*traits, **fields)
        hr = await program("hr")
        run_id = await start(hr, person, **({"cutoff": PAST} | (asked or {})))
        await until(hr, run_id, planned)
        return run_id

    return one


@pytest_asyncio.fixture(scope="session")
async def few_steps(stack: Stack) -> str:
    """A packet in production with `FEW_STEPS` of the standard one; its name."""
    actors = (await stack.services.runs.organisation()).actors
    packet = packet_of("few-steps", FEW_STEPS)
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    return packet.name


@pytest.fixture
def started_short(started: StartRun, few_steps: str) -> StartRun:
    """As `started`, under the packet with few steps: for all that needs a run with gates and tasks, whatever the steps
    are. A run under the standard packet takes up to twice the processor time."""

    async def one(*traits: str, asked: dict[str, Any] | None = None, **fields: Any) -> str:
        return await started(*traits, asked={"packet": few_steps} | (asked or {}), **fields)

    return one
