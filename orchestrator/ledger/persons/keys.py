"""The keyring: each person's key, wrapped under the master key, and the tags by which a person is found again.

Erasing a person destroys the wrapped key and the tags. PostgreSQL keeps the old row's bytes until the next VACUUM of
the keyring's tables, and its backups keep them as long as they live: `docs/ledger-format.md` says what to do.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, func, text, update
from sqlalchemy.dialects.postgresql import insert

from orchestrator.ledger.book.errors import PersonErased, PersonUnknown, UnreadableEvent, WrongMasterKey
from orchestrator.ledger.book.format import prefixed
from orchestrator.ledger.persons.sealing import KEY_BYTES, PersonKey, expand, extract, seal, unseal
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.keyring_tables import lookups, person_keys
from orchestrator.ledger.schema.tables import uploads

CACHED_PERSONS = 4096
CACHED_SECONDS = 30.0
"""How long another process may still read a person after `erase_person`; this one stops at once."""

_WRAPPED_MARK = b"\x01"
_KEY_LENGTHS = (KEY_BYTES, 2 * KEY_BYTES)
"""A key that replaced another one has the key of the hashes after its own bytes."""
_KEYS = "SELECT person_id, wrapped FROM keyring.person_keys WHERE person_id = ANY(%s)"
_FIND = "SELECT person_id FROM keyring.lookups WHERE tag = %s"
_FIND_ALL = "SELECT tag, person_id FROM keyring.lookups WHERE tag = ANY(%s)"
# One statement, so that a person is never found without a key.
_CLAIM = """
WITH claimed AS (
    INSERT INTO keyring.lookups (tag, person_id) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING person_id)
INSERT INTO keyring.person_keys (person_id, wrapped, created_at)
SELECT person_id, %s, engine.now() FROM claimed RETURNING person_id
"""


def load_master_keys(text_of_keys: str, place: str = "master key") -> tuple[bytes, ...]:
    """Keys from their base64 or hexadecimal text, separated by white space: the first encrypts, and those after it are
    accepted until it has replaced them. `place` is the variable or file they came from, for the error, which never
    repeats the text. Raises `WrongMasterKey`."""
    keys = tuple(_parsed(written, place) for written in text_of_keys.split())
    if not keys:
        raise _not_a_key(place)
    return keys


def _parsed(written: str, place: str) -> bytes:
    try:
        is_hex = len(written) in [2 * length for length in _KEY_LENGTHS]
        key = bytes.fromhex(written) if is_hex else base64.b64decode(written, validate=True)
    except (ValueError, binascii.Error):
        raise _not_a_key(place) from None
    if len(key) not in _KEY_LENGTHS:
        raise _not_a_key(place)
    return key


def _not_a_key(place: str) -> WrongMasterKey:
    return WrongMasterKey(
        place,
        f"it is not {KEY_BYTES} bytes in base64 or hex, nor a key that `offboard ledger new-master-key` made",
        "Create one: openssl rand -base64 32",
    )


def next_master_key(master_key: bytes) -> bytes:
    """A new master key that replaces this one: random bytes, and the key of the hashes, which stays. The IDs of
    accounts in the ledger are such hashes."""
    return os.urandom(KEY_BYTES) + _MasterKey.of(master_key).lookup


CONNECTION_NAME = "offboard, key "


@dataclass(frozen=True, slots=True, repr=False)
class _MasterKey:
    """What is derived from a master key. `own` seals what is in no person's record, `lookup` makes the hashes."""

    wrapping: AESGCM
    wrapping_id: bytes
    lookup: bytes
    own: bytes

    @classmethod
    def of(cls, key: bytes) -> _MasterKey:
        if len(key) not in _KEY_LENGTHS:
            raise WrongMasterKey("master key", f"it has {len(key)} bytes, not {KEY_BYTES}")
        extracted = extract(key[:KEY_BYTES])
        return cls(
            AESGCM(expand(extracted, b"offboard wrapping")),
            expand(extracted, b"offboard wrapping id")[:8],
            key[KEY_BYTES:] or expand(extracted, b"offboard lookup"),
            expand(extracted, b"offboard own"),
        )


class Keyring:
    """Makes, finds, unwraps and destroys persons' keys. Raises `LedgerUnavailable` where it needs the database.

    `master_key` encrypts; what was encrypted with one of the `former` keys opens as well, until `rewrap` has encrypted
    it again."""

    def __init__(self, database: Database, master_key: bytes, *former: bytes) -> None:
        self._database = database
        self._master = _MasterKey.of(master_key)
        self._former = tuple(_MasterKey.of(key) for key in former)
        if any(not hmac.compare_digest(one.lookup, self._master.lookup) for one in self._former):
            raise WrongMasterKey(
                "master key",
                "one of its keys was not made from the other, so that accounts would get other IDs",
                "Create the new key with `offboard ledger new-master-key`",
            )
        self.require_current: Callable[[], Awaitable[None]] | None = None
        """Called once, before the first key of a person is made: raises for a master key that was replaced."""
        # `rewrap` finds the processes that encrypt with another key by it. The id is in every wrapped key as well.
        database.name_connections(self.connection_name)
        self._cache: OrderedDict[str, tuple[float, PersonKey | None]] = OrderedDict()

    def __repr__(self) -> str:
        return f"Keyring({self._database.place})"

    async def create_person(self, person_id: str | None = None) -> str:
        """Makes a key for the person (a new opaque id if none is given) and returns the id. Doing it again for the
        same id changes nothing; for an erased one it raises `PersonErased`."""
        await self._require_current()
        person_id = person_id or new_person_id()
        async with self._database.transaction() as connection:
            await connection.execute(self._insertion(person_id))
        await self.person_key(person_id)
        return person_id

    async def person_key(self, person_id: str) -> PersonKey:
        """Raises `PersonErased` or `PersonUnknown`."""
        keys = await self.person_keys([person_id])
        if person_id not in keys:
            raise PersonUnknown(person_id)
        key = keys[person_id]
        if key is None:
            raise PersonErased(person_id)
        return key

    async def person_keys(self, person_ids: Iterable[str]) -> dict[str, PersonKey | None]:
        """Keys by person, with at most one query; None for the erased; who is unknown is left out."""
        now = time.monotonic()
        found: dict[str, PersonKey | None] = {}
        missing: list[str] = []
        for person_id in set(person_ids):
            cached = self._cache.get(person_id)
            if cached is not None and cached[0] > now:
                self._cache.move_to_end(person_id)
                found[person_id] = cached[1]
            else:
                missing.append(person_id)
        if missing:
            async with self._database.driver() as connection:
                rows = await (await connection.execute(_KEYS, (missing,))).fetchall()
            for person_id, wrapped in rows:
                key = None if wrapped is None else self._unwrap(person_id, bytes(wrapped))
                found[person_id] = key
                self._cache[person_id] = (now + CACHED_SECONDS, key)
                self._cache.move_to_end(person_id)
            while len(self._cache) > CACHED_PERSONS:
                self._cache.popitem(last=False)
        return found

    async def erase_person(self, person_id: str) -> None:
        """Destroys the wrapped key and every tag that leads to the person, and deletes files that no evidence names
        yet. Final; doing it again changes nothing. Raises `PersonUnknown`."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(lookups).where(lookups.c.person_id == person_id))
            await connection.execute(delete(uploads).where(uploads.c.subject == person_id))
            erased = await connection.execute(
                update(person_keys)
                .where(person_keys.c.person_id == person_id)
                .values(wrapped=None, erased_at=func.coalesce(person_keys.c.erased_at, text("engine.now()")))
            )
        self._cache.pop(person_id, None)
        if erased.rowcount == 0:
            raise PersonUnknown(person_id)

    def seal(self, context: str, plaintext: bytes) -> bytes:
        """Encrypts what is not in one person's record: sessions, stored answers, questions to a worker. It can be
        decrypted only with the same master key and the same context."""
        return seal(self._master.own, context, plaintext)

    def open(self, context: str, sealed: bytes) -> bytes:
        """Raises `UnreadableEvent` for another installation's, another context's or damaged bytes."""
        place = f"sealed data, {context.partition(':')[0]}"
        *others, last = (self._master, *self._former)
        for key in others:
            with contextlib.suppress(UnreadableEvent):
                return unseal(key.own, context, sealed, place)
        return unseal(last.own, context, sealed, place)

    def sealed_again(self, context: str, sealed: bytes) -> bytes | None:
        """The same under the master key; None where it is so already, or opens with no key."""
        return self.seal(context, self.open(context, sealed)) if self.is_behind(context, sealed) else None

    def is_behind(self, context: str, sealed: bytes) -> bool:
        """Whether it opens with a former key and not with the master key."""
        for number, key in enumerate((self._master, *self._former)):
            with contextlib.suppress(UnreadableEvent):
                unseal(key.own, context, sealed, context)
                return number > 0
        return False

    def lookup_tag(self, kind: str, value: str) -> bytes:
        """A keyed hash for exact lookup. The caller normalises `value` (case, Unicode form) beforehand."""
        return hmac.digest(self._master.lookup, prefixed(kind.encode(), value.encode()), "sha256")

    async def find_person(self, kind: str, value: str) -> str | None:
        async with self._database.driver() as connection:
            found = await connection.execute(_FIND, (self.lookup_tag(kind, value),))
            row = await found.fetchone()
        return None if row is None else str(row[0])

    async def find_people(self, kind: str, values: Iterable[str]) -> dict[str, str]:
        """Those of these values that lead to a person, with one query."""
        tags = {self.lookup_tag(kind, value): value for value in values}
        async with self._database.driver() as connection:
            rows = await (await connection.execute(_FIND_ALL, (list(tags),))).fetchall()
        return {tags[bytes(tag)]: str(person_id) for tag, person_id in rows}

    async def person_for(self, kind: str, value: str, *, create: bool = True) -> str | None:
        """The person whom this value leads to. If there is none and `create` is set, a new one with a key; of
        several callers at once all get the same."""
        if (found := await self.find_person(kind, value)) is not None or not create:
            return found
        await self._require_current()
        person_id = new_person_id()
        wrapped = self._wrap(person_id, os.urandom(KEY_BYTES))
        async with self._database.driver() as connection:
            claimed = await connection.execute(_CLAIM, (self.lookup_tag(kind, value), person_id, wrapped))
            if await claimed.fetchone() is not None:
                return person_id
        return await self.find_person(kind, value)

    async def _require_current(self) -> None:
        if self.require_current is not None:
            await self.require_current()
            self.require_current = None

    def _insertion(self, person_id: str):  # type: ignore[no-untyped-def]  # the dialect's Insert is generic in nothing useful
        wrapped = self._wrap(person_id, os.urandom(KEY_BYTES))
        return (
            insert(person_keys)
            .values(person_id=person_id, wrapped=wrapped, created_at=text("engine.now()"))
            .on_conflict_do_nothing()
        )

    def wrapped_again(self, person_id: str, wrapped: bytes) -> bytes:
        """A person's key, encrypted with the master key instead of a former one. Raises `WrongMasterKey`."""
        return self._wrap(person_id, self._secret(person_id, wrapped))

    @property
    def wrapping_id(self) -> bytes:
        """The bytes after the first of every key that the master key encrypted."""
        return self._master.wrapping_id

    @property
    def key_id(self) -> str:
        """The ID of the master key, as 16 hexadecimal digits."""
        return self.wrapping_id.hex()

    @property
    def former_key_ids(self) -> tuple[str, ...]:
        return tuple(one.wrapping_id.hex() for one in self._former)

    @property
    def connection_name(self) -> str:
        """What the server calls this process's connections: it names the key that the process encrypts with."""
        return f"{CONNECTION_NAME}{self.wrapping_id.hex()}"

    def _wrap(self, person_id: str, secret: bytes) -> bytes:
        nonce = os.urandom(12)
        sealed = self._master.wrapping.encrypt(nonce, secret, prefixed(b"offboard person", person_id.encode()))
        return _WRAPPED_MARK + self._master.wrapping_id + nonce + sealed

    def _unwrap(self, person_id: str, wrapped: bytes) -> PersonKey:
        return PersonKey(person_id, self._secret(person_id, wrapped))

    def _secret(self, person_id: str, wrapped: bytes) -> bytes:
        place = f"keyring, person {person_id}"
        keys = [one for one in (self._master, *self._former) if hmac.compare_digest(wrapped[1:9], one.wrapping_id)]
        if wrapped[:1] != _WRAPPED_MARK or not keys:
            raise WrongMasterKey(
                place, "it was encrypted with another master key", "Set the master key that it was created with"
            )
        try:
            return keys[0].wrapping.decrypt(
                wrapped[9:21], wrapped[21:], prefixed(b"offboard person", person_id.encode())
            )
        except InvalidTag as error:
            raise WrongMasterKey(
                place, "its encrypted key is damaged", "Restore the keyring from its backup"
            ) from error


def new_person_id() -> str:
    return "p_" + secrets.token_hex(16)
