"""Matches accounts to the person. What is not certain becomes a question: the worst mistake is the wrong person.

An account is matched when exactly one is found on the highest-ranked strong key that finds any, and nothing speaks
against it: no other strong key finds a different account, and the account itself carries no other strong value that
differs from the person's (an employee number that was given to a new person is still on an old account, and the
mail address of that account is not this person's). A value that HR has for two people, such as a mail address that was
given to a new person, brings up a question like a weak key, since it tells neither from the other. So does a value that
is not the account's main one: when a person has left, the address is often made an alias of the manager's account.

Comparison: both sides in Unicode NFC; mail addresses and user names also in lower case, which leaves diacritics alone
("müller" is not "muller") and, unlike full case folding, keeps "weiß" and "weiss" apart: two people may be called so.
Numbers and ids are compared as they are. A strong value that differs in case or spaces alone, as directories compare
it, brings up a question: it is not the person's for certain, and not "no account" either. Weak keys lose their
diacritics as well, since they bring up a question and decide nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import MatchKey


class FoundAccount(BaseModel):
    """An account that a system showed us. `account_id` is opaque (an HMAC); everything else is personal data."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    system: str
    account_id: str
    native_id: str = Field(repr=False)
    label: str = Field(default="", repr=False)
    attributes: dict[str, str] = Field(default_factory=dict, repr=False)
    active: bool | None = None
    privileged: bool = False
    secondary: tuple[str, ...] = Field(default=(), exclude_if=lambda names: not names)
    """The attributes whose value is one of several of the account, and not its main one."""


class MatchResult(BaseModel):
    """`matched`: exactly `account`. `none`: nothing was found. `ambiguous`: strong keys found several, or disagree.
    `weak`: only a weak key found something, or a strong one in another case. `candidates` are what a person is asked
    about, `keys` the person's keys on which they were found, `conflict` the key that speaks against what was found
    (both are names, not values)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    outcome: Literal["matched", "none", "ambiguous", "weak"]
    account: FoundAccount | None = None
    candidates: tuple[FoundAccount, ...] = ()
    keys: tuple[str, ...] = ()
    conflict: str | None = None


_PLAIN = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th",
     "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ħ": "h", "Ħ": "H", "ı": "i", "ß": "ss"}
)  # fmt: skip
"""Letters that Unicode does not take apart into a plain letter and a mark."""


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def loosely(value: str) -> str:
    """Without case, diacritics and differences in spaces: what any key compares alike is alike in this form."""
    return " ".join(_plain(value).casefold().split())


def person_values(person: PersonFacts, key: str) -> tuple[str, ...]:
    """What the person has under a match key, as HR wrote it and without empty values. `name` is the display name and
    given with family name, and the former names."""
    if key == "former_emails":
        values: tuple[str, ...] = person.former_emails
    elif key == "name":
        values = (person.display_name, f"{person.given_name} {person.family_name}", *person.former_names)
    else:
        values = (str(getattr(person, key)),)
    return tuple(dict.fromkeys(stripped for value in values if (stripped := value.strip())))


def lookups(person: PersonFacts, keys: Sequence[MatchKey]) -> list[tuple[str, str]]:
    """The questions to put to a system, as (its attribute, value), in the order of rank and each once. A weak key is
    also asked without its diacritics, as many systems write names."""
    asked: dict[tuple[str, str], None] = {}
    for key in keys:
        for value in person_values(person, key.key):
            asked[key.attribute, unicodedata.normalize("NFC", value)] = None
            if key.strength == "weak":
                asked[key.attribute, _plain(value)] = None
    return list(asked)


def match_accounts(person: PersonFacts, keys: Sequence[MatchKey], accounts: Sequence[FoundAccount]) -> MatchResult:
    """Compares again what a system found, since systems compare more loosely than we do. Pure and total."""
    unique = list({(account.system, account.account_id): account for account in accounts}.values())
    strong = [key for key in keys if key.strength == "strong"]
    deciding = _deciding(person, keys)
    hits = {key: [account for account in unique if _decides(person, key, account)] for key in deciding}
    found = [(key, accounts_of_key) for key, accounts_of_key in hits.items() if accounts_of_key]
    if not found:
        return _asked_on_weak_keys(person, keys, unique)
    names = tuple(key.key for key, _ in found)
    candidates = tuple(_each_once([account for _, accounts_of_key in found for account in accounts_of_key]))
    if len(candidates) > 1:
        return MatchResult(outcome="ambiguous", candidates=candidates, keys=names)
    account = candidates[0]
    for key in strong:
        if _contradicts(person, key, account):
            return MatchResult(outcome="ambiguous", candidates=candidates, keys=names, conflict=key.key)
    return MatchResult(outcome="matched", account=account, candidates=candidates, keys=names)


def on_strong_key(person: PersonFacts, keys: Sequence[MatchKey], account: FoundAccount) -> bool:
    """Whether a strong key of the account has the person's value, or differs from it in case and spaces alone. A
    value that another person in HR has too does not count, nor one that is not the account's main one."""
    deciding = _deciding(person, keys)
    return any(
        _decides(person, key, account)
        or (key.attribute not in account.secondary and _differs_in_case(person, key, account))
        for key in deciding
    )


def _decides(person: PersonFacts, key: MatchKey, account: FoundAccount) -> bool:
    return key.attribute not in account.secondary and _equal(person, key, account)


def _deciding(person: PersonFacts, keys: Sequence[MatchKey]) -> list[MatchKey]:
    """The strong keys of which no other person in HR has the value."""
    return [key for key in keys if key.strength == "strong" and key.key not in person.shared]


def differing_keys(person: PersonFacts, keys: Sequence[MatchKey], account: FoundAccount) -> tuple[str, ...]:
    """The names of the strong keys under which the account has another value than the person, in more than case and
    spaces."""
    strong = [key for key in keys if key.strength == "strong"]
    return tuple(
        key.key for key in strong if _contradicts(person, key, account) and not _differs_in_case(person, key, account)
    )


def _asked_on_weak_keys(person: PersonFacts, keys: Sequence[MatchKey], accounts: Sequence[FoundAccount]) -> MatchResult:
    found = [(key, account) for key in keys for account in accounts if _equal(person, key, account)]
    found += [(key, account) for key in keys for account in accounts if _differs_in_case(person, key, account)]
    if not found:
        return MatchResult(outcome="none")
    return MatchResult(
        outcome="weak",
        candidates=tuple(_each_once([account for _, account in found])),
        keys=tuple(dict.fromkeys(key.key for key, _ in found)),
    )


def _each_once(accounts: Sequence[FoundAccount]) -> list[FoundAccount]:
    return list({(account.system, account.account_id): account for account in accounts}.values())


def _equal(person: PersonFacts, key: MatchKey, account: FoundAccount) -> bool:
    account_value = _normal(key, account.attributes.get(key.attribute, ""))
    return account_value != "" and any(_normal(key, value) == account_value for value in person_values(person, key.key))


def _differs_in_case(person: PersonFacts, key: MatchKey, account: FoundAccount) -> bool:
    """Whether a strong key's value is the person's but for case and spaces, as connectors compare it."""
    account_value = _without_case(account.attributes.get(key.attribute, ""))
    values = person_values(person, key.key) if key.strength == "strong" else ()
    return account_value != "" and any(_without_case(value) == account_value for value in values)


def _without_case(value: str) -> str:
    """With single spaces, too: as `comparable` in `connectors/account_set.py`, so that what connectors find is seen."""
    return unicodedata.normalize("NFC", " ".join(unicodedata.normalize("NFC", value).casefold().split()))


def _contradicts(person: PersonFacts, key: MatchKey, account: FoundAccount) -> bool:
    """The account carries this key's attribute, the person has such a value, and they differ."""
    account_value = _normal(key, account.attributes.get(key.attribute, ""))
    known_values = [_normal(key, value) for value in person_values(person, key.key)]
    if not account_value or not known_values or account_value in known_values:
        return False
    if key.key == "email":
        # A person who changed their name has the old address on accounts that were not renamed: HR lists it.
        return account_value not in [_normal(key, value) for value in person.former_emails]
    return True


def _normal(key: MatchKey, value: str) -> str:
    text = unicodedata.normalize("NFC", value.strip())
    if key.strength == "weak":
        return " ".join(_plain(text).casefold().split())
    if key.key in ("hr_id", "employee_number"):
        return text
    return unicodedata.normalize("NFC", text.lower())
