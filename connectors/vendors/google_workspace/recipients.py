"""The account that data are handed over to."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.abilities import Effect
from connectors.errors import RefusedError
from connectors.http.flows import parse
from connectors.http.requests import Flow
from connectors.parameters import account_of, text_of
from connectors.vendors.google_workspace.admin_sdk import GoogleWorkspaceSettings, quoted
from connectors.vendors.google_workspace.search import users_where
from connectors.vendors.google_workspace.users import WorkspaceUser, get_user


def recipient_of(settings: GoogleWorkspaceSettings, user: WorkspaceUser, effect: Effect) -> Flow[WorkspaceUser]:
    """Raises `RefusedError` unless the recipient is one other active account."""
    return _usable((yield from recipients(settings, user, effect)), effect)


def recipients(settings: GoogleWorkspaceSettings, user: WorkspaceUser, effect: Effect) -> Flow[list[WorkspaceUser]]:
    """The account `to_account` (an ID), those with the address `to_email`, or else the account's manager in Google."""
    if "to_account" in effect.parameters:
        key = text_of(effect, "to_account")
        answer = yield get_user(key)
        found = [] if answer.missing else [parse(answer.body, WorkspaceUser)]
        return [each for each in found if each.id == key]
    address = text_of(effect, "to_email") if "to_email" in effect.parameters else user.manager
    users = (yield from users_where(settings, f"email={quoted(address)}")) if address else []
    return [each for each in users if each.has_address(address)]


def _usable(found: Sequence[WorkspaceUser], effect: Effect) -> WorkspaceUser:
    if len(found) != 1:
        raise RefusedError(
            "recipient_ambiguous" if found else "recipient_not_found",
            f"{len(found)} accounts match the recipient; exactly one must.",
            remedy="Set the manager of the account in Google, or give the recipient's account ID in to_account or "
            "address in to_email.",
            happened="no",
        )
    if found[0].id == account_of(effect).native_id or not found[0].signs_in:
        raise RefusedError(
            "recipient_not_usable",
            "Only another active account can be the recipient.",
            remedy="Set another recipient in the step's parameters.",
            happened="no",
        )
    return found[0]
