"""Results of read-backs.

`done` needs positive evidence: something that the system shows. That a system shows nothing is evidence only where it
is known to show such things, since systems leave out what they do not support and what our rights do not cover.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from connectors.abilities import ReadBack


def seen(done: bool | None, evidence: Mapping[str, Any]) -> ReadBack:
    """Done or not, with the evidence for it; None where the system does not show it."""
    return ReadBack("unknown" if done is None else "done" if done else "not_done", evidence)


def none_left(left: Collection[Any], evidence: Mapping[str, Any], *, shows_such: bool) -> ReadBack:
    """Whether nothing is left, such as groups. `shows_such` says whether the system is known to show such things: it
    said itself that there are none, or the same kind of query found one. Without that, an empty list is `unknown`."""
    return seen(False if left else True if shows_such else None, evidence)


def deletion(account: Mapping[str, Any] | None, *, confirmed: bool) -> ReadBack:
    """Whether an account was deleted. `account` is the evidence of an account that is still there; `confirmed` says
    whether the system itself answered that there is none, and not a server in front of it."""
    if account is None:
        return ReadBack("done" if confirmed else "unknown", {"present": False})
    return ReadBack("not_done", account)


def account_missing() -> ReadBack:
    """The system does not have the account any more. This proves neither that the effect was done nor that it was
    not."""
    return ReadBack("unknown", {"present": False})
