"""However a run is asked for (page, API, command line, list of leavers, HR's webhook), HR is asked about the person as
often as one look at them takes, and whether another person has the number; and a refusal is the same."""

from __future__ import annotations

import html
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import psycopg
import pytest_asyncio

from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.company.population import hr_id
from orchestrator.embedded.stack import Stack
from tests.cli.command_line import Offboard
from tests.cli.commands.test_csv import export
from tests.web.api.running import Leavers, refused, served, wanted
from tests.web.api.test_api_hr_hook import SECRET, delivery, leaving, signed
from tests.web.conftest import Program, Visit
from tests.web.pages.forms import look_ahead

IDENTITY = {"packet": "identity-only"}
"""Its runs look for no account in HR, so that whatever asks HR about the person belongs to the start."""


@pytest_asyncio.fixture
async def hook(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Where HR's system reports."""
    async with (
        served(stack, hr_webhook_secret=SECRET) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=90) as client,
    ):
        yield client


@dataclass(frozen=True)
class Known:
    """A new person, and how many requests one look at them in HR takes."""

    person: Employee
    hr_id: str
    one_look: int


Knows = Callable[[], Awaitable[Known]]


LEAVES = "2031-11-28T16:00:00+00:00"


async def announce(stack: Stack, person: Employee) -> None:
    """HR enters in its own system that the person leaves."""
    token = {"Authorization": f"Bearer {stack.company.connections['HR_TOKEN']}"}
    async with httpx.AsyncClient(base_url=stack.company.connections["HR_URL"], headers=token) as system:
        entered = await system.post(f"/people/{hr_id(person.employee_number)}/leaving", json={"at": LEAVES})
        assert entered.status_code == 200, entered.text


async def asked_about(stack: Stack, *marks: str) -> int:
    """How many requests HR was sent about a person since this was last asked."""
    return len([line for line in await stack.company.requests("hr") if any(mark in line for mark in marks)])


@pytest_asyncio.fixture
async def known(stack: Stack, program: Program, leaver: Leavers) -> Knows:
    hr = await program("hr")

    async def one() -> Known:
        person = await leaver()
        await announce(stack, person)
        await stack.company.requests("hr")
        answer = await hr.post("/people/lookup", json={**IDENTITY, "wanted": person.employee_number})
        assert answer.status_code == 200, answer.text
        return Known(person, answer.json()["hr_id"], await asked_about(stack, person.employee_number))

    return one


async def looks(stack: Stack, known: Known) -> float:
    """How many looks at the person HR was asked for since this was last asked."""
    return await asked_about(stack, known.person.employee_number, known.hr_id) / known.one_look


async def test_hr_is_asked_about_a_person_once_for_a_start(
    stack: Stack, program: Program, visit: Visit, known: Knows, hook: httpx.AsyncClient, tmp_path: Path
) -> None:
    """Each run keeps when the person leaves by HR's own record: if HR takes that back, nothing is destroyed."""
    hr, browser, command_line = await program("hr"), await visit("hr"), Offboard(stack.folder)
    people = []
    for zone in ("Europe/Berlin", None):
        one = await known()
        people.append(one.person)
        answer = await hr.post("/runs", json=wanted(one.person, **IDENTITY, zone=zone))
        assert answer.status_code == 201 and 0 < await looks(stack, one) <= 1

    one = await known()  # of whom no run is started
    answer = await hr.post("/previews", json=wanted(one.person, **IDENTITY, zone=None))
    assert answer.status_code == 200 and 0 < await looks(stack, one) <= 1, "a preview is one look, too"

    one = await known()
    people.append(one.person)
    body = leaving(one.person, **IDENTITY, zone=None)
    answer = await hook.post("/hooks/hr", content=body, headers=signed(body, delivery()))
    assert answer.status_code == 201 and 0 < await looks(stack, one) <= 1

    one = await known()
    people.append(one.person)
    preview = await look_ahead(browser, one.person, **IDENTITY)
    await looks(stack, one)
    page = await browser.submit(preview.url.path)
    assert page.url.path.startswith("/runs/r")
    assert 1 < await looks(stack, one) <= 2, "by HR's ID: the person, and whether another one has the number"

    one = await known()
    people.append(one.person)
    when = ("--cutoff", "2031-11-28T17:00", "--packet", "identity-only")
    await command_line.done("start", one.person.employee_number, *when, as_="hr")
    assert 0 < await looks(stack, one) <= 1

    one = await known()
    people.append(one.person)
    path = export(tmp_path / "leavers.csv", [one.person])
    await command_line.done("start", "--from-csv", str(path), "--packet", "identity-only", as_="hr")
    assert 1 < await looks(stack, one) <= 3, "to check the row, to start, and whether another one has the number"

    assert len(people) == 6
    for person in people:
        [run] = [one["run"] for one in (await hr.post("/search", json={"text": person.employee_number})).json()["runs"]]
        events = (await hr.get(f"/runs/{run['run_id']}/events")).json()["events"]
        [requested] = [one["data"] for one in events if one["type"] == "RunRequested"]
        assert datetime.fromisoformat(requested["hr_leaving_at"]) == datetime.fromisoformat(LEAVES)


async def test_a_person_with_a_run_is_refused_in_the_same_words_everywhere(
    stack: Stack, program: Program, visit: Visit, leaver: Leavers, hook: httpx.AsyncClient
) -> None:
    hr, browser, command_line, person = await program("hr"), await visit("hr"), Offboard(stack.folder), await leaver()
    preview = await look_ahead(browser, person)
    made = await hr.post("/runs", json=wanted(person))
    run_id = made.json()["run_id"]
    again = await hr.post("/runs", json=wanted(person))
    problem = again.json()
    assert (again.status_code, problem["code"]) == (409, "run_open") and run_id in problem["detail"]
    body = leaving(person)
    reported = await hook.post("/hooks/hr", content=body, headers=signed(body, delivery()))
    assert (reported.status_code, reported.json()) == (409, problem)
    page = await browser.submit(preview.url.path)
    assert page.status_code == 409 and problem["detail"] in html.unescape(page.text)
    said = await command_line.refused("start", person.employee_number, "--cutoff", "2031-11-28T17:00", as_="hr")
    assert problem["detail"] in " ".join(said.split())


async def forget_answers(stack: Stack) -> None:
    """As if the process had died after the run was opened and before its answer was kept, three minutes ago."""
    async with await psycopg.AsyncConnection.connect(stack.postgres.conninfo("offboard"), autocommit=True) as raw:
        await raw.execute(
            "UPDATE access.answers SET status = NULL, sealed = NULL, asked_at = asked_at - interval '3 minutes'"
        )


async def test_a_start_that_is_repeated_after_the_process_died_is_answered_with_its_run(
    stack: Stack, program: Program, visit: Visit, leaver: Leavers, hook: httpx.AsyncClient
) -> None:
    """By a program with its key, by HR's system with its delivery, and on the page with its preview. With another key
    it is another start."""
    hr, browser = await program("hr"), await visit("hr")
    asked, key = wanted(await leaver()), {"Idempotency-Key": secrets.token_hex(8)}
    first = await hr.post("/runs", json=asked, headers=key)
    body, webhook_id = leaving(await leaver()), delivery()
    reported = await hook.post("/hooks/hr", content=body, headers=signed(body, webhook_id))
    preview = await look_ahead(browser, await leaver())
    page = await browser.submit(preview.url.path)
    assert (first.status_code, reported.status_code, page.status_code) == (201, 201, 200)
    assert page.url.path.startswith("/runs/r")
    for _ in range(2):
        await forget_answers(stack)
        again = await hr.post("/runs", json=asked, headers=key)
        assert (again.status_code, again.headers["location"]) == (201, first.headers["location"]), again.text
        reported_again = await hook.post("/hooks/hr", content=body, headers=signed(body, webhook_id))
        assert (reported_again.status_code, reported_again.headers["location"]) == (201, reported.headers["location"])
        assert (await browser.submit(preview.url.path)).url.path == page.url.path
    refused(await hr.post("/runs", json=asked, headers={"Idempotency-Key": secrets.token_hex(8)}), 409, "run_open")


async def test_a_number_of_two_people_starts_no_one_anywhere(
    stack: Stack, program: Program, visit: Visit, leaver: Leavers, hook: httpx.AsyncClient
) -> None:
    """Numbers that differ in spelling alone are one. By the mail address, or chosen on the page, the run starts."""
    hr, browser, command_line, person = await program("hr"), await visit("hr"), Offboard(stack.folder), await leaver()
    other = await leaver(employee_number=person.employee_number.lower().replace("-", "\u2011"))
    when = ("--cutoff", "2031-11-28T17:00")
    for one in (person, other):
        problem = refused(await hr.post("/runs", json=wanted(one)), 422, "several_people")
        assert "More than one person in HR matches" in problem["detail"]
        assert "Use the work mail address or HR's ID" in problem["remedy"] and "correct one in HR" in problem["remedy"]
        refused(await hr.post("/previews", json=wanted(one)), 422, "several_people")
        body = leaving(one)
        reported = await hook.post("/hooks/hr", content=body, headers=signed(body, delivery()))
        assert (reported.status_code, reported.json()) == (422, problem)
        said = " ".join((await command_line.refused("start", one.employee_number, *when, as_="hr")).split())
        assert problem["detail"] in said and "correct one in HR" in said
    assert person.employee_number not in (await command_line.done("runs", as_="hr")).out

    body = json.dumps(wanted(person) | {"person": person.email}).encode()
    reported = await hook.post("/hooks/hr", content=body, headers=signed(body, delivery()))
    assert reported.status_code == 201, reported.text
    preview = await look_ahead(browser, other)
    page = await browser.submit(preview.url.path)
    assert page.url.path.startswith("/runs/r"), page.text
