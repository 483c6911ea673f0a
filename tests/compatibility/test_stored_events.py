"""The recorded events: their bytes, their digests and the opaque ids in them come out of today's code unchanged."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TypeVar

import psycopg
import pytest_asyncio

from tests.compatibility import product
from tests.compatibility.conftest import CopyDatabase, Recording
from tests.compatibility.fixture_files import FIXTURES

T = TypeVar("T")
EVENTS_AT_LEAST = 250


@dataclass(frozen=True, slots=True)
class Stored:
    """`personal` is None once the person is erased."""

    raw: bytes
    leaf: bytes
    entry: product.Entry
    event: product.Event
    personal: dict[str, bytes] | None

    @property
    def run_id(self) -> str:
        return self.entry.stream.partition(":")[2]


@pytest_asyncio.fixture(scope="module")
async def database(copied: CopyDatabase) -> AsyncIterator[str]:
    async with copied() as name:
        yield name


@pytest_asyncio.fixture(scope="module")
async def books(postgres: product.PostgresServer, database: str, recorded: Recording) -> AsyncIterator[product.Books]:
    environment = {"OFFBOARD_DATABASE_URL": postgres.url(database), "OFFBOARD_MASTER_KEY": recorded["master_key"]}
    async with product.opened(environment) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module")
async def stored(postgres: product.PostgresServer, database: str, books: product.Books) -> list[Stored]:
    with psycopg.connect(postgres.conninfo(database)) as connection:
        rows = connection.execute("SELECT stored, leaf_hash FROM ledger.events ORDER BY position").fetchall()
    entries = [product.read_stored(raw) for raw, _ in rows]
    keys = await books.keyring.person_keys({entry.subject for entry in entries if entry.subject})
    found = []
    for (raw, leaf), entry in zip(rows, entries, strict=True):
        key = keys.get(entry.subject) if entry.subject else None
        personal = product.decrypted(entry, key) if entry.sealed and key is not None else None
        event = product.CODEC.decode(entry.type, entry.schema, entry.public, personal)
        found.append(Stored(raw, leaf, entry, event, personal))
    return found


def each(stored: list[Stored], kind: type[T]) -> Iterator[tuple[Stored, T]]:
    """Fails where there is none: a test that looks at nothing holds nothing."""
    found = [(one, one.event) for one in stored if isinstance(one.event, kind)]
    assert found, kind
    return iter(found)


def test_every_event_is_encoded_to_the_bytes_it_was_read_from(stored: list[Stored]) -> None:
    assert len(stored) > EVENTS_AT_LEAST
    for one in stored:
        encoded = product.CODEC.encode(one.event)
        assert (encoded.type, encoded.schema, encoded.public) == (one.entry.type, one.entry.schema, one.entry.public)
        assert dict(encoded.personal) == (one.personal or {}), one.entry.type
        assert product.write_stored(one.entry) == one.raw
        assert product.leaf_hash(one.raw) == one.leaf


def test_the_recording_has_personal_data_and_an_erased_person(stored: list[Stored]) -> None:
    assert any(one.personal for one in stored)
    assert any(one.entry.sealed and one.personal is None for one in stored)


def test_events_keep_their_keys(stored: list[Stored]) -> None:
    of_runs = [one for one in stored if one.entry.stream.startswith("run:")]
    assert of_runs
    for one in of_runs:
        assert product.event_key(one.event, one.entry.version) == one.entry.key


def test_steps_and_plans_keep_their_ids_and_digests(stored: list[Stored]) -> None:
    for _, plan in each(stored, product.events.PlanFrozen):
        assert product.plan_digest(plan.steps) == plan.digest
        for step in plan.steps:
            assert product.step_digest(step) == step.digest, step.name
            if not step.is_task:
                assert product.step_id(step.ability, step.system, step.account_id) == step.step_id, step.name


def test_gates_are_about_digests_of_the_plan(stored: list[Stored]) -> None:
    planned: dict[str, dict[str, set[str]]] = {}
    for one, plan in each(stored, product.events.PlanFrozen):
        for step in plan.steps:
            of_gate = planned.setdefault(one.run_id, {}).setdefault(step.gate or "", set())
            of_gate.add(product.step_digest(step))
    for one, gate in each(stored, product.events.GateOpened):
        assert set(gate.digests) <= planned[one.run_id][gate.gate], gate.gate_id
    for one, decided in each(stored, product.events.GateDecided):
        assert set(decided.approved) <= set.union(*planned[one.run_id].values())


def test_effects_keep_their_keys(stored: list[Stored]) -> None:
    for one, started in each(stored, product.events.StepStarted):
        assert product.effect_key(one.run_id, started.step_id, started.generation) == started.effect_key


async def test_accounts_keep_their_opaque_ids(stored: list[Stored], books: product.Books) -> None:
    compared = 0
    for one, searched in each(stored, product.events.AccountsSearched):
        systems = {account: r.system for r in searched.results for account in (*r.accounts, *r.candidates)}
        for account_id, shown in (searched.details or {}).items():
            assert one.entry.subject is not None
            key = await books.keyring.person_key(one.entry.subject)
            assert key.account_id(systems[account_id], shown["native_id"]) == account_id
            compared += 1
    assert compared


async def test_people_are_found_again_by_their_hr_id(stored: list[Stored], books: product.Books) -> None:
    erased = 0
    for _, asked in each(stored, product.events.RunRequested):
        if asked.facts is None:
            erased += 1
        else:
            assert await books.keyring.find_person("hr", asked.facts["hr_id"]) == asked.person_id
    assert erased


def test_lookups_keep_their_tags(recorded: Recording, books: product.Books) -> None:
    for kind, tag in recorded["lookup_tags"].items():
        assert books.keyring.lookup_tag(kind, "Some Value").hex() == tag


def test_packets_keep_their_versions(stored: list[Stored], recorded: Recording) -> None:
    for name, version in recorded["packet_versions"].items():
        assert product.read_packet_folder(FIXTURES / "packets" / name).version == version
    for _, adopted in each(stored, product.PacketAdopted):
        files = {
            "workflow.yaml": adopted.workflow,
            "platform.yaml": adopted.platform,
            "approvals.yaml": adopted.approvals,
        }
        assert product.packet_version({name: text.encode() for name, text in files.items()}) == adopted.version


async def test_what_was_sealed_opens(recorded: Recording, books: product.Books, stored: list[Stored]) -> None:
    """A webhook's secret, a question of a preview, a file of the evidence."""
    [secret] = await product.webhook_secrets(books, recorded["hook"]["hook_id"])
    assert secret == base64.b64decode(recorded["hook"]["secret"].removeprefix("whsec_"))
    questions = [one["handle"] for one in recorded["preview"]["questions"]]
    assert questions
    for handle in questions:
        assert product.question_of(books, "hr", handle)
    run_id = recorded["runs"][recorded["file"]["run"]]
    person_id = next(
        asked.person_id for one, asked in each(stored, product.events.RunRequested) if one.run_id == run_id
    )
    content = await books.ledger.files.open(person_id, recorded["file"]["stored"])
    assert content.decode() == recorded["file"]["content"]


def test_webhooks_keep_their_bodies_and_signatures(recorded: Recording, stored: list[Stored]) -> None:
    secret = base64.b64decode(recorded["hook"]["secret"].removeprefix("whsec_"))
    by_version = {(one.run_id, one.entry.version): one for one in stored if one.entry.stream.startswith("run:")}
    assert len({json.loads(sent["body"])["type"] for sent in recorded["deliveries"]}) > 5
    for sent in recorded["deliveries"]:
        headers, body = sent["headers"], sent["body"].encode()
        signed = product.webhook_signature([secret], headers["webhook-id"], int(headers["webhook-timestamp"]), body)
        assert signed == headers["webhook-signature"]
        run_id, _, version = headers["webhook-id"].rpartition("-")
        told = by_version[run_id, int(version)]
        source = json.loads(body)["source"]
        assert product.cloud_event(run_id, int(version), told.event, told.entry.recorded_at, source) == body
