"""How an administrator connects a system of a kind: the credential, where it is made, and the least rights it needs.

A kind declares it once. `offboard systems connect` shows it, and `make docs` writes it into the pages in
`docs/connectors`. Texts are Markdown with backticks only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LeastRights:
    """One sort of right, such as scopes: `title` names it. `finding` is what finding accounts needs, `by_ability` what
    an ability needs, and `checking` what `offboard systems check` needs. Empty: nothing of this sort."""

    title: str
    finding: str
    by_ability: Mapping[str, str]
    checking: str = ""


@dataclass(frozen=True, slots=True)
class SystemCredential:
    """One of the ways to sign in to the system: the settings that it takes besides the required ones, the steps to make
    it, in order, and its rights."""

    title: str
    settings: tuple[str, ...]
    steps: tuple[str, ...]
    rights: tuple[LeastRights, ...] = ()


@dataclass(frozen=True, slots=True)
class MatchBy:
    """A match key that companies use: the person's `key` in HR, and the account's `attribute`."""

    key: str
    attribute: str
    strength: Literal["strong", "weak"] = "strong"


@dataclass(frozen=True, slots=True)
class Setup:
    """`title` is what people call such a system. The first credential is the one to prefer. `page` is the page about
    the kind in `docs/connectors`, for kinds of Offboard's own."""

    title: str
    credentials: tuple[SystemCredential, ...]
    match: tuple[MatchBy, ...]
    page: str = ""


def names(given: Iterable[str]) -> str:
    """Names of rights as text: `a`, `b`."""
    return ", ".join(f"`{name}`" for name in given)
