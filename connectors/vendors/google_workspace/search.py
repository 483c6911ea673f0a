"""Finding the accounts of a person."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from connectors.abilities import Account, Lookup
from connectors.http.connector import find_by
from connectors.http.flows import all_pages, parse, unexpected
from connectors.http.requests import Flow
from connectors.listing import ListedAccount
from connectors.vendors.google_workspace.admin_sdk import (
    GoogleWorkspaceSettings,
    is_gone,
    listed,
    pages,
    quoted,
)
from connectors.vendors.google_workspace.users import LIST_USERS, WorkspaceUser, get_user, users_on_first_page

_PAGE_SIZE = "500"


def _by_id(settings: GoogleWorkspaceSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
    # Google takes a primary address or an alias in place of an id too: only an account with this very id counts.
    answer = yield get_user(lookup.value)
    if answer.missing and not is_gone(answer):
        unexpected("The answer was a 404 without Google's error form.")
    user = None if answer.missing else parse(answer.body, WorkspaceUser)
    return [user.as_account()] if user is not None and user.id == lookup.value else []


def _by(field: str) -> Callable[[GoogleWorkspaceSettings, Lookup], Flow[Sequence[Account]]]:
    """By a field of Google's search. `users.get` is not used for addresses: it refuses one of another company with the
    error for a missing privilege."""

    def find(settings: GoogleWorkspaceSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
        users = yield from users_where(settings, f"{field}={quoted(lookup.value)}")
        return [user.as_account(lookup.value) for user in users]

    return find


def users_where(settings: GoogleWorkspaceSettings, condition: str) -> Flow[list[WorkspaceUser]]:
    params = {"customer": settings.customer, "query": condition, "maxResults": _PAGE_SIZE}
    return (yield from listed(LIST_USERS.request(params=params), WorkspaceUser, "users"))


def _sample(settings: GoogleWorkspaceSettings) -> Flow[Sequence[Account]]:
    return [user.as_account() for user in (yield from users_on_first_page(settings))]


find_users = find_by(
    "google_workspace",
    {"id": _by_id, "primaryEmail": _by("email"), "email": _by("email"), "externalId": _by("externalId")},
    sample=_sample,
    prove_themselves=["id"],  # by Google's error form
)


def list_users(
    settings: GoogleWorkspaceSettings, attributes: Collection[str], at_most: int
) -> Flow[Sequence[ListedAccount]]:
    request = LIST_USERS.request(params={"customer": settings.customer, "maxResults": _PAGE_SIZE})
    items = yield from all_pages(request, pages("users"), at_most=at_most)
    return [_with_values(parse(item, WorkspaceUser), attributes) for item in items]


def _with_values(user: WorkspaceUser, attributes: Collection[str]) -> ListedAccount:
    every = {
        "id": (user.id,),
        "primaryEmail": (user.email,),
        "email": tuple(user.addresses),
        "externalId": tuple(item.value for item in user.external_ids or () if item.value),
    }
    return ListedAccount(user.as_account(), {name: every[name] for name in attributes if name in every})
