"""Destroys the keys of people whose erasure is recorded: after a crash between the two, and in a keyring that was
restored from an older backup."""

from __future__ import annotations

import logging

from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database

log = logging.getLogger("offboard.erasures")

_HEAD = "SELECT position FROM ledger.head"
# The type is written out, not a parameter: a prepared statement would not use the index of erasures.
LEFT = """
SELECT k.person_id FROM ledger.events e JOIN keyring.person_keys k ON e.stream = 'person:' || k.person_id
WHERE e.event_type = 'PersonalDataErased' AND e.position > %s AND k.wrapped IS NOT NULL
"""


class RecordedErasures:
    """One per process. The first look reads all erasures that are recorded, each later one those since; an index of
    the ledger has them and no other events."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._after = 0

    async def carry_out(self) -> int:
        """How many keys it destroyed. Raises `LedgerUnavailable`."""
        async with self._database.driver() as connection:
            head = await (await connection.execute(_HEAD)).fetchone()
            left = await connection.execute(LEFT, (self._after,))
            people = [str(row[0]) for row in await left.fetchall()]
        for person_id in people:
            await self._keyring.erase_person(person_id)
        if people:
            log.warning("the keys of %d people were destroyed, whose erasure was recorded before", len(people))
        assert head is not None, "ledger.head has no row"
        self._after = int(head[0])
        return len(people)
