"""Answers that are kept for idempotency keys: so many for one account."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.errors import TooOften
from orchestrator.ledger.access import answers
from orchestrator.ledger.access.answers import ClaimedKey, StoredResponse, StoredResponses
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database


async def test_one_account_keeps_so_many_answers_and_others_keep_theirs(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MAX_KEPT", 3)
    kept = StoredResponses(database, keyring)
    for key in ("a", "b", "c"):
        assert isinstance(await kept.claim("feed", key, b"h" * 32), ClaimedKey)
        await kept.keep("feed", key, StoredResponse(200, {}, key))
    with pytest.raises(TooOften) as refused:
        await kept.claim("feed", "d", b"h" * 32)
    assert refused.value.code == "too_many_keys" and refused.value.again_after > 0
    assert isinstance(await kept.claim("another", "d", b"h" * 32), ClaimedKey)
    repeated = await kept.claim("feed", "a", b"h" * 32)
    assert isinstance(repeated, StoredResponse) and repeated.body == "a", "what was answered is answered again"
    monkeypatch.setattr(answers, "MAX_KEPT", 5)
    assert isinstance(await kept.claim("feed", "short", b"h" * 32, timedelta(0)), ClaimedKey)
    assert isinstance(await kept.claim("feed", "e", b"h" * 32), ClaimedKey), "one that is over does not count"
