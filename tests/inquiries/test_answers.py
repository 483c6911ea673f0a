"""Each question, asked by a process that can reach no system, and answered by a worker."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace

import psycopg
import pytest

import activities.inquiries.inquiries as inquiry_activities
from connectors.errors import ConnectorError
from orchestrator import commands
from orchestrator.documents.runs.questions import (
    CheckSystems,
    FindPeople,
    LedgerVerified,
    PersonFactsAsked,
    VerifyLedger,
    WhoSignsIn,
)
from orchestrator.domain.errors import Invalid, NotAllowed, TooOften
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.ledger.engine.inquiries import MAX_VERIFICATIONS, MAX_WAITING, WAITING_FOR, InquiryRows
from orchestrator.ledger.engine.system_reports import last_reports
from orchestrator.ledger.proofs.verifications import VerificationKept, last_verification
from orchestrator.ledger.schema.database import Database
from orchestrator.web.inquiries import InquiryFailed
from orchestrator.workflows.inquiry import inquiry_queue
from tests.conftest import Hire
from tests.inquiries.conftest import Asking
from tests.integration.installation import conninfo, new_settings
from tests.integration.packets import quick_packet


async def test_people_are_found_while_a_user_types(asking: Asking, hire: Hire) -> None:
    family = "Zwirnholt" + secrets.token_hex(4)
    people = await hire(24, family_name=family)
    one = people[3]
    async with asking() as (_, inquiries):

        async def found(text: str) -> list[str]:
            answer = await inquiries.ask("hr", FindPeople(packet="standard-leaver", text=text))
            return [person.employee_number for person in answer.people]

        many = await inquiries.ask("hr", FindPeople(packet="standard-leaver", text=f" {family.lower()} "))
        assert len(many.people) == 20 and many.more
        for text in (
            f"{one.given_name} {family}",
            f"{family[:12]} {one.given_name.upper()}",
            one.employee_number,
            one.email,
            one.email.upper(),
        ):
            assert await found(text) == [one.employee_number], text
        assert len(await found("t-")) == 20, "how numbers begin"
        assert await found("z") == await found(" ") == [], "one letter finds half the company"
        assert await found(f"nobody-{secrets.token_hex(8)}@wolkenmuehle.example") == []
        [match] = (await inquiries.ask("hr", FindPeople(packet="standard-leaver", text=one.email))).people
        assert (match.name, match.department, match.title) == (one.name, "Engineering", "Software Engineer")
        assert (match.time_zone, match.leaving, match.leaving_at) == ("Europe/Berlin", False, None)
        # The handle leads to the same person again.
        facts = await inquiries.ask("hr", PersonFactsAsked(packet="standard-leaver", wanted=match.hr_id))
        assert facts.employee_number == one.employee_number


async def test_a_persons_facts_are_those_that_a_start_would_use(asking: Asking, hire: Hire) -> None:
    [person] = await hire(former_names=("Żaneta Alt",))
    async with asking() as (here, inquiries):
        expected = await here.facts(person)
        for wanted in (person.employee_number, person.email, expected.hr_id):
            assert await inquiries.ask("hr", PersonFactsAsked(packet="standard-leaver", wanted=wanted)) == expected
        assert expected.former_names == ("Żaneta Alt",)


async def test_only_accounts_that_may_prepare_runs_see_people_of_hr(asking: Asking) -> None:
    async with asking() as (_, inquiries):
        for question in (
            FindPeople(packet="standard-leaver", text="umbelgaard"),
            PersonFactsAsked(packet="standard-leaver", wanted="E-1012"),
        ):
            with pytest.raises(NotAllowed) as refused:
                await inquiries.ask("auditor", question)
            assert refused.value.code == "level_not_granted"
            with pytest.raises(NotAllowed) as stranger:
                await inquiries.ask("nobody-here", question)
            assert stranger.value.code == "unknown_actor"


async def test_refusals_come_back_word_for_word(asking: Asking) -> None:
    async with asking() as (here, inquiries):
        with pytest.raises(Invalid) as told:
            await here.people.find("E-0000")
        with pytest.raises(Invalid) as asked:
            await inquiries.ask("hr", PersonFactsAsked(packet="standard-leaver", wanted="E-0000"))
        assert type(asked.value) is type(told.value)
        for name in ("code", "message", "facts"):
            assert getattr(asked.value, name) == getattr(told.value, name)
        with pytest.raises(Invalid) as unknown:
            await inquiries.ask("hr", FindPeople(packet="nosuch", text="umbel"))
        assert unknown.value.code == "unknown_packet" and "standard-leaver" in str(unknown.value.facts["known"])


async def test_a_sign_in_records_the_person_in_hr_and_everyone_above_them(asking: Asking) -> None:
    async with asking() as (here, inquiries):
        known = here.actors["it"]
        for packet in (None, "standard-leaver"):
            found = await inquiries.ask("sign-in", WhoSignsIn(packet=packet, wanted="E-1006"))
            assert found.human == known.human and frozenset(found.managers) == known.managers
            assert (found.name, found.time_zone) == ("Wendelgard Oxtomiro", "Europe/Dublin")
            assert found.email == "wendelgard.oxtomiro@wolkenmuehle.example"
        by_mail = await inquiries.ask("sign-in", WhoSignsIn(wanted="WENDELGARD.OXTOMIRO@wolkenmuehle.example"))
        assert by_mail.human == known.human
        nobody = await inquiries.ask("sign-in", WhoSignsIn(wanted="nobody@elsewhere.example"))
        assert (nobody.human, nobody.managers, nobody.name) == (None, (), None)


async def test_systems_are_looked_at_and_what_they_say_is_kept(asking: Asking) -> None:
    async with asking() as (here, inquiries):
        database = here.backend.database
        assert await last_reports(database, "standard-leaver") == {}
        first = await inquiries.ask("it", CheckSystems(packet="standard-leaver"))
        assert [system.system for system in first.systems] == list(here.packet.platform.systems)
        working = {system.system: system for system in first.systems}
        assert working["code"].reachable and working["code"].answered_at == first.checked_at
        assert not working["code"].code and working["code"].detail
        await here.company.stop("code")
        try:
            second = await inquiries.ask("it", CheckSystems(packet="standard-leaver"))
        finally:
            await here.company.restart("code")
        down = {system.system: system for system in second.systems}["code"]
        assert (down.reachable, down.code, down.answered_at) == (False, "not_reachable", first.checked_at)
        assert down.support and "unreachable" in down.detail
        report = (await last_reports(database, "standard-leaver"))["code"]
        assert (report.reachable, report.code, report.detail) == (False, down.code, down.detail)
        assert (report.checked_at, report.answered_at) == (second.checked_at, first.checked_at)
        assert await last_reports(database, "identity-only") == {}


async def test_a_system_of_another_queue_is_not_looked_at_from_here(asking: Asking) -> None:
    packet = quick_packet(changed={"title: Code": f"title: Code\n    queue: inside-{secrets.token_hex(6)}"})
    async with asking(packet=packet) as (here, inquiries):
        checked = await inquiries.ask("it", CheckSystems(packet=packet.name))
        code = {system.system: system for system in checked.systems}["code"]
        assert (code.reachable, code.code, code.answered_at) == (None, "own_network_only", None)
        assert "only from its own network" in code.detail
        assert (await last_reports(here.backend.database, packet.name))["code"].reachable is None


async def test_a_verification_is_kept_and_names_the_first_wrong_row(asking: Asking) -> None:
    async with asking() as (here, inquiries):
        database = here.backend.database
        assert await last_verification(database) is None
        verified = await inquiries.ask("auditor", VerifyLedger())
        kept = await last_verification(database)
        assert kept is not None and verified.ok and kept.ok and kept.events == verified.events > 0
        assert kept.root.hex() == verified.root and kept.verified_at == verified.verified_at
        address = conninfo(here.settings.database_url)
        async with await psycopg.AsyncConnection.connect(address, autocommit=True) as owner:
            await owner.execute("ALTER TABLE ledger.events DISABLE TRIGGER ALL")
            await owner.execute("UPDATE ledger.events SET event_type = 'Noted' WHERE position = 2")
        wrong = await inquiries.ask("auditor", VerifyLedger())
        kept = await last_verification(database)
        assert kept is not None and not kept.ok and not wrong.ok
        assert (wrong.position, wrong.place, wrong.events) == (2, "position 2", 1)
        assert (kept.position, kept.place, kept.what, kept.remedy) == (2, "position 2", wrong.what, wrong.remedy)


async def test_the_verification_in_progress_is_the_answer_for_every_account(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, may_end = 0, asyncio.Event()
    real = inquiry_activities.verify_and_keep

    async def slow(database: Database, url: str) -> VerificationKept:
        nonlocal calls
        calls += 1
        await may_end.wait()
        return await real(database, url)

    monkeypatch.setattr(inquiry_activities, "verify_and_keep", slow)
    async with asking() as (here, inquiries):
        first = await inquiries.put("auditor", VerifyLedger())
        assert {await inquiries.put(actor, VerifyLedger()) for actor in ("auditor", "hr", "it") * 9} == {first}
        # Two processes can put theirs at the same moment: still one verification.
        sealed = VerifyLedger().model_dump_json().encode()
        rows = InquiryRows(here.backend.database, here.backend.keyring)
        await rows.put("i-second", "verify_ledger", "it", sealed)
        await here.engine.inquire("i-second")
        found = await inquiries.ask("hr", FindPeople(packet="standard-leaver", text="umbelgaard"))
        assert found.people, "other questions are answered meanwhile"
        may_end.set()
        for inquiry_id, actor in ((first, "auditor"), (first, "hr"), ("i-second", "it")):
            answer = await inquiries.wait(inquiry_id, actor, within=10)
            assert isinstance(answer, LedgerVerified) and answer.ok
        assert calls == 1
        assert await inquiries.put("hr", VerifyLedger()) != first, "the next one is another"


async def test_one_account_has_so_many_questions_waiting_and_so_many_verifications(asking: Asking) -> None:
    async with asking(worker=False) as (here, inquiries):
        question = FindPeople(packet="standard-leaver", text="umbelgaard")
        rows = InquiryRows(here.backend.database, here.backend.keyring)
        for number in range(MAX_WAITING):
            await rows.put(f"i-{number}", "find_people", "hr", question.model_dump_json().encode())
        with pytest.raises(TooOften) as refused:
            await inquiries.put("hr", question)
        assert refused.value.code == "too_many_inquiries" and refused.value.again_after > 0
        await inquiries.put("it", question)
        await here.set_clock_ahead(WAITING_FOR.total_seconds() + 1)
        await inquiries.put("hr", question)
        for number in range(MAX_VERIFICATIONS):
            await rows.put(f"v-{number}", "verify_ledger", "auditor", b"{}")
            await rows.answer(f"v-{number}", "auditor", "answered", b"{}")
        with pytest.raises(TooOften):
            await inquiries.put("auditor", VerifyLedger())
        assert await inquiries.put("it", VerifyLedger()) == await inquiries.put("auditor", VerifyLedger())


async def test_questions_take_no_place_of_a_step(asking: Asking) -> None:
    """They are activities of another task queue, for which a worker has places of their own."""
    async with asking() as (here, inquiries):
        found = await inquiries.ask("hr", FindPeople(packet="standard-leaver", text="umbelgaard"))
        assert found.people
        queues = {
            event.activity_task_scheduled_event_attributes.task_queue.name
            async for workflow in here.engine.client.list_workflows("WorkflowType = 'Inquiry'")
            async for event in here.engine.client.get_workflow_handle(workflow.id).fetch_history_events()
            if event.HasField("activity_task_scheduled_event_attributes")
        }
        assert inquiry_queue(here.settings.temporal_task_queue) in queues
        assert here.settings.temporal_task_queue not in queues


async def test_an_hr_system_that_is_down_is_named_with_a_remedy(asking: Asking) -> None:
    async with asking() as (here, inquiries):
        await here.company.stop("hr")
        try:
            with pytest.raises(ConnectorError):
                await here.people.find("E-1012")
            with pytest.raises(InquiryFailed) as failed:
                await inquiries.ask("hr", FindPeople(packet="standard-leaver", text="umbel"))
        finally:
            await here.company.restart("hr")
        assert (failed.value.place, failed.value.code) == ("The HR system", "unreachable")
        assert "could not be queried" in failed.value.message and failed.value.remedy


async def test_while_nothing_is_in_use_no_system_of_a_draft_is_asked(asking: Asking) -> None:
    """Its author would decide which hosts credentials go to, and who signs in."""
    async with asking() as (here, inquiries):
        names = [here.packet.name]
        owner = here.actors["safety-owner"]
        await commands.move_packet(here.services, owner, here.packet.name, here.packet.version, "retired", names)
        for alias in ("hr", "safety-owner"):
            with pytest.raises(NotAllowed) as refused:
                await inquiries.ask(alias, CheckSystems(packet="standard-leaver"))
            assert refused.value.code == "packet_not_in_use"
        with pytest.raises(Invalid) as unknown:
            await inquiries.ask("sign-in", WhoSignsIn(wanted="E-1006"))
        assert unknown.value.code == "unknown_packet" and unknown.value.facts["setting"] == "OFFBOARD_FIRST_PACKET"


async def test_the_packet_that_the_installation_names_first_says_who_looks_at_drafts(
    asking: Asking, database_url: str, temporal: TemporalServer, company: Company
) -> None:
    settings = replace(new_settings(database_url, temporal.address, company), first_packet="standard-leaver")
    async with asking(settings=settings) as (here, inquiries):
        names = [here.packet.name]
        owner = here.actors["safety-owner"]
        await commands.move_packet(here.services, owner, here.packet.name, here.packet.version, "retired", names)
        with pytest.raises(NotAllowed) as refused:
            await inquiries.ask("hr", CheckSystems(packet="standard-leaver"))
        assert refused.value.code == "packet_not_in_use" and "safety_owner" in str(refused.value.facts["owners"])
        assert (await inquiries.ask("safety-owner", CheckSystems(packet="standard-leaver"))).systems
        assert (await inquiries.ask("sign-in", WhoSignsIn(wanted="E-1006"))).human == here.actors["it"].human
