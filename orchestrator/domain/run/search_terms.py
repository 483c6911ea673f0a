"""The terms that find a run: the person's names and employee number, mail addresses, and names of accounts.

Text is compared without case and accents. A word of a search matches a term that begins with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from orchestrator.domain.run.run import RunState

MIN_SEARCH_CHARACTERS: Final = 2
"""A search needs at least these many, of runs and of people: one letter finds half the company."""
MAX_SEARCH_CHARACTERS: Final = 200
MAX_SEARCH_WORDS: Final = 8
PREFIX_LENGTHS: Final = (*range(MIN_SEARCH_CHARACTERS, 13), 16, 24, 32, 48, 64)
"""Lengths of the beginnings of a term that are kept. A word of a search is looked up by the longest of them that it
covers; the rest is compared with the run itself. The long ones tell apart addresses that begin alike."""
MAX_TERM_CHARACTERS: Final = 320

_BREAKS: Final = re.compile(r"[\s,;]+")
_PARTS: Final = re.compile(r"[-'’.]+")
_USER_NAMES: Final = frozenset({"username", "login", "uid", "samaccountname", "userprincipalname"})
"""Attributes that hold an account's user name, without case and underscores."""

FoundBy = Literal["run_id", "name", "employee_number", "account"]


@dataclass(frozen=True, slots=True)
class Match:
    """Why a run was found. `system` and `label` are those of an account; `system` is None for an address from HR."""

    by: FoundBy
    system: str | None = None
    label: str | None = None


def search_words(text: str) -> tuple[str, ...]:
    """The words of a search, in the form in which they are compared."""
    return tuple(dict.fromkeys(_words(text)))[:MAX_SEARCH_WORDS]


def terms_of_person(facts: Mapping[str, Any] | None) -> frozenset[str]:
    """From HR's facts (a `PersonFacts` as JSON): names, number and mail addresses."""
    known = facts or {}
    texts = [*_names(known), known.get("employee_number"), *_addresses(known)]
    return frozenset(term for text in texts if text for term in _terms(str(text)))


def terms_of_accounts(details: Mapping[str, Any] | None) -> frozenset[str]:
    """From accounts as a search found them (each a `FoundAccount` as JSON)."""
    return frozenset(
        term for shown in (details or {}).values() for text in _account_texts(shown) for term in _terms(text)
    )


def prefixes(terms: Iterable[str]) -> frozenset[str]:
    """Every beginning by which a search can find these terms."""
    return frozenset(term[:length] for term in terms for length in _lengths(term))


def search_prefixes(words: Iterable[str]) -> tuple[str, ...]:
    """The beginnings that a run found by these words has. One letter beside longer words, such as an initial, has none
    unless a whole term is that letter: it is compared with the run itself."""
    wanted = tuple(words)
    longer = tuple(word for word in wanted if len(word) >= MIN_SEARCH_CHARACTERS)
    return tuple(word[: max(_lengths(word))] for word in longer or wanted)


def _lengths(term: str) -> list[int]:
    return [length for length in PREFIX_LENGTHS if length <= len(term)] or [len(term)]


def matches(words: Iterable[str], terms: Iterable[str]) -> bool:
    """Whether each word begins one of the terms."""
    known = list(terms)
    return all(any(term.startswith(word) for term in known) for word in words)


def match_by_person(words: Iterable[str], name: str | None, employee_number: str | None) -> Match | None:
    """By what everyone who sees the run can read."""
    wanted, named, number = list(words), set(_terms(name or "")), set(_terms(employee_number or ""))
    if matches(wanted, number):
        return Match("employee_number")
    return Match("name") if matches(wanted, named | number) else None


def match_by_account(words: Iterable[str], state: RunState) -> Match | None:
    """By an account or by HR's facts in `state`, which is the run as its viewer reads it. Some of the words may be the
    person's name."""
    wanted, facts = list(words), state.asked.facts or {}
    named = {term for text in (*_names(facts), facts.get("employee_number")) if text for term in _terms(str(text))}
    if matches(wanted, named):
        return Match("name")
    for shown in state.accounts.details.values():
        if matches(wanted, {*named, *(term for text in _account_texts(shown) for term in _terms(text))}):
            return Match("account", shown.get("system"), shown.get("label") or None)
    for address in _addresses(facts):
        if matches(wanted, {*named, *_terms(address)}):
            return Match("account", None, address)
    return None


def _names(facts: Mapping[str, Any]) -> Iterator[str]:
    for name in (facts.get("display_name"), facts.get("given_name"), facts.get("family_name")):
        if name:
            yield str(name)
    yield from (str(name) for name in facts.get("former_names") or () if name)


def _addresses(facts: Mapping[str, Any]) -> Iterator[str]:
    for address in (facts.get("email"), *(facts.get("former_emails") or ())):
        if address:
            yield str(address)


def _account_texts(shown: Mapping[str, Any]) -> Iterator[str]:
    """What a system calls the account, its user name and its mail addresses."""
    attributes = shown.get("attributes") or {}
    named = (text for name, text in attributes.items() if text and (_plain(name) in _USER_NAMES or "@" in text))
    yield from (str(text) for text in (shown.get("label"), *named) if text)


def _plain(attribute: str) -> str:
    return attribute.replace("_", "").casefold()


def _terms(text: str) -> Iterator[str]:
    """A text's words; those of a name that hyphens, dots and apostrophes join also part by part."""
    for word in _words(text):
        yield word[:MAX_TERM_CHARACTERS]
        if "@" not in word:
            yield from (part for part in _PARTS.split(word) if part)


def _words(text: str) -> Iterator[str]:
    plain = "".join(
        letter for letter in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(letter)
    )
    yield from (word for word in _BREAKS.split(plain) if word)
