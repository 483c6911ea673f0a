"""Accounts with `read` on the system of company cards only, at every route that reads: they find nothing of the other
systems, and no mail address."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.staff import STAFF
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.web.serving import listening, serving
from orchestrator.web.settings import WebSettings
from orchestrator.web.state import LocalMember
from tests.integration.installation import installation
from tests.web.routes.routes_table import rows
from tests.web.visitor import Visitor, api, token_of

PACKET = "standard-leaver"
GRANTS = """levels:
  - {who: cards_reader, systems: [cards], up_to: read}
  - {who: cards_reader, kind: service, systems: [cards], up_to: read}
"""
PERSON = Employee(
    employee_number="R-7731", given_name="Thaddea", family_name="Quillmark", email="tq-7731@wolkenmuehle.example",
    department="Zeppelin yard", title="Airship pilot", manager_number="E-1010", time_zone="Europe/Berlin",
    leaving=True, traits=frozenset({"two_code_accounts"}),
)  # fmt: skip
NAME = f"{PERSON.given_name} {PERSON.family_name}"
FOR_ALL = (NAME, PERSON.employee_number, PERSON.time_zone)
FIELD_NAMES = ("leaving_at", "leaving date")
"""How HR's evidence calls a field. The API and pages have fields of this name too; its values are searched for."""
REASON, NOTE, FILE = "planted-reason", "planted-note", "planted-file.txt"
WITHIN = 60.0  # seconds
MIN_MARKER_CHARACTERS = 5


@dataclass(frozen=True)
class Reading:
    """`run` is the run as an operator reads it; `values` fill the paths of routes."""

    page: Visitor
    programs: dict[str, httpx.AsyncClient]
    run: dict[str, Any]
    values: dict[str, str]
    markers: frozenset[str]

    def leaks(self, text: str) -> list[str]:
        return sorted(marker for marker in self.markers if marker in text or json.dumps(marker)[1:-1] in text)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(one)


def markers_of(run: dict[str, Any], packet_text: str) -> frozenset[str]:
    """What the run found on other systems than the cards', HR's facts and what people wrote."""
    systems = {True: set[str](), False: set[str]()}
    for system in run["systems"]:
        systems[system["system"] == "cards"] |= set(texts([system["candidates"], system["accounts"]]))
    for step in run["steps"]:
        systems[step["system"] == "cards"] |= set(texts([step["evidence"], step["account"]]))
    ids = {account["account_id"] for step in run["steps"] if (account := step["account"])}
    found = systems[False] - systems[True] - ids - {*FOR_ALL, *FIELD_NAMES}
    # Single words, of the names of groups for example, are on pages anyway.
    found = {text for text in found if len(text) >= MIN_MARKER_CHARACTERS and not text.isalpha()}
    found = {text for text in found if text not in packet_text}
    return frozenset({*found, PERSON.email, PERSON.department, PERSON.title, REASON, NOTE, FILE})


@pytest_asyncio.fixture(scope="module")
async def reading(
    postgres: PostgresServer, migrated_template: str, temporal: TemporalServer, shared_company: Company
) -> AsyncIterator[Reading]:
    files = dict(starter_packet(PACKET).files)
    files["platform.yaml"] = files["platform.yaml"].replace(b"levels:\n", GRANTS.encode(), 1)
    name = f"test_reading_{os.getpid()}"
    await postgres.create_database(name, template=migrated_template)
    await shared_company.mark()
    async with AsyncExitStack() as open_ones:
        here = await open_ones.enter_async_context(
            installation(postgres.url(name), temporal.address, shared_company, packet=parse_packet(files))
        )
        on = listening("127.0.0.1", 0)
        open_ones.callback(on.close)
        url = f"http://127.0.0.1:{on.getsockname()[1]}"
        local = [LocalMember(one.alias, one.employee_number, one.roles, one.duty) for one in STAFF]
        local.append(LocalMember("cards-reader", "E-1011", ("cards_reader",), "Reads cards"))
        await open_ones.enter_async_context(
            serving(WebSettings(public_url=url), here.services, here.engine, here.backend.database, on, local)
        )
        programs = {}
        for alias in ("hr", "operator", "safety-owner", "cards-reader"):
            programs[alias] = await open_ones.enter_async_context(api(url, await token_of(url, alias)))
        wanted = {"name": "Cards", "kind": "service", "roles": ["cards_reader"], "up_to": "read", "lasts_days": 1}
        token = (await programs["safety-owner"].post("/tokens", json=wanted)).json()["token"]
        programs["service"] = await open_ones.enter_async_context(api(url, token))
        page = await open_ones.enter_async_context(Visitor(url))
        await page.sign_in("cards-reader")
        page.follow_redirects = False

        await shared_company.hire([PERSON])
        wanted = {
            "person": PERSON.employee_number,
            "packet": PACKET,
            "cutoff": "2031-11-28T17:00",
            "zone": "Europe/Berlin",
            "reason": REASON,
        }
        run_id = (await programs["hr"].post("/runs", json=wanted)).json()["run_id"]
        run = await _until(programs["operator"], run_id, _is_waiting)
        task = next(one["task_id"] for one in run["tasks"] if one["state"] == "open")
        kept = (
            await programs["operator"].post(
                f"/runs/{run_id}/tasks/{task}/files", files={"file": (FILE, b"handed over")}
            )
        ).json()
        done = {"outcome": "done", "note": NOTE, "files": [{"stored": kept["stored"], "name": FILE}]}
        await programs["operator"].post(f"/runs/{run_id}/tasks/{task}/completion", json=done)
        snapshots = [step["name"] for step in run["steps"] if step["level"] == "read"]
        run = await _until(
            programs["operator"],
            run_id,
            lambda run: all(one["evidence"] for one in run["steps"] if one["name"] in snapshots),
        )
        run = await _at_rest(programs["operator"], run)
        values = {
            "run_id": run_id,
            "name": PACKET,
            "packet": PACKET,
            "version": here.packet.version,
            "stored": kept["stored"],
            "exception_id": next(
                one["exception_id"] for one in run["exceptions"] if one["system"] not in (None, "cards")
            ),
            "inquiry_id": "i0",
        }
        text = "".join(content.decode() for content in files.values())
        yield Reading(page, programs, run, values, markers_of(run, text))
    await postgres.drop_database(name)


def _is_waiting(run: dict[str, Any]) -> bool:
    tasks = [task["state"] for task in run["tasks"]]
    return bool(run["gates"] and run["exceptions"]) and "open" in tasks


async def _until(program: httpx.AsyncClient, run_id: str, so: Any) -> dict[str, Any]:
    deadline = asyncio.get_running_loop().time() + WITHIN
    while not so(run := (await program.get(f"/runs/{run_id}")).json()):
        assert asyncio.get_running_loop().time() < deadline, json.dumps(run)[:3000]
        await asyncio.sleep(0.1)
    return dict(run)


async def _at_rest(program: httpx.AsyncClient, run: dict[str, Any]) -> dict[str, Any]:
    """The run once nothing has been recorded in it for a second."""
    while True:
        await asyncio.sleep(1.0)
        before, run = run, (await program.get(f"/runs/{run['run_id']}")).json()
        if run["version"] == before["version"]:
            return run


async def body_of(client: httpx.AsyncClient, path: str, events: int, **more: Any) -> tuple[int, str]:
    """The status and the body: of a stream of a run what comes until its last event so far, of another its start."""
    lines: list[str] = []
    async with client.stream("GET", path, **more) as answer:
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            return answer.status_code, (await answer.aread()).decode(errors="replace")
        async with asyncio.timeout(90):
            async for line in answer.aiter_lines():
                lines.append(line)
                if line == "" and (f"id: {events}" in lines or any(one.startswith("data: 0") for one in lines)):
                    break
    return answer.status_code, "\n".join(lines)


QUERIES: dict[str, list[dict[str, str]]] = {
    "/api/v1/runs/{run_id}": [{}, {"events": "true"}],
    "/api/v1/runs/{run_id}/events": [{"limit": "200"}],
    "/api/v1/runs/{run_id}/exposure": [{"cutoff": "2032-01-15T18:00", "zone": "Europe/Berlin"}],
    "/api/v1/inbox": [{}, {"mine": "false"}],
    "/api/v1/tasks": [{}, {"mine": "false"}],
    "/api/v1/exceptions": [{}, {"standing": "all"}],
    "/api/v1/runs": [{"counts": "true"}],
    "/exceptions": [{}, {"standing": "all"}],
    "/inbox": [{}, {"show": "all"}],
}
READ_HERE = ("/api/v1/runs/{run_id}", "/api/v1/runs/{run_id}/events", "/api/v1/runs/{run_id}/stream", "/runs/{run_id}")
ONE_EXCEPTION = "/api/v1/runs/{run_id}/exceptions/{exception_id}"


@pytest.mark.parametrize("who", ["service", "cards-reader"])
async def test_no_route_shows_an_account_what_is_on_other_systems(reading: Reading, who: str) -> None:
    seen = {}
    for row in rows():
        of_api = row.path.startswith("/api/v1/")
        if row.method != "GET" or row.path.startswith("/sign-in") or not (of_api or who == "cards-reader"):
            continue
        if row.path.endswith("stream") and not row.of_a_run:
            continue  # these count what changed and show nothing
        client = reading.programs[who] if of_api else reading.page
        path = row.path.format_map({**dict.fromkeys(_names(row.path), "none"), **reading.values})
        for query in QUERIES.get(row.path, [{}]):
            status, text = await body_of(client, path.removeprefix("/api/v1"), reading.run["version"], params=query)
            assert reading.leaks(text) == [], f"{row.route} {query}: {status}"
            seen[row.path] = (status, text)
    for path in READ_HERE if who == "cards-reader" else READ_HERE[:-1]:
        assert seen[path][0] == 200 and NAME in seen[path][1], path
    assert seen["/api/v1/runs/{run_id}/files/{stored}"][0] == 404
    assert seen[ONE_EXCEPTION][0] == 200 and '"exception_id"' in seen[ONE_EXCEPTION][1]


def _names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


async def test_the_markers_are_found_by_who_reads_every_system(reading: Reading) -> None:
    """So that their absence elsewhere says something."""
    run_id, operator = reading.values["run_id"], reading.programs["operator"]
    text = (await operator.get(f"/runs/{run_id}", params={"events": "true"})).text
    assert reading.leaks(text) == sorted(reading.markers) and len(reading.markers) > 10


async def test_the_account_reads_its_own_system_and_that_the_others_exist(reading: Reading) -> None:
    run_id = reading.values["run_id"]
    run = (await reading.programs["service"].get(f"/runs/{run_id}")).json()
    everything = (await reading.programs["operator"].get(f"/runs/{run_id}")).json()
    for kind in ("systems", "steps"):
        for shown, whole in zip(run[kind], everything[kind], strict=True):
            if whole["system"] == "cards":
                assert json.dumps(shown) == json.dumps(whole).replace(PERSON.email, "")
            else:
                assert [shown[name] for name in ("system",)] == [whole["system"]]
                assert shown.get("status") == whole.get("status") and shown.get("outcome") == whole.get("outcome")
                assert not shown.get("evidence") and not shown.get("candidates") and not shown.get("matched_on")
    assert run["person"]["name"] == NAME and run["person"]["email"] is None
    assert run["state"] == reading.run["state"] and run["summary"] == reading.run["summary"]
    assert [one["kind"] for one in run["exceptions"]] == [one["kind"] for one in reading.run["exceptions"]]
    listed = (await reading.programs["service"].get("/exceptions")).json()["exceptions"]
    assert listed and all(one["candidates"] == [] for one in listed if one["system"] != "cards")


@pytest.mark.parametrize("who", ["service", "cards-reader"])
async def test_no_one_finds_a_run_by_what_they_do_not_read(reading: Reading, who: str) -> None:
    """The search finds by every text that an operator reads, and an account of the cards' system by its own only."""
    labels = {
        (system["system"], account["label"])
        for system in reading.run["systems"]
        for account in [*system["candidates"], *(system["accounts"] or [])]
        if account["label"]
    }
    own = {label for system, label in labels if system == "cards"}
    others = {label for system, label in labels if system != "cards"} | {PERSON.email}
    others = {text for text in others - own if text.casefold() not in {NAME.casefold(), PERSON.given_name.casefold()}}
    assert others
    for text, found in [*((text, False) for text in sorted(others)), (NAME, True), (PERSON.employee_number, True)]:
        assert await _finds(reading.programs["operator"], text), text
        assert await _finds(reading.programs[who], text) == found, text
        if who == "cards-reader":
            page = await reading.page.submit("/search", {"text": text})
            assert (reading.values["run_id"] in page.text) == found and ("No matches" in page.text) != found
            assert PERSON.email not in page.text or text == PERSON.email  # the field keeps what was typed


async def _finds(program: httpx.AsyncClient, text: str) -> bool:
    answer = await program.post("/search", json={"text": text})
    assert answer.status_code == 200, answer.text
    return any(one["run"]["person"]["name"] == NAME for one in answer.json()["runs"])
