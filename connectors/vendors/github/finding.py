"""Finds accounts: by number, login, external identity or verified mail address.

The mail address of a public profile is no attribute: users write it themselves. A user counts as an account only where
the organisation has them: as a member, invited, or as an outside collaborator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from connectors.abilities import Account, Lookup
from connectors.account_set import equals_ignoring_case, value_shown, values_asked
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import SAMPLE_SIZE, Find, FindOne, find_by, unproven
from connectors.http.flows import parse
from connectors.http.pages import LinkHeader
from connectors.http.requests import Flow, Request
from connectors.vendors.github.account import OrgStanding, owners, standing_of
from connectors.vendors.github.answers import GitHubLogin, require_own
from connectors.vendors.github.identities import (
    FILTERED,
    IDENTITY_ATTRIBUTES,
    VERIFIED_EMAIL,
    ExternalIdentity,
    IdentifiedUser,
    identities,
    members,
    verified_emails,
)
from connectors.vendors.github.operations import GET_USER, GET_USER_BY_ID, LIST_MEMBERS
from connectors.vendors.github.settings import GitHubSettings
from connectors.vendors.github.teams import teams_of

_PEOPLE = "User"  # as against organisations and bots, which have logins and numbers too
ATTRIBUTES = ("id", "login", *IDENTITY_ATTRIBUTES, VERIFIED_EMAIL)


def _account(standing: OrgStanding, **attributes: str) -> Account:
    """Privileged: an owner of the organisation."""
    user, membership = standing.user, standing.membership
    mark = ""
    if standing.is_collaborator:
        mark = " (outside collaborator)"
    elif membership is not None and membership.state != "active":
        mark = " (invited)"
    return Account(
        user.native_id,
        f"{user.login}{mark}",
        {"login": user.login, **attributes},
        None if mark == " (invited)" else True,
        privileged=membership is not None and membership.is_owner,
    )


def _in_organisation(settings: GitHubSettings, user: GitHubLogin, **attributes: str) -> Flow[list[Account]]:
    standing = yield from standing_of(settings, user)
    return [_account(standing, **attributes)] if standing.belongs else []


def _user_at(request: Request) -> Flow[GitHubLogin | None]:
    answer = yield request
    require_own(answer)
    user = None if answer.missing else parse(answer.body, GitHubLogin)
    return user if user is not None and user.type == _PEOPLE else None


def _by_id(settings: GitHubSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
    if not lookup.value.isdecimal():  # a login is no number; it is searched by `login`
        return []
    user = yield from _user_at(GET_USER_BY_ID.request(lookup.value, missing_ok=True))
    if user is None or user.native_id != lookup.value:
        return []
    return (yield from _in_organisation(settings, user))


def _by_login(settings: GitHubSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
    user = yield from _user_at(GET_USER.request(lookup.value, missing_ok=True))
    if user is None or not user.is_called(lookup.value):
        return []
    return (yield from _in_organisation(settings, user))


class _Search:
    """One search. The lists of identities and members, which may be long, are read once for all its lookups.

    A list that was read to its end proves that there is no account, if at least one of its entries shows the
    attribute that was searched for."""

    def __init__(self) -> None:
        self._identities: list[ExternalIdentity] | None = None
        self._members: list[IdentifiedUser] | None = None

    def find(self) -> Find[GitHubSettings]:
        finders: Mapping[str, FindOne[GitHubSettings]] = {
            "id": _by_id,
            "login": _by_login,
            **{attribute: self._by_identity(attribute) for attribute in IDENTITY_ATTRIBUTES},
            VERIFIED_EMAIL: self._by_verified_email,
        }
        listed = [*IDENTITY_ATTRIBUTES, VERIFIED_EMAIL]
        return find_by("github", finders, sample=_owners, prove_themselves=listed)

    def _by_identity(self, attribute: str) -> FindOne[GitHubSettings]:
        def find(settings: GitHubSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
            if attribute in FILTERED:  # one request; whether GitHub compares case there is not documented
                narrowed = yield from identities(settings, userName=lookup.value)
                found = yield from self._with(settings, attribute, lookup, _linked(settings, attribute, narrowed))
                if found:
                    return found
            if self._identities is None:
                self._identities = yield from identities(settings)
            shown = _linked(settings, attribute, self._identities)
            if not shown:
                raise unproven(attribute)
            return (yield from self._with(settings, attribute, lookup, shown))

        return find

    def _by_verified_email(self, settings: GitHubSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
        if self._members is None:
            self._members = yield from members(settings)
        shown = [(member.user(), member.verified_emails) for member in self._members if member.verified_emails]
        if not shown:
            raise unproven(VERIFIED_EMAIL)
        return (yield from self._with(settings, VERIFIED_EMAIL, lookup, shown))

    def _with(
        self,
        settings: GitHubSettings,
        attribute: str,
        lookup: Lookup,
        shown: Sequence[tuple[GitHubLogin | None, Sequence[str]]],
    ) -> Flow[list[Account]]:
        """The accounts of the users who have the value."""
        found: list[Account] = []
        for user, values in shown:
            value = value_shown(values, [lookup.value])
            if user is not None and equals_ignoring_case(value, lookup.value):
                found += yield from _in_organisation(settings, user, **{attribute: value or ""})
        return found


def _owners(settings: GitHubSettings) -> Flow[Sequence[Account]]:
    request = LIST_MEMBERS.request(settings.organization, params={"role": "admin", "per_page": SAMPLE_SIZE})
    listed = [parse(item, GitHubLogin) for item in LinkHeader().items((yield request))]
    return [Account(owner.native_id, owner.login, {"login": owner.login}) for owner in listed]


def _linked(
    settings: GitHubSettings, attribute: str, found: Sequence[ExternalIdentity]
) -> list[tuple[GitHubLogin | None, Sequence[str]]]:
    """The identities that show the attribute: the user who linked each, and the values."""
    shown = [(identity.user, identity.values(settings)[attribute]) for identity in found]
    return [(user, values) for user, values in shown if values]


def find(settings: GitHubSettings, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
    """Each account shows every attribute that was asked for, and its label what it is the only one to do."""
    asked = values_asked(lookups)
    found = []
    for account in (yield from _Search().find()(settings, lookups)):
        user = GitHubLogin(id=int(account.native_id), login=account.attributes["login"])
        shown = yield from _attributes(settings, user, asked)
        label = account.label + (yield from _alone(settings, user, owner=account.privileged))
        found.append(replace(account, label=label, attributes={**shown, **account.attributes}))
    return found


def _attributes(settings: GitHubSettings, user: GitHubLogin, asked: Mapping[str, set[str]]) -> Flow[dict[str, str]]:
    found: dict[str, list[str]] = {}
    if asked.keys() & set(IDENTITY_ATTRIBUTES):
        for identity in (yield from identities(settings, login=user.login)):
            if identity.user is not None and identity.user.id == user.id:
                for name, values in identity.values(settings).items():
                    found.setdefault(name, []).extend(values)
    if VERIFIED_EMAIL in asked:
        found[VERIFIED_EMAIL] = yield from verified_emails(settings, user)
    shown = {name: value_shown(found.get(name, []), values) for name, values in asked.items()}
    return {name: value for name, value in shown.items() if value}


def _alone(settings: GitHubSettings, user: GitHubLogin, *, owner: bool) -> Flow[str]:
    """What the account is alone in: a mark for its label."""
    marks = []
    if owner and [one.id for one in (yield from owners(settings))] == [user.id]:
        marks.append("only owner")
    try:
        alone = [team.slug for team in (yield from teams_of(settings, user)) if team.has_no_other_maintainer(user)]
    except (ActionRequiredError, RefusedError):
        alone = []  # the credential may not read teams; the snapshot says so
    if alone:
        marks.append(f"only maintainer of {', '.join(sorted(alone))}")
    return f" ({'; '.join(marks)})" if marks else ""
