"""A dry run beside the version in production: asked for on the page, in the API and at the terminal."""

from __future__ import annotations

import html
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.domain import events as e
from orchestrator.domain.packet import packet as packet_models
from orchestrator.domain.packet.packet import StartLimits
from orchestrator.domain.packet.packet_files import starter_names
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.stack import Stack, put_in_production
from tests.cli.command_line import NewLeaver, Offboard
from tests.cli.commands.test_csv import export
from tests.web.api.running import planned, refused, start, until, wanted
from tests.web.conftest import Program, Visit
from tests.web.pages.forms import choose, look_ahead
from tests.web.requests.entry_points import packet_of, text_of

NAME = "tried-beside"
STEPS = ("disable_identity", "suspend_code")


@pytest_asyncio.fixture
async def versions(stack: Stack) -> tuple[str, str]:
    """The packet's version in production, and the newer one in shadow, which has a step more."""
    old, new = packet_of(NAME, STEPS[:1]), packet_of(NAME, STEPS)
    known = (await stack.services.runs.organisation()).actors
    value, safety = known["value-owner"], known["safety-owner"]
    await put_in_production(stack.services, old, value, safety)
    version = await commands.adopt_packet(stack.services, value, new, starter_names())
    if (await stack.services.runs.shelf(NAME)).history.version(version).phase == "draft":
        for owner in (value, safety):
            await commands.sign_packet(stack.services, owner, NAME, version, "shadow", starter_names())
        await commands.move_packet(stack.services, value, NAME, version, "shadow", starter_names())
    return old.version, version


async def dry_runs_of(client: httpx.AsyncClient, person: Employee) -> list[Any]:
    found = (await client.get("/runs", params={"limit": 200, "packet": NAME})).json()["runs"]
    return [one for one in found if one["person"]["employee_number"] == person.employee_number and one["shadow"]]


async def test_each_entry_point_starts_one_beside_the_person_s_own_run(
    stack: Stack, visit: Visit, program: Program, leaver: NewLeaver, versions: tuple[str, str]
) -> None:
    old, new = versions
    person, hr, browser, offboard = await leaver(), await program("hr"), await visit("hr"), Offboard(stack.folder)
    real = await start(hr, person, packet=NAME)
    assert [one["name"] for one in (await until(hr, real, planned))["steps"]] == list(STEPS[:1])
    asked = wanted(person, packet=NAME, shadow=True)
    typed = ("start", person.employee_number, "--packet", NAME, "--cutoff", "2031-11-28T17:00", "--shadow")

    # The preview, with the new version.
    preview = (await hr.post("/previews", json=asked)).json()
    assert (preview["packet_version"], preview["phase"]) == (new, "shadow")
    assert [(step["name"], step["withheld"]) for step in preview["steps"]] == [(step, True) for step in STEPS]
    shown = await offboard.done(*typed, "--preview", as_="hr")
    assert f"Dry run with version {new[:12]}" in shown.out and "suspend_code" in shown.out
    terms = html.unescape((await choose(browser, person)).text)
    assert "Dry run with the new version" in terms
    page = await look_ahead(browser, person, packet=NAME, shadow="yes")
    assert "is in the dry run phase" in text_of(page) and "Start dry run" in text_of(page)
    assert "Start under a legal hold" not in text_of(page)

    # The start.
    landed = await browser.submit(page.url.path)
    assert "Dry run started" in landed.text
    by_page = landed.url.path.rpartition("/")[2]
    by_api = (await hr.post("/runs", json=asked)).json()["run_id"]
    said = (await offboard.done(*typed, as_="hr")).out
    assert "Dry run r" in said and "changes nothing in any system" in said and "Access ends" not in said
    runs = await dry_runs_of(hr, person)
    [by_terminal] = {one["run_id"] for one in runs} - {by_page, by_api}
    for run_id in (by_page, by_api, by_terminal):
        run = await until(hr, run_id, lambda run: run["state"] == "shadow")
        assert (run["phase"], run["packet_version"], run["production_version"]) == ("shadow", new, old)
        assert [(step["name"], step["status"]) for step in run["steps"]] == [(step, "withheld") for step in STEPS]
        words = text_of(await browser.get(f"/runs/{run_id}"))
        assert "This is a dry run" in words and "It does not mean that this person leaves." in words
        assert f"version {old[:12]}" in words and "is in production" in words
        out = (await offboard.done("show", run_id, as_="auditor")).out
        assert "It does not mean that this person leaves." in out and f"Version {old[:12]} is in production" in out

    # The person's own run is what it was.
    run = (await hr.get(f"/runs/{real}")).json()
    assert (run["phase"], run["packet_version"], run["production_version"]) == ("production", old, None)
    looked_up = await hr.post("/people/lookup", json={"packet": NAME, "wanted": person.employee_number})
    assert looked_up.json()["open_run"] == real
    assert refused(await hr.post("/runs", json=asked | {"shadow": False}), 409, "run_open")


async def test_what_is_refused_at_each_entry_point(
    stack: Stack, visit: Visit, program: Program, leaver: NewLeaver, versions: tuple[str, str]
) -> None:
    person, hr, browser, offboard = await leaver(), await program("hr"), await visit("hr"), Offboard(stack.folder)
    number = person.employee_number
    no_version, urgent = "no version in the dry run phase", "A dry run removes no access"
    hold = "its legal hold would protect nothing"
    for more, code, cause in (
        ({"packet": "standard-leaver"}, "no_dry_run", no_version),
        ({"packet": NAME, "urgent": True, "cutoff": None, "zone": None}, "dry_run_urgent", urgent),
        ({"packet": NAME, "legal_hold": "A claim"}, "dry_run_legal_hold", hold),
    ):
        problem = refused(await hr.post("/runs", json=wanted(person, shadow=True, **more)), 422, code)
        assert cause in problem["detail"] and problem["remedy"]
    page = await look_ahead(browser, person, shadow="yes")
    assert page.status_code == 422 and no_version in text_of(page)
    page = await look_ahead(browser, person, packet=NAME, shadow="yes", when="urgent", sure="yes")
    assert page.status_code == 422 and urgent in text_of(page)
    for words, cause in (
        (("--cutoff", "2031-11-28T17:00"), no_version),
        (("--packet", NAME, "--urgent", "--yes"), urgent),
        (("--packet", NAME, "--cutoff", "2031-11-28T17:00", "--legal-hold", "A claim"), hold),
    ):
        assert cause in " ".join((await offboard.refused("start", number, *words, "--shadow", as_="hr")).split())
    assert await dry_runs_of(hr, person) == []
    other = await program("auditor")
    for shadow in (True, False):
        refused(await other.post("/runs", json=wanted(person, packet=NAME, shadow=shadow)), 403, "level_not_granted")


async def test_a_list_of_leavers_is_tried_beside_their_runs(
    stack: Stack, program: Program, leaver: NewLeaver, versions: tuple[str, str], tmp_path: Path
) -> None:
    hr, offboard, people = await program("hr"), Offboard(stack.folder), [await leaver(), await leaver()]
    await start(hr, people[0], packet=NAME)
    path = export(tmp_path / "leavers.csv", people)
    said = await offboard.done("start", "--packet", NAME, "--from-csv", str(path), "--shadow", as_="hr")
    assert said.out.count("dry run r") == 2
    for person in people:
        [one] = await dry_runs_of(hr, person)
        assert one["packet_version"] == versions[1]


async def test_a_question_of_a_dry_run_is_marked_in_lists(
    stack: Stack, visit: Visit, program: Program, leaver: NewLeaver, versions: tuple[str, str]
) -> None:
    operator, browser, offboard = await program("operator"), await visit("operator"), Offboard(stack.folder)
    person, hr = await leaver("two_code_accounts"), await program("hr")
    tried = (await hr.post("/runs", json=wanted(person, packet=NAME, shadow=True))).json()["run_id"]
    await until(hr, tried, lambda run: run["state"] == "needs_attention")
    [listed] = await dry_runs_of(operator, person)
    assert listed["run_id"] == tried
    found = (await operator.post("/search", json={"text": person.employee_number})).json()["runs"]
    assert [one["run"]["shadow"] for one in found] == [True]
    items = (await operator.get("/inbox", params={"kind": "exception", "limit": 200})).json()["items"]
    assert [one["shadow"] for one in items if one["run_id"] == tried] == [True]
    for words in (("runs",), ("find", person.employee_number)):
        assert "dry run" in " ".join((await offboard.done(*words, as_="operator")).out.split()), words
    assert "dry run" in text_of(await browser.get(f"/runs?packet={NAME}"))
    assert "dry run" in text_of(await browser.submit("/search", {"text": person.employee_number}))
    assert "dry run" not in text_of(await browser.get("/runs?packet=standard-leaver"))


async def test_more_dry_runs_than_the_limit_are_refused_for_a_time(
    stack: Stack, program: Program, leaver: NewLeaver, versions: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hr, asked = await program("hr"), wanted(await leaver(), packet=NAME, shadow=True)
    known = await stack.services.runs.ledger.dry_runs_by(["hr"], timedelta(hours=1))
    monkeypatch.setattr(packet_models, "DEFAULT_START_LIMITS", StartLimits(per_requester=known + 1))
    assert (await hr.post("/runs", json=asked)).status_code == 201
    answer = await hr.post("/runs", json=asked)
    refused(answer, 429, "too_many_dry_runs")
    assert answer.headers["retry-after"] == "3600"


async def test_a_comparison_with_what_people_did_is_in_the_history(
    stack: Stack, visit: Visit, program: Program, leaver: NewLeaver, versions: tuple[str, str]
) -> None:
    """No person and no program causes these events yet, so they are recorded as facts."""
    hr, browser, offboard = await program("hr"), await visit("hr"), Offboard(stack.folder)
    run_id = (await hr.post("/runs", json=wanted(await leaver(), packet=NAME, shadow=True))).json()["run_id"]
    run = await until(hr, run_id, lambda run: run["state"] == "shadow")
    [step] = [one for one in run["steps"] if one["name"] == "suspend_code"]
    planned_step = (await stack.services.runs.load(run_id)).state.plan.steps[step["step_id"]]
    about, digest = {"system": "code", "account_id": planned_step.account_id}, planned_step.digest
    facts = (
        e.StepCompared(step_id=step["step_id"], digest=digest, read="day", outcome="unknown", code="not_shown"),
        e.ChangeFound(change_id="c-1", what="privilege_removed", read="hour", **about),
        e.DifferenceJudged(about="c-1", system="code", verdict="plan_missed", by="operator", reason="It was an owner."),
        e.DifferenceJudged(about=step["step_id"], digest=digest, system="code", verdict="people_missed", by="operator"),
    )
    await stack.services.runs.record_fact(run_id, lambda state, world: facts)
    run = (await hr.get(f"/runs/{run_id}")).json()
    assert run["state"] == "shadow", "a closed dry run stays closed"
    page = text_of(await browser.get(f"/runs/{run_id}"))
    for words in (
        "Step compared with what people did",
        "one day after the cutoff: not shown by the system",
        "Administrator permission removed (Code hosting",
        "one hour after the cutoff.",
        "Administrator permission removed: missing in the plan.",
        f"{step['title']} (Code hosting",
        "missed by people.",
    ):
        assert words in page, words
    found = (await hr.get(f"/runs/{run_id}/events", params={"limit": 200})).json()["events"][-4:]
    assert [one["type"] for one in found] == ["StepCompared", "ChangeFound", "DifferenceJudged", "DifferenceJudged"]
    assert (found[0]["data"]["outcome"], found[2]["data"]["reason"]) == ("unknown", "It was an owner.")
    out = " ".join((await offboard.done("show", run_id, "--events", as_="hr")).out.split())
    for words in ("code privilege_removed hour", "c-1 code plan_missed by operator", "day unknown not_shown"):
        assert words in out, words
    history = (await hr.get("/ledger/history", params={"run": run_id})).json()["events"]
    judged = [one for one in history if one["type"] == "DifferenceJudged"]
    assert {(one["step"], one["outcome"], *one["by"]) for one in judged} == {
        (None, "plan_missed", "operator"),
        ("suspend_code", "people_missed", "operator"),
    }
