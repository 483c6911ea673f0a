"""A user in the organisation: member, invited, or outside collaborator.

An account is named by the user's number, which never changes. Operations take the login, which may change, so each act
first asks for the login of the number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.abilities import Effect
from connectors.errors import RefusedError
from connectors.http.flows import change, parse, require_account, unexpected
from connectors.http.requests import Answer, Flow
from connectors.parameters import account_of
from connectors.vendors.github.answers import GitHubLogin, OrgMembership, list_of, require_own
from connectors.vendors.github.operations import (
    GET_MEMBERSHIP,
    GET_USER_BY_ID,
    LIST_COLLABORATORS,
    LIST_MEMBERS,
    OWN_MEMBERSHIP,
)
from connectors.vendors.github.settings import GitHubSettings


@dataclass(frozen=True, slots=True)
class OrgStanding:
    """What a user is in the organisation. `membership` is None for a user who is neither a member nor invited."""

    user: GitHubLogin
    membership: OrgMembership | None
    is_collaborator: bool

    @property
    def belongs(self) -> bool:
        return self.membership is not None or self.is_collaborator

    def evidence(self) -> dict[str, Any]:
        shown = self.membership.evidence() if self.membership else {"membership": "none"}
        return {**self.user.shown(), **shown, "outside_collaborator": self.is_collaborator}


def user_of(effect: Effect) -> Flow[GitHubLogin | None]:
    """The user of the account, None where GitHub has none any more."""
    answer = yield GET_USER_BY_ID.request(account_of(effect).native_id, missing_ok=True)
    require_own(answer)
    return None if answer.missing else _shown(answer, effect)


def user_to_change(effect: Effect) -> Flow[GitHubLogin]:
    """Raises `RefusedError("account_gone")`."""
    request = GET_USER_BY_ID.request(account_of(effect).native_id, missing_ok=True)
    return _shown((yield from change(request, effect)), effect)


def _shown(answer: Answer, effect: Effect) -> GitHubLogin:
    user = parse(answer.body, GitHubLogin)
    require_account(user.native_id, effect)
    return user


def membership_of(settings: GitHubSettings, user: GitHubLogin) -> Flow[OrgMembership | None]:
    """Whether GitHub may show memberships to the credential is proved by `shows_memberships`."""
    answer = yield GET_MEMBERSHIP.request(settings.organization, user.login, missing_ok=True)
    require_own(answer)
    if answer.missing:
        return None
    membership = parse(answer.body, OrgMembership)
    if membership.user is None or membership.user.id != user.id:
        unexpected("The response shows the membership of another user than the one that was requested.")
    return membership


def owners(settings: GitHubSettings) -> Flow[list[GitHubLogin]]:
    request = LIST_MEMBERS.request(settings.organization, params={"role": "admin"})
    return (yield from list_of(request, GitHubLogin))


def shows_memberships(settings: GitHubSettings) -> Flow[bool]:
    """Whether the credential is shown memberships: that of an owner, which every organisation has. Only then a 404
    means that a user is not a member, and not that the credential lacks the right."""
    for owner in (yield from owners(settings))[:1]:
        membership = yield from membership_of(settings, owner)
        return membership is not None
    return False


def is_entitled(settings: GitHubSettings) -> Flow[bool]:
    """Whether an empty list of what only owners see means that there is nothing: GitHub refuses such a list to an app
    or a fine-grained token without the permission, and shows it to the token of an owner."""
    if settings.as_app:
        return True
    answer = yield OWN_MEMBERSHIP.request(settings.organization, missing_ok=True)
    require_own(answer)
    return not answer.missing and parse(answer.body, OrgMembership).is_owner


def require_other(settings: GitHubSettings, user: GitHubLogin) -> Flow[None]:
    """Raises `RefusedError("own_account")` for the owner to whom the token of Offboard belongs. A GitHub App belongs to
    the organisation."""
    if settings.as_app:
        return
    answer = yield OWN_MEMBERSHIP.request(settings.organization, missing_ok=True)
    require_own(answer)
    own = None if answer.missing else parse(answer.body, OrgMembership).user
    if own is not None and own.id == user.id:
        raise RefusedError(
            "own_account",
            f"{user.login} is the owner to whom the token of Offboard belongs.",
            remedy="Connect the organisation with a GitHub App, or with the token of an owner who is no person, "
            "restart the workers, and retry the step.",
            happened="no",
        )


def collaborators(settings: GitHubSettings) -> Flow[list[GitHubLogin]]:
    return (yield from list_of(LIST_COLLABORATORS.request(settings.organization), GitHubLogin))


def standing_of(settings: GitHubSettings, user: GitHubLogin) -> Flow[OrgStanding]:
    """A member is never an outside collaborator, so the list is read for others only."""
    membership = yield from membership_of(settings, user)
    if membership is not None and membership.state == "active":
        return OrgStanding(user, membership, is_collaborator=False)
    listed = any(one.id == user.id for one in (yield from collaborators(settings)))
    return OrgStanding(user, membership, is_collaborator=listed)
