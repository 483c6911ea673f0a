"""Systems on their page: looked at, held, released."""

from __future__ import annotations

import html

import pytest

from orchestrator import commands
from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.access.test_sessions import somebody
from tests.web.api.running import FUTURE, PACKET, Leavers, start
from tests.web.conftest import Program, Visit
from tests.web.requests.entry_points import packet_of


async def test_an_operator_has_systems_checked_and_everyone_reads_the_result(stack: Stack, visit: Visit) -> None:
    operator = await visit("operator")
    page = await operator.submit("/systems/standard-leaver/check")
    assert page.status_code == 200 and "respond and accept the credentials" in page.text
    assert "Pause all changes" in page.text, "operators look after the systems of every packet here"
    text = html.unescape((await (await visit("auditor")).get("/systems")).text)
    assert "Reachable" in text and "Identity team" in text and "Check the provider's status page" in text
    assert "At most 10 requests a second" in text


async def test_packets_of_the_same_title_have_their_names_beside_it(stack: Stack, visit: Visit) -> None:
    actors = (await stack.services.runs.organisation()).actors
    owners = actors["value-owner"], actors["safety-owner"]
    await put_in_production(stack.services, packet_of("same-title", ("snapshot_code", "suspend_code")), *owners)
    text = html.unescape((await (await visit("operator")).get("/systems")).text)
    version = (await stack.services.runs.shelf("same-title")).current
    assert version is not None
    await commands.move_packet(
        stack.services, owners[0], "same-title", version.version, "retired", ["same-title"], "over"
    )
    for name in ("standard-leaver", "same-title"):
        assert f'<h2 id="{name}-heading">Employee offboarding ({name})</h2>' in text


async def test_a_system_is_held_with_a_reason_and_released(visit: Visit) -> None:
    operator = await visit("operator")
    unknown = await operator.submit("/systems/standard-leaver/hold", {"system": "moon", "reason": "Far away"})
    assert unknown.status_code == 422 and "has no system moon" in unknown.text
    held = await operator.submit("/systems/standard-leaver/hold", {"system": "cards", "reason": "Card provider moves"})
    try:
        assert held.status_code == 200 and "Company cards: changes are paused" in held.text
        assert "Resume changes" in held.text
        again = await operator.submit("/systems/standard-leaver/hold", {"system": "cards", "reason": "Once more"})
        assert "Changes were already paused" in again.text
    finally:
        released = await operator.submit("/systems/standard-leaver/release", {"system": "cards"})
    assert "Company cards: changes are resumed" in released.text


async def test_only_who_looks_after_systems_is_offered_anything_and_others_are_refused(visit: Visit) -> None:
    auditor = await visit("auditor")
    page = await auditor.get("/systems")
    for words in ("Check now", "Pause changes", "Resume changes"):
        assert words not in page.text, words
    for path, fields in (
        ("/systems/standard-leaver/check", {}),
        ("/systems/standard-leaver/hold", {"system": "cards", "reason": "No"}),
        ("/systems/standard-leaver/release", {"system": "cards"}),
    ):
        refused = await auditor.submit(path, fields)
        assert refused.status_code == 403, path
    unknown = await auditor.submit("/systems/no-such-packet/check")
    assert unknown.status_code == 404


async def test_a_system_that_does_not_answer_is_named_with_whom_to_ask(stack: Stack, visit: Visit) -> None:
    operator = await visit("operator")
    await stack.company.stop("code")
    try:
        page = html.unescape((await operator.submit("/systems/standard-leaver/check")).text)
        assert "Not reachable: Code hosting" in page and "Developer platform team" in page
    finally:
        await stack.company.restart()
    mended = await operator.submit("/systems/standard-leaver/check")
    assert "respond and accept the credentials" in mended.text


@pytest.mark.parametrize("by", ["leaver", "report"])
async def test_a_pause_by_the_leaver_or_a_report_alone_does_not_hold_the_leavers_run(
    stack: Stack, program: Program, leaver: Leavers, by: str
) -> None:
    operator, number = await somebody(stack)
    if by == "report":
        operator, _ = await somebody(stack, manager_number=number)
    hr = await program("hr")
    own = (await hr.post("/runs", json={"person": number, "packet": PACKET, "cutoff": FUTURE})).json()["run_id"]
    other, colleague = await start(hr, await leaver()), (await stack.backend.runs.organisation()).actors["operator"]

    async def held() -> list[bool]:
        return ["cards" in (await stack.backend.runs.load(run)).world.holds for run in (own, other)]

    assert await commands.hold_system(stack.services, operator, "cards", PACKET, [PACKET], "Maintenance")
    try:
        assert await held() == [False, True]
        assert await commands.hold_system(stack.services, operator, "cards", PACKET, [PACKET]) is False
        assert await commands.hold_system(stack.services, colleague, "cards", PACKET, [PACKET]), (
            "a second person confirms it"
        )
        assert await held() == [True, True]
    finally:
        assert await commands.release_system(stack.services, colleague, "cards", PACKET, [PACKET])
    assert await held() == [False, False]
