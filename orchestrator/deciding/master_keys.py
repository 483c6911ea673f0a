"""The replacement of the master key, as the ledger records it: when it begins, and when the former key is used up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.deciding.appending import drafts
from orchestrator.deciding.optimistic import until_appended
from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.ledger.book.errors import WrongMasterKey
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring


async def record_start(ledger: Ledger, keyring: Keyring) -> None:
    """Records it once, also if the replacement is interrupted and repeated; nothing without a former key."""

    def started(happened: Sequence[Event]) -> list[Event]:
        known = any(isinstance(one, e.MasterKeyReplacementStarted) and one.key_id == keyring.key_id for one in happened)
        if known or not keyring.former_key_ids:
            return []
        return [e.MasterKeyReplacementStarted(key_id=keyring.key_id, former_key_ids=keyring.former_key_ids)]

    await _append(ledger, started)


async def record_end(ledger: Ledger, keyring: Keyring) -> None:
    """Records it once, after a start with this key."""

    def ended(happened: Sequence[Event]) -> list[Event]:
        of_this = [
            one
            for one in happened
            if isinstance(one, e.MasterKeyReplacementStarted | e.MasterKeyReplaced) and one.key_id == keyring.key_id
        ]
        if not of_this or isinstance(of_this[-1], e.MasterKeyReplaced):
            return []
        return [e.MasterKeyReplaced(key_id=keyring.key_id, former_key_ids=of_this[-1].former_key_ids)]

    await _append(ledger, ended)


async def require_current_key(ledger: Ledger, keyring: Keyring) -> None:
    """Raises `WrongMasterKey` if this process would encrypt with a key that was replaced, or does not have the key by
    which the former one is being replaced: it could not read what is encrypted with it."""
    happened = [one.event for one in (await ledger.read({e.KEYRING: 0})).events[e.KEYRING]]
    replaced = {id_ for one in happened if isinstance(one, e.MasterKeyReplaced) for id_ in one.former_key_ids}
    if keyring.key_id in replaced:
        raise WrongMasterKey(
            "master key",
            "the key that encrypts was replaced by another one",
            "Put the new key first; the former one is not needed any more",
        )
    newest = [one.key_id for one in happened if isinstance(one, e.MasterKeyReplacementStarted)][-1:]
    if not {keyring.key_id, *keyring.former_key_ids}.issuperset(newest):
        raise WrongMasterKey(
            "master key",
            "the key is being replaced by another one, which this process does not have",
            "Put the new key first and the former one after it, and restart this process",
        )


async def _append(ledger: Ledger, decide: Callable[[Sequence[Event]], list[Event]]) -> None:
    async def attempt() -> None:
        page = await ledger.read({e.KEYRING: 0})
        wanted = decide([recorded.event for recorded in page.events[e.KEYRING]])
        if wanted:
            version = page.version(e.KEYRING)
            await ledger.append([StreamAppend(e.KEYRING, version, drafts(wanted, version, None))])

    await until_appended(attempt)
