"""A worker's list of accounts without an owner: a system that responds late or not at all, and names of accounts that
are only a part of people's mail addresses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql

import activities.inquiries.account_owners as listing
from activities.connections import Connections
from activities.inquiries.account_owners import AccountOwnersList
from activities.inquiries.people import People
from orchestrator import commands
from orchestrator.documents.account_owners import AccountOwners
from orchestrator.documents.runs.questions import ListAccountOwners
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.temporal import TemporalServer
from tests.conftest import Hire
from tests.connectors.answering_kinds import ACCOUNT
from tests.connectors.raw_servers import listening
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer, ScriptedServer
from tests.inquiries.conftest import Asking
from tests.integration.installation import FAR_FUTURE, ZONE, Installation, new_settings
from tests.integration.packets import quick_packet

CODE = """\
    connector: code_hosting
    support: {team: Team, hours: 24/7, on_call: on-call, escalation: duty, runbook_url: "https://wiki.example"}
    connection: {url: env:CODE_URL, token: env:CODE_TOKEN}
    hosts: [127.0.0.1, localhost]
    match: [{key: employee_number, attribute: employee_number}, {key: email, attribute: email}]
"""
DATABASE = """\
    connector: postgresql
    support: {team: Team, hours: 24/7, on_call: on-call, escalation: duty, runbook_url: "https://wiki.example"}
    connection: {host: env:DATABASE_HOST, user: env:DATABASE_USER, password: env:DATABASE_PASSWORD}
    hosts: ["env:DATABASE_HOST"]
    match: [{key: employee_number, attribute: comment}, {key: email, attribute: email_local_part, strength: weak}]
"""


class SlowCode:
    """Responds with one account once it is released."""

    def __init__(self) -> None:
        self.asked, self.released = asyncio.Event(), asyncio.Event()
        self.requests = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        self.asked.set()
        await self.released.wait()
        body = json.dumps({"accounts": [ACCOUNT]})
        writer.write(f"HTTP/1.1 200 -\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()


class ListingSituation:
    """Lists of the system `code`, with these settings of the environment beside those of the company."""

    def __init__(self, here: Installation, packet: Packet, folder: Path, environment: Mapping[str, str]) -> None:
        self._connections = Connections({**here.settings.environment, **environment}, secrets_folder=folder)
        self._packet = packet
        self._people = People(self._connections, packet, here.backend.keyring)
        self._lists = AccountOwnersList(self._connections, frozenset())

    async def __call__(self) -> AccountOwners:
        async def none_hidden(hr_ids: Sequence[str]) -> Collection[str]:
            return ()

        return await self._lists.of(self._packet, "code", self._people, none_hidden, shows_people=False)

    async def aclose(self) -> None:
        await self._connections.aclose()


async def test_a_cancelled_list_keeps_no_other_waiting_and_one_in_time_is_shared(
    asking: Asking, tmp_path: Path
) -> None:
    code = SlowCode()
    async with asking(worker=False, relay=False) as (here, _), listening(code.serve) as port:
        listed = ListingSituation(here, quick_packet(), tmp_path, {"CODE_URL": f"http://127.0.0.1:{port}"})
        first = asyncio.create_task(listed())
        await asyncio.wait_for(code.asked.wait(), 20)
        others = [asyncio.create_task(listed()) for _ in range(2)]
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        assert first.cancelled()
        code.released.set()
        found = await asyncio.wait_for(asyncio.gather(*others), 20)
        assert [one.counts.orphan for one in found] == [1, 1] and found[0].read_at == found[1].read_at
        assert code.requests == 2, "the cancelled list, and one for the two others"
        await listed.aclose()


async def test_a_system_that_does_not_respond_in_time_is_named_and_asked_again(
    asking: Asking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = SlowCode()
    async with asking(worker=False, relay=False) as (here, _), listening(code.serve) as port:
        listed = ListingSituation(here, quick_packet(), tmp_path, {"CODE_URL": f"http://127.0.0.1:{port}"})
        monkeypatch.setattr(listing, "DEADLINE_SECONDS", 1.0)
        late = await listed()
        assert (late.code, late.complete, late.accounts) == ("deadline_over", False, ()) and late.detail
        code.released.set()
        found = await listed()
        assert (found.code, found.complete, found.counts.orphan) == ("", True, 1), "a failure is not kept"
        await listed.aclose()


async def test_names_that_are_a_part_of_an_address_are_compared_as_in_a_search(
    asking: Asking, hire: Hire, postgres: PostgresServer, tmp_path: Path
) -> None:
    by_comment, by_name = await hire(2)
    local = by_name.email.partition("@")[0]
    roles = {f"warehouse_{by_comment.employee_number}": by_comment.employee_number, local: None, "warehouse_job": None}
    async with await psycopg.AsyncConnection.connect(postgres.conninfo("postgres"), autocommit=True) as admin:
        try:
            for name, comment in roles.items():
                await admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
                await admin.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(name), comment))
            packet = quick_packet(changed={CODE: DATABASE})
            known = {"DATABASE_HOST": str(admin.info.host), "DATABASE_USER": admin.info.user, "DATABASE_PASSWORD": "-"}
            async with asking(worker=False, relay=False) as (here, _):
                listed = ListingSituation(here, packet, tmp_path, known)
                found = await listed()
                await listed.aclose()
        finally:
            for name in roles:
                await admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
    shown = {one.label: one for one in found.accounts}
    assert found.code == "" and found.counts.owned == 1, found.detail
    assert f"warehouse_{by_comment.employee_number}" not in shown
    assert shown["warehouse_job"].ownership == "orphan"
    assert shown[local].ownership == "ambiguous", "the key is weak"
    assert shown[local].attributes == {"email_local_part": local}, "no address of a person is shown"


def says_left(hr_url: str, gone: Collection[str]) -> ScriptedServer:
    """HR, which says of these employees that they have left."""

    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        passed = {name: asked.headers[name] for name in ("authorization", "content-type") if name in asked.headers}
        url = httpx.URL(hr_url).join(asked.target)
        response = httpx.request(asked.method, url, headers=passed, content=asked.body)
        body = response.json() if response.content else {}
        for person in body.get("people", [body]):
            if person.get("employee_number") in gone:
                person |= {"status": "left"}
        return ScriptedAnswer(response.status_code, body, {"Content-Type": "application/json"})

    return ScriptedServer(answer)


async def test_a_leaver_under_an_embargo_is_listed_for_people_who_are_named_only(
    asking: Asking, hire: Hire, database_url: str, temporal: TemporalServer, company: Company
) -> None:
    [person] = await hire()
    gone: set[str] = set()
    settings = new_settings(database_url, temporal.address, company)
    hr = says_left(settings.environment["HR_URL"], gone)
    async with listening(hr.serve) as port:
        changed = {**settings.environment, "HR_URL": f"http://127.0.0.1:{port}"}
        async with asking(settings=replace(settings, environment=changed)) as (here, inquiries):
            terms = EmbargoTerms(
                await here.backend.ledger.now() + timedelta(days=30), ("hr", "it", "operator", "finance")
            )
            await commands.start_run(
                here.services,
                here.actors["hr"],
                await here.facts(person),
                here.packet.name,
                parse_cutoff(FAR_FUTURE, ZONE),
                embargo=terms,
            )
            gone.add(person.employee_number)
            question = ListAccountOwners(packet=here.packet.name, system="identity")
            seen = await inquiries.ask("operator", question)
            unseen = await inquiries.ask("auditor", question)
    assert seen.code == unseen.code == "" and seen.read_at == unseen.read_at, "one list, read for both"
    assert person.employee_number in str([one.attributes for one in seen.accounts if one.ownership == "left"])
    assert person.employee_number not in str([one.model_dump() for one in unseen.accounts])
    assert unseen.counts.owned == seen.counts.owned + 1 and unseen.counts.left == seen.counts.left - 1
