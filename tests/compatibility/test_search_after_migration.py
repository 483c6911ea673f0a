"""The search on a database of an earlier version, as the application's role: the first search fills its table."""

from __future__ import annotations

import base64
from typing import Any

from connectors.registry import connector_kinds
from orchestrator.deciding.runs import RUN_EVENT_TYPES, Runs
from orchestrator.domain.events import RunRequested, run_stream
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.persons.search_tags import SearchTags
from orchestrator.ledger.schema.database import Database
from orchestrator.reading.queries import Queries
from orchestrator.reading.search import Search
from orchestrator.reading.visibility import Viewer
from tests.compatibility import product
from tests.compatibility.conftest import CopyDatabase


async def test_runs_of_an_earlier_version_are_found(
    postgres: product.PostgresServer, copied: CopyDatabase, recorded: dict[str, Any]
) -> None:
    async with copied() as name:
        key = base64.b64decode(recorded["master_key"])
        database = Database(postgres.url(name), role="offboard_app")
        keyring = Keyring(database, key)
        ledger = Ledger(database, keyring, EventCodec(RUN_EVENT_TYPES))
        queries = Queries(database, ledger, Runs(ledger, connector_kinds()))
        try:

            async def find(viewer: Viewer, text: str) -> set[str]:
                result = await Search(database, queries, SearchTags(database, keyring, ledger)).find(viewer, text)
                assert result.complete
                return {one.run.run_id for one in result.runs}

            actors = (await queries.organisation_snapshot()).organisation.actors
            hr = Viewer.of(next(one for one in actors.values() if "requester" in one.roles))
            shown = await queries.names_of(hr, list(recorded["runs"].values()))
            names = {run_id: person for run_id, person in shown.items() if person.name}  # one is erased
            assert len(names) > 10
            for run_id, person in names.items():
                assert run_id in await find(hr, str(person.name)), run_id
                assert not await find(Viewer("stranger", frozenset({"gardener"})), str(person.name))
            run_id, person = next(iter(names.items()))
            asked = (await ledger.read({run_stream(run_id): 0})).events[run_stream(run_id)][0].event
            assert isinstance(asked, RunRequested)
            await keyring.erase_person(asked.person_id)
            assert run_id not in await find(hr, str(person.name))
        finally:
            await ledger.aclose()
            await database.aclose()
