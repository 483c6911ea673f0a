"""A legal hold on the pages: placed, shown to approvers, and lifted by a second person."""

from __future__ import annotations

from tests.web.api.running import FUTURE
from tests.web.conftest import Visit
from tests.web.pages.conftest import Started
from tests.web.pages.pressing import ParsedPage, press


async def test_a_hold_is_placed_shown_and_lifted_by_a_second_person(visit: Visit, started: Started) -> None:
    run_id = await started(asked={"cutoff": FUTURE})
    hr, it, path = await visit("hr"), await visit("it"), f"/runs/{run_id}"
    placed = await press(hr, path, "Place legal hold", fill={"reason": "Claim 12/26"})
    assert "The legal hold is placed." in ParsedPage(placed.text).text

    said = ParsedPage((await it.get(path)).text).text
    for words in (
        "Under legal hold.", "placed by Torvandil Maskeliung", "“Claim 12/26”",
        "Kept by legal hold: Release the mailbox licence.", "Legal hold placed",
        "Kept by legal hold, also once approved: Release the mailbox licence.",
    ):  # fmt: skip
        assert words in said, words
    assert "Place legal hold" not in said and "Lift legal hold" not in said
    listed = ParsedPage((await it.get("/runs?legal_hold=yes")).text)
    assert "legal hold" in listed.text and f"/runs/{run_id}" in (await it.get("/runs?legal_hold=yes")).text
    assert "legal hold" in ParsedPage((await it.get("/inbox")).text).text

    assert 'legal-holds/lift"' not in (await hr.get(path)).text, "the person who placed it does not lift it"
    too_early = await hr.submit(f"{path}/legal-holds/lift", {"back": path, "reason": "over", "hold_id": "hold-1"})
    assert too_early.status_code == 403 and "can't lift it" in ParsedPage(too_early.text).text
    lifted = await press(await visit("safety-owner"), path, "Lift legal hold", fill={"reason": "Settled"})
    said = ParsedPage(lifted.text).text
    assert "The legal hold is lifted." in said and "Under legal hold." not in said and "“Settled”" in said
