"""Finds accounts: by number, login, external identity or verified mail address.

The mail address of a public profile is no attribute: users write it themselves. A user counts as an account only where
the organisation has them: as a member, invited, or as an outside collaborator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from connectors.abilities import Account, Lookup
from connectors.account_set import equals_ignoring_case, value_shown, values_asked
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import SAMPLE_SIZE, FindOne, find_by
from connectors.http.flows import parse
from connectors.http.pages import LinkHeader
from connectors.http.requests import Flow, Request
from connectors.vendors.github.account import Standing, owners, standing_of
from connectors.vendors.github.answers import GitHubLogin, require_own
from connectors.vendors.github.identities import (
    FILTERED,
    IDENTITY_ATTRIBUTES,
    VERIFIED_EMAIL,
    ExternalIdentity,
    identities,
    members,
    verified_emails,
)
from connectors.vendors.github.operations import GET_USER, GET_USER_BY_ID, LIST_MEMBERS
from connectors.vendors.github.settings import GitHubSettings
from connectors.vendors.github.teams import teams_of

_PEOPLE = "User"  # as against organisations and bots, which have logins and numbers too


def _account(standing: Standing, **attributes: str) -> Account:
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


def _by_identity(attribute: str) -> FindOne[GitHubSettings]:
    def find(settings: GitHubSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
        narrowed = {"userName": lookup.value} if attribute in FILTERED else {}
        found: list[Account] = []
        for identity in (yield from identities(settings, **narrowed)):
            shown = value_shown(identity.values(settings)[attribute], [lookup.value])
            user = identity.user
            if user is not None and equals_ignoring_case(shown, lookup.value):
                found += yield from _in_organisation(settings, user, **{attribute: shown or ""})
        return found

    return find


def _by_verified_email(settings: GitHubSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
    found: list[Account] = []
    for member in (yield from members(settings)):
        shown = value_shown(member.verified_emails, [lookup.value])
        user = member.user()
        if user is not None and equals_ignoring_case(shown, lookup.value):
            found += yield from _in_organisation(settings, user, **{VERIFIED_EMAIL: shown or ""})
    return found


FINDERS: Mapping[str, FindOne[GitHubSettings]] = {
    "id": _by_id,
    "login": _by_login,
    **{attribute: _by_identity(attribute) for attribute in IDENTITY_ATTRIBUTES},
    VERIFIED_EMAIL: _by_verified_email,
}


def _search(asked: frozenset[str]) -> Callable[[GitHubSettings, Sequence[Lookup]], Flow[Sequence[Account]]]:
    """`asked` are the attributes of the lookups: only what they need is read for the sample."""

    def sample(settings: GitHubSettings) -> Flow[Sequence[Account]]:
        found: list[Account] = []
        if asked & {"id", "login"}:
            request = LIST_MEMBERS.request(settings.organization, params={"role": "admin", "per_page": SAMPLE_SIZE})
            listed = LinkHeader().items((yield request))
            found += [_sampled(parse(item, GitHubLogin)) for item in listed]
        if asked & set(IDENTITY_ATTRIBUTES):
            found += [_sampled(*one) for one in _linked(settings, (yield from identities(settings, membersOnly=True)))]
        if VERIFIED_EMAIL in asked:
            for member in (yield from members(settings)):
                user = member.user()
                if user is not None and member.verified_emails:
                    found.append(_sampled(user, {VERIFIED_EMAIL: member.verified_emails[0]}))
        return found

    return find_by("github", FINDERS, sample=sample)


def _sampled(user: GitHubLogin, attributes: Mapping[str, str] | None = None) -> Account:
    return Account(user.native_id, user.login, {"login": user.login, **(attributes or {})})


def _linked(settings: GitHubSettings, found: Sequence[ExternalIdentity]) -> list[tuple[GitHubLogin, dict[str, str]]]:
    """The users of identities, with the first value of each attribute."""
    return [
        (one.user, {name: values[0] for name, values in one.values(settings).items() if values})
        for one in found
        if one.user is not None
    ]


def find(settings: GitHubSettings, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
    """Each account shows every attribute that was asked for, and its label what it is the only one to do."""
    asked = values_asked(lookups)
    found = []
    for account in (yield from _search(frozenset(asked))(settings, lookups)):
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
