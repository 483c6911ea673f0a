"""Account and parameters of an effect, and the errors where they are missing or wrong."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from connectors.abilities import Account, Effect
from connectors.errors import RefusedError


def account_of(effect: Effect) -> Account:
    """The account, with a recorded native id. Raises `RefusedError("account_needed")`."""
    if effect.account is None or not effect.account.native_id:
        raise RefusedError(
            "account_needed",
            f"{effect.ability} needs an account with a native ID, and there is none.",
            remedy="Re-plan the run to search for the account again.",
            happened="no",
        )
    return effect.account


def text_of(effect: Effect, name: str) -> str:
    """A parameter that must be text and not empty. Raises `RefusedError("parameter_missing")`."""
    value = effect.parameters.get(name)
    if not isinstance(value, str) or not value.strip():
        raise RefusedError(
            "parameter_missing",
            f"{effect.ability} needs the parameter {name} as non-empty text.",
            remedy=f"Set {name} in the step's parameters in workflow.yaml.",
            happened="no",
        )
    return value


def instant_of(effect: Effect, name: str) -> datetime:
    """A parameter that must be an ISO 8601 instant with its offset. Raises `RefusedError("parameter_invalid")`."""
    text = text_of(effect, name)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise RefusedError(
            "parameter_invalid",
            f"{effect.ability} needs {name} as an ISO 8601 instant with its offset from UTC.",
            remedy=f"Write {name} in the format 2026-11-30T17:00:00+01:00.",
            happened="no",
        ) from None
    return instant


def names_of(effect: Effect, name: str) -> frozenset[str] | None:
    """A parameter that may be a list of names; None where it was not given, which means all of them. Raises
    `RefusedError("parameter_invalid")`."""
    value = effect.parameters.get(name)
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
        raise RefusedError(
            "parameter_invalid",
            f"{effect.ability} needs {name} as a list of names.",
            remedy=f"Write {name} as a list in workflow.yaml, or omit it to mean all.",
            happened="no",
        )
    return frozenset(value)


def unknown_ability(kind: str, ability: str) -> RefusedError:
    return RefusedError(
        "unknown_ability",
        f"A connector of kind {kind} has no ability {ability}.",
        remedy="Use one of the abilities of this kind in the packet.",
        happened="no",
    )


def unknown_attribute(kind: str, attribute: str, known: Iterable[str]) -> RefusedError:
    return RefusedError(
        "unknown_attribute",
        f"Accounts of kind {kind} cannot be searched by {attribute!r}; available: {', '.join(sorted(known))}.",
        remedy="Correct the match key in platform.yaml.",
        happened="no",
    )


def account_gone(effect: Effect) -> RefusedError:
    return RefusedError(
        "account_gone",
        "The system does not have the account's id any more.",
        remedy="Find the accounts again; if the account was deleted by hand, skip the step.",
        happened="no",
    )
