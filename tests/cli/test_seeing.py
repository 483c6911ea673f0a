"""Who sees a run, by the one rule that every list and page asks; and that looking leaves no trace."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from orchestrator import commands
from orchestrator.commands import Services
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.permissions.levels import Actor
from orchestrator.embedded.stack import Stack
from orchestrator.ledger.schema.keyring_tables import lookups, person_keys
from orchestrator.ledger.schema.tables import events
from orchestrator.reading.exception_lists import ExceptionFilter, ExceptionLists
from orchestrator.reading.queries import Queries
from orchestrator.reading.run_lists import RunLists
from orchestrator.reading.visibility import Viewer
from tests.cli.command_line import NewLeaver, Offboard, StartRun


@pytest.fixture
def queries(stack: Stack) -> Queries:
    return Queries(stack.backend.database, stack.backend.ledger, stack.backend.runs)


async def sees(queries: Queries, viewer: Viewer, run_id: str) -> bool:
    """Asked in every way there is, which all say the same."""
    try:
        page = await queries.run_page(viewer, run_id)
    except Invalid as refused:
        assert refused.code == "unknown_run"
        found = False
    else:
        found = page.snapshot.state.run_id == run_id
        person_id = page.snapshot.state.asked.person_id
        assert await queries.open_run_of(viewer, person_id) == run_id
    database = queries._database
    listed = run_id in {line.run_id for line in (await RunLists(database, queries).page(viewer, limit=500)).lines}
    waiting = run_id in {item.run_id for item in (await queries.inbox(viewer, mine=False, limit=500)).items}
    of_run = ExceptionFilter(run_id=run_id)
    asked = bool((await ExceptionLists(database, queries).page(viewer, of_run)).lines)
    assert {found, listed, waiting, asked} == {found}
    return found


async def test_a_viewer_needs_a_grant_or_something_that_waits_for_them(
    queries: Queries, stack: Stack, started: StartRun, offboard: Offboard
) -> None:
    run_id = await started(traits=("two_code_accounts",), cutoff="2027-01-15T18:00")
    for role, may in (("auditor", True), ("requester", True), ("stranger", False)):
        assert await sees(queries, Viewer("somebody", frozenset({role})), run_id) is may, role
    assert not await sees(queries, Viewer("nobody", frozenset()), run_id)
    # Grants to people cover neither services nor assistants.
    assert not await sees(queries, Viewer("timer", frozenset({"auditor", "operator"}), "service"), run_id)
    assert not await sees(queries, Viewer("robot", frozenset(), "assistant"), run_id)

    async with stack.backend.database.transaction() as connection:
        await connection.exec_driver_sql(
            "UPDATE read.inbox SET roles = '[\"stranger\"]' WHERE run_id = %s AND kind = 'gate'", (run_id,)
        )
    assert await sees(queries, Viewer("somebody", frozenset({"stranger"})), run_id), "it waits for them"
    assert not await sees(queries, Viewer("other", frozenset({"other"})), run_id)
    assert not await sees(queries, Viewer("timer", frozenset({"stranger"}), "service"), run_id)
    await offboard.done("ledger", "rebuild")
    assert not await sees(queries, Viewer("somebody", frozenset({"stranger"})), run_id)


async def test_looking_writes_nothing(offboard: Offboard, stack: Stack, leaver: NewLeaver) -> None:
    above = await leaver()
    person = await leaver(manager_number=above.employee_number)
    await offboard.done("runs", as_="hr")  # a sign-in is recorded, where HR tells something new

    async def written() -> tuple[int, int, int]:
        async with stack.backend.database.connect() as connection:
            keys = (await connection.execute(select(func.count()).select_from(person_keys))).scalar_one()
            tags = (await connection.execute(select(func.count()).select_from(lookups))).scalar_one()
            # Runs of other tests go on meanwhile, in streams of their own.
            lasting = events.c.stream.like("person:%") | (events.c.stream == "organisation")
            count = (await connection.execute(select(func.count()).select_from(events).where(lasting))).scalar_one()
        return count, keys, tags

    before = await written()
    for words in (("start", person.employee_number, "--urgent", "--preview"), ("runs",), ("inbox",), ("whoami",)):
        await offboard.done(*words, as_="hr")
        assert await written() == before, words
    await offboard.done("start", person.employee_number, "--urgent", "--yes", as_="hr")
    tail, keys, tags = await written()
    assert tail > before[0] and keys - before[1] == tags - before[2] >= 1


async def test_roles_are_taken_away_by_the_owner_of_a_packet_in_use(stack: Stack) -> None:
    services = Services(stack.backend.runs, stack.backend.keyring)
    actors = (await stack.backend.runs.organisation()).actors
    somebody = Actor(actor_id="leaving-us", roles=frozenset({"operator", "auditor"}), human=None)
    await commands.record_actor(services, somebody)
    with pytest.raises(NotAllowed):
        await commands.revoke_roles(services, actors["operator"], "standard-leaver", "leaving-us", ["operator"])
    with pytest.raises(Invalid) as unused:
        await commands.revoke_roles(services, actors["safety-owner"], "nosuch", "leaving-us", ["operator"])
    assert unused.value.code == "packet_not_in_use"
    owner = actors["safety-owner"]
    assert await commands.revoke_roles(services, owner, "standard-leaver", "leaving-us", ["operator"])
    assert not await commands.revoke_roles(services, owner, "standard-leaver", "leaving-us", ["operator"])
    assert (await stack.backend.runs.organisation()).actors["leaving-us"].roles == {"auditor"}
