"""A mail server that does not take everyone's mail keeps no one else waiting, and no one gets anything twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default as modern

import psycopg
from aiosmtpd.smtp import SMTP, Envelope, Session

from orchestrator import commands
from orchestrator.settings import MailAccount
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import FAR_FUTURE, Installation, conninfo
from tests.notices.conftest import signed_in
from tests.notices.test_notices import next_look


@dataclass
class ChoosyServer:
    """`answers` by recipient: what to say to RCPT, one after the other, before the recipient is taken."""

    port: int = 0
    answers: dict[str, list[str]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    taken: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.asked[address] += 1
        if self.answers.get(address):
            answers = self.answers[address]
            return answers.pop(0) if len(answers) > 1 or answers[0].startswith("4") else answers[0]
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        message = message_from_bytes(envelope.original_content or b"", policy=modern)
        self.headers.append({name.lower(): str(value) for name, value in message.items()})
        self.taken += [(address, str(message["Message-ID"])) for address in envelope.rcpt_tos]
        return "250 kept"


@asynccontextmanager
async def choosing() -> AsyncIterator[ChoosyServer]:
    choosy = ChoosyServer()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(choosy, hostname="localhost"), "127.0.0.1", 0)
    choosy.port = server.sockets[0].getsockname()[1]
    try:
        yield choosy
    finally:
        server.close()


def account(choosy: ChoosyServer, gather: float) -> MailAccount:
    return MailAccount("127.0.0.1", "offboard@example.org", choosy.port, "none", gather=gather)


async def taken_until(choosy: ChoosyServer, count: int, deadline: float = 120) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + deadline
    while len(choosy.taken) < count:
        assert loop.time() < until, f"only {choosy.taken} after {deadline:.0f} s"
        await asyncio.sleep(0.1)


async def staffed(here: Installation, hire: Hire) -> list[str]:
    """Three people who decide, by their addresses; no one else does."""
    people = await hire(3)
    await signed_in(here, "it", people[0], ("it_approver",))
    for number, person in enumerate(people[1:]):
        await signed_in(here, f"it-{number}", person, ("it_approver",))
    return [person.email for person in people]


async def test_one_who_is_put_off_and_one_who_is_refused_keep_no_one_waiting(install: Install, hire: Hire) -> None:
    [person] = await hire()
    async with (
        choosing() as choosy,
        install(
            mail=MailAccount("127.0.0.1", "offboard@example.org", choosy.port, "none", gather=2.0), staff=False
        ) as here,
    ):
        fine, put_off, refused = await staffed(here, hire)
        choosy.answers = {put_off: ["451 later", "451 later"], refused: ["550 nobody here"]}
        run = await here.start(person, cutoff=FAR_FUTURE)
        await here.wait_until(run, lambda state: bool(state.decisions.gates), "an open gate")
        await taken_until(choosy, 2)
        assert sorted(address for address, _ in choosy.taken) == sorted([fine, put_off])
        assert choosy.asked[put_off] == 3 and choosy.asked[refused] == 1
        for headers in choosy.headers:
            assert headers["auto-submitted"] == "auto-generated" and headers["from"] == "offboard@example.org"
            assert headers["message-id"].endswith("@example.org>") and run not in headers["message-id"]
        # An hour later it is asked again, and by then someone has made the mailbox.
        choosy.answers = {}
        # The clock moves between two looks: one that is under way would count its next from the new time.
        for _ in range(2):
            last = await next_look(here)
            await here.engine.nudge_notices()
            async with asyncio.timeout(90):
                while await next_look(here) == last:
                    await asyncio.sleep(0.05)
        await here.set_clock_ahead(timedelta(hours=1, minutes=1).total_seconds())
        await taken_until(choosy, 3)
        assert choosy.taken[2][0] == refused
        async with await psycopg.AsyncConnection.connect(conninfo(here.settings.database_url)) as raw:
            kept = await (await raw.execute("SELECT count(*) FROM engine.notices WHERE kind = 'first'")).fetchone()
        assert kept == (3,)
        assert len({address for address, _ in choosy.taken}) == len(choosy.taken) == 3


async def test_an_address_beyond_ascii_keeps_no_other_recipient_waiting(install: Install, hire: Hire) -> None:
    [person] = await hire()
    people = await hire(3)
    mail = MailAccount("127.0.0.1", "offboard@example.org", 0, "none", gather=1.0)
    async with choosing() as choosy, install(mail=replace(mail, port=choosy.port), staff=False) as here:
        for number, (decider, address) in enumerate(
            zip(people, (None, "jörg@example.org", "joerg@müller.example"), strict=True)
        ):
            actor = await signed_in(here, f"it-{number}", decider, ("it_approver",))
            if address is not None:
                known = await here.people.find(decider.employee_number)
                await commands.record_actor(here.services, actor, known.display_name, address, known.time_zone)
        await signed_in(here, "it-last", (await hire())[0], ("it_approver",))
        run = await here.start(person, cutoff=FAR_FUTURE)
        await here.wait_until(run, lambda state: bool(state.decisions.gates), "an open gate")
        await taken_until(choosy, 3)
        assert "joerg@xn--mller-kva.example" in {address for address, _ in choosy.taken}


async def test_two_accounts_with_one_address_get_one_mail(install: Install, hire: Hire) -> None:
    person, decider = await hire(2)
    async with (
        choosing() as choosy,
        install(
            mail=MailAccount("127.0.0.1", "offboard@example.org", choosy.port, "none", gather=1.0), staff=False
        ) as here,
    ):
        await signed_in(here, "it", decider, ("it_approver",))
        await signed_in(here, "it-again", decider, ("it_approver",))
        run = await here.start(person, cutoff=FAR_FUTURE)
        await here.wait_until(run, lambda state: bool(state.decisions.gates), "an open gate")
        await taken_until(choosy, 1)
        loop = asyncio.get_running_loop()
        until = loop.time() + 4
        while loop.time() < until:
            assert len(choosy.taken) == 1
            await asyncio.sleep(0.2)
