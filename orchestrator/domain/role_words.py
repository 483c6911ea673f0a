"""What a role is called in a sentence: packets name roles as their files need them, people read words."""

from __future__ import annotations

from collections.abc import Iterable

_CAPITALS = {"it": "IT", "hr": "HR", "ai": "AI"}


def role_words(role: str) -> str:
    """`it_approver`: `IT approver`."""
    return " ".join(_CAPITALS.get(part, part) for part in role.replace("-", "_").split("_"))


def either(roles: Iterable[str]) -> str:
    """`IT approver or safety owner`; empty for none."""
    return " or ".join(role_words(role) for role in sorted(roles))
