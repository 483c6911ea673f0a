"""Starts above a limit, through the command line, the API and the pages: refused, shown, confirmed and released."""

from __future__ import annotations

import html

import pytest

from orchestrator.domain.packet import packet as packet_models
from orchestrator.embedded.stack import Stack
from tests.cli.command_line import NewLeaver, Offboard
from tests.web.visitor import Visitor, api, token_of

NOTHING_URGENT = packet_models.StartLimits.model_construct(
    window=packet_models.StartLimits().window, per_requester=10**6, per_packet=10**6, urgent_per_requester=0,
    urgent_per_packet=10**6,
)  # fmt: skip
"""Tests share the stack, so that any number of urgent starts may have come before."""


async def test_a_held_start_is_shown_confirmed_and_released(
    offboard: Offboard, stack: Stack, leaver: NewLeaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packet_models, "DEFAULT_START_LIMITS", NOTHING_URGENT)
    person, other = await leaver(), await leaver()

    # The command line and the API refuse in the same way.
    error = await offboard.refused("start", person.employee_number, "--urgent", "--yes", as_="hr")
    assert "so this start is held" in error and "offboard starts confirm held-" in error
    async with api(stack.url, await token_of(stack.url, "hr")) as hr:
        asked = {"person": other.employee_number, "packet": "standard-leaver", "urgent": True}
        held = await hr.post("/runs", json=asked)
        assert held.status_code == 409 and held.json()["code"] == "starts_held"
        facts = held.json()["facts"]
        assert (await hr.post(f"/starts/held/{facts['held_id']}/confirmation")).json()["code"] == "second_person_needed"

    # What holds which start, and who can let it go on.
    listed = (await offboard.done("starts", "--json", as_="operator")).json
    [reached] = [one for one in listed["reached"] if one["trip_id"] == facts["trip_id"]]
    assert (reached["scope"], reached["by"], reached["can_release"]) == ("requester", "hr", True)
    names = {one["person"]: one for one in listed["held"]}
    mine = names[f"{person.given_name} {person.family_name}"]
    assert mine["urgent"] and mine["can_confirm"] and not mine["confirmed_by"]
    audited = (await offboard.done("starts", "--json", as_="auditor")).json
    assert not audited["held"] and facts["trip_id"] in {one["trip_id"] for one in audited["reached"]}
    said = (await offboard.done("starts", as_="auditor")).out
    assert facts["trip_id"] in said and "No limit is reached" not in said
    shown = (await offboard.done("starts", as_="operator")).out
    assert mine["held_id"] in shown and facts["trip_id"] in shown

    # A second person confirms one of them.
    assert "is confirmed" in (await offboard.done("starts", "confirm", mine["held_id"], as_="operator")).out
    assert "started for" in (await offboard.done("start", person.employee_number, "--urgent", "--yes", as_="hr")).out
    await offboard.refused("start", other.employee_number, "--urgent", "--yes", as_="hr")

    # Two people release the limit: one on the page, one at the terminal.
    async with Visitor(stack.url) as owner:
        await owner.sign_in("safety-owner")
        page = html.unescape((await owner.get("/starts")).text)
        assert f"{other.given_name} {other.family_name}" in page and "Approve release" in page
        said = await owner.submit(f"/starts/limits/{facts['trip_id']}/release")
        assert said.status_code == 200 and "A second person has to approve as well" in said.text
        assert "Approve release" not in said.text
    released = await offboard.done("starts", "release", facts["trip_id"], as_="operator")
    assert f"{facts['trip_id']} is released" in released.out

    # What was reached, and who released it, stays listed.
    for alias in ("auditor", "operator"):
        listed = (await offboard.done("starts", "--json", as_=alias)).json
        assert facts["trip_id"] not in {one["trip_id"] for one in listed["reached"]}
        [past] = [one for one in listed["released"] if one["trip_id"] == facts["trip_id"]]
        assert (past["by"], past["urgent"], past["starts_held"]) == ("hr", True, 2)
        assert past["released_by"] == ["safety-owner", "operator"] and past["released_at"] > past["reached_at"]
        assert facts["trip_id"] in (await offboard.done("starts", as_=alias)).out
    async with Visitor(stack.url) as auditor:
        await auditor.sign_in("auditor")
        page = " ".join((await auditor.get("/starts")).text.split())
        assert "Limits released" in page and "2 further held, released" in page
