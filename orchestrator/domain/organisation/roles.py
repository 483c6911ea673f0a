"""The name of a role in a sentence: packets use the identifiers of roles, people read words."""

from __future__ import annotations

from collections.abc import Iterable

_CAPITALS = {"it": "IT", "hr": "HR", "ai": "AI"}


def role_words(role: str) -> str:
    """`it_approver`: `IT approver`."""
    return " ".join(_CAPITALS.get(part, part) for part in role.replace("-", "_").split("_"))


def any_of(roles: Iterable[str]) -> str:
    """`an IT approver or a safety owner`."""
    names = [role_words(role) for role in sorted(roles)]
    return " or ".join(f"{_article(name)} {name}" for name in names)


def either(roles: Iterable[str]) -> str:
    """`IT approver or safety owner`; empty for none."""
    return " or ".join(role_words(role) for role in sorted(roles))


def _article(name: str) -> str:
    return "an" if name.startswith((*"aeiou", "IT", "HR", "AI")) else "a"
