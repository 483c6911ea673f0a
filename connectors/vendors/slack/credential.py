"""The token: whose it is, for which workspace or organisation, and what its scopes allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.errors import ActionRequiredError
from connectors.http.flows import Fields, parse
from connectors.http.requests import Flow, Operation
from connectors.vendors.slack.answers import said_ok
from connectors.vendors.slack.settings import SlackSettings

TEST_TOKEN = Operation("GET", "/api/auth.test", "auth_test")
_OF_ORGANIZATION = "an app that is installed on the organisation"


class TokenOwner(Fields):
    """`enterprise_id`: the organisation of the workspace, or the one on which the app is installed."""

    team_id: str = ""
    user_id: str = ""
    bot_id: str = ""
    enterprise_id: str = ""
    is_enterprise_install: bool = False


@dataclass(frozen=True, slots=True)
class SlackCredential:
    """`team_id` is the ID of the workspace, empty for a token of an organisation. `scopes` is None where Slack did not
    name them."""

    owner: TokenOwner
    scopes: frozenset[str] | None

    @property
    def for_organisation(self) -> bool:
        return self.owner.is_enterprise_install and bool(self.owner.enterprise_id)

    @property
    def is_bot(self) -> bool:
        return bool(self.owner.bot_id)

    @property
    def place(self) -> str:
        return self.owner.enterprise_id if self.for_organisation else self.owner.team_id

    def has(self, *scopes: str) -> bool:
        return self.scopes is None or self.scopes.issuperset(scopes)

    @property
    def by_scim(self) -> bool:
        """Whether Slack's SCIM API takes the token (docs.slack.dev/admins/scim-api, "Permissions")."""
        return not BY_SCIM.lacking(self)


@dataclass(frozen=True, slots=True)
class SlackRights:
    """`scopes`: all of them. `organisation`: only a token of an organisation; `scim`: of an organisation where the
    workspace is in one. Bots have neither."""

    scopes: tuple[str, ...]
    organisation: bool = False
    scim: bool = False

    def lacking(self, credential: SlackCredential) -> list[str]:
        missing = [scope for scope in self.scopes if not credential.has(scope)]
        if credential.is_bot and (self.organisation or self.scim):
            return [*missing, "a user token"]
        in_organisation = self.organisation or (self.scim and bool(credential.owner.enterprise_id))
        return [*missing, *([_OF_ORGANIZATION] if in_organisation and not credential.for_organisation else [])]

    def text(self) -> str:
        return ", ".join(f"`{scope}`" for scope in self.scopes) + (f"; {_OF_ORGANIZATION}" if self.organisation else "")


BY_SCIM = SlackRights(("admin",), scim=True)
FINDING = SlackRights(("users:read", "users:read.email"))
RIGHTS: Mapping[str, tuple[SlackRights, ...]] = {
    "snapshot_access": (SlackRights(("users:read",)),),
    "deactivate_account": (
        SlackRights(("users:read", "admin"), scim=True),
        SlackRights(("users:read", "admin.users:read", "admin.users:write"), organisation=True),
    ),
    "activate_account": (SlackRights(("users:read", "admin"), scim=True),),
    "revoke_sessions": (SlackRights(("users:read", "admin.users:read", "admin.users:write"), organisation=True),),
    "remove_from_user_groups": (SlackRights(("users:read", "usergroups:read", "usergroups:write")),),
    "remove_from_idp_groups": (SlackRights(("users:read", "admin"), scim=True),),
    "remove_admin_roles": (
        SlackRights(
            ("users:read", "admin.roles:read", "admin.roles:write", "admin.users:read", "admin.users:write"),
            organisation=True,
        ),
    ),
    "remove_from_workspaces": (SlackRights(("users:read", "admin.users:write"), organisation=True),),
}
"""By ability: one of these suffices."""
SHOWN_WITH: Mapping[str, SlackRights] = {
    "sessions": SlackRights(("admin.users:read",), organisation=True),
    "user_groups": SlackRights(("usergroups:read",)),
    "idp_groups": BY_SCIM,
    "roles": SlackRights(("admin.roles:read", "admin.users:read"), organisation=True),
    "managed_channels": SlackRights(("admin.roles:read",), organisation=True),
    "apps": SlackRights(("admin",)),
}
"""By part of the snapshot: what it needs besides."""


def lacking(credential: SlackCredential, ability: str) -> list[str]:
    """What the token lacks for the ability: nothing, or what the way lacks that lacks least."""
    return min((rights.lacking(credential) for rights in RIGHTS[ability]), key=len)


class SlackAccess:
    """What the flows are given: the settings, and what Slack said of the token."""

    def __init__(self, settings: SlackSettings) -> None:
        self.settings = settings
        self._known: SlackCredential | None = None

    def credential(self, *, again: bool = False) -> Flow[SlackCredential]:
        """Asked once, or `again`. Raises `ActionRequiredError("other_team")` for a token of another workspace or
        organisation than that of the settings: there, nothing that is found or absent says anything."""
        if self._known is not None and not again:
            return self._known
        answer = yield TEST_TOKEN.request()
        said_ok(answer)
        header = answer.headers.get("x-oauth-scopes")
        scopes = None if header is None else frozenset(one.strip() for one in header.split(",") if one.strip())
        known = SlackCredential(parse(answer.body, TokenOwner), scopes)
        if known.place != self.settings.team_id:
            raise ActionRequiredError(
                "other_team",
                f"The token is of {_named(known)}, and not of {self.settings.team_id}.",
                remedy="Correct team_id in platform.yaml, or use a token of this workspace or organisation.",
                happened="no",
            )
        self._known = known
        return known

    def require(self, ability: str) -> Flow[SlackCredential]:
        """Before any other request of the ability. Raises `ActionRequiredError("rights_missing")`."""
        return (yield from self.require_one(RIGHTS[ability]))

    def require_one(self, ways: Sequence[SlackRights]) -> Flow[SlackCredential]:
        known = yield from self.credential()
        if all(one.lacking(known) for one in ways):  # the app may have been given a scope meanwhile
            known = yield from self.credential(again=True)
        missing = min((one.lacking(known) for one in ways), key=len)
        if missing:
            raise ActionRequiredError(
                "rights_missing",
                f"The token lacks {', '.join(missing)}.",
                remedy=f"Give the Slack app {', '.join(missing)}, install it again, and replace the token.",
                happened="no",
            )
        return known


def _named(credential: SlackCredential) -> str:
    kind = "the organisation" if credential.for_organisation else "the workspace"
    return f"{kind} {credential.place}" if credential.place else "no workspace"
