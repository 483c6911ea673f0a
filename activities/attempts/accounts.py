"""Searches for a person's accounts: for a plan, to confirm it, and for a preview that writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from activities.attempts.observation import Observer, observed
from activities.attempts.pacing import SystemPace, paced, rate_kept
from activities.connections import Connections
from activities.failures import log_unexpected
from connectors.abilities import Lookup
from connectors.errors import ConnectorError
from orchestrator.domain.events import SystemSearched
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.planning.matching import FoundAccount, lookups
from orchestrator.domain.planning.searching import Purpose, judge, reached_by
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.engine.rates import Rates
from orchestrator.ledger.persons.sealing import PersonKey

MAX_WAIT_SECONDS = 30.0  # of a search, for its turn at a system with a rate
NEAR_TURN_SECONDS = 3.0  # a search takes a turn that is at most so far off, so that steps do not wait long


@dataclass(frozen=True, slots=True)
class AccountsFound:
    """The result of a search: what each system answered, and the accounts found. `troubles` are the error texts of
    systems, which may name people: they are shown to the person who searched, and encrypted everywhere else."""

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
    rates: Rates | None = None,
    observer: Observer | None = None,
) -> AccountsFound:
    """Searches all systems at the same time, each with its own deadline. With `rates`, a system that has a rate is
    asked when its next request is allowed. A system that fails is part of the result, and so is one that could not be
    asked in time (code `rate_kept`). Calls are reported to `observer`, or to the observer of the connections."""
    observer = observer or connections.observer
    asked = [
        _ask(person, key, packet, current, system, purpose, connections, rates, observer) for system, purpose in systems
    ]
    answers = await asyncio.gather(*asked)
    return AccountsFound(
        tuple(result for result, _, _ in answers),
        tuple(account for _, accounts, _ in answers for account in accounts),
        {result.system: trouble for result, _, trouble in answers if trouble},
    )


def unserved_searches(systems: Iterable[tuple[str, Purpose, str]]) -> AccountsFound:
    """The last known state of systems whose task queue no worker reads; each is given with purpose and queue."""
    named = tuple(systems)
    return AccountsFound(
        tuple(SystemSearched(system=s, purpose=why, outcome="failed", code="queue_unserved") for s, why, _ in named),
        (),
        {
            system: f"System {system} is searched only by workers of the task queue {queue!r}, and none of them took "
            "the search. Start a worker that serves this queue, or check its log."
            for system, _, queue in named
        },
    )


async def _ask(
    person: PersonFacts,
    key: PersonKey,
    packet: Packet,
    current: Packet,
    system: str,
    purpose: Purpose,
    connections: Connections,
    rates: Rates | None,
    observer: Observer,
) -> tuple[SystemSearched, list[FoundAccount], str]:
    # How accounts are matched is pinned with the run; how the system is reached is today's.
    keys = packet.platform.systems[system].match
    spec = reached_by(system, packet, current)
    questions = [Lookup(attribute, value) for attribute, value in lookups(person, keys)]
    if not questions:
        failed = SystemSearched(system=system, purpose=purpose, outcome="failed", code="no_match_value")
        return (
            failed,
            [],
            "The person has no value for any match key of this system. Add the value in HR, or a match key.",
        )
    try:
        pace = SystemPace(rates, system, spec.rate_per_second)
        connector = observed(paced(await connections.to(system, spec), pace), system, observer)
        if spec.rate_per_second is not None:
            await _turn(pace, system, spec.rate_per_second)
        answered = await connector.find_accounts(questions, deadline=spec.deadline.total_seconds())
    except ConnectorError as error:
        failed = SystemSearched(system=system, purpose=purpose, outcome="failed", code=error.code)
        return failed, [], f"{error.detail} {error.remedy}".strip() or error.code
    except LedgerError:
        raise
    except Exception as error:
        # An unexpected error on one system does not prevent the search on the others.
        failed = SystemSearched(system=system, purpose=purpose, outcome="failed", code="unexpected")
        return failed, [], log_unexpected("a search", error)
    accounts = [
        FoundAccount(
            system=system,
            account_id=key.account_id(system, account.native_id),
            native_id=account.native_id,
            label=account.label,
            attributes=dict(account.attributes),
            active=account.active,
            privileged=account.privileged,
            secondary=tuple(sorted(account.secondary)),
        )
        for account in answered
    ]
    judged = judge(person, packet, system, purpose, accounts)
    shown = {*judged.accounts, *judged.candidates}
    return judged, [account for account in accounts if account.account_id in shown], ""


async def _turn(pace: SystemPace, system: str, per_second: float) -> None:
    """Raises `TryAgainError` where the queue is so long that the other systems' answers had better not wait."""
    now = asyncio.get_running_loop().time
    until = now() + MAX_WAIT_SECONDS
    while (busy_for := await pace.take(at_most=NEAR_TURN_SECONDS)) is not None:
        if now() + busy_for - NEAR_TURN_SECONDS > until:
            raise rate_kept(system, per_second)
        await asyncio.sleep(max(busy_for - NEAR_TURN_SECONDS, 0.1))
