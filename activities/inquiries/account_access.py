"""What the accounts of a preview can do and own: the snapshots that the run would take, read and recorded nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from activities.attempts.observation import observed
from activities.attempts.pacing import SystemPace, paced
from activities.connections import Connections
from activities.failures import log_unexpected
from connectors.abilities import Account, Effect
from connectors.errors import ConnectorError
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.planning.searching import reached_by
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.engine.rates import Rates

READ_SECONDS: Final = 10.0
"""For all snapshots of a preview together: what takes longer is in the run's own."""
NOT_IN_TIME: Final = "It was not read in time. The run records it at its start."
NOT_SHOWN: Final = "The system does not show it."


@dataclass(frozen=True, slots=True)
class AccessRead:
    """By step: what the system showed of the account, or why it showed nothing. Both are about a person."""

    recorded: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)


async def read_access(
    steps: Sequence[PlannedStep],
    accounts: Sequence[FoundAccount],
    packet: Packet,
    current: Packet,
    connections: Connections,
    rates: Rates | None,
) -> AccessRead:
    """Carries out the planned steps that only read and are about an account, all at the same time."""
    known = {(account.system, account.account_id): account for account in accounts}
    read = AccessRead()

    async def one(step: PlannedStep, account: FoundAccount) -> None:
        try:
            spec = reached_by(step.system, packet, current)
            pace = SystemPace(rates, step.system, spec.rate_per_second)
            connector = observed(
                paced(await connections.to(step.system, spec), pace), step.system, connections.observer
            )
            asked = Account(account.native_id, account.label, dict(account.attributes))
            shown = await connector.read_back(Effect(step.ability, "preview", asked, deadline=READ_SECONDS))
        except ConnectorError as error:
            read.troubles[step.step_id] = f"{error.detail} {error.remedy}".strip() or error.code
        except LedgerError:
            raise
        except Exception as error:
            read.troubles[step.step_id] = log_unexpected("a preview", error)
        else:
            if shown.outcome == "done":
                read.recorded[step.step_id] = shown.evidence
            else:
                read.troubles[step.step_id] = NOT_SHOWN

    asked = [
        (step, account)
        for step in steps
        if step.level is Level.READ and (account := known.get((step.system, step.account_id))) is not None
    ]
    tasks = [asyncio.create_task(one(step, account)) for step, account in asked]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=READ_SECONDS)
        for task in late:
            task.cancel()
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(done, LedgerError):
                raise done
    for step, _ in asked:
        if step.step_id not in read.recorded:
            read.troubles.setdefault(step.step_id, NOT_IN_TIME)
    return read
