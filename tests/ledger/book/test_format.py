"""The written format against its vectors, read with nothing but what `docs/ledger-format.md` says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.ledger.book.errors import UnreadableEvent
from orchestrator.ledger.book.format import Entry, prefixed, read, read_sealed, split, write, write_sealed
from tests.ledger.make_vectors import VECTORS, vectors

WRITTEN: dict[str, Any] = json.loads(VECTORS.read_text(encoding="utf-8"))


def cut(data: bytes) -> list[bytes]:
    parts = []
    while data:
        size = int.from_bytes(data[:4], "big")
        parts.append(data[4 : 4 + size])
        data = data[4 + size :]
    return parts


def joined(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def test_this_program_still_writes_the_vectors() -> None:
    assert vectors() == WRITTEN


def test_a_stranger_reads_the_events() -> None:
    for event in WRITTEN["events"]:
        stored = bytes.fromhex(event["stored"])
        assert stored[:4] == b"OBE\x01"
        stream, version, position, key, kind, schema, subject, at, previous, public, sealed = cut(stored[4:])
        assert stream.decode() == event["stream"] and key.decode() == event["event_key"]
        assert int.from_bytes(version, "big") == event["version"] and len(version) == 8
        assert int.from_bytes(position, "big") == event["position"] and len(position) == 8
        assert kind.decode() == event["event_type"] and int.from_bytes(schema, "big") == event["schema"]
        assert (subject.decode() or None) == event["subject"] and previous.hex() == event["previous"]
        recorded = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int.from_bytes(at, "big"))
        assert recorded == datetime.fromisoformat(event["recorded_at"])
        assert public.decode() == event["public"] and sealed.hex() == event["sealed"]
        assert hashlib.sha256(b"\x00" + stored).hexdigest() == event["leaf_hash"]
    first, _, second = WRITTEN["events"]
    assert second["previous"] == first["leaf_hash"]


def test_a_stranger_computes_the_roots() -> None:
    one, two, three = (bytes.fromhex(event["leaf_hash"]) for event in WRITTEN["events"])
    pair = hashlib.sha256(b"\x01" + one + two).digest()
    roots = [hashlib.sha256(b"").digest(), one, pair, hashlib.sha256(b"\x01" + pair + three).digest()]
    assert [digest.hex() for digest in roots] == WRITTEN["roots"]


def test_a_stranger_opens_an_event_with_its_data_key() -> None:
    wanted = WRITTEN["sealed"]
    info = joined(b"offboard event", b"run:r1", b"requested")
    data_key = HKDF(SHA256(), 32, None, info).derive(bytes.fromhex(wanted["person_key"]))
    assert data_key.hex() == wanted["data_key"]
    commitment, *pairs = cut(bytes.fromhex(WRITTEN["events"][0]["sealed"]))
    assert commitment == hmac.digest(data_key, b"offboard commitment", "sha256")
    cipher = AESGCM(hmac.digest(data_key, b"offboard fields", "sha256"))
    opened = {}
    for name, text in zip(pairs[::2], pairs[1::2], strict=True):
        associated = joined(b"offboard field", b"run:r1", b"requested", name)
        opened[name.decode()] = cipher.decrypt(text[:12], text[12:], associated).decode()
    assert opened == {name: field["plaintext"] for name, field in wanted["fields"].items()}


def test_a_stranger_checks_the_checkpoint() -> None:
    name, key_id, key = WRITTEN["checkpoint"]["verifier_key"].split("+", 2)
    public = base64.b64decode(key)
    assert public[:1] == b"\x01"
    assert hashlib.sha256(name.encode() + b"\n" + public).digest()[:4].hex() == key_id
    text, signature = WRITTEN["checkpoint"]["note"].split("\n\n")
    assert text.split("\n") == [name, "3", base64.b64encode(bytes.fromhex(WRITTEN["roots"][3])).decode()]
    dash, signer, encoded = signature.rstrip("\n").split(" ")
    assert (dash, signer) == ("—", name) and base64.b64decode(encoded)[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(base64.b64decode(encoded)[4:], (text + "\n").encode())


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
entries = st.builds(
    Entry,
    texts,
    st.integers(1, 2**31 - 1),
    st.integers(1, 2**63 - 1),
    texts,
    texts,
    st.integers(1, 2**31),
    st.none() | texts,
    st.integers(0, 2**52).map(lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)),
    st.binary(min_size=32, max_size=32),
    st.binary(max_size=20),
    st.binary(max_size=20),
)


@given(entries, entries)
def test_what_is_written_is_read_and_no_two_events_share_their_bytes(one: Entry, other: Entry) -> None:
    assert read(write(one)) == one
    assert (write(one) == write(other)) == (one == other)


@given(st.lists(st.binary(max_size=5), max_size=5))
def test_lengths_make_joining_reversible(parts: list[bytes]) -> None:
    assert split(prefixed(*parts), 0) == parts == cut(joined(*parts))


@given(entries, st.data())
def test_damaged_bytes_are_never_read_as_the_same_event(entry: Entry, data: st.DataObject) -> None:
    stored = bytearray(write(entry))
    stored[data.draw(st.integers(0, len(stored) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        assert read(bytes(stored)) != entry
    except (UnreadableEvent, UnicodeDecodeError, OverflowError):
        return


def test_a_sealed_part_is_pairs() -> None:
    assert read_sealed(write_sealed(b"c", {"b": b"2", "a": b"1"})) == (b"c", {"a": b"1", "b": b"2"})
    for damaged in (b"", prefixed(b"c", b"a"), b"\x00\x00\x00\x05c", b"\x00"):
        with pytest.raises(UnreadableEvent):
            read_sealed(damaged)
