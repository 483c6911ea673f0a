"""Reads a checkpoint for `verification`, apart from the code that writes them.

The formats are C2SP's signed-note and tlog-checkpoint.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class NoteRefused(Exception):
    """The note is not a checkpoint, or this key did not sign it."""


@dataclass(frozen=True, slots=True)
class SignedRoot:
    origin: str
    size: int
    root: bytes


def read_signed_root(note: str, verifier_key: str) -> SignedRoot:
    """What the key (`NAME+ID+BASE64`) states about its ledger. Raises `NoteRefused`."""
    try:
        name, key_id, encoded = verifier_key.strip().split("+", 2)
        algorithm_and_key = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise NoteRefused("the verifier key is not NAME+ID+BASE64") from error
    expected_id = hashlib.sha256(name.encode() + b"\n" + algorithm_and_key).digest()[:4]
    if algorithm_and_key[:1] != b"\x01" or len(algorithm_and_key) != 33 or expected_id.hex() != key_id:
        raise NoteRefused("the verifier key is not an Ed25519 key, or its ID does not match the key")
    end = note.rfind("\n\n")
    if end < 0:
        raise NoteRefused("it is not a signed note: there is no empty line before the signatures")
    body = note[: end + 1]
    for line in note[end + 2 :].splitlines():
        words = line.split(" ")
        if len(words) == 3 and words[0] == "—" and words[1] == name:
            try:
                signature = base64.b64decode(words[2], validate=True)
            except ValueError:
                continue
            if signature[:4] == expected_id:
                break
    else:
        raise NoteRefused(f"it has no signature of {name} with this key")
    try:
        Ed25519PublicKey.from_public_bytes(algorithm_and_key[1:]).verify(signature[4:], body.encode())
    except InvalidSignature as error:
        raise NoteRefused("its signature is wrong: the checkpoint was changed") from error
    lines = body.splitlines()
    try:
        origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (IndexError, ValueError) as error:
        raise NoteRefused("it does not begin with origin, size and root") from error
    if origin != name or size < 0 or len(root) != 32:
        raise NoteRefused("it does not begin with this ledger's origin, a size and a root of 32 bytes")
    return SignedRoot(origin, size, root)
