"""Writes `vectors.json`: `python -m tests.ledger.make_vectors`. Only a new format version is a reason to run it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.ledger.book.format import Entry, leaf_hash, write, write_sealed
from orchestrator.ledger.persons.sealing import PersonKey
from orchestrator.ledger.proofs.checkpoints import NoteSigner
from orchestrator.ledger.proofs.merkle import root

VECTORS = Path(__file__).with_name("vectors.json")
PERSON_KEY = bytes(range(64, 96))
NONCE = bytes(range(12))


def vectors() -> dict[str, Any]:
    person = PersonKey("p_00112233445566778899aabbccddeeff", PERSON_KEY)
    secret = person.data_secret("run:r1", "requested")
    data_key = person.data_key("run:r1", "requested")
    plaintexts = {"mail": b'"zoe@example.com"', "name": '"Zoë Ångström"'.encode()}
    ciphertexts = {
        field: NONCE + data_key._cipher.encrypt(NONCE, text, data_key._associated(field))  # a fixed nonce, here only
        for field, text in plaintexts.items()
    }
    sealed = write_sealed(data_key.commitment, ciphertexts)
    at = datetime(2026, 11, 23, 9, 30, 0, 123456, tzinfo=UTC)
    first = Entry(
        "run:r1", 1, 1, "requested", "RunRequested", 1, person.person_id, at, bytes(32), b'{"by":"a_1"}', sealed
    )
    other = Entry("holds", 1, 2, "hold-1", "HoldPlaced", 3, None, at, bytes(32), '{"why":"ü"}'.encode())
    second = Entry("run:r1", 2, 3, "ended", "RunEnded", 1, None, at, leaf_hash(write(first)), b"{}")
    stored = [write(entry) for entry in (first, other, second)]
    leaves = [leaf_hash(data) for data in stored]
    signer = NoteSigner("offboard.example.com/ledger", bytes(range(32, 64)))
    return {
        "events": [
            {
                "position": entry.position,
                "stream": entry.stream,
                "version": entry.version,
                "event_key": entry.key,
                "event_type": entry.type,
                "schema": entry.schema,
                "subject": entry.subject,
                "recorded_at": entry.recorded_at.isoformat(),
                "previous": entry.previous.hex(),
                "public": entry.public.decode(),
                "sealed": entry.sealed.hex(),
                "stored": data.hex(),
                "leaf_hash": leaf.hex(),
            }
            for entry, data, leaf in zip((first, other, second), stored, leaves, strict=True)
        ],
        "roots": [root(leaves[:size]).hex() for size in range(4)],
        "sealed": {
            "person_key": PERSON_KEY.hex(),
            "data_key": secret.hex(),
            "commitment": data_key.commitment.hex(),
            "fields": {
                field: {"plaintext": plaintexts[field].decode(), "ciphertext": ciphertexts[field].hex()}
                for field in plaintexts
            },
            "account_id": {
                "system": "directory",
                "native_id": "uid=zoe",
                "is": person.account_id("directory", "uid=zoe"),
            },
        },
        "checkpoint": {
            "verifier_key": signer.verifier_text(),
            "note": signer.sign(3, root(leaves)),
        },
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
