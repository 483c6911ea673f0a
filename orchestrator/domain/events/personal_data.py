"""What happens to the keys under which personal data is encrypted: a person is erased, or the master key is replaced.

Erasures are in the person's stream, `person:ID`. The events say nothing about the person. The reason is encrypted with
the key of the user who gives it, so that it stays readable.

Replacements are in the stream `keyring`. A key is named by its ID: 16 hexadecimal digits that are derived from it, and
that every encrypted key of a person has as well. They show nothing of the key.
"""

from __future__ import annotations

from orchestrator.domain.events.event import Event, Personal


class ErasureRequested(Event):
    """The first of the two people who erase. `human` is the person behind the account `by`."""

    by: str
    human: str
    reason: Personal[str] = None


class PersonalDataErased(Event):
    """A second person confirmed it. Recorded before the person's key is destroyed: the relay and a restore destroy the
    key if it is still there, also one from an older backup. `requested_by` is the account of the first person."""

    by: str
    human: str
    requested_by: str


class MasterKeyReplacementStarted(Event):
    """From here on people's keys are encrypted again with the key `key_id`."""

    key_id: str
    former_key_ids: tuple[str, ...]


class MasterKeyReplaced(Event):
    """Nothing in the database is encrypted with the former keys any more. A process that would encrypt with one of them
    is refused."""

    key_id: str
    former_key_ids: tuple[str, ...]
