"""Open items and exceptions as documents, the same at every entry point."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from orchestrator import commands
from orchestrator.documents.inbox import if_nobody_does, item_document, subject, title, with_instruction
from orchestrator.documents.runs.exceptions import exception_document, exception_documents
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.embedded.smaller_packet import without_late_starts
from orchestrator.reading.rows import Item
from tests.ledger.small_office import (
    AUDREY,
    FERN,
    HOUR,
    IVO,
    OLE,
    REFUSED,
    SAM,
    SmallOffice,
    renamed,
    sees,
    small_office,
)


@pytest.fixture
async def services(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as made:
        yield made


async def waiting(services: SmallOffice) -> dict[str, Item]:
    found = await services.queries.inbox(sees(AUDREY), mine=False)
    return {
        str(item.detail.get("gate") or item.detail.get("step") or item.detail.get("exception")): item
        for item in found.items
    }


async def test_an_item_says_what_it_is_and_what_happens_if_no_one_does_anything(services: SmallOffice) -> None:
    run_id = await services.start()
    await services.work(run_id)
    items = await waiting(services)
    gate, task = items["access"], items["hand_over_duties"]
    assert (gate.packet, gate.packet_version) == ("standard-leaver", services.packet.version)
    assert subject(gate).startswith("Approve access: ") and title(gate, services.packet) == "Remove access"
    said = if_nobody_does(gate, services.packet)
    assert said == (
        "It escalates to safety owner; the steps do not start until they are approved, at the latest 7 days after the "
        "cutoff."
    )
    assert subject(task) == "Complete hand_over_duties"
    assert title(task, services.packet) == "Hand over approvals and ownership"
    assert if_nobody_does(task, services.packet).startswith("An exception opens for the role operator;")
    document = with_instruction(item_document(task), await services.state(run_id))
    assert document["instruction"].startswith("Review the snapshots.") and document["person"]["name"]
    assert "voted" not in item_document(gate)["detail"]

    await services.advance_clock(timedelta(days=2))
    await services.runs.advance(run_id)
    gate = (await waiting(services))["access"]
    assert set(gate.roles) == {"it_approver", "safety_owner"} and "safety owner" not in if_nobody_does(
        gate, services.packet
    )


async def test_an_urgent_start_waits_for_its_review(services: SmallOffice) -> None:
    await services.start(urgent=True)
    review = (await waiting(services))["urgent_review"]
    assert subject(review) == "Urgent run needs review" == title(review, services.packet)
    assert "stays removed" in if_nobody_does(review, services.packet)


async def test_the_exception_of_a_rejected_gate_names_the_vote_and_its_reason(services: SmallOffice) -> None:
    run_id = await services.start()
    await commands.reject_gate(services.services, IVO, run_id, "g-access-1", "They stay until May")
    lines = (await services.exception_lists.page(sees(OLE))).lines
    [document] = await exception_documents(services.queries, sees(OLE), lines)
    vote = document["decision"]
    assert (document["kind"], vote["verdict"], vote["reason"]) == ("gate_rejected", "reject", "They stay until May")
    assert vote["by"] == "ivo" and exception_document(lines[0])["decision"] is None


async def test_the_exception_of_an_excluded_step_names_the_vote_and_its_reason(services: SmallOffice) -> None:
    run_id = await services.start()
    await commands.approve_gate(
        services.services, IVO, run_id, "g-access-1", ("disable_identity",), "They hand over until May"
    )
    lines = [one for one in (await services.exception_lists.page(sees(OLE))).lines if "excluded" in one.kind]
    [document] = await exception_documents(services.queries, sees(OLE), lines)
    vote = document["decision"]
    assert (vote["verdict"], vote["by"], vote["reason"]) == ("approve", "ivo", "They hand over until May")


async def test_an_exception_has_support_and_remedy_and_asks_once_for_each_run(services: SmallOffice) -> None:
    run_id = await services.start(-HOUR)
    await services.approve(run_id)
    await services.work(run_id, {"freeze_card": REFUSED})
    lines = (await services.exception_lists.page(sees(OLE))).lines
    [document] = await exception_documents(services.queries, sees(OLE), lines)
    assert document["support"] == "Finance operations" and document["runbook"].startswith("A card with an open balance")
    assert document["support_details"]["on_call"] == "finance-operations-on-call@example.org"
    assert document["exception_id"] == lines[0].id and "id" not in document
    assert document["remedy"].startswith("Correct the cause") and document["candidates"] == []
    assert document["repairs"] == ["retry", "do_by_hand", "skip", "waive"]
    assert document["closed_by"] is None and document["person"]["employee_number"].startswith("S-")
    assert exception_document(lines[0])["support"] is None, "a list that looks at no run says less"
    assert if_nobody_does((await waiting(services))["freeze_card"], services.packet).startswith(
        "The exception stays open as overdue"
    )

    await commands.hold_run(services.services, SAM, run_id, "we look")
    await services.keyring.erase_person((await services.state(run_id)).asked.person_id)
    erased, paused = await exception_documents(
        services.queries, sees(OLE), (await services.exception_lists.page(sees(OLE))).lines
    )
    assert (erased["kind"], paused["kind"]) == ("step_failed", "pause_unconfirmed")
    assert erased["person"] is None and erased["remedy"] == document["remedy"]


async def test_an_exception_is_owned_by_the_team_of_its_system_and_by_the_role_for_exceptions(
    database_url: str,
) -> None:
    contact = "finance-operations-on-call@example.org\n"
    packet = renamed(
        without_late_starts(starter_packet("standard-leaver")),
        "with-teams",
        platform=(contact, f"{contact}      role: finance_approver\n"),
    )
    async with small_office(database_url, packet) as services:
        run_id = await services.start(-HOUR)
        await services.approve(run_id)
        await services.work(run_id, {"freeze_card": REFUSED})
        [line] = [one for one in (await services.exception_lists.page(sees(OLE))).lines if one.kind == "step_failed"]
        assert (line.system, set(line.owners)) == ("cards", {"finance_approver", "operator"})
        for owner in (FERN, OLE):
            assert line.id in {one.id for one in (await services.queries.inbox(sees(owner))).items}, owner.actor_id
        with pytest.raises(NotAllowed, match="role_missing"):
            await commands.skip_step(services.services, FERN, run_id, "disable_identity", "It is not ours")
        await commands.retry_step(services.services, FERN, run_id, "freeze_card")
        await services.work(run_id)
        assert (await services.state(run_id)).work.exceptions[line.id].disposition == "retried"
