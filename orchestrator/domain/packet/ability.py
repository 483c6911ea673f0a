"""What the domain needs to know about a connector: its abilities, its settings, and the class of its systems.

The domain imports no connector. It states here what it expects; `connectors.abilities.Ability` has that shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, Protocol


class AbilityFacts(Protocol):
    """One thing a connector can do; the meaning of each field is that of `connectors.abilities.Ability`."""

    @property
    def name(self) -> str: ...
    @property
    def level(self) -> Literal["read", "prepare", "stage", "change"]: ...
    @property
    def repeat(self) -> Literal["freely", "keyed", "never"]: ...
    @property
    def keyed_for(self) -> timedelta | None: ...
    @property
    def read_back(self) -> bool: ...
    @property
    def reversible(self) -> Literal["no", "yes", "limited"]: ...
    @property
    def reversible_for(self) -> timedelta | None: ...
    @property
    def cuts_access(self) -> bool: ...
    @property
    def ends_account(self) -> bool: ...
    @property
    def needs_account(self) -> bool: ...
    @property
    def settles_within(self) -> timedelta: ...
    @property
    def destroys(self) -> bool: ...
    @property
    def hands_over(self) -> bool: ...
    @property
    def tokens_last(self) -> timedelta | None: ...
    @property
    def regained_by_sign_in(self) -> bool: ...
    @property
    def takes_nothing(self) -> bool: ...
    @property
    def undone_by(self) -> str: ...
    @property
    def taken_as(self) -> str: ...
    @property
    def recorded_as(self) -> str: ...
    @property
    def gives_access(self) -> bool: ...


class SettingFacts(Protocol):
    """One setting of a connector's connection: `required` without it nothing works, `secret` never as a literal."""

    @property
    def name(self) -> str: ...
    @property
    def secret(self) -> bool: ...
    @property
    def required(self) -> bool: ...


SystemClass = Literal[
    "hr",
    "directory",
    "identity_provider",
    "code_host",
    "chat",
    "mail",
    "documents",
    "cloud",
    "database",
    "finance",
    "sales",
    "support",
    "password_manager",
    "devices",
    "network",
    "building",
]
"""What a system is to the company, in the words of the field. A packet names steps by it: `every: code_host`."""

Catalogue = Mapping[str, Mapping[str, AbilityFacts]]
"""Connector kind -> ability name -> ability. Every connector can find accounts; that is not listed."""


KindClasses = Mapping[str, SystemClass | None]
"""Connector kind -> the class of its systems, None for a protocol that systems of several classes speak."""


def find_ability(catalogue: Catalogue, connector: str, ability: str | None) -> AbilityFacts | None:
    """None where this process does not have the connector, or the connector not the ability."""
    return catalogue.get(connector, {}).get(ability or "")
