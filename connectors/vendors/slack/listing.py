"""The list of a workspace's or an organisation's accounts, deactivated ones and guests included."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.abilities import Account
from connectors.http.connector import unproven
from connectors.http.flows import all_pages, parse
from connectors.http.pages import Pages
from connectors.http.requests import Answer, Flow, Request
from connectors.listing import ListedAccount
from connectors.parameters import unknown_attribute
from connectors.protocols.scim_attributes import values_at
from connectors.protocols.scim_documents import ScimUser, lowered
from connectors.vendors.slack.answers import LIMIT, SCIM_PAGES, with_cursor
from connectors.vendors.slack.credential import BY_SCIM, FINDING, SlackAccess, SlackCredential
from connectors.vendors.slack.search import LIST_SCIM_USERS, LIST_USERS, SCIM_ATTRIBUTES
from connectors.vendors.slack.users import LIST_ADMIN_USERS, ListedUser, SlackMember

_Listed = Sequence[tuple[Account, str | None]]
"""Accounts with the mail address that the Web API shows."""


def list_users(access: SlackAccess, attributes: Collection[str], at_most: int) -> Flow[Sequence[ListedAccount]]:
    """Raises `ActionRequiredError("search_unproven")` for an attribute that Slack shows of no user: all accounts would
    look like accounts without an owner."""
    known = {"id", *SCIM_ATTRIBUTES}
    for name in attributes:
        if name not in known:
            raise unknown_attribute("slack", name, known)
    credential = yield from access.require_one([FINDING])
    by_web = credential.has("admin.users:read") or not credential.for_organisation
    documents: Mapping[str, dict[str, Any]] = {}
    if not by_web or not {"id", "email"}.issuperset(attributes):
        yield from access.require_one([BY_SCIM])
        documents = yield from _documents(access, None if by_web else at_most)
    if not by_web:
        listed: _Listed = [(_of_document(one), None) for one in documents.values()]
    elif credential.for_organisation:
        listed = yield from _of_organisation(at_most)
    else:
        listed = yield from _of_workspace(credential, at_most)
    found = []
    for account, email in listed:
        document = documents.get(account.native_id, {})
        values = {name: values_at(document, path) for name, path in SCIM_ATTRIBUTES.items()}
        values["email"] = list(dict.fromkeys([*([email] if email else []), *values["email"]]))
        values["id"] = [account.native_id]
        found.append(ListedAccount(account, {name: tuple(values[name]) for name in attributes if any(values[name])}))
    for name in attributes:
        if found and not any(name in one.values for one in found):
            raise unproven(name)
    return found


def _of_organisation(at_most: int) -> Flow[_Listed]:
    """Active users and then deactivated ones: Slack lists either."""
    found: list[tuple[Account, str | None]] = []
    pages = _PagesOfAccounts(with_cursor("users"), lambda item: not parse(item, ListedUser).is_bot)
    for active in ("true", "false"):
        if len(found) < at_most:
            request = LIST_ADMIN_USERS.request(params={"is_active": active, "limit": LIMIT})
            for item in (yield from all_pages(request, pages, at_most=at_most - len(found))):
                user = parse(item, ListedUser)
                account = Account(user.id, user.label, active=active == "true", privileged=user.privileged)
                found.append((account, user.email))
    return found


def _of_workspace(credential: SlackCredential, at_most: int) -> Flow[_Listed]:
    def is_account(item: Any) -> bool:
        """Slack also lists bots, and people of other companies (Slack Connect)."""
        user = parse(item, SlackMember)
        return user.is_of_a_person and user.belongs_to(credential)

    request = LIST_USERS.request(params={"team_id": credential.place, "limit": LIMIT})
    pages = _PagesOfAccounts(with_cursor("members"), is_account)
    users = [parse(item, SlackMember) for item in (yield from all_pages(request, pages, at_most=at_most))]
    return [
        (Account(user.id, user.label, active=not user.deleted, privileged=user.privileged), user.profile.email)
        for user in users
    ]


@dataclass(frozen=True, slots=True)
class _PagesOfAccounts:
    """Pages without the items that are no accounts, so that a list that is cut has as many accounts as were asked
    for."""

    pages: Pages
    is_account: Callable[[Any], bool]

    @property
    def max_items(self) -> int:
        return self.pages.max_items

    def first(self, request: Request) -> Request:
        return self.pages.first(request)

    def items(self, answer: Answer) -> list[Any]:
        return [item for item in self.pages.items(answer) if self.is_account(item)]

    def next(self, request: Request, answer: Answer, count: int) -> Request | None:
        return self.pages.next(request, answer, count)


def _documents(access: SlackAccess, at_most: int | None) -> Flow[Mapping[str, dict[str, Any]]]:
    """What the SCIM API shows of each user, by ID."""
    request = access.settings.scim(LIST_SCIM_USERS.request())
    documents = yield from all_pages(request, SCIM_PAGES, at_most=at_most)
    return {parse(lowered(one), ScimUser).id: one for one in documents}


def _of_document(document: dict[str, Any]) -> Account:
    user = parse(lowered(document), ScimUser)
    return Account(user.id, user.user_name or user.id, active=user.active)
