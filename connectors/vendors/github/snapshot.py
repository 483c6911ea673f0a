"""What a user can reach and owns in the organisation, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.flows import Fields, all_pages, parse, unexpected
from connectors.http.requests import Flow
from connectors.read_backs import account_missing, seen
from connectors.vendors.github import queries
from connectors.vendors.github.account import owners, standing_of, user_of
from connectors.vendors.github.answers import GitHubLogin, list_of
from connectors.vendors.github.credentials import authorizations, grants, seat_of
from connectors.vendors.github.identities import identities, verified_emails
from connectors.vendors.github.membership import invitations
from connectors.vendors.github.operations import LIST_DEPLOY_KEYS, LIST_INSTALLATIONS, LIST_KEYS
from connectors.vendors.github.settings import GitHubSettings
from connectors.vendors.github.teams import Total, teams_of

_PER_REQUEST = 100  # repositories
_GitHubItems = Flow[Sequence[Mapping[str, Any]]]


class _Key(Fields):
    id: int
    key: str = ""

    def shown(self) -> dict[str, str]:
        return {"id": str(self.id), "name": f"{self.key.partition(' ')[0] or 'key'} {self.id}"}


class _DeployKey(Fields):
    id: int
    title: str = ""
    read_only: bool | None = None
    added_by: str | None = None

    def shown(self, repository: str) -> dict[str, Any]:
        name = f"{repository}: {self.title or self.id}"
        return {"id": str(self.id), "name": name, "read_only": bool(self.read_only)}


class _Repository(Fields):
    name: str
    keys: Total = Field(alias="deployKeys")


class AppInstallation(Fields):
    """An app that is installed in the organisation. GitHub does not say which user installed it."""

    id: int
    slug: str = Field(default="", alias="app_slug")
    permissions: dict[str, str] = Field(default={})

    def shown(self) -> dict[str, str]:
        return {"id": str(self.id), "name": self.slug or str(self.id)}


def installations(settings: GitHubSettings) -> Flow[list[AppInstallation]]:
    return (yield from list_of(LIST_INSTALLATIONS.request(settings.organization), AppInstallation, "installations"))


def _teams(settings: GitHubSettings, user: GitHubLogin) -> _GitHubItems:
    return [team.shown(user) for team in (yield from teams_of(settings, user))]


def _invitations(settings: GitHubSettings, user: GitHubLogin) -> _GitHubItems:
    return [one.shown() for one in (yield from invitations(settings, [user.login], []))]


def _grants(settings: GitHubSettings, user: GitHubLogin) -> _GitHubItems:
    return [grant.shown() for grant in (yield from grants(settings, user))]


def _authorizations(settings: GitHubSettings, user: GitHubLogin) -> _GitHubItems:
    return [one.shown() for one in (yield from authorizations(settings, user))]


def _seat(settings: GitHubSettings, user: GitHubLogin) -> _GitHubItems:
    seat = yield from seat_of(settings, user)
    return [seat.shown()] if seat else []


def _keys(settings: GitHubSettings, user: GitHubLogin) -> _GitHubItems:
    return [key.shown() for key in (yield from list_of(LIST_KEYS.request(user.login), _Key))]


def _deploy_keys(settings: GitHubSettings, user: GitHubLogin) -> _GitHubItems:
    """Those that the user added: they stay valid when the user is removed. Who added a key is only in the list of its
    repository, so the lists of all repositories with keys are read, if that does not take too many requests."""
    found = []
    at_most = settings.deploy_key_requests * _PER_REQUEST
    request = queries.ask(settings, queries.REPOSITORIES_WITH_KEYS)
    listed = (yield from all_pages(request, queries.REPOSITORY_PAGES, at_most=at_most + 1)) if at_most else []
    repositories = [parse(item, _Repository) for item in listed]
    with_keys = [one.name for one in repositories if one.keys.total]
    if not at_most or -(-len(repositories) // _PER_REQUEST) + len(with_keys) > settings.deploy_key_requests:
        unexpected("Deploy keys would take more requests than the setting deploy_key_requests allows.")
    for repository in with_keys:
        keys = yield from list_of(LIST_DEPLOY_KEYS.request(settings.organization, repository), _DeployKey)
        found += [key.shown(repository) for key in keys if comparable(key.added_by or "") == comparable(user.login)]
    return found


def _identities(settings: GitHubSettings, user: GitHubLogin) -> _GitHubItems:
    found = []
    for one in (yield from identities(settings, login=user.login)):
        if one.user is not None and one.user.id == user.id:
            values = {name: shown[0] for name, shown in one.values(settings).items() if shown}
            found.append({"name": next(iter(values.values()), user.login), **values})
    return found


def _emails(settings: GitHubSettings, user: GitHubLogin) -> _GitHubItems:
    return [{"name": email} for email in (yield from verified_emails(settings, user))]


def _installations(settings: GitHubSettings, user: GitHubLogin) -> _GitHubItems:
    return [one.shown() for one in (yield from installations(settings))]


_SECTIONS: Mapping[str, Callable[[GitHubSettings, GitHubLogin], _GitHubItems]] = {
    "teams": _teams,
    "invitations": _invitations,
    "fine_grained_tokens": _grants,
    "sso_authorizations": _authorizations,
    "copilot": _seat,
    "ssh_keys": _keys,
    "deploy_keys": _deploy_keys,
    "identities": _identities,
    "verified_emails": _emails,
    "installations_of_the_organisation": _installations,
}


def look_at_access(settings: GitHubSettings, effect: Effect) -> Flow[ReadBack]:
    """`not_shown` names what the credential may not read, or what the organisation does not have. `alone` is what
    another member must take over first: the only owner, the only maintainer of a team."""
    user = yield from user_of(effect)
    if user is None:
        return account_missing()
    standing = yield from standing_of(settings, user)
    is_owner = standing.membership is not None and standing.membership.is_owner
    evidence: dict[str, Any] = {"admin": is_owner}
    alone: list[dict[str, str]] = []
    if is_owner and [owner.id for owner in (yield from owners(settings))] == [user.id]:
        alone.append({"name": "owner of the organisation"})
    not_shown = []
    for name, read in _SECTIONS.items():
        try:
            evidence[name] = yield from read(settings, user)
        except (ActionRequiredError, RefusedError):
            not_shown.append(name)
    alone += [
        {"name": f"maintainer of {team['name']}"} for team in evidence.get("teams", []) if team.get("only_maintainer")
    ]
    return seen(True, {**standing.evidence(), "alone": alone, **evidence, "not_shown": not_shown})
