"""Users: what Slack shows of one, and how one is deactivated.

`users.info` shows each user, also bots, guests and people of other companies (Slack Connect). In an organisation its
`deleted` is about one workspace, so there the state of the account is read from the SCIM API, or else from the list of
deactivated users.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.errors import RefusedError
from connectors.http.flows import Fields, all_pages, change, parse, require_account, unexpected
from connectors.http.requests import Answer, Flow, Operation
from connectors.parameters import account_gone, account_of
from connectors.protocols.scim_documents import ScimUser, lowered
from connectors.protocols.scim_groups import patch
from connectors.read_backs import account_missing, seen
from connectors.vendors.slack.answers import LIMIT, require_own, shown_in, with_cursor
from connectors.vendors.slack.credential import SlackAccess, SlackCredential

GET_USER = Operation("GET", "/api/users.info", "users_info")
LIST_ADMIN_USERS = Operation("GET", "/api/admin.users.list", "admin_users_list")
DEACTIVATE_USER = Operation("POST", "/api/admin.users.deactivate")
GET_SCIM_USER = Operation("GET", "/scim/v2/Users/{id}")
PATCH_SCIM_USER = Operation("PATCH", "/scim/v2/Users/{id}")
DELETE_SCIM_USER = Operation("DELETE", "/scim/v2/Users/{id}")
_SLACKBOT = "USLACKBOT"


class UserProfile(Fields):
    email: str | None = None


class OrganisationUser(Fields):
    """The user in the organisation; `teams` are the workspaces that the user is in."""

    enterprise_id: str = ""
    is_admin: bool = False
    is_owner: bool = False
    is_primary_owner: bool = False
    teams: list[str] = Field(default=[])


class SlackMember(Fields):
    """What `users.info` shows. `is_admin` and `is_owner` are about the workspace, `enterprise_user` about the
    organisation."""

    id: str = Field(min_length=1)
    name: str = ""
    team_id: str = ""
    deleted: bool = False
    is_bot: bool = False
    is_stranger: bool = False
    is_admin: bool = False
    is_owner: bool = False
    is_primary_owner: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    profile: UserProfile = UserProfile()
    enterprise_user: OrganisationUser | None = None

    @property
    def is_of_a_person(self) -> bool:
        return not self.is_bot and self.id != _SLACKBOT

    @property
    def guest(self) -> str:
        """`multi` for a guest of several channels, `single` for one of one channel; empty for members."""
        return "single" if self.is_ultra_restricted else "multi" if self.is_restricted else ""

    @property
    def label(self) -> str:
        return _label(self.name or self.id, guest=bool(self.guest))

    @property
    def privileged(self) -> bool:
        known = self.enterprise_user
        of_organisation = known is not None and (known.is_admin or known.is_owner or known.is_primary_owner)
        return self.is_admin or self.is_owner or self.is_primary_owner or of_organisation

    @property
    def is_primary(self) -> bool:
        return self.is_primary_owner or (self.enterprise_user is not None and self.enterprise_user.is_primary_owner)

    def belongs_to(self, credential: SlackCredential) -> bool:
        """Whether the user is one of the workspace or organisation. Slack shows people of other companies too."""
        known = self.enterprise_user
        if self.is_stranger:
            return False
        if credential.for_organisation:
            return known is not None and known.enterprise_id == credential.place
        if known is not None and known.enterprise_id:
            return known.enterprise_id == credential.owner.enterprise_id and credential.place in (
                self.team_id,
                *known.teams,
            )
        return self.team_id == credential.place

    def workspaces(self, credential: SlackCredential) -> list[str]:
        """Those in which the credential can act for the user."""
        if not credential.for_organisation:
            return [credential.place]
        return sorted(self.enterprise_user.teams) if self.enterprise_user else []

    def evidence(self) -> dict[str, Any]:
        known = self.enterprise_user
        return {
            "id": self.id,
            "name": self.name,
            "guest": self.guest,
            "admin": self.privileged,
            **({"workspaces": sorted(known.teams)} if known is not None else {}),
        }


class ListedUser(Fields):
    """A user as `admin.users.list` shows it."""

    id: str = Field(min_length=1)
    email: str | None = None
    username: str = ""
    is_bot: bool = False
    is_admin: bool = False
    is_owner: bool = False
    is_primary_owner: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False

    @property
    def label(self) -> str:
        return _label(self.username or self.id, guest=self.is_restricted or self.is_ultra_restricted)

    @property
    def privileged(self) -> bool:
        """In the organisation."""
        return self.is_admin or self.is_owner or self.is_primary_owner


def _label(name: str, *, guest: bool) -> str:
    return f"{name} (guest)" if guest else name


def user_at(answer: Answer) -> SlackMember | None:
    require_own(answer)
    return None if answer.missing else shown_in(answer, "user", SlackMember)


def user_of(access: SlackAccess, effect: Effect) -> Flow[SlackMember | None]:
    """The user of the account, None where Slack has none."""
    yield from access.credential()
    account = account_of(effect)
    user = user_at((yield GET_USER.request(params={"user": account.native_id}, missing_ok=True)))
    if user is not None:
        require_account(user.id, effect)
    return user


def user_to_change(access: SlackAccess, effect: Effect) -> Flow[SlackMember]:
    """Raises `RefusedError`: account_gone, own_administrator, not_a_person, other_company."""
    user = yield from user_of(access, effect)
    if user is None:
        raise account_gone(effect)
    credential = yield from access.credential()
    if user.id == credential.owner.user_id:
        raise RefusedError(
            "own_administrator",
            f"{user.name} installed the app with whose token Offboard works.",
            remedy="Let another administrator install the app, and replace the token first.",
            happened="no",
        )
    if not user.is_of_a_person:
        raise RefusedError(
            "not_a_person",
            f"{user.name} is a bot.",
            remedy="Remove the app of the bot in Slack instead, and find the accounts again.",
            happened="no",
        )
    if not user.belongs_to(credential):
        raise RefusedError(
            "other_company",
            f"{user.name} is a user of another company or workspace.",
            remedy="Find the accounts again.",
            happened="no",
        )
    return user


@contextlib.contextmanager
def unless_primary(user: SlackMember) -> Iterator[None]:
    """Slack lets no one deactivate, remove or change a primary owner, but does not show in each answer who is one.
    Raises `RefusedError("primary_owner")` before the change, or where Slack refuses the change for this reason."""
    if user.is_primary:
        raise _primary_owner(user)
    try:
        yield
    except RefusedError as error:
        if "primary_owner" in error.detail:
            raise _primary_owner(user) from None
        raise


def _primary_owner(user: SlackMember) -> RefusedError:
    return RefusedError(
        "primary_owner",
        f"{user.name} is the primary owner, whom Slack lets no one deactivate, remove or change.",
        remedy="Let the primary owner transfer the ownership in Slack first.",
        happened="no",
    )


def scim_user(access: SlackAccess, user_id: str) -> Flow[dict[str, Any] | None]:
    """The user's document in the SCIM API."""
    answer = yield access.settings.scim(GET_SCIM_USER.request(user_id, missing_ok=True))
    require_own(answer)
    if answer.missing:
        return None
    if not isinstance(answer.body, dict) or str(answer.body.get("id")) != user_id:
        unexpected("The response shows another account than the one that was requested.")
    return answer.body


def deactivated_users(access: SlackAccess) -> Flow[list[ListedUser]]:
    """Of the organisation: without `is_active` Slack lists active users only."""
    request = LIST_ADMIN_USERS.request(params={"is_active": "false", "limit": LIMIT})
    return [parse(item, ListedUser) for item in (yield from all_pages(request, with_cursor("users")))]


def is_active(access: SlackAccess, user: SlackMember) -> Flow[bool | None]:
    """Whether the account is active; None where Slack does not show it to this token."""
    credential = yield from access.credential()
    if credential.by_scim:
        document = yield from scim_user(access, user.id)
        return None if document is None else parse(lowered(document), ScimUser).active
    if not credential.for_organisation or not user.deleted:
        return not user.deleted
    if not credential.has("admin.users:read"):
        return None
    return None if all(one.id != user.id for one in (yield from deactivated_users(access))) else False


def deactivate(access: SlackAccess, effect: Effect) -> Flow[Mapping[str, Any]]:
    """By SCIM where the token may, else by `admin.users.deactivate`, which only organisations have."""
    credential = yield from access.require("deactivate_account")
    user = yield from user_to_change(access, effect)
    if (yield from is_active(access, user)) is False:
        return {"deactivated": False, "before": "deactivated"}
    by_scim = credential.by_scim
    request = (
        access.settings.scim(DELETE_SCIM_USER.request(user.id, missing_ok=True))
        if by_scim
        else DEACTIVATE_USER.request(json={"user_id": user.id}, missing_ok=True)
    )
    with unless_primary(user):
        require_own((yield from change(request, effect)))
    return {"deactivated": True, "before": "active", "by": "SCIM" if by_scim else "admin.users.deactivate"}


def look_at_deactivation(access: SlackAccess, effect: Effect) -> Flow[ReadBack]:
    user = yield from user_of(access, effect)
    if user is None:
        return account_missing()
    active = yield from is_active(access, user)
    return seen(None if active is None else not active, {**user.evidence(), "active": active})


def activate(access: SlackAccess, effect: Effect) -> Flow[Mapping[str, Any]]:
    """By SCIM, since the Web API has no method for it."""
    yield from access.require("activate_account")
    user = yield from user_to_change(access, effect)
    if (yield from is_active(access, user)) is not False:
        return {"activated": False, "before": "active"}
    activation = patch({"op": "replace", "path": "active", "value": True})
    request = access.settings.scim(PATCH_SCIM_USER.request(user.id, json=activation, missing_ok=True))
    require_own((yield from change(request, effect)))
    return {"activated": True, "before": "deactivated"}


def look_at_activation(access: SlackAccess, effect: Effect) -> Flow[ReadBack]:
    yield from access.require("activate_account")
    user = yield from user_of(access, effect)
    if user is None:
        return account_missing()
    active = yield from is_active(access, user)
    return seen(active, {**user.evidence(), "active": active})
