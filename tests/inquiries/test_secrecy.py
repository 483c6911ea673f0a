"""No one but the asker reads an answer, nothing stays, and no name leaves the sealed rows."""

from __future__ import annotations

import psycopg
import pytest

from orchestrator.backend import open_backend
from orchestrator.documents.runs.questions import (
    CheckSystems,
    FindPeople,
    PeopleAnswer,
    PersonFactsAsked,
    PreviewAsked,
    VerifyLedger,
    WhoSignsIn,
)
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.ledger.book.errors import UnreadableEvent
from orchestrator.ledger.engine.inquiries import INQUIRY_TTL
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.web.inquiries import Inquiries
from orchestrator.workflows.inquiry import inquiry_workflow_id
from tests.conftest import Hire
from tests.inquiries.conftest import Asking
from tests.integration.installation import FAR_FUTURE, ZONE, Installation, conninfo
from tests.integration.needles import Needles, words_of

PACKET = "standard-leaver"


async def test_only_the_account_that_asked_reads_the_answer(asking: Asking) -> None:
    async with asking() as (here, inquiries):
        inquiry_id = await inquiries.put("hr", FindPeople(packet=PACKET, text="umbelgaard"))
        answer = await waited_for(here, inquiries, inquiry_id, "hr")
        assert isinstance(answer, PeopleAnswer) and len(answer.people) == 2
        assert await inquiries.result(inquiry_id, "hr") == answer, "as often as they look"
        said = []
        for id_, actor in ((inquiry_id, "it"), (inquiry_id, "HR"), ("i" + "0" * 32, "hr"), ("", "hr")):
            with pytest.raises(Invalid) as refused:
                await inquiries.result(id_, actor)
            said.append((refused.value.code, refused.value.message, tuple(refused.value.facts.items())))
        assert len(set(said)) == 1, "somebody else's is refused in the words for what does not exist"


async def test_a_row_that_is_given_to_someone_else_opens_for_no_one(asking: Asking) -> None:
    async with asking() as (here, inquiries):
        inquiry_id = await inquiries.put("hr", FindPeople(packet=PACKET, text="umbelgaard"))
        await waited_for(here, inquiries, inquiry_id, "hr")
        await changed(here, "UPDATE engine.inquiries SET asked_by = 'it'")
        with pytest.raises(UnreadableEvent):
            await inquiries.result(inquiry_id, "it")
        # Nor does another installation's key open it.
        await changed(here, "UPDATE engine.inquiries SET asked_by = 'hr'")
        async with open_backend(here.settings) as backend:
            foreign = Inquiries(backend.database, Keyring(backend.database, bytes(32)), here.engine)
            with pytest.raises(UnreadableEvent):
                await foreign.result(inquiry_id, "hr")


async def test_expired_answers_are_gone(asking: Asking) -> None:
    async with asking() as (here, inquiries):
        inquiry_id = await inquiries.put("hr", FindPeople(packet=PACKET, text="umbelgaard"))
        await waited_for(here, inquiries, inquiry_id, "hr")
        await here.set_clock_ahead(INQUIRY_TTL.total_seconds() - 60)
        assert await inquiries.result(inquiry_id, "hr") is not None
        await here.set_clock_ahead(INQUIRY_TTL.total_seconds() + 1)
        with pytest.raises(Invalid) as refused:
            await inquiries.result(inquiry_id, "hr")
        assert refused.value.code == "unknown_inquiry"
        await inquiries.ask("hr", FindPeople(packet=PACKET, text="quastel"))
        assert await rows_of(here) == 1, "whoever asks next sweeps them away"


async def test_no_name_is_found_in_the_engine_or_in_a_row(
    asking: Asking, hire: Hire, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="offboard")
    staff = await hire(2, traits=("two_code_accounts",))
    needles = Needles(words_of(staff))
    async with asking() as (here, inquiries):
        for person in staff:
            shown = await inquiries.ask("hr", FindPeople(packet=PACKET, text=person.name))
            assert [found.name for found in shown.people] == [person.name]
            await inquiries.ask("hr", PersonFactsAsked(packet=PACKET, wanted=person.email))
            await inquiries.ask("sign-in", WhoSignsIn(wanted=person.email))
            await inquiries.ask(
                "hr",
                PreviewAsked(packet=PACKET, wanted=person.employee_number, cutoff=FAR_FUTURE, zone=ZONE, actor_id="hr"),
            )
        await inquiries.ask("it", CheckSystems(packet=PACKET))
        await inquiries.ask("auditor", VerifyLedger())
        # What is refused and what fails may name someone as well.
        with pytest.raises(Refusal):
            await inquiries.ask("hr", PersonFactsAsked(packet=PACKET, wanted=f"{staff[0].name}?"))
        await here.company.stop("hr")
        try:
            with pytest.raises(Refusal):
                await inquiries.ask("hr", FindPeople(packet=PACKET, text=staff[0].name))
        finally:
            await here.company.restart("hr")
        query = "WorkflowType = 'Inquiry'"
        hits, count = await needles.in_histories(here.engine.client, query)
        assert hits == [] and count >= 12
        assert await needles.in_database(conninfo(here.settings.database_url)) == []
        # The search would have found it.
        await changed(here, f"UPDATE engine.inquiries SET kind = '{staff[0].family_name}'")
        assert await needles.in_database(conninfo(here.settings.database_url))
    said = "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records)
    assert needles.in_bytes(said.encode()) == []


async def test_a_question_and_an_answer_show_no_one_when_they_are_printed(asking: Asking) -> None:
    question = FindPeople(packet=PACKET, text="Umbelgaard")
    async with asking() as (_, inquiries):
        answer = await inquiries.ask("hr", question)
    assert answer.people
    for shown in (question, answer, answer.people[0]):
        assert "mbelgaard" not in f"{shown!r} {shown}".casefold()


async def test_the_workflow_is_named_for_the_inquiry_and_ends_with_its_answer(asking: Asking) -> None:
    async with asking() as (here, inquiries):
        inquiry_id = await inquiries.put("hr", FindPeople(packet=PACKET, text="umbelgaard"))
        handle = here.engine.client.get_workflow_handle(inquiry_workflow_id(inquiry_id))
        assert await handle.result() is None
        assert await inquiries.result(inquiry_id, "hr") is not None


async def waited_for(here: Installation, inquiries: Inquiries, inquiry_id: str, asked_by: str) -> object:
    await here.engine.client.get_workflow_handle(inquiry_workflow_id(inquiry_id)).result()
    answer = await inquiries.result(inquiry_id, asked_by)
    assert answer is not None
    return answer


async def changed(here: Installation, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(conninfo(here.settings.database_url), autocommit=True) as raw:
        await raw.execute(statement.encode())


async def rows_of(here: Installation) -> int:
    async with await psycopg.AsyncConnection.connect(conninfo(here.settings.database_url), autocommit=True) as raw:
        row = await (await raw.execute("SELECT count(*) FROM engine.inquiries")).fetchone()
    assert row is not None
    return int(row[0])
