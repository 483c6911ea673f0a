"""A person is erased, and the installation is restored from backups of before and after: `offboard restore` leaves no
data of that person readable, except where no backup can know of the erasure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from orchestrator import commands
from orchestrator.backend import Backend, open_backend
from orchestrator.commands import Services
from orchestrator.domain import events as e
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.ledger.book.backup import BackupPart, back_up
from orchestrator.ledger.book.errors import LedgerUnavailable, PersonErased
from orchestrator.ledger.persons.keys import Keyring
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.faults.test_restored_backup import restored
from tests.integration.installation import Installation, without_engine
from tests.integration.packets import quick_packet

WHY = "They asked for it."


async def backed_up(here: Installation, folder: Path) -> dict[BackupPart, Path]:
    folder.mkdir()
    files: dict[BackupPart, Path] = {"ledger": folder / "ledger", "keyring": folder / "keyring"}
    await asyncio.to_thread(back_up, here.settings.database_url, files)
    return files


async def erase(here: Installation, services: Services, run: str) -> None:
    """Requested by one person and confirmed by another one."""
    await commands.erase_person(services, here.actors["hr"], run, WHY)
    assert (await commands.erase_person(services, here.actors["safety-owner"], run)).erased


async def readable(backend: Backend, run: str) -> bool:
    """Whether the run's person can be read, with their key and in any event of the run."""
    state = (await backend.runs.load(run)).state
    page = await backend.ledger.read({e.run_stream(run): 0})
    personal = [
        value
        for one in page.events[e.run_stream(run)]
        for name in one.event.personal_fields()
        if (value := getattr(one.event, name)) is not None
    ]
    try:
        await backend.keyring.person_key(state.asked.person_id)
    except PersonErased:
        assert state.asked.facts is None and not personal
        return False
    assert state.asked.facts is not None and personal
    return True


async def test_an_erased_person_is_not_readable_after_a_restore(
    install: Install,
    hire: Hire,
    postgres: PostgresServer,
    migrated_template: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with install(packet=quick_packet(), worker=False) as here:
        services = without_engine(here)
        erased, other = [await here.start(person, services=services) for person in await hire(2)]
        for run in (erased, other):
            await commands.end_run(services, here.actors["hr"], run, "called off")
        assert await readable(here.backend, erased)

        before = await backed_up(here, tmp_path / "before")

        async def stops(self: Keyring, person_id: str) -> bool:
            raise LedgerUnavailable("the keyring", "the process stopped", "Start it again")

        with monkeypatch.context() as stopped, pytest.raises(LedgerUnavailable):
            stopped.setattr(Keyring, "erase_person", stops)
            await erase(here, services, erased)
        between = await backed_up(here, tmp_path / "between")  # the erasure is recorded, and the key is still there
        await commands.erase_person(services, here.actors["safety-owner"], erased)
        after = await backed_up(here, tmp_path / "after")
        assert not await readable(here.backend, erased)

        @asynccontextmanager
        async def from_files(name: str, files: dict[BackupPart, Path]) -> AsyncIterator[tuple[Backend, str]]:
            await postgres.create_database(name, template=migrated_template)
            url = make_url(here.settings.database_url).set(database=name).render_as_string(hide_password=False)
            said = await restored(here, url, files)
            async with open_backend(replace(here.settings, database_url=url)) as backend:
                assert await readable(backend, other)
                yield backend, said

        older_ledger: dict[BackupPart, Path] = {"ledger": before["ledger"], "keyring": after["keyring"]}
        for name, files in {"older_ledger": older_ledger, "between": between, "after": after}.items():
            async with from_files(f"erased_{name}", files) as (backend, _):
                assert not await readable(backend, erased), name
        async with from_files("erased_before", before) as (backend, said):
            assert "Repeat erasures that were recorded after it." in said
            assert await readable(backend, erased), "nothing in these files says that this person was erased"
            await erase(here, Services(backend.runs, backend.keyring, None), erased)
            assert not await readable(backend, erased)
