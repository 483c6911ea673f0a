"""The account that something is handed over to."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.abilities import Effect
from connectors.account_set import equals_ignoring_case
from connectors.errors import RefusedError
from connectors.http.requests import Flow
from connectors.parameters import account_of, text_of
from connectors.vendors.entra.graph import listed, quoted
from connectors.vendors.entra.users import LIST_USERS, SELECT, GraphUser, user_with_id


def successor(effect: Effect) -> Flow[GraphUser]:
    """The account `to_account` (an ID), or the one with the address or user principal name `to_email`."""
    if "to_account" in effect.parameters:
        return usable((yield from user_with_id(text_of(effect, "to_account"))), effect)
    address = text_of(effect, "to_email")
    condition = f"mail eq {quoted(address)} or userPrincipalName eq {quoted(address)}"
    users = yield from listed(LIST_USERS.request(params={"$filter": condition, "$select": SELECT}), GraphUser)
    named = [
        user
        for user in users
        if equals_ignoring_case(user.mail, address) or equals_ignoring_case(user.principal_name, address)
    ]
    return usable(named, effect)


def usable(found: Sequence[GraphUser], effect: Effect) -> GraphUser:
    if len(found) != 1:
        raise RefusedError(
            "recipient_ambiguous" if found else "recipient_not_found",
            f"{len(found)} accounts match the recipient; exactly one must.",
            remedy="Give the recipient's account ID in to_account, or the address in to_email.",
            happened="no",
        )
    if found[0].id == account_of(effect).native_id or not found[0].enabled:
        raise RefusedError(
            "recipient_not_usable",
            "Only another enabled account can be the recipient.",
            remedy="Set another recipient in the step's parameters.",
            happened="no",
        )
    return found[0]
