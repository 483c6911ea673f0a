"""Finding the accounts of a person, and whether they have a directory role."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from connectors.abilities import Account, Lookup
from connectors.errors import ActionRequiredError
from connectors.http.connector import SAMPLE_SIZE, find_by, first_page
from connectors.http.flows import all_pages, parse, unexpected
from connectors.http.requests import Flow
from connectors.listing import ListedAccount
from connectors.listing import listed as with_values
from connectors.vendors.entra.graph import PAGES, EntraSettings, is_gone, listed, quoted
from connectors.vendors.entra.roles import roles_by_group, roles_of
from connectors.vendors.entra.users import FOUND_BY, LIST_USERS, SELECT, GraphUser, get_user


def _by_id(settings: EntraSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
    # Graph takes a user principal name in place of an id too: only an account with this very id counts.
    answer = yield get_user(lookup.value)
    if answer.missing and not is_gone(answer):
        unexpected("The answer was a 404 without Graph's error code.")
    user = None if answer.missing else parse(answer.body, GraphUser)
    return [user.as_account()] if user is not None and user.id == lookup.value else []


def _by(attribute: str) -> Callable[[EntraSettings, Lookup], Flow[Sequence[Account]]]:
    def find(settings: EntraSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
        request = LIST_USERS.request(params={"$filter": f"{attribute} eq {quoted(lookup.value)}", "$select": SELECT})
        if attribute == "onPremisesSamAccountName":  # learn.microsoft.com/graph/aad-advanced-queries
            request = replace(request.with_params(**{"$count": "true"}), headers={"ConsistencyLevel": "eventual"})
        return [user.as_account() for user in (yield from listed(request, GraphUser))]

    return find


_find_accounts = find_by(
    "entra",
    {"id": _by_id, **{attribute: _by(attribute) for attribute in FOUND_BY}},
    sample=first_page(
        LIST_USERS.request(params={"$top": SAMPLE_SIZE, "$select": SELECT}),
        PAGES,
        lambda item: parse(item, GraphUser).as_account(),
    ),
    prove_themselves=["id"],  # by Graph's error code
)


def find_users(settings: EntraSettings, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
    found = []
    for account in (yield from _find_accounts(settings, lookups)):
        found.append(replace(account, privileged=(yield from _has_role(account.native_id))))
    return found


def _has_role(user: str) -> Flow[bool]:
    """Whether the account has a directory role, itself or by a group. False where the app may not read roles."""
    try:
        assigned = yield from roles_of(user)
        if assigned:
            return True
        by_group, _ = yield from roles_by_group(user, assigned)
        return bool(by_group)
    except ActionRequiredError as error:
        if error.code != "credential_refused":
            raise
        return False


def list_users(settings: EntraSettings, attributes: Collection[str], at_most: int) -> Flow[Sequence[ListedAccount]]:
    """Without directory roles, which would take two requests for each user."""
    items = yield from all_pages(LIST_USERS.request(params={"$select": SELECT}), PAGES, at_most=at_most)
    return [with_values(parse(item, GraphUser).as_account(), attributes) for item in items]
