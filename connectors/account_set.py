"""The accounts that a search has found so far, each once, with the values it was found by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from connectors.abilities import Account


class AccountSet:
    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    def add(self, account: Account, attribute: str, value: str) -> None:
        """`value` is what the system shows in `attribute`, in the system's own spelling."""
        known = self._accounts.get(account.native_id, account)
        self._accounts[account.native_id] = replace(known, attributes={**known.attributes, attribute: value})

    def accounts(self) -> Sequence[Account]:
        return list(self._accounts.values())


def equals_ignoring_case(shown: str | None, asked: str) -> bool:
    """Every account found is compared with it, since a system may match prefixes or ignore an unknown parameter."""
    return shown is not None and shown.casefold() == asked.casefold()
