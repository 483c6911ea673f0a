"""A person's key and what is made from it. Pure: no database, no clock; randomness only for keys and nonces.

person key (32 random bytes, destroyed to erase the person)
├── data key of one event   HKDF(info = stream, event key); a dossier may disclose it alone
│   ├── commitment          HMAC(data key, "commitment"), stored, so that no second key opens the same bytes
│   └── field key           HMAC(data key, "fields"), AES-256-GCM, associated data: stream, event key, field
├── sealing key             HKDF(info = context), for read tables and files
└── account key             HMAC makes the same account the same id, each time it is found
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestrator.ledger.book.errors import UnreadableEvent
from orchestrator.ledger.book.format import prefixed

KEY_BYTES = 32
_NONCE_BYTES = 12
_SEALED_MARK = b"\x01"


class DataKey:
    """Opens and closes the personal fields of one event."""

    def __init__(self, secret: bytes, stream: str, event_key: str) -> None:
        self.commitment = hmac.digest(secret, b"offboard commitment", "sha256")
        self._cipher = AESGCM(hmac.digest(secret, b"offboard fields", "sha256"))
        self._stream = stream.encode()
        self._event_key = event_key.encode()

    def encrypt(self, field: str, plaintext: bytes) -> bytes:
        """Nonce and ciphertext. Nonces are random: the same event may be tried twice with other contents."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plaintext, self._associated(field))

    def decrypt(self, field: str, ciphertext: bytes) -> bytes:
        try:
            return self._cipher.decrypt(ciphertext[:_NONCE_BYTES], ciphertext[_NONCE_BYTES:], self._associated(field))
        except (InvalidTag, ValueError) as error:
            raise _not_ours(f"field {field} of event {self._event_key.decode()}") from error

    def demand(self, commitment: bytes) -> None:
        """Raises `UnreadableEvent` unless the bytes were sealed under this very key."""
        if not hmac.compare_digest(self.commitment, commitment):
            raise _not_ours(f"event {self._event_key.decode()}")

    def _associated(self, field: str) -> bytes:
        return prefixed(b"offboard field", self._stream, self._event_key, field.encode())


class PersonKey:
    """One person's key. Keep it no longer than needed; it shows itself in no repr."""

    def __init__(self, person_id: str, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a person's key has {KEY_BYTES} bytes, not {len(secret)}")
        self.person_id = person_id
        self._extracted = extract(secret)
        self._account_key = expand(self._extracted, b"offboard account id")

    def __repr__(self) -> str:
        return f"PersonKey({self.person_id})"

    def data_secret(self, stream: str, event_key: str) -> bytes:
        """The data key of one event: with it, one can read that event's personal fields and no other's."""
        return expand(self._extracted, prefixed(b"offboard event", stream.encode(), event_key.encode()))

    def data_key(self, stream: str, event_key: str) -> DataKey:
        return DataKey(self.data_secret(stream, event_key), stream, event_key)

    def account_id(self, system: str, native_id: str) -> str:
        """The account's opaque id: 32 hexadecimal digits, the same each time, meaningless once the key is gone."""
        named = prefixed(system.encode(), native_id.encode())
        return hmac.digest(self._account_key, named, "sha256")[:16].hex()

    def seal(self, context: str, plaintext: bytes) -> bytes:
        """Ciphertext that opens only with the same person and the same context (say, `runs:RUN_ID`)."""
        return seal(self._extracted, context, plaintext)

    def open(self, context: str, sealed: bytes) -> bytes:
        """Raises `UnreadableEvent` for another person's, another context's or damaged bytes."""
        return unseal(self._extracted, context, sealed, f"sealed data of person {self.person_id}")


def seal(extracted: bytes, context: str, plaintext: bytes) -> bytes:
    """Mark, commitment, nonce and ciphertext, under a key of this context alone."""
    nonce = os.urandom(_NONCE_BYTES)
    secret = expand(extracted, prefixed(b"offboard sealed", context.encode()))
    commitment = hmac.digest(secret, b"offboard commitment", "sha256")
    cipher = AESGCM(hmac.digest(secret, b"offboard fields", "sha256"))
    return _SEALED_MARK + commitment + nonce + cipher.encrypt(nonce, plaintext, context.encode())


def unseal(extracted: bytes, context: str, sealed: bytes, place: str) -> bytes:
    """What `seal` closed. `place` names the data for the error. Raises `UnreadableEvent`."""
    secret = expand(extracted, prefixed(b"offboard sealed", context.encode()))
    commitment = hmac.digest(secret, b"offboard commitment", "sha256")
    if sealed[:1] != _SEALED_MARK or not hmac.compare_digest(sealed[1:33], commitment):
        raise _not_ours(place)
    cipher = AESGCM(hmac.digest(secret, b"offboard fields", "sha256"))
    try:
        return cipher.decrypt(sealed[33:45], sealed[45:], context.encode())
    except (InvalidTag, ValueError) as error:
        raise _not_ours(place) from error


def extract(secret: bytes) -> bytes:
    """HKDF-Extract of RFC 5869 with SHA-256 and no salt."""
    return hmac.digest(bytes(hashlib.sha256().digest_size), secret, "sha256")


def expand(extracted: bytes, info: bytes) -> bytes:
    """HKDF-Expand of RFC 5869 with SHA-256, for the one block of 32 bytes that every key here has."""
    return hmac.digest(extracted, info + b"\x01", "sha256")


def _not_ours(place: str) -> UnreadableEvent:
    return UnreadableEvent(
        place,
        "it cannot be decrypted with this key",
        "Check that the keyring belongs to this ledger; then run `offboard ledger verify`",
    )
