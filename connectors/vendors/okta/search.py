"""Finding the accounts of a person, and whether they have an administrator role."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from connectors.abilities import Account, Lookup
from connectors.errors import ActionRequiredError
from connectors.http.connector import SAMPLE_SIZE, find_by, first_page
from connectors.http.flows import all_pages, parse, unexpected
from connectors.http.pages import LinkHeader
from connectors.http.requests import Flow
from connectors.listing import ListedAccount, listed
from connectors.vendors.okta.organisation import PAGE_SIZE, OktaSettings, is_gone
from connectors.vendors.okta.roles import roles_of
from connectors.vendors.okta.users import GET_USER, LIST_USERS, UserRecord


def _by_id(settings: OktaSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
    # Okta takes a login or `me` in place of an id too: only an account with this very id counts.
    answer = yield GET_USER.request(lookup.value, missing_ok=True)
    if answer.missing and not is_gone(answer):
        unexpected("The answer was a 404 without Okta's error code.")
    user = None if answer.missing else parse(answer.body, UserRecord)
    return [user.as_account()] if user is not None and user.id == lookup.value else []


def _by_attribute(parameter: str) -> Callable[[OktaSettings, Lookup], Flow[Sequence[Account]]]:
    """By a profile attribute. `filter` sees every change at once but knows few attributes; `search` knows all."""

    def find(settings: OktaSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
        condition = f"profile.{lookup.attribute} eq {json.dumps(lookup.value, ensure_ascii=False)}"
        request = LIST_USERS.request(params={parameter: condition, "limit": PAGE_SIZE})
        return [parse(item, UserRecord).as_account() for item in (yield from all_pages(request, LinkHeader()))]

    return find


_find_accounts = find_by(
    "okta",
    {
        "id": _by_id,
        "login": _by_attribute("filter"),
        "email": _by_attribute("filter"),
        "employeeNumber": _by_attribute("search"),
    },
    sample=first_page(
        LIST_USERS.request(params={"limit": SAMPLE_SIZE}),
        LinkHeader(),
        lambda item: parse(item, UserRecord).as_account(),
    ),
    prove_themselves=["id"],  # by Okta's error code
)


def find_users(settings: OktaSettings, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
    found = []
    for account in (yield from _find_accounts(settings, lookups)):
        found.append(replace(account, privileged=(yield from _is_administrator(settings, account.native_id))))
    return found


def _is_administrator(settings: OktaSettings, user_id: str) -> Flow[bool]:
    """Whether the account has an administrator role, itself or by a group. False where the credential may not read
    roles."""
    if not settings.reads_roles:
        return False
    try:
        return bool((yield from roles_of(user_id)))
    except ActionRequiredError as error:
        if error.code != "credential_refused":
            raise
        return False


def list_users(settings: OktaSettings, attributes: Collection[str], at_most: int) -> Flow[Sequence[ListedAccount]]:
    """Okta lists no users that are deactivated. Without administrator roles, which would take a request for each."""
    request = LIST_USERS.request(params={"limit": PAGE_SIZE})
    items = yield from all_pages(request, LinkHeader(), at_most=at_most)
    return [listed(parse(item, UserRecord).as_account(), attributes) for item in items]
