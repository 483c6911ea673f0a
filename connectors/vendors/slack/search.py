"""Finds accounts: by ID, mail address, user name, external ID or employee number.

Full names and display names are no attributes: people write them themselves. `users.lookupByEmail` does not find
deactivated users, so they are looked for in Slack's lists. Slack documents filters of the SCIM API for user names and
mail addresses only, so by the two other attributes all users are read and compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.abilities import Account, Lookup
from connectors.account_set import equals_ignoring_case, value_shown, values_asked
from connectors.http.connector import SAMPLE_SIZE, Find, FindOne, find_by, unproven
from connectors.http.flows import all_pages, parse
from connectors.http.requests import Flow, Operation
from connectors.protocols.scim_attributes import values_at
from connectors.protocols.scim_documents import ScimUser, lowered
from connectors.vendors.slack.answers import LIMIT, SCIM_PAGES, with_cursor
from connectors.vendors.slack.credential import BY_SCIM, FINDING, SlackAccess, SlackCredential
from connectors.vendors.slack.users import (
    GET_USER,
    LIST_ADMIN_USERS,
    ListedUser,
    SlackMember,
    deactivated_users,
    is_active,
    scim_user,
    user_at,
)

FIND_BY_EMAIL = Operation("GET", "/api/users.lookupByEmail", "users_lookupByEmail")
LIST_USERS = Operation("GET", "/api/users.list", "users_list")
LIST_SCIM_USERS = Operation("GET", "/scim/v2/Users")
_USER_ID = re.compile(r"[UW][A-Z0-9]+")
SCIM_ATTRIBUTES: Mapping[str, str] = {
    "email": "emails.value",
    "userName": "userName",
    "externalId": "externalId",
    "employeeNumber": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
}
"""By attribute: where it is in a document of the SCIM API."""
_FILTERS = {"email": "email", "userName": "userName"}  # docs.slack.dev/reference/scim-api, "Filter"


class _SlackSearch:
    """One search. The list of all users, which may be long, is read once for all its lookups."""

    def __init__(self, access: SlackAccess, credential: SlackCredential) -> None:
        self._access, self._credential = access, credential
        self._every: list[dict[str, Any]] | None = None

    def find(self) -> Find[SlackAccess]:
        finders: Mapping[str, FindOne[SlackAccess]] = {
            "id": self._by_id,
            "email": self._by_email,
            "userName": self._by_filter,
            **dict.fromkeys(SCIM_ATTRIBUTES.keys() - _FILTERS.keys(), self._by_list),
        }
        return find_by(
            "slack", finders, sample=self._sample, prove_themselves=["id", *(SCIM_ATTRIBUTES.keys() - _FILTERS)]
        )

    def _by_id(self, access: SlackAccess, lookup: Lookup) -> Flow[Sequence[Account]]:
        if not _USER_ID.fullmatch(lookup.value):
            return []
        user = user_at((yield GET_USER.request(params={"user": lookup.value}, missing_ok=True)))
        return [] if user is None or user.id != lookup.value else [Account(user.id, user.name)]

    def _by_email(self, access: SlackAccess, lookup: Lookup) -> Flow[Sequence[Account]]:
        found: list[Account] = []
        if self._credential.by_scim:
            found += yield from self._by_filter(access, lookup)
        else:
            answer = yield FIND_BY_EMAIL.request(params={"email": lookup.value}, missing_ok=True)
            user = user_at(answer)
            found += [_with_email(user.id, user.name, user.profile.email)] if user is not None else []
        if not any(equals_ignoring_case(one.attributes.get("email"), lookup.value) for one in found):
            found += yield from self._deactivated()
        return found

    def _deactivated(self) -> Flow[list[Account]]:
        """The users that Slack's lists show as deactivated; none where the token may read no such list."""
        credential = self._credential
        if credential.for_organisation:
            if not credential.has("admin.users:read"):
                return []
            return [
                _with_email(one.id, one.username, one.email) for one in (yield from deactivated_users(self._access))
            ]
        request = LIST_USERS.request(params={"team_id": credential.place, "limit": LIMIT})
        users = [parse(item, SlackMember) for item in (yield from all_pages(request, with_cursor("members")))]
        return [_with_email(user.id, user.name, user.profile.email) for user in users if user.deleted]

    def _by_filter(self, access: SlackAccess, lookup: Lookup) -> Flow[Sequence[Account]]:
        yield from access.require_one([BY_SCIM])
        condition = f"{_FILTERS[lookup.attribute]} eq {json.dumps(lookup.value, ensure_ascii=False)}"
        request = access.settings.scim(LIST_SCIM_USERS.request(params={"filter": condition}))
        documents = yield from all_pages(request, SCIM_PAGES)
        return [_as_account(one, lookup) for one in documents]

    def _by_list(self, access: SlackAccess, lookup: Lookup) -> Flow[Sequence[Account]]:
        """All users that the SCIM API lists. That none has the value counts only if at least one has another."""
        if self._every is None:
            yield from access.require_one([BY_SCIM])
            self._every = yield from all_pages(access.settings.scim(LIST_SCIM_USERS.request()), SCIM_PAGES)
        if not any(any(values_at(one, SCIM_ATTRIBUTES[lookup.attribute])) for one in self._every):
            raise unproven(lookup.attribute)
        return [_as_account(one, lookup) for one in self._every]

    def _sample(self, access: SlackAccess) -> Flow[Sequence[Account]]:
        """Active users with a mail address, by the first page of a list."""
        if self._credential.by_scim:
            asked = LIST_SCIM_USERS.request(params={"startIndex": "1", "count": SAMPLE_SIZE})
            page = SCIM_PAGES.items((yield access.settings.scim(asked)))
            active = [one for one in page if parse(lowered(one), ScimUser).active]
            return [_as_account(one) for one in active if values_at(one, SCIM_ATTRIBUTES["email"])]
        if self._credential.for_organisation:
            pages, request = with_cursor("users"), LIST_ADMIN_USERS.request(params={"limit": SAMPLE_SIZE})
            listed = [parse(item, ListedUser) for item in pages.items((yield request))]
            return [_with_email(one.id, one.username, one.email) for one in listed]
        request = LIST_USERS.request(params={"team_id": self._credential.place, "limit": SAMPLE_SIZE})
        users = [parse(item, SlackMember) for item in with_cursor("members").items((yield request))]
        return [_with_email(one.id, one.name, one.profile.email) for one in users if not one.deleted]


def _with_email(user_id: str, name: str, email: str | None) -> Account:
    return Account(user_id, name, {"email": email} if email else {})


def _as_account(document: dict[str, Any], lookup: Lookup | None = None) -> Account:
    """With the value that was asked for, where the document has several."""
    user = parse(lowered(document), ScimUser)
    asked = {lookup.attribute: {lookup.value}} if lookup is not None else {}
    return Account(user.id, user.user_name or user.id, _shown(document, asked))


def _shown(document: dict[str, Any], asked: Mapping[str, set[str]]) -> dict[str, str]:
    shown = {
        name: value_shown(values_at(document, path), asked.get(name, ())) for name, path in SCIM_ATTRIBUTES.items()
    }
    return {name: value for name, value in shown.items() if value}


def find(access: SlackAccess, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
    """The accounts of people of this workspace or organisation, also deactivated ones and guests. Bots and people of
    other companies (Slack Connect) are none. Each account shows every attribute that was asked for."""
    credential = yield from access.require_one([FINDING])
    asked = values_asked(lookups)
    found = []
    for account in (yield from _SlackSearch(access, credential).find()(access, lookups)):
        user = user_at((yield GET_USER.request(params={"user": account.native_id}, missing_ok=True)))
        if user is None or user.id != account.native_id or not user.is_of_a_person or not user.belongs_to(credential):
            continue
        shown = {"email": user.profile.email} if user.profile.email else {}
        if credential.by_scim and asked.keys() & SCIM_ATTRIBUTES.keys():
            shown |= _shown((yield from scim_user(access, user.id)) or {}, asked)
        attributes = {name: value for name, value in {**shown, **account.attributes}.items() if name in asked}
        # The SCIM API can have several addresses of a user, the profile has the one that Slack sends mail to.
        is_main = equals_ignoring_case(user.profile.email, attributes.get("email", user.profile.email or ""))
        found.append(
            replace(
                account,
                label=user.label,
                attributes=attributes,
                secondary=frozenset() if is_main or not user.profile.email else frozenset({"email"}),
                active=(yield from is_active(access, user)),
                privileged=user.privileged,
            )
        )
    return found
