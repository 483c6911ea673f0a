"""What is kept for somebody before anything comes of it has an end, and a bound: sign-ins that were begun, and files
that no task is completed with."""

from __future__ import annotations

import psycopg

from orchestrator.embedded.stack import Stack
from orchestrator.ledger.access.quotas import MAX_PER_SOURCE
from orchestrator.ledger.persons.files import MAX_FILE_BYTES, MAX_FILES
from orchestrator.ledger.persons.uploads import MAX_PENDING_BYTES
from tests.integration.installation import conninfo
from tests.web.api.running import Leavers, refused, served, start, task_open, until
from tests.web.conftest import Program, Visit
from tests.web.test_adversary_sign_in import at, issuer
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
    # Nobody came back, and their time is over.
    await sql(stack, "UPDATE access.devices SET expires_at = engine.now() - interval '1 s'")
    assert (await crowd.post("/api/v1/device", headers=here)).status_code == 200


async def test_sign_ins_at_a_provider_that_nobody_finishes_are_bounded_as_well(stack: Stack, issuer: str) -> None:
    async with served(stack, oidc=at(issuer)) as url, Visitor(url) as browser:
        browser.follow_redirects = False
        here = {"X-Forwarded-For": "203.0.113.9"}
        assert (await browser.get("/sign-in/start", headers=here)).status_code == 303
        as_often = (
            "INSERT INTO access.sign_ins (state_hash, sealed, expires_at, source)"
            " SELECT sha256(n::text::bytea), sealed, expires_at, source FROM generate_series(1, %s) AS n,"
            " (SELECT * FROM access.sign_ins ORDER BY expires_at DESC LIMIT 1) AS begun"
        )
        assert await sql(stack, as_often, MAX_PER_SOURCE - 2) == MAX_PER_SOURCE - 2
        assert (await browser.get("/sign-in/start", headers=here)).status_code == 303
        answer = await browser.get("/sign-in/start", headers=here)
        assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0
        assert "Too many requests" in answer.text and "try again in a few minutes" in answer.text
        assert (await browser.get("/sign-in/start")).status_code == 303, "others sign in"


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
