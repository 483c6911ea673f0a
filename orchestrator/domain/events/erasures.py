"""How the personal data of a person is erased. In the person's stream, `person:ID`.

The events say nothing about the person. The reason is encrypted with the key of the user who gives it, so that it stays
readable.
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
