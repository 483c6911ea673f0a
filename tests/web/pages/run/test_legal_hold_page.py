"""A legal hold on the pages: placed, shown to approvers, and lifted by a second person."""

from __future__ import annotations

import html
from datetime import UTC, datetime, timedelta

from tests.cli.command_line import StartRun
from tests.web.api.running import FUTURE, Leavers, start, wanted
from tests.web.conftest import Program, Visit
from tests.web.pages.forms import look_ahead
from tests.web.pages.pressing import ParsedPage, press


async def test_a_hold_is_placed_shown_and_lifted_by_a_second_person(visit: Visit, started: StartRun) -> None:
    run_id = await started(asked={"cutoff": FUTURE})
    hr, it, path = await visit("hr"), await visit("it"), f"/runs/{run_id}"
    placed = await press(hr, path, "Place legal hold", fill={"reason": "Claim 12/26"})
    assert "The legal hold is placed." in ParsedPage(placed.text).text

    said = ParsedPage((await it.get(path)).text).text
    for words in (
        "Under legal hold.",
        "placed by Torvandil Maskeliung",
        "“Claim 12/26”",
        "Kept by legal hold: Release the mailbox licence.",
        "Legal hold placed",
        "Kept by legal hold, also once approved: Release the mailbox licence.",
    ):
        assert words in said, words
    assert "Place legal hold" not in said and "Lift legal hold" not in said
    listed = ParsedPage((await it.get("/runs?legal_hold=yes")).text)
    assert "legal hold" in listed.text and f"/runs/{run_id}" in (await it.get("/runs?legal_hold=yes")).text

    assert 'legal-holds/lift"' not in (await hr.get(path)).text, "the person who placed it does not lift it"
    too_early = await hr.submit(f"{path}/legal-holds/lift", {"back": path, "reason": "over", "hold_id": "hold-1"})
    assert too_early.status_code == 403 and "can't lift it" in ParsedPage(too_early.text).text
    lifted = await press(await visit("safety-owner"), path, "Lift legal hold", fill={"reason": "Settled"})
    said = ParsedPage(lifted.text).text
    assert "The legal hold is lifted." in said and "Under legal hold." not in said and "“Settled”" in said


async def test_a_run_starts_under_a_hold_from_the_page_of_the_preview(visit: Visit, leaver: Leavers) -> None:
    hr = await visit("hr")
    preview = await look_ahead(hr, await leaver())
    assert "Start under a legal hold" in ParsedPage(preview.text).text
    started = await press(hr, preview.url.path, "Start run", fill={"legal_hold": "Claim 12/26"})
    assert started.url.path.startswith("/runs/r")
    said = ParsedPage(started.text).text
    assert "Under legal hold." in said and "“Claim 12/26”" in said
    preview = await look_ahead(hr, await leaver())
    started = await press(hr, preview.url.path, "Start run")
    assert "Under legal hold." not in ParsedPage(started.text).text, "an empty field is no hold"


async def test_the_field_is_shown_to_people_who_can_place_holds(visit: Visit, leaver: Leavers) -> None:
    operator = await visit("operator")
    preview = await look_ahead(operator, await leaver())
    assert "Start the run" in preview.text and 'name="legal_hold"' not in preview.text
    forged = await operator.submit(preview.url.path, {"legal_hold": "Claim 12/26"})
    assert forged.status_code == 403 and "/runs/r" not in forged.url.path


async def test_a_hold_that_a_duplicate_request_asks_for_is_shown_to_those_who_see_the_run(
    visit: Visit, program: Program, leaver: Leavers
) -> None:
    hr, operator, person = await program("hr"), await program("operator"), await leaver()
    until = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    run_id = await start(operator, person, embargo={"until": until, "named": ["it", "finance", "safety-owner"]})
    received = await hr.post("/runs", json=wanted(person, legal_hold="Claim 12/26"))
    assert received.status_code == 202 and run_id not in received.text
    said = ParsedPage(html.unescape((await (await visit("operator")).get(f"/runs/{run_id}")).text)).text
    assert "A legal hold is requested: “Claim 12/26”. Place it on this run if the request is right." in said
    run = (await operator.get(f"/runs/{run_id}")).json()
    assert not run["legal_hold"], "the request alone places none"
