"""Every route against everyone who could come, as `routes_table` has it; and a run under embargo, of which no one who
is not named finds a trace. `make test` asks every route once for each outcome that its row has, another account at each
route; `make test-servers` asks as everyone.

Over 400 lines: all these tests share one installation with its accounts and runs.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from standardwebhooks.webhooks import Webhook

from orchestrator.embedded.company.company import Company
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.worker import relaying
from orchestrator.workflows.workflow_ids import workflow_id
from tests.cli.command_line import Offboard
from tests.integration.cadence import EAGER
from tests.integration.installation import installation
from tests.web.overheard import CANARY, Overheard, overhearing
from tests.web.routes.routes_company import (
    CONFLICTED,
    FUTURE,
    HR_SECRET,
    NAMED,
    OUTSIDER,
    PACKET,
    Ask,
    RoutesOffice,
    office,
    sign_in_with_all_roles,
    waiting_in,
)
from tests.web.routes.routes_requests import request_for
from tests.web.routes.routes_table import WHO, RouteRow, each_outcome_once, rows
from tests.web.visitor import api, token_of

TABLE = {row.route: row for row in rows()}
ASKING = each_outcome_once()
NO_RUN = "r0000000000000000"
UNNAMED = tuple(who for who in WHO if who not in ("hr", "nobody", *NAMED))
NOTHING_TO_DO = ("/retry", "/done-by-hand", "/erasure")
"""Nothing has failed in these runs, and they are open: accounts with the permission get a 409."""
_ID = re.compile(r"r[0-9a-f]{16}")


@pytest_asyncio.fixture(scope="module")
async def everybody(
    postgres: PostgresServer, migrated_template: str, temporal: TemporalServer, shared_company: Company
) -> AsyncIterator[tuple[RoutesOffice, Overheard]]:
    """An installation of its own, since here everything is tried that someone may."""
    name = f"test_routes_{os.getpid()}"
    await postgres.create_database(name, template=migrated_template)
    await shared_company.mark()
    async with installation(postgres.url(name), temporal.address, shared_company) as here:
        with overhearing(here.settings) as heard:
            async with office(here) as made:
                heard.discreet = {f"the forms' secret of {who}": csrf for who, csrf in made.csrf.items()}
                heard.discreet |= {"somebody's name": "Quillmark", "somebody's address": "thaddea."}
                yield made, heard
                made.keep_secrets()
                heard.secrets |= made.secrets
    await postgres.drop_database(name)
    assert heard.answers and heard.lines, "something was heard"
    assert heard.leaks() == []


async def ask(everybody: tuple[RoutesOffice, Overheard], who: str, row: RouteRow, asked: Ask) -> httpx.Response:
    made, heard = everybody
    if row.method == "GET" and not row.path.startswith("/api"):  # the API refuses unknown parameters
        asked = Ask(asked.values, query={**asked.query, "said": CANARY})
    answer = await made.send(who, row.method, row.path, asked)
    stream = answer.headers.get("content-type", "").startswith("text/event-stream")
    heard.answer(f"{row.route} as {who}", "" if stream else answer.text, answer.headers)
    return answer


def outcome(answer: httpx.Response) -> str:
    """As the table has it; `late` where someone was first."""
    location = answer.headers.get("location", "")
    if answer.status_code == 401 or (answer.status_code == 303 and location.startswith("/sign-in?")):
        return "s"
    if answer.status_code == 303 and location == "/sign-in":
        return "+" if "set-cookie" in answer.headers else "s"  # the account has just signed out
    if answer.status_code == 200 and answer.headers.get("content-type") == "application/json":
        document = answer.json()
        refusals = [one["refused"] for one in document.get("outcomes", ()) if one.get("refused")]
        if refusals:  # a selection is answered whole, and each decision in it for itself
            return _of_status(refusals[0]["status"])
    return _of_status(answer.status_code)


def _of_status(status: int) -> str:
    known = {403: "x", 404: "?", 422: "-", 409: "late"}
    return "+" if status < 400 else known.get(status, str(status))


@pytest.mark.parametrize("by", ["each outcome once", pytest.param("everyone", marks=pytest.mark.long)])
@pytest.mark.parametrize("route", TABLE)
async def test_a_route_answers_each_as_the_table_says(
    everybody: tuple[RoutesOffice, Overheard], route: str, by: str
) -> None:
    """Those first who may not, so that it is tried by everyone on something that waits to be done."""
    row = TABLE[route]
    asking = WHO if by == "everyone" else ASKING[route]
    asked = await request_for(everybody[0], route)
    found: dict[str, str] = {}
    for who in sorted(asking, key=lambda who: (row.expected[who] == "+", WHO.index(who))):
        answer = await ask(everybody, who, row, asked)
        found[who] = outcome(answer)
        if found[who] == "late" and ("+" in found.values() or row.path.endswith(NOTHING_TO_DO)):
            found[who] = "+"
        if found[who] == "?" and row.of_a_run:
            assert _as_unknown(answer)
    assert found == {who: row.expected[who] for who in asking}, route


OF_READERS = (
    "/search", "/people/search", "/people/lookup", "/previews", "/ledger/verifications", "/ledger/verify",
)  # fmt: skip
"""Questions, which change nothing."""


@pytest.mark.parametrize("who", [OUTSIDER, "assistant"])
async def test_accounts_that_only_read_are_refused_at_every_route_that_changes_something(
    everybody: tuple[RoutesOffice, Overheard], who: str
) -> None:
    """With every role and permission: whom HR does not know, and AI assistants."""
    made, found = everybody[0], {}
    async with AsyncExitStack() as open_ones:
        if who == OUTSIDER:
            await sign_in_with_all_roles(made, who, open_ones)
        for row in TABLE.values():
            asks = row.path.removeprefix("/api/v1").endswith(OF_READERS)
            # One's own sign-in, and routes that need no account.
            own = row.path in ("/device", "/sign-out") or len(set(row.expected.values())) == 1
            if row.method == "GET" or asks or own or (who not in made.pages and not row.path.startswith("/api/")):
                continue
            found[row.route] = outcome(await ask(everybody, who, row, await request_for(made, row.route)))
    assert len(found) >= 38
    assert {route: mark for route, mark in found.items() if mark not in ("x", "?", "-")} == {}


LATER = {**FUTURE, "cutoff": "2031-12-05T17:00"}
WHY = {"reason": "To see who may."}
KEEPS_ACCESS = (
    "reschedule", "hold", "end", "restore", "skip", "settle", "replan", "accept", "gate", "together", "waive",
    "snooze", "assign",
)  # fmt: skip
"""What the people who report to the leaver don't do either. The rest speeds the run up, or changes nothing in it."""


async def test_an_unknown_parameter_is_refused_and_appears_nowhere(everybody: tuple[RoutesOffice, Overheard]) -> None:
    made, heard = everybody
    answer = await made.programs["hr"].get("/runs", params={"said": CANARY})
    assert answer.status_code == 422
    heard.answer("an unknown parameter", answer.text, answer.headers)


async def conflicted_requests(made: RoutesOffice) -> dict[str, list[tuple[str, str, Ask]]]:
    """Every command on the run `own`, at the API and at its page."""
    run_id = made.runs["own"]
    gate, task, exception, acceptable = await waiting_in(made, "own")
    run = await made.run("own")
    step = next(one["step_id"] for one in run["steps"] if one["name"] == "disable_identity")
    about, done = exception["exception_id"], {"outcome": "done", "note": "Done."}
    listed = (await made.programs["operator"].get("/exceptions", params={"run": run_id})).json()
    account = listed["exceptions"][0]["candidates"][0]["account_id"]
    of_run: dict[str, tuple[str, Any, str, dict[str, Any]]] = {
        "reschedule": ("reschedule", LATER, "reschedule", dict(LATER)),
        "hold": ("hold", WHY, "hold", WHY),
        "release": ("release", None, "release", {}),
        "end": ("end", WHY, "end", WHY),
        "restore": ("restore", WHY, "restore", WHY),
        "legal hold": ("legal-holds", WHY, "legal-holds", WHY),
        "replan": ("replan", {}, "replan", {}),
        "embargo": (
            "embargo",
            {"until": made.made["later"], "named": []},
            "embargo",
            {"until": made.made["later"][:16], "zone": "UTC"},
        ),
        "gate": (f"gates/{gate}/decision", {"verdict": "reject", **WHY}, f"gates/{gate}", {"verdict": "reject", **WHY}),
        "task": (f"tasks/{task}/completion", done, f"tasks/{task}", done),
        "accept": (f"exceptions/{acceptable}/acceptance", WHY, "accept", {"exception": acceptable, **WHY}),
        "waive": (
            f"exceptions/{about}/waiver",
            {"until": made.made["later"], **WHY},
            "waive",
            {"exception": about, "until": made.made["later"][:16], **WHY},
        ),
        "snooze": (
            f"exceptions/{about}/snooze",
            {"until": made.made["later"], **WHY},
            "snooze",
            {"exception": about, "until": made.made["later"][:16], **WHY},
        ),
        "assign": (
            f"exceptions/{about}/assignment",
            {"account": "operator", **WHY},
            "assign",
            {"exception": about, "to": "operator", **WHY},
        ),
        "comment": (
            f"exceptions/{about}/comments",
            {"text": "Seen."},
            "comment",
            {"exception": about, "comment": "Seen."},
        ),
        "settle": (
            f"systems/{exception['system']}/accounts",
            {"accounts": [], **WHY},
            "settle",
            {"system": exception["system"], "account": account, "exception": about, **WHY},
        ),
        "retry": (f"steps/{step}/retry", WHY, "retry", {"step": step, **WHY}),
        "skip": (f"steps/{step}/skip", WHY, "skip", {"step": step, **WHY}),
    }
    requests = {
        name: [
            ("POST", f"/api/v1/runs/{run_id}/{path}", Ask(json=body)),
            ("POST", f"/runs/{run_id}/{page}", Ask(form=form)),
        ]
        for name, (path, body, page, form) in of_run.items()
    }
    requests["together"] = [("POST", "/api/v1/decisions", Ask(json={"gates": [{"run_id": run_id, "gate_id": gate}]}))]
    return requests


@pytest.mark.parametrize("who", CONFLICTED)
async def test_conflicted_accounts_change_nothing_at_any_entry_point(
    everybody: tuple[RoutesOffice, Overheard], who: str
) -> None:
    """Whatever roles they have: assistants, the leaver, the people who report to the leaver, and their programs."""
    made, heard = everybody
    requests = await conflicted_requests(made)
    before = await events_of_own(made)
    for name, sent in requests.items():
        if "report" in who and name not in KEEPS_ACCESS:
            continue
        for method, path, asked in sent:
            if who not in made.pages and not path.startswith("/api/"):
                continue
            answer = await made.send(who, method, path, asked)
            heard.answer(f"{name} at {path} as {who}", answer.text, answer.headers)
            assert outcome(answer) in ("x", "?"), f"{name} at {path}: {answer.status_code} {answer.text[:300]}"
    assert await events_of_own(made) == before


@pytest.mark.parametrize("who", CONFLICTED)
async def test_conflicted_accounts_change_nothing_at_a_terminal(
    everybody: tuple[RoutesOffice, Overheard], tmp_path: Path, who: str
) -> None:
    made, _ = everybody
    run_id = made.runs["own"]
    gate, task, exception, acceptable = await waiting_in(made, "own")
    why = ("--reason", WHY["reason"])
    typed: dict[str, tuple[str, ...]] = {
        "reschedule": ("reschedule", run_id, "--cutoff", LATER["cutoff"], "--zone", LATER["zone"], "--yes"),
        "hold": ("hold", run_id, *why),
        "release": ("release", run_id),
        "end": ("end", run_id, *why),
        "restore": ("restore-access", run_id, "--yes", *why),
        "replan": ("exceptions", "replan", run_id),
        "embargo": ("embargo", run_id, "--end"),
        "gate": ("reject", run_id, gate, *why),
        "together": ("approve", run_id, gate),
        "task": ("tasks", "complete", run_id, task, "--evidence", "Done."),
        "accept": ("exceptions", "accept", run_id, acceptable, *why),
        "waive": ("exceptions", "waive", run_id, exception["exception_id"], "--until", made.made["later"], *why),
        "snooze": ("exceptions", "snooze", run_id, exception["exception_id"], "--until", made.made["later"], *why),
        "assign": ("exceptions", "owner", run_id, exception["exception_id"], "operator"),
        "comment": ("exceptions", "comment", run_id, exception["exception_id"], "Seen."),
        "settle": ("exceptions", "settle", run_id, exception["system"], "--none", *why),
        "retry": ("retry", run_id, "disable_identity", *why),
        "skip": ("skip", run_id, "disable_identity", *why),
    }
    before = await events_of_own(made)
    offboard = Offboard(tmp_path)
    environment = {"OFFBOARD_SERVER": made.url, "OFFBOARD_TOKEN": made.tokens[who]}
    for name, words in typed.items():
        if "report" in who and name not in KEEPS_ACCESS:
            continue
        answer = await offboard(*words, env=environment)
        assert answer.code == 1 and answer.err.strip(), f"{name}: {answer.code} {answer.out} {answer.err}"
        assert "Traceback" not in answer.err, name
    assert await events_of_own(made) == before


async def events_of_own(made: RoutesOffice) -> list[tuple[int, str, str]]:
    """Without the records of refused votes, which change nothing."""
    found = (await made.programs["hr"].get(f"/runs/{made.runs['own']}/events")).json()
    events = [one for one in found["events"] if one["type"] != "VoteRefused"]
    return [(one["version"], one["type"], json.dumps(one["data"])) for one in events]


@pytest.mark.parametrize("who", [*CONFLICTED, "hr"])
async def test_the_webhook_of_hr_changes_nothing_of_a_run_for_those_it_concerns(
    everybody: tuple[RoutesOffice, Overheard], who: str
) -> None:
    """The leaver, the leaver's reports, the requester and their programs report the leaver with a later cutoff: under
    their own token, signed with it, and with the signature that HR gave another report. With HR's own secret the
    report says no more than HR's: the person has an open run."""
    made, heard = everybody
    before, client = await events_of_own(made), made.programs[who]
    body = json.dumps({"person": made.people["own"].employee_number, "packet": PACKET, **LATER})
    another = json.dumps({"person": "R-0900", "packet": PACKET, **FUTURE})

    def signed(secret: str, text: str) -> dict[str, str]:
        at, delivery = datetime.now(UTC), f"msg_{secrets.token_hex(8)}"
        return {
            "webhook-id": delivery,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign(delivery, at, text),
            "content-type": "application/json",
        }

    own_secret = base64.b64encode(made.tokens[who].encode()).decode()
    for expected, headers in (
        ("s", {"content-type": "application/json"}),
        ("s", signed(own_secret, body)),
        ("s", signed(HR_SECRET, another)),
        ("late", signed(HR_SECRET, body)),
    ):
        answer = await client.post("/hooks/hr", content=body.encode(), headers=headers)
        heard.answer(f"the webhook of HR as {who}", answer.text, answer.headers)
        assert outcome(answer) == expected, answer.text[:300]
    assert await events_of_own(made) == before


async def test_the_relay_changes_nothing_of_a_run_for_those_it_concerns(
    everybody: tuple[RoutesOffice, Overheard],
) -> None:
    """The leaver and a report delegate their decisions. The relay follows it and wakes the run; the delegate still
    cannot decide for them."""
    made, heard = everybody
    gates = (await made.run("own", lambda run: run["gates"]))["gates"]
    gate = next(one["gate_id"] for one in gates if one["state"] == "open")
    before, here, now = await events_of_own(made), made.here, datetime.now(UTC)
    term = {"to": "colleague", "since": now.isoformat(), "until": (now + timedelta(days=1)).isoformat()}
    given = [(who, (await made.post(who, "/delegations", term))["delegation_id"]) for who in ("leaver", "report")]
    workflow = here.engine.client.get_workflow_handle(workflow_id(made.runs["own"]))
    length = (await workflow.describe()).history_length
    async with relaying(here.backend, here.engine, cadence=EAGER), asyncio.timeout(90):
        while (await workflow.describe()).history_length <= length:
            await asyncio.sleep(0.05)
    async with api(made.url, await token_of(made.url, "colleague")) as delegate:
        at = f"/runs/{made.runs['own']}/gates/{gate}/decision"
        answer = await delegate.post(at, json={"verdict": "approve"})
        heard.answer("a decision for conflicted accounts", answer.text, answer.headers)
        assert outcome(answer) in ("x", "?"), answer.text[:300]
    assert await events_of_own(made) == before
    for who, delegation_id in given:
        await made.post(who, f"/delegations/{delegation_id}/end")


def _as_unknown(answer: httpx.Response) -> bool:
    return "There is no run" in answer.text or "there is no run" in answer.text.lower()


@pytest.mark.parametrize("route", [row.route for row in TABLE.values() if row.of_a_run])
async def test_a_run_under_embargo_is_refused_like_one_that_does_not_exist(
    everybody: tuple[RoutesOffice, Overheard], route: str
) -> None:
    """By the same bytes, but for the id that was asked for."""
    row = TABLE[route]
    asked = await request_for(everybody[0], route)
    hidden = everybody[0].runs["hidden"]
    for who in UNNAMED:
        if row.expected[who] == "s":
            continue
        answers = []
        if who not in ("program", "nobody"):
            await everybody[0].pages[who].get("/device")  # no message that was kept for them is on an answer here
        for run_id in (hidden, NO_RUN):
            about = Ask({**asked.values, "run_id": run_id}, asked.form, asked.json, asked.query, asked.files)
            answers.append(await ask(everybody, who, row, about))
        there, nowhere = answers
        assert (there.status_code, nowhere.status_code) == (404, 404), (who, there.status_code, nowhere.status_code)
        assert _without_ids(there) == _without_ids(nowhere), who
    for who in ("hr", "operator"):
        if row.method == "GET" and not row.path.endswith(("{stored}", "{exception_id}")):
            asked_of = Ask({**asked.values, "run_id": hidden}, query=asked.query)
            assert outcome(await ask(everybody, who, row, asked_of)) == "+", who


def _without_ids(answer: httpx.Response) -> tuple[Any, ...]:
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "set-cookie")}
    return answer.status_code, headers, _ID.sub("a run", answer.text)


async def test_nothing_anywhere_tells_of_a_run_under_embargo(everybody: tuple[RoutesOffice, Overheard]) -> None:
    """No list, count, search, history or figure."""
    made, _ = everybody
    person, run_id = made.people["hidden"], made.runs["hidden"]
    lists = [row for row in TABLE.values() if row.method == "GET" and "{" not in row.path and "stream" not in row.path]
    searches = {
        "/runs": ({"state": "open", "sort": "due"}, {"urgent": "yes"}),
        "/": ({"show": "all"},),
        "/exceptions": ({"standing": "all"},),
        "/ledger": ({"run": run_id}, {"actor": "hr"}),
        "/api/v1/runs": ({"counts": "true", "limit": "500"},),
        "/api/v1/inbox": ({"mine": "false", "limit": "200"},),
        "/api/v1/tasks": ({"mine": "false", "limit": "200"},),
        "/api/v1/exceptions": ({"standing": "all"}, {"run": run_id}),
        "/api/v1/ledger/history": ({"run": run_id}, {"actor": "hr"}),
        "/outcomes": ({"span": "all"},),
    }
    for who in UNNAMED:
        for row in lists:
            for query in ({}, *searches.get(row.path, ())):
                answer = await ask(everybody, who, row, Ask(query={"packet": "standard-leaver"} | query))
                if query.get("run") == run_id:
                    shown = answer.text.replace(f'value="{run_id}"', "").replace(f"run {run_id}", "")
                else:
                    shown = answer.text
                assert run_id not in shown and person.family_name not in shown, (who, row.route, query)
    whole = {"counts": True, "limit": 500}
    hr, auditor = [(await made.programs[who].get("/runs", params=whole)).json() for who in ("hr", "auditor")]
    assert run_id in [one["run_id"] for one in hr["runs"]]
    assert auditor["counts"]["open"] + auditor["counts"]["finished"] == len(auditor["runs"]) < len(hr["runs"])
    visible = (await made.programs["auditor"].get("/ledger")).json()["events"]
    assert visible < (await made.programs["hr"].get("/ledger")).json()["events"], "without the events of the hidden run"


async def test_a_stream_says_nothing_while_a_hidden_run_moves(everybody: tuple[RoutesOffice, Overheard]) -> None:
    """What is seen afterwards is the first that is heard of."""
    made, _ = everybody
    heard: list[str] = []
    async with made.pages["auditor"].stream("GET", "/runs/stream") as stream:
        lines = stream.aiter_lines()

        async def until(number: int) -> None:
            async for line in lines:
                if line.startswith("data:"):
                    heard.append(line.removeprefix("data: "))
                    if len(heard) > number:
                        return

        async with asyncio.timeout(90):
            await until(0)
            for command in ("hold", "release"):
                await made.post("operator", f"/runs/{made.runs['hidden']}/{command}", {})
            await made.post("operator", f"/runs/{made.runs['visible']}/hold", {})
            await until(1)
    assert heard == ["0", "1"]
    await made.post("operator", f"/runs/{made.runs['visible']}/release")
