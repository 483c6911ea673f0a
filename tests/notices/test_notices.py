"""A person with an open item is mailed once, and again before it is due, without what others may not know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from orchestrator import commands
from orchestrator.commands import Done
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import HR_FEED
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.workflows.notices import notices_id
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import FAR_FUTURE, PAST, ZONE, Installation, conninfo, gate_open
from tests.integration.needles import Needles, words_of
from tests.notices.conftest import PUBLIC_URL, signed_in

Mail = dict[str, Any]
GATHER = 60.0  # seconds, passed by setting the database's clock ahead
NOTHING_FOR = timedelta(seconds=2 * GATHER)


async def mails(here: Installation) -> list[Mail]:
    """What this installation sent as notices, oldest first."""
    assert here.settings.mail is not None
    kept = [mail for mail in await here.company.messages() if mail["from"] == here.settings.mail.sender]
    return [{**mail, "text": mail["text"].replace("\r\n", "\n")} for mail in kept]


async def mails_until(
    here: Installation, holds: Callable[[list[Mail]], bool], what: str, deadline: float = 120
) -> list[Mail]:
    loop = asyncio.get_running_loop()
    until = loop.time() + deadline
    while not holds(sent := await mails(here)):
        assert loop.time() < until, f"{what} did not come: {[(m['to'], m['subject'], m['text']) for m in sent]}"
        await asyncio.sleep(0.1)
    return sent


async def no_more_than(here: Installation, count: int) -> None:
    """The workflow has looked twice since then and mailed nothing further, and its next look is far off: no notice is
    being gathered."""
    loop = asyncio.get_running_loop()
    until = loop.time() + 120
    looks = 0
    last = await next_look(here)
    while looks < 2 or last - await here.backend.ledger.now() < NOTHING_FOR:
        await here.engine.nudge_notices()
        while (look := await next_look(here)) == last:
            assert loop.time() < until, "the workflow did not look again"
            await asyncio.sleep(0.05)
        last = look
        looks += 1
        sent = await mails(here)
        assert len(sent) == count, [(m["to"], m["subject"]) for m in sent]
        assert loop.time() < until, f"it means to look again at {last}"


async def next_look(here: Installation) -> datetime:
    """Each look writes when the next one is due, at its end. Waits for the first."""
    async with (
        asyncio.timeout(90),
        await psycopg.AsyncConnection.connect(conninfo(here.settings.database_url), autocommit=True) as connection,
    ):
        while True:
            row = await (await connection.execute("SELECT due_at FROM engine.notice_looks")).fetchone()
            if row is not None:
                due: datetime = row[0]
                return due
            await asyncio.sleep(0.05)


async def address_of(here: Installation, number: str) -> str:
    return (await here.people.find(number)).email


async def test_who_decides_is_mailed_once_and_reads_nothing_about_anyone(install: Install, hire: Hire) -> None:
    [person] = await hire()
    needles = Needles(words_of([person]))
    async with install() as here:
        run = await here.start(person, cutoff=FAR_FUTURE)
        await here.wait_until(run, gate_open, "an open gate")
        [mail] = await mails_until(here, bool, "a notice")
        assert mail["to"] == [await address_of(here, "E-1006")] and mail["tls"]
        assert mail["subject"] == "Offboard: An approval needs your attention"
        assert "An approval needs your attention: " in mail["text"]
        assert ", 8 steps.\nApprove or reject by " in mail["text"]
        assert "(Europe/Dublin)" in mail["text"] and f"{PUBLIC_URL}/runs/{run}" in mail["text"]
        assert needles.in_bytes(f"{mail['subject']} {mail['text']}".encode()) == []
        assert person.department not in mail["text"]
        await no_more_than(here, 1)
        hits, count = await needles.in_histories(here.engine.client, "WorkflowType = 'Notices'")
        assert count >= 1 and hits == []
        history = await here.engine.client.get_workflow_handle(notices_id(here.engine.task_queue)).fetch_history()
        staff = Needles(words_of([one for one in here.company.people if one.employee_number == "E-1006"]))
        assert staff.in_bytes(b"".join(event.SerializeToString() for event in history.events)) == []


async def test_several_things_are_one_digest(install: Install, hire: Hire) -> None:
    """Also where others with the role have addresses that no mail can be sent to, or beyond ASCII."""
    people = await hire(3)
    async with install(gather=GATHER) as here:
        it = here.actors["it"]
        odd = ("k\u202eim@b.example", "jörg@bücher.example", "kim@ü..example")
        for number, address in enumerate((*odd, "last@b.example")):
            other = it.model_copy(update={"actor_id": f"a-{number}"})
            await commands.record_actor(here.services, other, "Kim", address, "UTC")
        wanted = [[await address_of(here, "E-1006")], ["last@b.example"]]
        runs = [await here.start(person, cutoff=FAR_FUTURE) for person in people]
        for run in runs:
            await here.wait_until(run, gate_open, "an open gate")
        assert await mails(here) == [], "they are being gathered"
        await here.set_clock_ahead(GATHER + 1)
        await here.engine.nudge_notices()  # the relay nudges once in that time at most, by its own clock
        sent = await mails_until(
            here, lambda sent: all(any(mail["to"] == to for mail in sent) for to in wanted), "a digest for both"
        )
        [mail] = [mail for mail in sent if mail["to"] == wanted[0]]
        assert mail["subject"] == "Offboard: 3 items need your attention"
        for run in runs:
            assert f"{PUBLIC_URL}/runs/{run}" in mail["text"]
        await no_more_than(here, len(sent))


async def test_no_mail_tells_of_a_dry_run(install: Install, hire: Hire) -> None:
    """An open question of one, and the end of the embargo of another."""
    tried, hidden, real = await hire(3, traits=("two_code_accounts",))
    async with install() as here:
        actors, cutoff = (here.actors[name] for name in ("value-owner", "safety-owner")), parse_cutoff(FAR_FUTURE, ZONE)
        value, safety = actors
        text = here.packet.files["workflow.yaml"].replace(b"title: Record,", b"title: Enter,")
        newer = parse_packet({**here.packet.files, "workflow.yaml": text})
        version = await commands.adopt_packet(here.services, value, newer, [])
        for owner in (value, safety):
            await commands.sign_packet(here.services, owner, newer.name, version, "shadow", [])
        await commands.move_packet(here.services, value, newer.name, version, "shadow", [])
        until = await here.backend.ledger.now() + timedelta(days=20)
        dry = []
        for person, embargo in ((tried, None), (hidden, EmbargoTerms(until, ("it", "finance", "operator")))):
            done = await commands.start_run(
                here.services,
                here.actors["hr"],
                await here.facts(person),
                newer.name,
                cutoff,
                shadow=True,
                embargo=embargo,
            )
            assert isinstance(done, Done)
            dry.append(done.run_id)
            await here.wait_until(done.run_id, lambda state: bool(state.work.open_exceptions()), "a question")
        await here.set_clock_ahead(timedelta(days=15).total_seconds())
        run, operator = await here.start(real, cutoff=FAR_FUTURE), await address_of(here, "E-1005")
        await here.wait_until(run, lambda state: bool(state.work.open_exceptions()), "a question")
        sent = await mails_until(
            here,
            lambda sent: any(run in one["text"] and operator in one["to"] for one in sent),
            "the operator's about the question of the real run",
        )
        assert not any(one in mail["text"] for one in dry for mail in sent), [mail["text"] for mail in sent]
        assert not any("An item" in mail["text"] for mail in sent), "as mails name one of a run under embargo"


async def test_a_reminder_comes_before_it_is_due_by_time_alone(install: Install, hire: Hire) -> None:
    [person] = await hire()
    async with install() as here:
        run = await here.start(person, cutoff=FAR_FUTURE)
        state = await here.wait_until(run, gate_open, "an open gate")
        [gate] = state.decisions.gates.values()
        left = gate.opened.decide_by - await here.backend.ledger.now()
        await mails_until(here, bool, "a notice")
        await here.set_clock_ahead((left * 0.7).total_seconds())
        await no_more_than(here, 1)
        # Nothing happens in the ledger: the relay finds that a look is overdue by the database's clock.
        await here.set_clock_ahead((left * 0.76).total_seconds())
        sent = await mails_until(here, lambda sent: len(sent) == 2, "a reminder")
        assert sent[1]["subject"] == "Offboard: An approval still needs your attention"
        assert sent[0]["id"] != sent[1]["id"]
        await here.set_clock_ahead((left * 0.9).total_seconds())
        await no_more_than(here, 2)


async def test_what_was_decided_needs_no_reminder(install: Install, hire: Hire) -> None:
    [person] = await hire()
    async with install() as here:
        run = await here.start(person, cutoff=FAR_FUTURE)
        state = await here.wait_until(run, gate_open, "an open gate")
        left = next(iter(state.decisions.gates.values())).opened.decide_by - await here.backend.ledger.now()
        await mails_until(here, bool, "a notice")
        await commands.approve_gate(here.services, here.actors["it"], run, "g-all-1")
        await here.set_clock_ahead((left * 0.9).total_seconds())
        await no_more_than(here, 1)


async def test_nothing_is_mailed_twice_by_a_worker_that_comes_after(install: Install, hire: Hire) -> None:
    first, second = await hire(2)
    async with install() as here:
        await here.start(first, cutoff=FAR_FUTURE)
        await mails_until(here, bool, "a notice")
        settings = here.settings
    async with install(settings=settings) as here:
        run = await here.start(second, cutoff=FAR_FUTURE)
        sent = await mails_until(here, lambda sent: len(sent) == 2, "the other notice")
        assert sent[1]["subject"] == "Offboard: An approval needs your attention" and run in sent[1]["text"]
        await no_more_than(here, 2)


async def test_a_mail_server_that_is_down_loses_nothing(
    install: Install, hire: Hire, caplog: pytest.LogCaptureFixture
) -> None:
    [person] = await hire()
    async with install(gather=GATHER) as here:
        run = await here.start(person, cutoff=FAR_FUTURE)
        await here.wait_until(run, gate_open, "an open gate")
        await here.company.stop("mail")
        await here.set_clock_ahead(GATHER + 1)
        await here.engine.nudge_notices()  # the relay nudges once in that time at most, by its own clock
        loop = asyncio.get_running_loop()
        until = loop.time() + 120
        while "notices are delayed, the mail server is not available: unreachable" not in caplog.text:
            assert loop.time() < until, "nobody tried to mail"
            await asyncio.sleep(0.1)
        await here.company.restart("mail")
        [mail] = await mails_until(here, bool, "the notice", 60)
        assert run in mail["text"]
        await no_more_than(here, 1)


async def test_of_a_run_under_embargo_those_named_hear_that_something_waits(install: Install, hire: Hire) -> None:
    [person, colleague] = await hire(2)
    async with install() as here:
        other = await signed_in(here, "it-too", colleague, ("it_approver",))
        assert other.human is not None
        until = await here.backend.ledger.now() + timedelta(days=30)
        done = await commands.start_run(
            here.services,
            here.actors["hr"],
            await here.facts(person),
            here.packet.name,
            parse_cutoff(FAR_FUTURE, ZONE),
            embargo=EmbargoTerms(until, ("hr", "it", "operator")),
        )
        assert isinstance(done, commands.Done)
        await here.wait_until(done.run_id, gate_open, "an open gate")
        [mail] = await mails_until(here, bool, "a notice")
        assert mail["to"] == [await address_of(here, "E-1006")], "who is not named hears nothing"
        assert mail["subject"] == "Offboard: An item needs your attention"
        assert done.run_id not in mail["text"] and "decision" not in mail["text"] and "step" not in mail["text"]
        await no_more_than(here, 1)


async def test_when_an_embargo_ends_the_others_hear_as_well(install: Install, hire: Hire) -> None:
    [person, colleague] = await hire(2)
    async with install() as here:
        await signed_in(here, "it-too", colleague, ("it_approver",))
        until = await here.backend.ledger.now() + timedelta(hours=3)
        done = await commands.start_run(
            here.services,
            here.actors["hr"],
            await here.facts(person),
            here.packet.name,
            parse_cutoff(FAR_FUTURE, ZONE),
            embargo=EmbargoTerms(until, ("hr", "it", "operator")),
        )
        assert isinstance(done, commands.Done)
        await here.wait_until(done.run_id, gate_open, "an open gate")
        await mails_until(here, bool, "a notice")
        await no_more_than(here, 1)
        await here.set_clock_ahead(timedelta(hours=3, minutes=1).total_seconds())
        sent = await mails_until(here, lambda sent: len(sent) == 2, "a notice to the other")
        assert sent[1]["to"] == [colleague.email] and done.run_id in sent[1]["text"]
        await no_more_than(here, 2)


async def test_who_decides_for_a_colleague_is_mailed_from_when_that_begins(install: Install, hire: Hire) -> None:
    [person, colleague] = await hire(2)
    async with install() as here:
        await signed_in(here, "deputy", colleague, ())
        now = await here.backend.ledger.now()
        await commands.delegate(
            here.services, here.actors["it"], "deputy", now + timedelta(hours=2), now + timedelta(days=9)
        )
        run = await here.start(person, cutoff=FAR_FUTURE)
        await here.wait_until(run, gate_open, "an open gate")
        await mails_until(here, bool, "a notice")
        await no_more_than(here, 1)
        await here.set_clock_ahead(timedelta(hours=2, minutes=1).total_seconds())
        sent = await mails_until(here, lambda sent: len(sent) == 2, "a notice to the deputy")
        assert sent[1]["to"] == [colleague.email] and run in sent[1]["text"]


async def test_who_may_not_decide_or_has_left_is_not_mailed(install: Install, hire: Hire) -> None:
    leaver, gone, nameless = await hire(3)
    async with install() as here:
        for alias, who in (("leaving", leaver), ("gone", gone)):
            await signed_in(here, alias, who, ("it_approver",))
        # Someone whose address is not known.
        unknown = await here.people.actor("nameless", nameless.employee_number, ("it_approver",))
        await commands.record_actor(here.services, unknown)
        here.actors["feed"] = here.actors["hr"].model_copy(update={"actor_id": HR_FEED})
        await commands.record_actor(here.services, here.actors["feed"])
        past = await here.start(gone, cutoff=PAST, by="feed", expected=True)
        await mails_until(here, lambda sent: len(sent) == 2, "notices about the first run")
        assert {to for mail in await mails(here) for to in mail["to"]} == {
            leaver.email,
            await address_of(here, "E-1006"),
        }, "nobody is told of their own leaving"
        run = await here.start(leaver, cutoff=FAR_FUTURE)
        sent = await mails_until(here, lambda sent: len(sent) == 3, "a notice about the second run")
        assert sent[2]["to"] == [await address_of(here, "E-1006")]
        await no_more_than(here, 3)
        # Called off: they go on working here, and on deciding.
        await commands.end_run(here.services, here.actors["hr"], past, "they stay")
        sent = await mails_until(here, lambda sent: any(m["to"] == [gone.email] for m in sent), "one to who stays")
        assert run in next(mail["text"] for mail in sent if mail["to"] == [gone.email])


async def test_without_a_mail_server_in_the_settings_no_one_is_mailed(install: Install, hire: Hire) -> None:
    [person] = await hire()
    async with install(worker=False) as here:
        settings = here.settings
    async with install(settings=replace(settings, mail=None)) as here:
        run = await here.start(person, cutoff=FAR_FUTURE)
        await here.wait_until(run, gate_open, "an open gate")
        await here.engine.nudge_notices()  # as one that was sent before the setting went
        await asyncio.wait_for(here.engine.client.get_workflow_handle(notices_id(here.engine.task_queue)).result(), 20)
