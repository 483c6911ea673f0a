"""Persons' keys: made, found, erased."""

from __future__ import annotations

import asyncio
import base64

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from orchestrator.domain.events.event import Draft
from orchestrator.ledger.book.errors import PersonErased, PersonUnknown, UnreadableEvent, WrongMasterKey
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring, load_master_keys
from orchestrator.ledger.persons.sealing import PersonKey, expand, extract
from orchestrator.ledger.proofs.verification import verify_database
from orchestrator.ledger.schema.database import Database
from tests.ledger.conftest import MASTER_KEY
from tests.ledger.sample_events import Noted


def test_keys_are_derived_as_rfc_5869_says() -> None:
    secret, info = bytes(range(32)), b"some info"
    assert expand(extract(secret), info) == HKDF(SHA256(), 32, None, info).derive(secret)


def test_master_keys_are_read_from_base64_and_hex() -> None:
    written = base64.b64encode(MASTER_KEY).decode()
    assert load_master_keys(written + "\n") == (MASTER_KEY,)
    assert load_master_keys(MASTER_KEY.hex()) == (MASTER_KEY,)
    assert load_master_keys(f"{bytes(64).hex()}\n{written}") == (bytes(64), MASTER_KEY)
    for bad in ("", "hunter2", "00" * 31, base64.b64encode(bytes(33)).decode(), f"{written} hunter2"):
        with pytest.raises(WrongMasterKey, match="OFFBOARD_KEY") as refused:
            load_master_keys(bad, "OFFBOARD_KEY")
        assert not bad or bad not in str(refused.value)


def test_an_account_keeps_its_id_and_no_two_share_one() -> None:
    one, other = PersonKey("p_1", bytes(32)), PersonKey("p_2", bytes([1]) * 32)
    assert one.account_id("directory", "uid=x") == PersonKey("p_1", bytes(32)).account_id("directory", "uid=x")
    ids = {key.account_id(system, name) for key in (one, other) for system, name in (("a", "bc"), ("ab", "c"))}
    assert len(ids) == 4 and all(len(account) == 32 and int(account, 16) >= 0 for account in ids)


def test_sealed_bytes_open_only_where_they_belong() -> None:
    key = PersonKey("p_1", bytes(32))
    sealed = key.seal("runs:1", b"secret")
    assert key.open("runs:1", sealed) == b"secret"
    assert b"secret" not in sealed and key.seal("runs:1", b"secret") != sealed
    damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for opener, context, data in (
        (key, "runs:2", sealed),
        (PersonKey("p_2", bytes([1]) * 32), "runs:1", sealed),
        (key, "runs:1", damaged),
        (key, "runs:1", b""),
    ):
        with pytest.raises(UnreadableEvent):
            opener.open(context, data)
    data_key = key.data_key("run:1", "k")
    ciphertext = data_key.encrypt("name", b"x")
    assert data_key.decrypt("name", ciphertext) == b"x"
    for stream, event_key, field in (("run:2", "k", "name"), ("run:1", "l", "name"), ("run:1", "k", "mail")):
        with pytest.raises(UnreadableEvent):
            key.data_key(stream, event_key).decrypt(field, ciphertext)
    assert "00000000" not in repr(key)


async def test_all_who_ask_at_once_get_the_same_person(database: Database) -> None:
    rings = [Keyring(database, MASTER_KEY) for _ in range(8)]
    found = await asyncio.gather(*(ring.person_for("employee", "E-17") for ring in rings))
    assert len(set(found)) == 1
    person = found[0]
    assert person is not None and (await rings[0].person_key(person)).person_id == person
    assert await rings[1].find_person("employee", "E-17") == person
    assert await rings[1].find_person("mail", "E-17") is None
    assert await rings[1].person_for("mail", "x@example.com", create=False) is None
    await rings[0].create_person()
    async with database.connect() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM keyring.person_keys")).scalar_one() == 2


async def test_an_erased_person_is_gone_and_the_proofs_hold(
    ledger: Ledger, keyring: Keyring, database: Database, url: str
) -> None:
    person, other = await keyring.person_for("mail", "zoe@example.com"), await keyring.create_person()
    assert person is not None

    def noted(subject: str, key: str) -> Draft:
        return Draft(key=key, event=Noted(by="a_1", name="Zoë Quux", addresses=("zoe@example.com",)), subject=subject)

    await ledger.append([StreamAppend("run:1", 0, [noted(person, "k1"), noted(other, "k2")])])
    async with database.connect() as connection:
        stored = (await connection.exec_driver_sql("SELECT string_agg(stored, '') FROM ledger.events")).scalar_one()
    assert b"Quux" not in stored and b"example" not in stored

    await keyring.erase_person(person)
    later = await ledger.append([StreamAppend("run:1", 2, [noted(person, "k3")])])
    assert later.events[0].event == Noted(by="a_1")
    read = (await ledger.read({"run:1": 0})).events["run:1"]
    assert [recorded.event for recorded in read] == [
        Noted(by="a_1"),
        Noted(by="a_1", name="Zoë Quux", addresses=("zoe@example.com",)),
        Noted(by="a_1"),
    ]
    assert read[0].subject == read[2].subject == person
    assert verify_database(url).ok

    elsewhere = Keyring(database, MASTER_KEY)
    for ring in (keyring, elsewhere):
        with pytest.raises(PersonErased):
            await ring.person_key(person)
        with pytest.raises(PersonErased):
            await ring.create_person(person)
    assert await elsewhere.find_person("mail", "zoe@example.com") is None
    again = await elsewhere.person_for("mail", "zoe@example.com")
    assert again not in (None, person)
    await keyring.erase_person(person)
    with pytest.raises(PersonUnknown):
        await keyring.erase_person("p_nobody")


async def test_another_master_key_opens_nothing(keyring: Keyring, database: Database) -> None:
    person = await keyring.create_person()
    with pytest.raises(WrongMasterKey, match="another master key"):
        await Keyring(database, bytes([7]) * 32).person_key(person)
    with pytest.raises(PersonUnknown):
        await keyring.person_key("p_nobody")
    with pytest.raises(WrongMasterKey):
        Keyring(database, b"short")
