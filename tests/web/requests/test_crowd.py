"""Many people decide at one gate of quorum two, at once, over the API: two count, the others hear the outcome."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.commands import Done
from orchestrator.deciding.appending import drafts
from orchestrator.domain.events import ORGANISATION, ActorRecorded, run_stream
from orchestrator.domain.events.event import Event
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.stack import Stack, put_in_production
from orchestrator.ledger.access.tokens import Tokens
from orchestrator.ledger.book.records import StreamAppend
from tests.cli.command_line import hired

CLIENTS = 40
QUORUM_OF_TWO = "crowd"


async def _packet(stack: Stack) -> None:
    files = dict(starter_packet("identity-only").files)
    files["workflow.yaml"] = files["workflow.yaml"].replace(b"name: identity-only", f"name: {QUORUM_OF_TWO}".encode())
    files["approvals.yaml"] = files["approvals.yaml"].replace(b"quorum: 1", b"quorum: 2")
    assert b"quorum: 2" in files["approvals.yaml"]
    actors = (await stack.backend.runs.organisation()).actors
    await put_in_production(stack.services, parse_packet(files), actors["value-owner"], actors["safety-owner"])


async def _crowd(stack: Stack, deciders: int) -> list[str]:
    """Tokens of approvers, each another person."""
    tokens = Tokens(stack.backend.database)
    manager = (await stack.backend.runs.organisation()).actors["it"].managers

    people = await asyncio.gather(*(stack.backend.keyring.create_person() for _ in range(deciders)))
    await _recorded(
        stack,
        [
            ActorRecorded(
                actor_id=f"crowd-{number}", kind="person", roles=("it_approver",), human=human, managers=tuple(manager)
            )
            for number, human in enumerate(people)
        ],
    )

    async def one(number: int) -> str:
        actor = f"crowd-{number}"
        lasts = timedelta(hours=1)
        return (await tokens.make(actor, label="crowd", made_by=actor, up_to=Level.CHANGE, lasts=lasts))[0]

    return list(await asyncio.gather(*(one(number) for number in range(deciders))))


async def _recorded(stack: Stack, arrived: Sequence[Event]) -> None:
    """Sign-ins of so many at once that each by itself would take the test's time."""
    version = (await stack.backend.runs.organisation()).version
    await stack.backend.ledger.append([StreamAppend(ORGANISATION, version, drafts(arrived, version, None))])


@pytest_asyncio.fixture
async def dismissed(stack: Stack, deciders: int) -> AsyncIterator[None]:
    """Afterwards no one of the crowd has a role: other tests look at who else could decide."""
    yield
    await _recorded(
        stack, [ActorRecorded(actor_id=f"crowd-{number}", kind="person", roles=()) for number in range(deciders)]
    )


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("dismissed")
@pytest.mark.parametrize("deciders", [200, pytest.param(1_000, marks=pytest.mark.faults)])
async def test_of_many_deciders_two_count_and_all_others_get_the_outcome(stack: Stack, deciders: int) -> None:
    await _packet(stack)
    person = await hired(stack)
    packet = (await stack.backend.runs.shelf(QUORUM_OF_TWO)).current
    assert packet is not None
    people = stack.people(packet)
    facts = await people.facts(await people.find(person.employee_number))
    hr = (await stack.backend.runs.organisation()).actors["hr"]
    done = await commands.start_run(
        stack.services, hr, facts, QUORUM_OF_TWO, parse_cutoff("2035-01-05T18:00", "Europe/Berlin")
    )
    assert isinstance(done, Done)
    gate_id = await _gate(stack, done.run_id)
    tokens = await _crowd(stack, deciders)
    async with AsyncExitStack() as open_ones:
        # Many clients, since one looks through all that waits in it whenever anything moves.
        limits = httpx.Limits(max_connections=10, max_keepalive_connections=10)
        clients = [
            await open_ones.enter_async_context(
                httpx.AsyncClient(base_url=stack.url, limits=limits, timeout=240, verify=False)  # no TLS
            )
            for _ in range(CLIENTS)
        ]

        async def decide(number: int, token: str) -> tuple[int, str, str]:
            answer = await clients[number % CLIENTS].post(
                f"/api/v1/runs/{done.run_id}/gates/{gate_id}/decision",
                json={"verdict": "approve"},
                headers={"Authorization": f"Bearer {token}"},
            )
            body = answer.json()
            return answer.status_code, str(body.get("code", "")), str(body.get("detail", ""))

        said = await asyncio.gather(*(decide(number, token) for number, token in enumerate(tokens)))
    counted = Counter((status, code) for status, code, _ in said)
    assert counted[409, "gate_decided"] == deciders - 2, counted
    assert sum(count for (status, _), count in counted.items() if status in (200, 202)) == 2, counted
    assert all("was approved at" in detail for status, _, detail in said if status == 409)
    stream = run_stream(done.run_id)
    kinds = Counter(known.type for known in (await stack.backend.ledger.read({stream: 0})).events[stream])
    assert (kinds["GateVoted"], kinds["GateDecided"]) == (2, 1)


async def _gate(stack: Stack, run_id: str) -> str:
    async with asyncio.timeout(90):
        while True:
            state: RunState = (await stack.backend.runs.load(run_id)).state
            for gate_id, gate in state.decisions.gates.items():
                if gate.open and gate.opened.quorum == 2:
                    return gate_id
            await asyncio.sleep(0.05)
