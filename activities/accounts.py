"""Looking for a person's accounts: for a plan, to confirm it, and for a preview that writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from activities.connections import Connections
from activities.observation import observed
from connectors.abilities import Lookup
from connectors.errors import ConnectorError
from orchestrator.domain.events import SystemSearched
from orchestrator.domain.matching import FoundAccount, lookups
from orchestrator.domain.packet import Packet
from orchestrator.domain.person import PersonFacts
from orchestrator.domain.searching import Purpose, judge
from orchestrator.ledger.sealing import PersonKey


@dataclass(frozen=True, slots=True)
class Found:
    """What the systems said, and the accounts they showed. `troubles` are a failed system's words, which may name
    people: for the person who looks, and encrypted everywhere else."""

    results: tuple[SystemSearched, ...]
    accounts: tuple[FoundAccount, ...]
    troubles: dict[str, str]


async def find_accounts(
    person: PersonFacts,
    key: PersonKey,
    packet: Packet,
    current: Packet,
    systems: Iterable[tuple[str, Purpose]],
    connections: Connections,
) -> Found:
    """Asks all systems side by side, each under its own deadline. One that fails is an answer of its own."""
    asked = [_ask(person, key, packet, current, system, purpose, connections) for system, purpose in systems]
    answers = await asyncio.gather(*asked)
    return Found(
        tuple(result for result, _, _ in answers),
        tuple(account for _, accounts, _ in answers for account in accounts),
        {result.system: trouble for result, _, trouble in answers if trouble},
    )


async def _ask(
    person: PersonFacts,
    key: PersonKey,
    packet: Packet,
    current: Packet,
    system: str,
    purpose: Purpose,
    connections: Connections,
) -> tuple[SystemSearched, list[FoundAccount], str]:
    # How accounts are matched is pinned with the run; how the system is reached is today's.
    keys = packet.platform.systems[system].match
    spec = current.platform.systems.get(system, packet.platform.systems[system])
    questions = [Lookup(attribute, value) for attribute, value in lookups(person, keys)]
    try:
        connector = observed(await connections.to(system, spec), system, connections.observer)
        answered = await connector.find_accounts(questions, deadline=spec.deadline.total_seconds())
    except ConnectorError as error:
        failed = SystemSearched(system=system, purpose=purpose, outcome="failed", code=error.code)
        return failed, [], f"{error.detail} {error.remedy}".strip() or error.code
    accounts = [
        FoundAccount(
            system=system,
            account_id=key.account_id(system, account.native_id),
            native_id=account.native_id,
            label=account.label,
            attributes=dict(account.attributes),
            active=account.active,
            privileged=account.privileged,
        )
        for account in answered
    ]
    judged = judge(person, packet, system, purpose, accounts)
    shown = {*judged.accounts, *judged.candidates}
    return judged, [account for account in accounts if account.account_id in shown], ""
