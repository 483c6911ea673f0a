"""What a run is found by: the beginnings of names, numbers, addresses and accounts, without case and accents."""

from __future__ import annotations

import pytest

from orchestrator.domain.run.search_terms import (
    match_by_person,
    matches,
    prefixes,
    search_prefixes,
    search_words,
    terms_of_accounts,
    terms_of_person,
)

FACTS = {
    "display_name": "Zoë-Marie Straßburger", "employee_number": "E-1042", "email": "zoe.s@example.org",
    "former_emails": ["zoe.old@example.org"], "former_names": ["Zoë Winter"], "department": "Airships",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("zoe", True),
        ("ZOË", True),
        ("marie", True),
        ("zoe-m", True),
        ("strassb", True),
        ("Straßburger, Zoë", True),
        ("e-1042", True),
        ("1042", True),
        ("zoe.s@ex", True),
        ("zoe.old", True),
        ("winter", True),
        ("burger", False),
        ("airships", False),
        ("zoe nobody", False),
        ("e-10427", False),
    ],
)
def test_each_word_begins_a_term(text: str, found: bool) -> None:
    assert matches(search_words(text), terms_of_person(FACTS)) is found


def test_accounts_are_found_by_what_their_system_calls_them() -> None:
    details = {"a1": {"system": "code", "label": "Octo-Zoe", "attributes": {"login": "ozoe7", "team": "navigation"}}}
    terms = terms_of_accounts(details)
    assert all(matches(search_words(text), terms) for text in ("octo-z", "zoe", "ozoe7"))
    assert not matches(search_words("navigation"), terms)


def test_every_word_that_matches_has_its_beginning_among_the_prefixes() -> None:
    terms = terms_of_person(FACTS)
    kept = prefixes(terms)
    for term in terms:
        for length in range(2, len(term) + 1):
            assert set(search_prefixes([term[:length]])) <= kept
    assert prefixes({"x"}) == {"x"}


def test_long_addresses_that_begin_alike_are_looked_up_apart() -> None:
    terms = terms_of_person({"email": "contractor.zoe.strassburger@example.org"})
    assert not set(search_prefixes(search_words("contractor.bob.strassburger@example.org"))) & prefixes(terms)
    assert set(search_prefixes(search_words("contractor.zoe.strassburger@example.org"))) <= prefixes(terms)


def test_a_number_is_named_before_a_name() -> None:
    by = [
        found.by if (found := match_by_person(search_words(text), "Ada 1042", "E-1042")) else None
        for text in ("e-1042", "ada", "ada e-1042", "bob")
    ]
    assert by == ["employee_number", "name", "name", None]


def test_nothing_is_found_without_facts() -> None:
    assert terms_of_person(None) == frozenset() == terms_of_accounts(None)
    assert match_by_person(search_words("ada"), None, None) is None
