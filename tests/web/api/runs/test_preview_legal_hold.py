"""A preview says that the packet's condition places a legal hold, and which steps wait: at API, page and terminal."""

from __future__ import annotations

import html

import pytest_asyncio

from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.embedded.stack import Stack, put_in_production
from tests.cli.command_line import Offboard
from tests.web.api.running import FUTURE, Leavers, planned, start, until, wanted
from tests.web.conftest import Program, Visit
from tests.web.pages.forms import followed, value_of
from tests.web.pages.pressing import ParsedPage

NAME = "hold-trial"
KEPT = "release_mail_license"
SAYS = "condition places a legal hold at the start. A person other than the requester lifts it."


@pytest_asyncio.fixture
async def with_condition(stack: Stack) -> str:
    """A packet under which runs of people of the legal department start under a legal hold; its name."""
    standard = (await stack.backend.runs.shelf("standard-leaver")).current
    assert standard is not None
    files = dict(standard.files)
    files["workflow.yaml"] = files["workflow.yaml"].replace(b"name: standard-leaver", f"name: {NAME}".encode())
    files["approvals.yaml"] += b"\nlegal_hold: {when: 'person.department == \"Legal\"'}\n"
    actors = (await stack.backend.runs.organisation()).actors
    await put_in_production(stack.services, parse_packet(files), actors["value-owner"], actors["safety-owner"])
    return NAME


async def test_the_api_names_the_steps_that_the_run_then_keeps(
    with_condition: str, program: Program, leaver: Leavers
) -> None:
    hr = await program("hr")
    held, other = await leaver(department="Legal"), await leaver()
    preview = (await hr.post("/previews", json=wanted(held, packet=with_condition))).json()
    kept = {step["name"] for step in preview["steps"] if step["legal_hold"]}
    assert preview["legal_hold"] and KEPT in kept and "disable_identity" not in kept
    run_id = await start(hr, held, packet=with_condition)
    run = await until(hr, run_id, planned)
    assert run["legal_hold"] and [hold["placed_by"] for hold in run["legal_holds"]] == [None]
    assert {step["name"] for step in run["steps"] if step["legal_hold"] == "waits"} == kept
    for person, packet in ((other, with_condition), (await leaver(department="Legal"), "standard-leaver")):
        preview = (await hr.post("/previews", json=wanted(person, packet=packet))).json()
        assert not preview["legal_hold"] and not any(step["legal_hold"] for step in preview["steps"])


async def test_the_page_and_the_terminal_say_it(
    with_condition: str, visit: Visit, leaver: Leavers, stack: Stack
) -> None:
    hr, offboard = await visit("hr"), Offboard(stack.folder)
    for department, holds in (("Legal", True), ("Engineering", False)):
        person = await leaver(department=department)
        found = await hr.submit("/runs/new/people", {"packet": with_condition, "text": person.employee_number})
        terms = await hr.submit("/runs/new/terms", {"draft": value_of(found.text, "draft")})
        asked = {"packet": with_condition, "when": "planned", "cutoff": FUTURE, "zone": "Europe/Berlin"}
        page = await hr.submit("/runs/new/preview", {"draft": value_of(terms.text, "draft"), **asked})
        page = await followed(hr, page)
        text = ParsedPage(html.unescape(page.text)).text
        assert "Steps in order" in text
        assert (SAYS in text, "Kept by legal hold: Release the mailbox licence" in text) == (holds, holds)
        typed = ("start", person.employee_number, "--packet", with_condition, "--cutoff", FUTURE, "--preview")
        said = (await offboard.done(*typed, as_="hr")).out
        assert (SAYS in said, "Kept by legal hold: Release the mailbox licence" in said) == (holds, holds)
