"""What every process opens: the ledger and what is read with it, Temporal's address, telemetry. Importing it is cheaper
than importing the worker, for health checks and for processes without activities."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.deciding.lost_tails import LostTails
from orchestrator.deciding.master_keys import require_current_key
from orchestrator.deciding.runs import RUN_EVENT_TYPES, Runs
from orchestrator.domain.packet.ability import Catalogue
from orchestrator.engine import EngineAddress
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.engine.notices import NoticeBook
from orchestrator.ledger.persons.keys import Keyring, load_master_keys
from orchestrator.ledger.schema.database import Database
from orchestrator.settings import Settings

if TYPE_CHECKING:
    from orchestrator.telemetry.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Backend:
    """The ledger and what is read with it; everything that needs no Temporal."""

    database: Database
    keyring: Keyring
    ledger: Ledger
    runs: Runs
    lost_tails: LostTails


@asynccontextmanager
async def open_backend(settings: Settings, abilities: Catalogue | None = None) -> AsyncIterator[Backend]:
    """`abilities` are those of the connectors in the registry where none are given. Raises `LedgerUnavailable` on first
    use, `WrongMasterKey` at once, and before a key of a person is made with a master key that was replaced."""
    if abilities is None:
        from connectors.registry import connector_kinds  # all connectors: half a second that health checks don't need

        abilities = connector_kinds()
    database = Database(settings.database_url)
    try:
        keyring = Keyring(database, *load_master_keys(settings.master_key, "OFFBOARD_MASTER_KEY"))
        ledger = Ledger(database, keyring, EventCodec(RUN_EVENT_TYPES))
        keyring.require_current = partial(require_current_key, ledger, keyring)
        lost_tails = LostTails(ledger)
        try:
            yield Backend(database, keyring, ledger, Runs(ledger, abilities), lost_tails)
        finally:
            await lost_tails.aclose()
            await ledger.aclose()
    finally:
        await database.aclose()


def engine_address(settings: Settings) -> EngineAddress:
    return EngineAddress(
        address=settings.temporal_address,
        namespace=settings.temporal_namespace,
        task_queue=settings.temporal_task_queue,
        tls=settings.temporal_tls,
        certificate=settings.temporal_certificate,
        key=settings.temporal_key,
        authority=settings.temporal_authority,
        api_key=settings.temporal_api_key,
    )


def telemetry_of(settings: Settings) -> AbstractAsyncContextManager[Telemetry | None]:
    """None where the settings ask for none: then OpenTelemetry is not even imported, which takes 0.16 s."""
    if settings.otlp_endpoint is None and settings.trace_file is None:
        return contextlib.nullcontext()
    from orchestrator.telemetry.telemetry import telemetry

    return telemetry(settings.otlp_endpoint, settings.trace_file, settings.service_name)


def keep_quiet(watched: Telemetry | None, backend: Backend) -> None:
    """About runs under embargo, of which no trace is to tell."""
    if watched is not None:
        watched.tracing.embargoed = NoticeBook(backend.database).embargoed
