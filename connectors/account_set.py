"""The accounts that a search found, each once, with the values that it was found by."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import replace

from connectors.abilities import Account, Lookup


class AccountSet:
    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    def add(self, account: Account, attribute: str, value: str) -> None:
        """`value` is what the system shows in `attribute`, in the system's own spelling."""
        known = self._accounts.get(account.native_id, account)
        secondary = (known.secondary - {attribute}) | (account.secondary & {attribute})
        self._accounts[account.native_id] = replace(
            known, attributes={**known.attributes, attribute: value}, secondary=secondary
        )

    def accounts(self) -> Sequence[Account]:
        return list(self._accounts.values())


def equals_ignoring_case(shown: str | None, asked: str) -> bool:
    """Every account found is compared with it, since a system may match prefixes or ignore an unknown parameter."""
    return shown is not None and comparable(shown) == comparable(asked)


def comparable(text: str) -> str:
    """Without case, with single spaces, and in Unicode NFC: systems store one name in either form."""
    return unicodedata.normalize("NFC", " ".join(unicodedata.normalize("NFC", text).casefold().split()))


def value_shown(values: Sequence[str], asked: Collection[str]) -> str | None:
    """Of the values of an attribute one that was asked for, else the first. An account shows every attribute that was
    asked for, also where the value differs: matching must see that the account has another person's number."""
    wanted = {comparable(value) for value in asked}
    return next((value for value in values if comparable(value) in wanted), next(iter(values), None))


def main_value(values: Sequence[str], main: Sequence[str] = ()) -> str | None:
    """The main one of several values of an attribute, where the system says which it is (`main`); the value, where
    there is only one."""
    return next(iter(main or values), None) if main or len({comparable(value) for value in values}) == 1 else None


def values_asked(lookups: Sequence[Lookup]) -> dict[str, set[str]]:
    """By attribute."""
    asked: dict[str, set[str]] = {}
    for lookup in lookups:
        asked.setdefault(lookup.attribute, set()).add(lookup.value)
    return asked
