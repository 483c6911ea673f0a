"""Tests a packet's system for a user, and keeps the result for all users, without the person."""

from __future__ import annotations

import asyncio

from activities.connections import Connections
from activities.inquiries.people import People
from activities.inquiries.reachability import elsewhere
from activities.system_test import SystemTest, person_named, steps_of
from connectors.errors import ConnectorError
from orchestrator.deciding.runs import Runs
from orchestrator.documents.runs.questions import SystemTestAsked
from orchestrator.documents.system_test import SystemTested, TestedPart
from orchestrator.domain.commands import requests
from orchestrator.domain.commands.systems import require_check
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.ledger.engine.system_reports import SystemSeen, keep_report
from orchestrator.ledger.engine.system_tests import begin_system_test, note_system_test
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database


def _seen(tested: SystemTested) -> SystemSeen:
    """A test is a check too: whether the system responded and accepted the credential."""
    parts = {part.part: part for part in tested.parts}
    if "credential" in parts and parts["credential"].outcome == "passed":
        return SystemSeen(tested.system, True, detail=parts["credential"].said)
    wrong = next((part for part in tested.parts if part.outcome == "failed"), tested.parts[0])
    reachable = False if wrong.outcome == "failed" else None
    return SystemSeen(tested.system, reachable, wrong.code, f"{wrong.said} {wrong.remedy}".strip())


class PacketSystemTests:
    def __init__(
        self,
        runs: Runs,
        keyring: Keyring,
        connections: Connections,
        database: Database,
        queues: frozenset[str] | None,
    ) -> None:
        """`queues` are the task queues served here, None for a caller that is not bound to any."""
        self._runs = runs
        self._keyring = keyring
        self._connections = connections
        self._database = database
        self._queues = queues

    async def run(self, inquiry_id: str, actor: Actor, packet: Packet, question: SystemTestAsked) -> SystemTested:
        """Raises a `Refusal` for an actor who may not test the system, or not look up a person."""
        system = question.system
        require_check(system, actor, packet)
        spec = packet.platform.systems[system]
        person = await self._person(actor, packet, question.wanted) if question.wanted else None
        now = await self._runs.ledger.now()
        unfinished = SystemTested(
            system=system, title=spec.title, kind=spec.connector, ok=True, tested_at=now, parts=()
        )
        await begin_system_test(
            self._database, packet.name, system, inquiry_id, actor.actor_id, unfinished.model_dump_json()
        )
        if (why := elsewhere(system, spec, self._queues)) is not None:
            part = TestedPart(part="settings", outcome="skipped", code="own_network_only", said=why)
            tested = unfinished.model_copy(update={"parts": (part,)})
        else:
            tested = await self._tested(inquiry_id, packet, unfinished, person)
        await self._note(packet, inquiry_id, tested, finished=True)
        await keep_report(self._database, packet.name, _seen(tested))
        return tested

    async def _tested(
        self, inquiry_id: str, packet: Packet, unfinished: SystemTested, person: PersonFacts | None
    ) -> SystemTested:
        """Each part is stored when it is done, for the page of those who wait."""
        system = unfinished.system
        heard: asyncio.Queue[TestedPart | None] = asyncio.Queue()

        async def keep() -> None:
            parts: tuple[TestedPart, ...] = ()
            while (part := await heard.get()) is not None:
                parts += (part,)
                await self._note(packet, inquiry_id, unfinished.model_copy(update={"parts": parts}), finished=False)

        keeping = asyncio.create_task(keep())
        try:
            return await SystemTest(
                self._connections,
                system,
                packet.platform.systems[system],
                steps_of(packet, system),
                person,
                unfinished.tested_at,
                heard.put_nowait,
            ).run()
        finally:
            heard.put_nowait(None)
            await keeping

    async def _note(self, packet: Packet, inquiry_id: str, tested: SystemTested, *, finished: bool) -> None:
        kept = tested.without_person().model_dump_json()
        await note_system_test(self._database, packet.name, tested.system, inquiry_id, kept, finished=finished)

    async def _person(self, actor: Actor, packet: Packet, wanted: str) -> PersonFacts:
        """HR's facts, for an actor who may search people. Without a response of HR, what was typed is all that is
        known. Raises `NotAllowed`; and `Invalid` unless HR knows exactly one person."""
        requests.require_prepare(actor, packet, packet, packet.name)
        people = People(self._connections, packet, self._keyring)
        try:
            return await people.facts_to_search_by(await people.find(wanted), wanted)
        except ConnectorError:
            return person_named(wanted)
