"""Checkpoints: signed statements of the ledger's size and root, as C2SP `tlog-checkpoint` on C2SP `signed-note`.

    offboard.example.com/ledger      the origin, which is also the key's name
    1234                             how many events
    base64 of the root               RFC 6962, over the events in order of position
    (empty line)
    — offboard.example.com/ledger base64 of key id and Ed25519 signature

Keys are text as `signed-note` has them: a verifier key `NAME+ID+BASE64`, which is no secret, and a signer key
`PRIVATE+KEY+NAME+ID+BASE64`, which is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.proofs.merkle import CompactRange
from orchestrator.ledger.schema.database import Database

_ED25519 = b"\x01"
_TREE_NAME = "checkpoints"
_BATCH = 10_000


class SignerKeyInvalid(LedgerError):
    """Not a signer key."""


class NoteSigner:
    """Signs checkpoints; its name is the origin it speaks for."""

    def __init__(self, name: str, seed: bytes) -> None:
        if not name or re.search(r"[\s+]", name):
            raise SignerKeyInvalid("note key", "its name is empty, or has white space or a plus sign")
        self.name = name
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"NoteSigner({self.name})"

    @staticmethod
    def generate(name: str) -> NoteSigner:
        return NoteSigner(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @staticmethod
    def parse(text: str) -> NoteSigner:
        """From `PRIVATE+KEY+…`. Raises `SignerKeyInvalid`, which does not repeat the text."""
        parts = text.strip().split("+", 4)
        if len(parts) != 5 or parts[:2] != ["PRIVATE", "KEY"]:
            raise SignerKeyInvalid("note key", "it is not PRIVATE+KEY+NAME+ID+BASE64")
        secret = _decode(parts[4], "note key")
        if len(secret) != 33 or secret[:1] != _ED25519:
            raise SignerKeyInvalid("note key", "it is not an Ed25519 key")
        signer = NoteSigner(parts[2], secret[1:])
        if _key_id(signer.name, signer._public).hex() != parts[3]:
            raise SignerKeyInvalid("note key", "its ID does not match the key; check for typing errors")
        return signer

    def secret_text(self) -> str:
        """The signer key as text. Keep it where secrets are kept."""
        encoded = base64.b64encode(_ED25519 + self._seed).decode()
        return f"PRIVATE+KEY+{self.name}+{_key_id(self.name, self._public).hex()}+{encoded}"

    def verifier_text(self) -> str:
        """The verifier key as text. Give it to the auditor, by another way than the checkpoints."""
        encoded = base64.b64encode(_ED25519 + self._public).decode()
        return f"{self.name}+{_key_id(self.name, self._public).hex()}+{encoded}"

    def sign(self, size: int, root: bytes) -> str:
        """The checkpoint as a signed note."""
        text = f"{self.name}\n{size}\n{base64.b64encode(root).decode()}\n"
        signature = base64.b64encode(_key_id(self.name, self._public) + self._key.sign(text.encode())).decode()
        return f"{text}\n— {self.name} {signature}\n"


async def make_checkpoint(database: Database, signer: NoteSigner) -> str:
    """Signs what the ledger holds now. Reads only the leaves that came since the last time in this database.

    The tree so far is kept in `engine.tree`: should the history before it be rewritten, the new checkpoint still
    states the old one, and `verify` finds the difference.
    """
    async with database.transaction() as connection:
        row = (
            await connection.exec_driver_sql(
                "SELECT size, nodes FROM engine.tree WHERE name = %s FOR UPDATE", (_TREE_NAME,)
            )
        ).first()
        tree = _load(row) if row is not None else CompactRange()
        while True:
            leaves: Any = (
                await connection.exec_driver_sql(
                    "SELECT position, leaf_hash FROM ledger.events WHERE position > %s ORDER BY position LIMIT %s",
                    (tree.size, _BATCH),
                )
            ).all()
            for position, leaf in leaves:
                if position != tree.size + 1:
                    raise LedgerError(
                        f"ledger.events, position {tree.size + 1}", "it is missing", "Run `offboard ledger verify`"
                    )
                tree.append(bytes(leaf))
            if len(leaves) < _BATCH:
                break
        await connection.exec_driver_sql(
            "INSERT INTO engine.tree VALUES (%s, %s, %s) ON CONFLICT (name) DO UPDATE "
            "SET size = excluded.size, nodes = excluded.nodes WHERE tree.size <= excluded.size",
            (_TREE_NAME, tree.size, b"".join(tree.nodes)),
        )
    return signer.sign(tree.size, tree.root())


def _load(row: Any) -> CompactRange:
    nodes = bytes(row[1])
    return CompactRange(row[0], [nodes[at : at + 32] for at in range(0, len(nodes), 32)])


def _key_id(name: str, public: bytes) -> bytes:
    """C2SP signed-note: the first four bytes of SHA-256 over name, newline, algorithm and key."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def _decode(text: str, place: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignerKeyInvalid(place, "a part of it is not base64") from error
