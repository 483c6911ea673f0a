"""The master key of the keyring is replaced. Stream: `keyring`.

A key is named by its ID: 16 hexadecimal digits that are derived from it, and that every encrypted key of a person has
as well. They show nothing of the key.
"""

from __future__ import annotations

from orchestrator.domain.events.event import Event


class MasterKeyReplacementStarted(Event):
    """From here on people's keys are encrypted again with the key `key_id`."""

    key_id: str
    former_key_ids: tuple[str, ...]


class MasterKeyReplaced(Event):
    """Nothing in the database is encrypted with the former keys any more. A process that would encrypt with one of them
    is refused."""

    key_id: str
    former_key_ids: tuple[str, ...]
