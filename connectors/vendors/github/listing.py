"""The list of an organisation's accounts: members and outside collaborators, with what the identity provider and
verified mail addresses say of them. People who are only invited are not in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from connectors.abilities import Account
from connectors.http.connector import unproven
from connectors.http.flows import all_pages, parse
from connectors.http.pages import LinkHeader
from connectors.http.requests import Flow, Operation
from connectors.listing import ListedAccount
from connectors.parameters import unknown_attribute
from connectors.vendors.github.account import owners
from connectors.vendors.github.answers import PER_PAGE, GitHubLogin
from connectors.vendors.github.finding import ATTRIBUTES
from connectors.vendors.github.identities import IDENTITY_ATTRIBUTES, VERIFIED_EMAIL, identities, members
from connectors.vendors.github.operations import LIST_COLLABORATORS, LIST_MEMBERS
from connectors.vendors.github.settings import GitHubSettings

_Values = Mapping[int, Mapping[str, list[str]]]
"""By the number of the user and attribute."""


def list_users(settings: GitHubSettings, attributes: Collection[str], at_most: int) -> Flow[Sequence[ListedAccount]]:
    """Raises `ActionRequiredError("search_unproven")` for an attribute that GitHub shows of no user: all accounts would
    look like accounts without an owner."""
    for name in attributes:
        if name not in ATTRIBUTES:
            raise unknown_attribute("github", name, ATTRIBUTES)
    admins = {one.id for one in (yield from owners(settings))}
    inside = yield from _users(settings, LIST_MEMBERS, at_most)
    outside = (yield from _users(settings, LIST_COLLABORATORS, at_most - len(inside))) if len(inside) < at_most else []
    known = yield from _values(settings, attributes)
    marked = [(user, "") for user in inside] + [(user, " (outside collaborator)") for user in outside]
    found = []
    for user, mark in marked:
        given = {"id": [user.native_id], "login": [user.login], **known.get(user.id, {})}
        account = Account(
            user.native_id, f"{user.login}{mark}", {"login": user.login}, active=True, privileged=user.id in admins
        )
        found.append(ListedAccount(account, {name: tuple(given[name]) for name in attributes if given.get(name)}))
    return found


def _users(settings: GitHubSettings, operation: Operation, at_most: int) -> Flow[list[GitHubLogin]]:
    request = operation.request(settings.organization, params={"per_page": PER_PAGE})
    items = yield from all_pages(request, LinkHeader(), at_most=at_most)
    return [parse(item, GitHubLogin) for item in items]


def _values(settings: GitHubSettings, attributes: Collection[str]) -> Flow[_Values]:
    """Whole lists, which take a request for every hundred users; only those that `attributes` need are read."""
    found: dict[int, dict[str, list[str]]] = {}
    if set(attributes) & set(IDENTITY_ATTRIBUTES):
        for identity in (yield from identities(settings)):
            if identity.user is not None:
                values = found.setdefault(identity.user.id, {})
                for name, several in identity.values(settings).items():
                    values.setdefault(name, []).extend(one for one in several if one not in values.get(name, ()))
    if VERIFIED_EMAIL in attributes:
        for member in (yield from members(settings)):
            if (user := member.user()) is not None:
                found.setdefault(user.id, {})[VERIFIED_EMAIL] = member.verified_emails
    for name in {*IDENTITY_ATTRIBUTES, VERIFIED_EMAIL} & set(attributes):
        if not any(values.get(name) for values in found.values()):
            raise unproven(name)
    return found
