"""What someone tries who means harm: with a low role and a packet of their own, from outside, after their leaving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import psycopg

from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.embedded.stack import Stack
from orchestrator.ledger.access.sessions import SessionLimits, Sessions
from orchestrator.web.requests.concurrency import MAX_STREAMS
from orchestrator.web.settings import OidcSettings
from tests.integration.installation import conninfo
from tests.ledger.small_office import renamed
from tests.web.access.test_sessions import leaves, somebody
from tests.web.api.running import Leavers, refused, served, wanted
from tests.web.conftest import Program, Visit
from tests.web.visitor import Visitor, api


@asynccontextmanager
async def a_host_of_theirs() -> AsyncIterator[tuple[int, list[bytes]]]:
    """Its port, and what anyone ever sent there."""
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4096))
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


def of_their_own(name: str, port: int, safety_owner: str = "safety_owner", secret: str = "HR_TOKEN") -> dict[str, str]:
    """A packet in which requesters own, look after and may do everything, with an HR system of someone's choice."""
    files = {
        file.removesuffix(".yaml"): text.decode()
        for file, text in renamed(starter_packet("identity-only"), name).files.items()
    }
    files["workflow"] = files["workflow"].replace("value_owner: value_owner", "value_owner: requester")
    files["platform"] = (
        files["platform"]
        .replace("safety_owner: safety_owner", f"safety_owner: {safety_owner}")
        .replace("url: env:HR_URL", f"url: http://127.0.0.1:{port}")
        .replace("token: env:HR_TOKEN", f"token: env:{secret}")
        .replace("{who: requester, up_to: read}", "{who: requester, up_to: prepare}")
    )
    files["approvals"] = files["approvals"].replace("owner: operator", "owner: requester")
    return files


async def test_no_one_brings_a_packet_whose_platform_file_they_own_themselves(program: Program) -> None:
    hr = await program("hr")
    taken = await hr.post("/packets", json=of_their_own("of-mine", 9, safety_owner="requester"))
    refused(taken, 403, "not_an_owner")


async def test_a_draft_leads_no_worker_and_no_credential_to_a_host_that_it_names(
    program: Program, visit: Visit, leaver: Leavers
) -> None:
    hr, person = await program("hr"), await leaver()
    async with a_host_of_theirs() as (port, heard):
        adopted = await hr.post("/packets", json=of_their_own("lure", port))
        assert adopted.status_code == 201, adopted.text
        asked: dict[str, Any] = {"packet": "lure", "cutoff": "2031-01-05T17:00", "person": person.employee_number}
        for path, body in (
            ("/people/search", {"packet": "lure", "text": "mi"}),
            ("/people/lookup", {"packet": "lure", "wanted": person.employee_number}),
            ("/previews", asked | {"zone": "UTC"}),
            ("/previews", asked),
            ("/runs", asked | {"zone": "UTC"}),
            ("/systems/check", {"packet": "lure"}),
        ):
            refused(await hr.post(path, json=body), 403, "packet_not_in_use")
        await visit("auditor")  # HR is asked who signs in: the one that those in use name
        assert not heard


async def test_a_draft_holds_and_releases_nothing(program: Program) -> None:
    hr, operator = await program("hr"), await program("operator")
    assert (await hr.post("/packets", json=of_their_own("brake", 9))).status_code == 201
    refused(await hr.post("/systems/identity/hold", json={"packet": "brake"}), 422, "packet_not_in_use")
    held = await operator.post("/systems/identity/hold", json={"packet": "identity-only"})
    assert held.json()["changed"] is True
    refused(await hr.post("/systems/identity/release", json={"packet": "brake"}), 422, "packet_not_in_use")
    released = await operator.post("/systems/identity/release", json={"packet": "identity-only"})
    assert released.json()["changed"] is True


async def test_a_preview_is_the_same_for_someone_who_has_a_run_that_is_hidden(
    program: Program, leaver: Leavers
) -> None:
    hr = await program("hr")
    person = await leaver()

    async def ids() -> set[str]:
        asked = {"person": person.employee_number, "packet": "standard-leaver", "cutoff": "2031-01-05T17:00"}
        shown = (await hr.post("/previews", json=asked | {"zone": "UTC"})).json()
        accounts = {account["account_id"] for system in shown["systems"] for account in system["accounts"]}
        assert accounts
        return accounts | {step["step_id"] for step in shown["steps"] if step["account"]}

    assert not await ids() & await ids(), "nobody knows them yet: ids are of the moment"
    started = await hr.post(
        "/runs",
        json=wanted(person),
    )
    assert started.status_code == 201, started.text
    ended = await hr.post(f"/runs/{started.json()['run_id']}/end", json={"reason": "Not any more."})
    assert ended.status_code == 200, ended.text
    assert not await ids() & await ids(), "ids that stay would tell that this person has been in the ledger"


async def test_a_packet_that_takes_long_to_look_through_keeps_no_one_waiting(stack: Stack, program: Program) -> None:
    auditor, value = await program("auditor"), await program("value-owner")
    files = of_their_own("tangled", 9)
    head = files["workflow"].replace("value_owner: requester", "value_owner: value_owner").partition("steps:")[0]
    steps = (
        f"  - {{name: s{i}, title: t, system: identity, ability: snapshot_access, "
        f"needs: [{', '.join(f's{before}' for before in range(max(0, i - 40), i))}]}}\n"
        for i in range(300)
    )
    files["workflow"] = f"{head}steps:\n{''.join(steps)}"
    refused(await auditor.post("/packets", json=files), 403, "not_an_owner")
    began = asyncio.get_running_loop().time()
    looking = asyncio.create_task(value.post("/packets", json=files))
    async with httpx.AsyncClient(base_url=stack.url, timeout=90) as client:
        slowest = 0.0
        while not looking.done():
            answered = await client.get("/api/v1/health")
            slowest = max(slowest, answered.elapsed.total_seconds())
    refused(await looking, 422, "packet_problems")
    lasted = asyncio.get_running_loop().time() - began
    assert slowest < lasted / 2, f"somebody waited {slowest:.1f} of {lasted:.1f} seconds"


async def test_a_slow_client_delays_no_one_else(stack: Stack) -> None:
    host, port = stack.url.removeprefix("http://").split(":")
    head = (
        f"POST /api/v1/sign-in/local HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        "Content-Length: 100\r\n\r\n{"
    ).encode()
    slow = [await asyncio.open_connection(host, int(port)) for _ in range(64)]
    try:
        for _, writer in slow:
            writer.write(head)
            await writer.drain()
        async with httpx.AsyncClient(base_url=stack.url, timeout=90) as client:
            for _ in range(5):
                assert (await client.get("/sign-in")).status_code == 200
    finally:
        for _, writer in slow:
            writer.close()


async def test_no_one_has_more_streams_open_than_pages_that_they_look_at(stack: Stack, visit: Visit) -> None:
    browser, other = await visit("auditor"), await visit("hr")
    async with AsyncExitStack() as open_ones, Visitor(stack.url) as crowd:
        crowd._transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=MAX_STREAMS + 5))
        crowd.cookies.update(browser.cookies)
        for _ in range(MAX_STREAMS):
            answer = await open_ones.enter_async_context(crowd.stream("GET", "/inbox/stream"))
            assert answer.status_code == 200
        another = (await visit("auditor")).cookies["offboard"]
        for cookie in (f"offboard={another}", f"offboard={another}; beside=it"):
            more = await crowd.get("/inbox/stream", headers={"Cookie": cookie})
            assert more.status_code == 429, "another session, or another header, is the same account"
        too_many = await crowd.get("/inbox/stream")
        assert too_many.status_code == 429 and int(too_many.headers["retry-after"]) > 0
        async with other.stream("GET", "/inbox/stream") as theirs:
            assert theirs.status_code == 200, "others are kept from nothing"


async def test_an_old_session_confirms_no_token_that_starts_at_once(stack: Stack, leaver: Leavers) -> None:
    oidc = OidcSettings(issuer="http://127.0.0.1:9", client_id="c", client_secret="s", step_up_acr=("phr",))
    secret = await Sessions(stack.backend.database, stack.backend.keyring, SessionLimits()).open("hr", acr="phr")
    async with served(stack, oidc=oidc) as url, Visitor(url) as browser:
        browser.cookies["offboard"] = secret
        for old, code in ((False, 422), (True, 403)):
            if old:
                async with await psycopg.AsyncConnection.connect(conninfo(stack.settings.database_url)) as raw:
                    await raw.execute("UPDATE access.sessions SET created_at = created_at - interval '1 hour'")
            begun = (await browser.post("/api/v1/device")).json()
            shown = (await browser.get("/device")).text
            assert ("/sign-in/start?step_up=true&amp;to=/device" in shown) is old, "the way to a recent sign-in"
            await browser.submit("/device", {"code": begun["code"], "answer": "confirm"})
            given = await browser.post("/api/v1/device/token", json={"device_secret": begun["device_secret"]})
            async with api(url, given.json()["token"]) as program:
                for path, body in (
                    (
                        "/tokens",
                        {"name": "n", "kind": "service", "roles": ["auditor"], "up_to": "read", "lasts_days": 1},
                    ),
                    ("/webhooks", {"url": "https://hooks.example", "types": ["run.started"]}),
                    ("/webhooks/w_0123456789abcdef/secret", {}),
                ):
                    answer = await program.post(path, json=body)
                    assert (answer.json()["code"] == "step_up_needed") is old, (path, answer.text)
                urgent = {"person": "E-0000", "packet": "standard-leaver", "urgent": True}
                answer = await program.post("/runs", json=urgent)
                assert answer.status_code in (code, 404), answer.text
                assert (answer.json()["code"] == "step_up_needed") is old


async def test_a_code_confirmed_before_the_cutoff_is_worth_no_token_after_it(stack: Stack) -> None:
    actor, number = await somebody(stack)
    secret = await Sessions(stack.backend.database, stack.backend.keyring, SessionLimits()).open(actor.actor_id)
    async with Visitor(stack.url) as browser:
        browser.cookies["offboard"] = secret
        begun = (await browser.post("/api/v1/device")).json()
        await browser.submit("/device", {"code": begun["code"], "answer": "confirm"})
        await leaves(stack, number, "2026-01-05T18:00")
        given = await browser.post("/api/v1/device/token", json={"device_secret": begun["device_secret"]})
        refused(given, 403, "access_denied")


async def test_what_no_database_keeps_is_refused_and_no_fault(visit: Visit, program: Program, leaver: Leavers) -> None:
    browser, hr = await visit("hr"), await program("hr")
    for path in (
        "/runs?after=latest/2026-01-01T00:00:00%2B00:00/%00",
        "/runs?packet=%00",
        "/runs?system=%00",
        "/runs?after=latest/0001-01-01T00:00:00%2B14:00/x",
        "/runs?after=latest/9999-12-31T23:59:59-14:00/x",
        "/exceptions?owner=%00",
        "/exceptions?system=%00",
        "/exceptions?after=%00",
        "/exceptions?after=0001-01-01T00:00:00%2B14:00/x",
        "/ledger?run=%00",
        "/ledger?actor=%00",
        "/ledger?system=%00",
        "/ledger?after=%00",
        "/?after=2026-01-01T00:00:00%2B00:00/%00",
        "/runs/%00",
        "/runs/abcdef%00",
        "/packets/%00",
        "/runs/%00/files/%00",
        "/outcomes?packet=%00",
        "/outcomes?since=0001-01-01",
        "/runs/new/preview/%00",
        "/packets/standard-leaver/versions/%00",
    ):
        assert (await browser.get(path)).status_code < 500, path
    for path, body in (
        ("/device/token", '{"device_secret": "\\ud800"}'),
        ("/sign-in/local", '{"alias": "\\ud800"}'),
        ("/people/search", '{"packet": "standard-leaver", "text": "\\ud800ab"}'),
        ("/runs/abcdef/end", '{"reason": "\\ud800"}'),
    ):
        answer = await hr.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code < 500, (path, answer.text)
    service = {"name": "x", "kind": "service", "up_to": "read"}
    owner, started = await visit("safety-owner"), await hr.post("/runs", json=wanted(await leaver()))
    for number in ("9" * 5000, "\N{SUPERSCRIPT TWO}"):
        page = await browser.get(f"/runs/{started.json()['run_id']}", params={"before": number})
        assert page.status_code < 500, number
        assert (await owner.submit("/tokens", service | {"days": number})).status_code == 422, number
    for path in ("/systems/standard-leaver/hold", "/away", "/tokens", "/runs/new/people", "/device", "/decisions"):
        fields = {
            "system": "\0",
            "to": "\0",
            "until": "\0",
            "name": "\0",
            "text": "\0ab",
            "code": "\0",
            "gate": "\0/\0",
        }
        assert (await browser.submit(path, fields)).status_code < 500, path
