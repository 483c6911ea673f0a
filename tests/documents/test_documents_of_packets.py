"""A packet in words that people understand, and permissions in tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from connectors.registry import SYSTEM_CLASSES, connector_kinds
from orchestrator.documents.packet_words import gate_sentence, step_sentence
from orchestrator.documents.packets import level_tables, meaning, packet_document
from orchestrator.documents.plain_words import joined, minutes, sentence
from orchestrator.domain.organisation.roles import role_words
from orchestrator.domain.packet import packet as packet_models
from orchestrator.domain.packet.history.packet_events import packet_stream
from orchestrator.domain.packet.packet_files import starter_names, starter_packet
from orchestrator.vocabulary.durations import spelled
from tests.documents.packet_text import KEPT, text_of
from tests.ledger.small_office import SmallOffice, renamed, small_office


@pytest.fixture(autouse=True)
def limits_on_starts_as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packet_models, "DEFAULT_START_LIMITS", packet_models.StartLimits())


STANDARD = starter_packet("standard-leaver")


@pytest.fixture
async def services(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as made:
        yield made


@pytest.mark.parametrize("name", starter_names())
def test_the_starter_packets_say_in_words_what_they_did_when_someone_last_read_it(name: str) -> None:
    kept = (KEPT / f"{name}.txt").read_text(encoding="utf-8")
    assert text_of(starter_packet(name)) == kept, "read it, then python -m tests.documents.packet_text"


def test_what_the_starters_do_not_use_has_words_too() -> None:
    changed = renamed(
        STANDARD,
        "other",
        workflow=("at: cutoff\n    gate: deletion", "at: cutoff+P30D\n    gate: deletion"),
        approvals=("    quorum: 1\n    decide_within: P2D", "    quorum: 2\n    decide_within: PT36H"),
    )
    licence = step_sentence(changed.workflow.step("release_mail_license"), changed, connector_kinds())
    assert "“Mail”, 30 days after the cutoff, once" in licence and "can be undone for 30 days" in licence
    money = changed.approvals.gates["money"].model_copy(
        update={"escalate_to": (), "needed_when": "step.privileged", "decide_together": True}
    )
    said = gate_sentence("money", money, changed)
    assert said.startswith("Two different people with the role finance approver decide within 1 day 12 hours")
    assert "There is no escalation" in said and "Approval is needed if: step.privileged." in said
    assert "Several runs can be decided together" in said


def test_signatures_of_the_close_have_words() -> None:
    close = (
        "close:\n  finance: {title: Finance signs, decided_by: [finance_approver], quorum: 2, decide_within: P5D, "
        "escalate_to: [safety_owner], valid_for: P30D}\n\nexceptions:\n"
    )
    changed = renamed(STANDARD, "other", approvals=("exceptions:\n", close))
    [said] = meaning(changed, connector_kinds())["close"]
    assert said["title"] == "Finance signs" and said["sentence"] == (
        "Two different people with the role finance approver sign within 5 days. It escalates to the role safety owner "
        "if it is not decided by then. A signature is valid for 30 days after people are asked."
    )
    assert meaning(STANDARD, connector_kinds())["close"] == []


def test_levels_are_the_furthest_that_any_line_grants() -> None:
    people, services, assistants = level_tables(STANDARD)
    rows = {row["who"]: row["levels"] for row in people["rows"]}
    assert rows["requester"] == {
        "hr": "stage",
        "identity": "change",
        "directory": "change",
        "code": "change",
        "mail": "read",
        "cards": "change",
    }
    assert rows["finance_approver"]["identity"] is None and rows["finance_approver"]["cards"] == "change"
    assert [table["kind"] for table in (people, services, assistants)] == ["person", "service", "assistant"]
    assert assistants["rows"] == [], "the starter packet grants assistants nothing"


async def test_a_packet_has_its_files_signatures_and_history(services: SmallOffice) -> None:
    shelf = await services.runs.shelf("standard-leaver")
    stream = packet_stream("standard-leaver")
    happened = (await services.ledger.read({stream: 0})).events[stream]
    document = packet_document(services.packet, shelf, happened, connector_kinds(), SYSTEM_CLASSES)
    assert (document["phase"], document["current"]) == ("production", True)
    assert [(file["name"], file["owner"]) for file in document["files"]] == [
        ("workflow.yaml", "value"),
        ("platform.yaml", "safety"),
        ("approvals.yaml", "both"),
    ]
    assert "name: standard-leaver" in document["files"][0]["text"]
    assert [entry["what"] for entry in document["history"]] == ["adopted", *(["signed", "signed", "moved"] * 3)]
    assert {(entry["owner"], entry["by"]) for entry in document["history"] if entry["what"] == "signed"} == {
        ("value", "vera"),
        ("safety", "sam"),
    }
    assert document["history"][-1]["phase"] == "production" and document["history"][-1]["at"] is not None
    assert document["versions"] == [{"version": services.packet.version, "phase": "production"}]


def test_a_packet_whose_connector_is_not_installed_is_shown_and_names_it() -> None:
    named = "cards@offboard-cards==1.0"
    changed = renamed(STANDARD, "other", platform=("connector: cards", f"connector: {named}"))
    said = meaning(changed, connector_kinds())
    [step] = [step for step in said["steps"] if step["name"] == "freeze_card"]
    missing = f"the connector {named} is not installed in this version."
    assert step["sentence"].endswith(f"Its effect cannot be shown here: {missing}")
    [system] = [system for system in said["systems"] if system["name"] == "cards"]
    assert system["sentences"][0] == f"T{missing[1:]}"


def test_small_words() -> None:
    assert [spelled(timedelta(minutes=m)) for m in (0, 1, 90, 120, 1440, 2160)] == [
        "0 seconds",
        "1 minute",
        "1 hour 30 minutes",
        "2 hours",
        "1 day",
        "1 day 12 hours",
    ]
    assert [minutes(number) for number in (0, 1, 60, 135)] == ["0 minutes", "1 minute", "1 hour", "2 hours 15 minutes"]
    assert (joined([]), joined(["a"]), joined(["a", "b", "c"], "or")) == ("", "a", "a, b or c")
    assert (role_words("it_approver"), role_words("value-owner")) == ("IT approver", "value owner")
    assert sentence("so it is") == "So it is."
