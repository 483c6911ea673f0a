"""What is kept for someone before anything comes of it has an end, and a bound: sign-ins that were begun, and files
that no task is completed with."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import psycopg
import pytest

from orchestrator.embedded.stack import Stack
from orchestrator.ledger.access.quotas import MAX_PENDING, MAX_PER_SOURCE
from orchestrator.ledger.access.sessions import SessionLimits, Sessions
from orchestrator.ledger.persons.files import MAX_FILE_BYTES, MAX_FILES
from orchestrator.ledger.persons.uploads import MAX_PENDING_BYTES
from orchestrator.web.access import provider
from orchestrator.web.requests.concurrency import ANONYMOUS_SLOTS
from orchestrator.web.serving import listening, serving
from orchestrator.web.settings import WebSettings
from tests.integration.installation import conninfo
from tests.web.api.running import Leavers, refused, served, start, task_open, until
from tests.web.conftest import Program, Visit
from tests.web.requests.test_adversary_sign_in import at, issuer
from tests.web.visitor import Visitor

__all__ = ["issuer"]


async def sql(stack: Stack, statement: str, *values: object) -> int:
    """How many rows it touched."""
    async with await psycopg.AsyncConnection.connect(conninfo(stack.settings.database_url), autocommit=True) as raw:
        return (await raw.execute(statement.encode(), values)).rowcount


async def test_one_address_begins_so_many_sign_ins_and_others_begin_theirs(stack: Stack, visit: Visit) -> None:
    crowd = await visit()
    here, there = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}
    same_network = [{"X-Forwarded-For": f"2001:db8::{number:x}"} for number in range(1, MAX_PER_SOURCE + 1)]
    for _ in range(MAX_PER_SOURCE):
        assert (await crowd.post("/api/v1/device", headers=here)).status_code == 200
    answer = await crowd.post("/api/v1/device", headers=here)
    problem = refused(answer, 429, "too_many_sign_ins")
    assert int(answer.headers["retry-after"]) > 0 and "203.0.113" not in answer.text and problem["remedy"]
    assert (await crowd.post("/api/v1/device", headers=there)).status_code == 200
    for address in same_network:
        assert (await crowd.post("/api/v1/device", headers=address)).status_code == 200
    refused(
        await crowd.post("/api/v1/device", headers={"X-Forwarded-For": "2001:db8::ffff:1"}), 429, "too_many_sign_ins"
    )
    assert (await crowd.post("/api/v1/device", headers={"X-Forwarded-For": "2001:db8:1::1"})).status_code == 200
    # No one came back, and their time is over.
    await sql(stack, "UPDATE access.devices SET expires_at = engine.now() - interval '1 s'")
    assert (await crowd.post("/api/v1/device", headers=here)).status_code == 200


async def test_each_ipv4_client_of_an_ipv6_socket_has_its_own_limit(stack: Stack) -> None:
    """`OFFBOARD_WEB_HOST=::` takes connections of both versions."""
    on = listening("::", 0)
    url = f"http://127.0.0.1:{on.getsockname()[1]}"
    settings, more = WebSettings(public_url=url), (stack.services, stack.engine, stack.backend.database, on)
    async with serving(settings, *more), Visitor(url) as crowd:

        async def status(address: str) -> int:
            return (await crowd.post("/api/v1/device", headers={"X-Forwarded-For": address})).status_code

        for address in ("203.0.113.31", "::ffff:203.0.113.33"):
            for _ in range(MAX_PER_SOURCE):
                assert await status(address) == 200
        assert await status("::ffff:203.0.113.31") == await status("203.0.113.33") == 429
        assert await status("::ffff:203.0.113.32") == await status("203.0.113.34") == 200


async def test_a_full_table_takes_the_place_of_the_address_with_the_most(stack: Stack, visit: Visit) -> None:
    crowd = await visit()
    here, there = {"X-Forwarded-For": "203.0.113.21"}, {"X-Forwarded-For": "203.0.113.22"}
    first = (await crowd.post("/api/v1/device", headers=here)).json()
    filled = (
        "INSERT INTO access.devices (device_hash, code_hash, refused, asked_at, expires_at, source)"
        " SELECT sha256(n::text::bytea), sha256(('c' || n)::bytea), false, engine.now(),"
        " engine.now() + interval '5 min', sha256((n / 150)::text::bytea) FROM generate_series(1, %s) AS n"
    )
    await sql(stack, filled, MAX_PENDING)
    for headers in (there, {"X-Forwarded-For": "203.0.113.23"}):
        assert (await crowd.post("/api/v1/device", headers=headers)).status_code == 200, (
            "nobody outside shuts others out"
        )
    waiting = await crowd.post("/api/v1/device/token", json={"device_secret": first["device_secret"]})
    refused(waiting, 403, "authorization_pending")
    await sql(stack, "DELETE FROM access.devices")


async def test_sign_ins_at_a_provider_leave_nothing_here_that_could_fill(stack: Stack, issuer: str) -> None:
    async with served(stack, oidc=at(issuer)) as url, Visitor(url) as browser:
        browser.follow_redirects = False
        for _ in range(MAX_PER_SOURCE // 10):
            assert (await browser.get("/sign-in/start")).status_code == 303
        assert await sql(stack, "SELECT 1 FROM access.sign_ins") == 0
        assert len(browser.cookies["offboard-state"]) < 4_000
        begun, over = browser.cookies["offboard-state"], timedelta(seconds=-1)
        sessions = Sessions(stack.backend.database, stack.backend.keyring, SessionLimits())
        assert sessions.opened_sign_in("another-state", begun) is None
        assert sessions.opened_sign_in("s", sessions.seal_sign_in("s", {}, over)) is None
        for cookie in ("", "x", begun[:-4], "\u00e9"):
            assert sessions.opened_sign_in("s", cookie) is None


async def test_only_a_page_that_is_opened_begins_a_sign_in(stack: Stack, issuer: str) -> None:
    async with served(stack, oidc=at(issuer)) as url, Visitor(url) as browser:
        browser.follow_redirects = False
        for mode, dest in (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")):
            headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
            answer = await browser.get("/sign-in/start", headers=headers)
            assert answer.status_code == 403 and "set-cookie" not in answer.headers, dest
        opened = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        assert (await browser.get("/sign-in/start", headers=opened)).status_code == 303, "a link in a mail"


async def test_a_provider_that_hangs_delays_only_those_who_sign_in(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read()
        writer.close()

    monkeypatch.setattr(provider, "TIMEOUT_SECONDS", 2.0)
    hanging = await asyncio.start_server(silent, "127.0.0.1", 0)
    issuer = f"http://127.0.0.1:{hanging.sockets[0].getsockname()[1]}"
    clock = asyncio.get_running_loop().time
    sessions = Sessions(stack.backend.database, stack.backend.keyring, SessionLimits())
    secret = await sessions.open("auditor")
    async with served(stack, oidc=at(issuer)) as url, Visitor(url) as crowd, Visitor(url) as browser:
        browser.cookies["offboard"] = secret
        began = clock()
        waiting = [asyncio.create_task(crowd.get("/sign-in/start")) for _ in range(ANONYMOUS_SLOTS + 6)]
        while not connections:
            await asyncio.sleep(0.01)
        for path in ("/api/v1/health", "/sign-in", "/device"):
            assert (await browser.get(path)).status_code == 200
        assert not any(task.done() for task in waiting), "all of that while the provider hangs"
        assert {(await task).status_code for task in waiting} == {503}
        assert connections == 1 and clock() - began < 8, "one request is asked for all"
        assert (await crowd.get("/sign-in/start")).status_code == 503 and connections == 1
    hanging.close()


async def test_files_that_no_task_is_completed_with_are_few_and_go(
    stack: Stack, program: Program, leaver: Leavers
) -> None:
    hr, operator = await program("hr"), await program("operator")
    run_id = await start(hr, await leaver())
    task = task_open(await until(hr, run_id, lambda run: task_open(run) is not None))
    files, end = f"/runs/{run_id}/tasks/{task['task_id']}/files", f"/runs/{run_id}/tasks/{task['task_id']}/completion"
    kept = [await operator.post(files, files={"file": ("x.txt", b"%d" % number)}) for number in range(MAX_FILES)]
    assert {answer.status_code for answer in kept} == {201}
    key = {"Idempotency-Key": f"one-more-{run_id}"}
    one_more = {"file": ("x.txt", b"one more")}
    answer = await operator.post(files, files=one_more, headers=key)
    problem = refused(answer, 429, "too_many_uploads")
    assert int(answer.headers["retry-after"]) > 0 and "Complete the task" in problem["remedy"]
    assert (
        await sql(stack, "SELECT 1 FROM ledger.files WHERE digest = %s", bytes.fromhex(kept[0].json()["stored"])) == 0
    )

    gone = kept[-1].json()["stored"]
    over = "UPDATE access.uploads SET expires_at = engine.now() - interval '1 s' WHERE digest = %s"
    assert await sql(stack, over, bytes.fromhex(gone)) == 1
    said = {"outcome": "done", "note": "x"}
    refused(await operator.post(end, json=said | {"files": [{"stored": gone}]}), 422, "unknown_file")
    again = await operator.post(files, files=one_more, headers=key)
    assert again.status_code == 201, "what was too often once may be tried under its key"
    assert await sql(stack, "SELECT 1 FROM access.uploads WHERE digest = %s", bytes.fromhex(gone)) == 0

    named = [{"stored": answer.json()["stored"], "name": "x.txt"} for answer in (*kept[:3], again)]
    done = await operator.post(end, json=said | {"files": named})
    assert done.status_code == 200, done.text
    saved = await hr.get(f"/runs/{run_id}/files/{again.json()['stored']}")
    assert saved.status_code == 200 and saved.content == b"one more"
    left = "SELECT 1 FROM access.uploads WHERE task = %s"
    assert await sql(stack, left, f"{run_id}/{task['task_id']}") == MAX_FILES - 1 - 3


async def test_one_account_keeps_so_much_over_all_tasks(stack: Stack, program: Program, leaver: Leavers) -> None:
    hr, operator = await program("hr"), await program("operator")
    run_id = await start(hr, await leaver())
    task = task_open(await until(hr, run_id, lambda run: task_open(run) is not None))
    files = f"/runs/{run_id}/tasks/{task['task_id']}/files"
    assert (await operator.post(files, files={"file": ("x.txt", b"x")})).status_code == 201
    elsewhere = "UPDATE access.uploads SET task = 'elsewhere', bytes = %s WHERE task = %s"
    assert await sql(stack, elsewhere, MAX_PENDING_BYTES - 10, f"{run_id}/{task['task_id']}") == 1
    refused(await operator.post(files, files={"file": ("x.txt", b"x" * 100)}), 429, "too_many_uploads")
    assert MAX_PENDING_BYTES > MAX_FILES // 2 * MAX_FILE_BYTES, "a task's worth of large files is no problem"
    await sql(stack, "DELETE FROM access.uploads WHERE task = 'elsewhere'")
    assert (await operator.post(files, files={"file": ("x.txt", b"x" * 100)})).status_code == 201
