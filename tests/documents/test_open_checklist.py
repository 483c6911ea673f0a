"""The checklist of an installation in which nothing was seen to work yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from orchestrator.cli.commands.admin.setup_checklist import with_commands
from orchestrator.documents.checklist import Checklist, StepName, checklist
from orchestrator.domain.errors import NotAllowed
from orchestrator.ledger.engine.system_reports import SystemSeen, keep_reports
from orchestrator.reading.visibility import Viewer
from orchestrator.web.api.admin.setup_checklist import TESTS as API
from orchestrator.web.pages.admin.setup_checklist import TESTS as PAGE
from tests.ledger.small_office import IVO, SmallOffice, acting, small_office


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as services:
        yield services


def done(found: Checklist) -> dict[str, bool]:
    return {step.step: step.done for step in found.steps}


async def test_a_step_is_open_until_it_was_seen_to_work(here: SmallOffice) -> None:
    viewer = Viewer.of(IVO)
    (packet,) = await here.queries.readable_packets(viewer)
    hr, *others = [packet.platform.hr.system, *(set(packet.platform.systems) - {packet.platform.hr.system})]
    before = await checklist(here.database, here.queries, viewer, {})
    assert not before.done and done(before)["hr"] is done(before)["system"] is done(before)["mail"] is False
    assert all(step.next for step in before.steps if not step.done)
    await keep_reports(here.database, packet.name, [SystemSeen(hr, True), SystemSeen(others[0], False, "unreachable")])
    after = done(await checklist(here.database, here.queries, viewer, {}))
    assert after["hr"] and not after["system"], "a system that does not respond is no first system"
    await keep_reports(here.database, packet.name, [SystemSeen(hr, True), SystemSeen(others[0], True)])
    assert done(await checklist(here.database, here.queries, viewer, {}))["system"]


async def test_an_account_without_a_role_reads_no_checklist(here: SmallOffice) -> None:
    with pytest.raises(NotAllowed, match="nothing_granted"):
        await checklist(here.database, here.queries, Viewer.of(acting("guest")), {})


@pytest.mark.parametrize("tests", [API, PAGE], ids=["api", "page"])
async def test_only_the_terminal_names_commands(here: SmallOffice, tests: Mapping[StepName, str]) -> None:
    found = await checklist(here.database, here.queries, Viewer.of(IVO), tests)
    assert any(step.test for step in found.steps) and all(step.next for step in found.steps if not step.done)
    assert not any("offboard" in step.next + step.test for step in found.steps)


def test_the_terminal_has_commands_for_a_step_that_is_open() -> None:
    """An older server names no system and no packet."""
    shown = with_commands({"step": "packet", "next": "Let both owners sign it.", "test": "GET /api/v1/packets/PACKET"})
    assert shown["next"] == "Let both owners sign it. Command: offboard packet sign FOLDER"
    assert shown["test"] == "offboard packet check PACKET"
    shown = with_commands({"step": "mail", "next": "Set OFFBOARD_MAIL_HOST.", "test": ""})
    assert (shown["next"], shown["test"]) == ("Set OFFBOARD_MAIL_HOST.", "offboard mail test ADDRESS")
