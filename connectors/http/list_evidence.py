"""What proves that an empty list about one account means that there is nothing.

A filter that does not work and a permission that covers less are answered with an empty list too. So an empty list
counts only if one of these proves it, tried in this order:

- `this_account`: the attempt just before listed entries of the account, and removed them; or the list has other entries
  of the account.
- `another_account`: the same query finds entries of another account.
- `permission`: no other account has such entries, and the system says that the credential may read all of them. Only
  where the vendor documents that the list is complete with this permission, and refused without it.

A replica that does not have an entry yet, because it is behind, shows the same as one that has none. This is not
detected.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.requests import Flow
from connectors.parameters import account_of
from connectors.read_backs import none_left

T = TypeVar("T")

_MAX_TRIED = 5


def left_on_list(
    left: Collection[Any],
    evidence: Mapping[str, Any],
    effect: Effect,
    *,
    removed: str,
    others: Flow[bool | None],
    permitted: Flow[bool],
    shows_more: bool = False,
) -> Flow[ReadBack]:
    """Whether nothing is left on the list. `removed` is the key of what was removed in the reply to the attempt.
    `shows_more`: whether the list has other entries of the account.
    `others`: whether the same query finds entries of another account; None if no other account is known to have any.
    The evidence of an empty list says in `list_proven_by` what proves it; empty where nothing does."""
    if left:
        return none_left(left, evidence, shows_such=True)
    proven_by = ""
    if shows_more or effect.replied.get(removed):
        proven_by = "this_account"
    elif (found := (yield from others)) is True:
        proven_by = "another_account"
    elif found is None and (yield from permitted):
        proven_by = "permission"
    return none_left(left, {**evidence, "list_proven_by": proven_by}, shows_such=bool(proven_by))


def answered(value: T) -> Flow[T]:
    """A flow that knows its result already."""
    return value
    yield  # makes this a generator, which sends nothing


def found_for_known(
    accounts: Sequence[str], query: Callable[[str], Flow[Collection[Any]]], effect: Effect
) -> Flow[bool | None]:
    """Whether the query finds entries of `accounts` (native ids), of which another list shows such entries. None if
    there are none that can be asked about. False also if the account of `effect` is among them: then the two lists
    differ."""
    if account_of(effect).native_id in accounts:
        return False
    asked = False
    for account in list(dict.fromkeys(accounts))[:_MAX_TRIED]:
        try:
            if (yield from query(account)):
                return True
        except (RefusedError, ActionRequiredError):  # such as for an account that was deleted
            continue
        asked = True
    return False if asked else None
