"""The packets that ship with Offboard carry a run from HR's request to the end, and the read tables tell the same."""

from __future__ import annotations

import psycopg
import pytest

from orchestrator.domain.packet.packet_files import starter_names, starter_packet
from orchestrator.embedded.smaller_packet import without_late_starts
from orchestrator.ledger.book.projections import KEY, run_rows
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import Installation, conninfo, statuses


@pytest.mark.parametrize("name", starter_names())
async def test_a_run_of_a_starter_packet(install: Install, hire: Hire, needs_directory: None, name: str) -> None:
    async with install(packet=without_late_starts(starter_packet(name))) as here:
        [person] = await hire(traits=["admin"])
        run = await here.start(person)
        state = await here.attend(run)
        assert state.finish == "clean", await here.story(run)
        assert set(statuses(state).values()) <= {"verified", "attested"}
        assert {step.name for step in state.plan.steps.values()} == {step.name for step in here.packet.workflow.steps}
        await the_tables_agree(here, run)
        await here.verify()


async def the_tables_agree(here: Installation, run: str) -> None:
    """The rows of the read tables follow from the events of the run."""
    wanted = run_rows(await here.state(run))
    async with await psycopg.AsyncConnection.connect(conninfo(here.settings.database_url)) as connection:
        for table, key in KEY.items():
            rows = await connection.execute(f"SELECT {key} FROM read.{table} WHERE run_id = %s", (run,))
            assert {row[0] for row in await rows.fetchall()} == {id_ for name, id_ in wanted if name == table}
        row = await (
            await connection.execute("SELECT state, version, closed_at FROM read.runs WHERE run_id = %s", (run,))
        ).fetchone()
        assert row is not None
        expected = wanted["runs", run]
        assert (row[0], row[1], row[2]) == (expected["state"], expected["version"], expected["closed_at"])
