"""What a preview's question can be answered under: for whom, for how long, and by which accounts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.documents.runs.previews.shown_matches import SHOWN_FOR, Answered, MatchShown
from orchestrator.domain.errors import Invalid
from orchestrator.domain.events import SystemSearched
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.ledger.persons.sealing import PersonKey

LOOKED_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
FOR_THE_MOMENT, THEIRS = PersonKey("p", bytes(32)), PersonKey("p", bytes(range(32)))


def shown() -> MatchShown:
    accounts = [
        FoundAccount(system="code", account_id=FOR_THE_MOMENT.account_id("code", native), native_id=native)
        for native in ("ada", "ada-labs")
    ]
    seen = SystemSearched(
        system="code", purpose="plan", outcome="ambiguous", candidates=tuple(one.account_id for one in accounts)
    )
    return MatchShown.of("hr-1", LOOKED_AT, seen, accounts)


def test_a_previews_ids_become_those_of_the_run_and_no_others_do() -> None:
    match = shown()
    chosen = FOR_THE_MOMENT.account_id("code", "ada-labs")
    assert match.chosen(THEIRS, [chosen, chosen]) == (THEIRS.account_id("code", "ada-labs"),)
    assert match.chosen(THEIRS, []) == ()
    assert set(match.as_of(THEIRS).candidates) == {THEIRS.account_id("code", one) for one in ("ada", "ada-labs")}
    for stranger in (THEIRS.account_id("code", "ada"), FOR_THE_MOMENT.account_id("code", "eve"), ""):
        with pytest.raises(Invalid) as no:
            match.chosen(THEIRS, [stranger])
        assert no.value.code == "not_a_candidate" and "ada" not in no.value.message


def test_what_was_shown_is_answered_within_a_quarter_of_an_hour_and_about_the_same_person() -> None:
    match = shown()
    match.require_fresh("hr-1", LOOKED_AT + SHOWN_FOR)
    for hr_id, after, code in (
        ("hr-1", SHOWN_FOR + timedelta(seconds=1), "preview_over"),
        ("hr-2", timedelta(), "shown_for_another"),
    ):
        with pytest.raises(Invalid) as no:
            match.require_fresh(hr_id, LOOKED_AT + after)
        assert no.value.code == code


def test_an_answer_and_what_was_shown_keep_to_themselves_what_is_personal() -> None:
    said = repr(Answered("sealed", ("a1",), "Their lead says so.")) + repr(shown())
    assert "lead" not in said and "ada" not in said and "hr-1" not in said
