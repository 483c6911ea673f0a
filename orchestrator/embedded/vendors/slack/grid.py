"""The state of a Slack organization (Enterprise) or of one workspace (Business+), and what its parts do to each other.
Times are UTC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.embedded.vendors.simulated_state import SimulatedState
from orchestrator.embedded.vendors.simulator import VendorEffect

RANKS = ("member", "admin", "owner", "primary_owner")
TOKEN_PREFIXES = {"user": "xoxp", "bot": "xoxb"}


@dataclass
class SlackUser:
    """`role` is the role in the organization, `workspaces` has the role in each workspace; on Business+ both are the
    same. `profile` has SCIM's names: title, timezone, employeeNumber, department, managerId. `guest` is "", `multi` or
    `single`. `left` are workspaces from which the user was removed."""

    id: str
    email: str
    user_name: str
    given_name: str
    family_name: str
    created: datetime
    role: str = "member"
    active: bool = True
    is_bot: bool = False
    guest: str = ""
    expiration: datetime | None = None
    secondary_email: str = ""
    profile: dict[str, Any] = field(default_factory=dict)
    workspaces: dict[str, str] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()


@dataclass
class SlackWorkspace:
    id: str
    name: str


@dataclass
class SlackSession:
    """`kind` is `web` or `mobile`."""

    id: int
    user: str
    workspace: str
    kind: str
    created: datetime


@dataclass
class SlackApp:
    """`installed_by` has the user who installed the app, by workspace."""

    id: str
    name: str
    installed_by: dict[str, str] = field(default_factory=dict)


@dataclass
class SlackToken:
    """`kind` is `user` or `bot`; `team` the id of the workspace or organization where the app is installed. `user` is
    who gave the app access, also for a bot's token."""

    value: str
    kind: str
    user: str
    team: str
    app: str
    scopes: list[str]
    expires: datetime | None = None
    revoked: bool = False


@dataclass
class SlackUserGroup:
    """A user group of a workspace. `linked` to an identity provider's group: its members cannot be changed here."""

    id: str
    workspace: str
    name: str
    handle: str
    users: list[str] = field(default_factory=list)
    disabled: bool = False
    linked: bool = False


@dataclass
class SlackIdpGroup:
    """A group of the SCIM API."""

    id: str
    name: str
    created: datetime
    members: list[str] = field(default_factory=list)


@dataclass
class SlackChannel:
    id: str
    workspace: str
    name: str
    creator: str
    created: datetime
    members: list[str] = field(default_factory=list)
    private: bool = False
    archived: bool = False
    general: bool = False


@dataclass(frozen=True)
class SlackRoleAssignment:
    """`role` is the id of a role, such as `Rl0A` for managers of channels; `entity` that of the organization, of a
    workspace or of a channel."""

    role: str
    entity: str
    user: str
    created: datetime


class SlackGrid(SimulatedState):
    """`plan` is `enterprise` or `business_plus`; the id of the organization is empty on Business+. `effects` has every
    change that was carried out, in its order: a request that changes nothing adds none."""

    def __init__(self, clock: Callable[[], datetime], plan: str = "enterprise") -> None:
        super().__init__(clock)
        self._numbers = 10_000
        self.plan = plan
        self.organization = self.new_id("E") if plan == "enterprise" else ""
        self.users: dict[str, SlackUser] = {}
        self.workspaces: dict[str, SlackWorkspace] = {}
        self.sessions: dict[int, SlackSession] = {}
        self.resets: list[tuple[str, frozenset[str]]] = []
        """Users whose sessions of these kinds end after the next read of sessions: a job in Slack's queue."""
        self.apps: dict[str, SlackApp] = {}
        self.tokens: dict[str, SlackToken] = {}
        self.user_groups: dict[str, SlackUserGroup] = {}
        self.idp_groups: dict[str, SlackIdpGroup] = {}
        self.channels: dict[str, SlackChannel] = {}
        self.role_assignments: list[SlackRoleAssignment] = []
        self.integration_logs: list[dict[str, Any]] = []
        self.effects: list[VendorEffect] = []
        self._profiles: dict[str, str] = {}
        self.heeds_scim_filters = True
        """Filters are documented for version 1.1 of the SCIM API only. False: a filter is ignored, without an error."""

    def new_id(self, prefix: str) -> str:
        self._numbers += 1
        return f"{prefix}0SIM{self._numbers}"

    def record(self, kind: str, subject: str, detail: str = "") -> None:
        self.effects.append(VendorEffect(kind, subject, detail))

    def record_profile(self, user: SlackUser, detail: str) -> None:
        """If what SCIM shows of the user, other than `active`, is not as it was recorded or made."""
        shown = self._profile(user)
        if shown != self._profiles.get(user.id):
            self._profiles[user.id] = shown
            self.record("profile_changed", user.id, detail)

    @staticmethod
    def _profile(user: SlackUser) -> str:
        return repr(
            (
                user.email,
                user.secondary_email,
                user.user_name,
                user.given_name,
                user.family_name,
                user.guest,
                user.expiration,
                sorted((name, value) for name, value in user.profile.items() if value),
            )
        )

    # Seeds.

    def new_workspace(self, name: str) -> SlackWorkspace:
        workspace = SlackWorkspace(self.new_id("T"), name)
        self.workspaces[workspace.id] = workspace
        general = SlackChannel(self.new_id("C"), workspace.id, "general", "", self.now, general=True)
        self.channels[general.id] = general
        return workspace

    def new_user(
        self,
        email: str,
        given_name: str,
        family_name: str,
        *workspaces: SlackWorkspace,
        role: str = "member",
        guest: str = "",
        is_bot: bool = False,
        **profile: Any,
    ) -> SlackUser:
        name = email.partition("@")[0][:21].casefold()
        user = SlackUser(
            self.new_id("U"),
            email,
            name,
            given_name,
            family_name,
            self.now,
            role,
            guest=guest,
            is_bot=is_bot,
            profile=profile,
        )
        self.users[user.id] = user
        self._profiles[user.id] = self._profile(user)
        for workspace in workspaces:
            self.join(user, workspace, "member" if self.organization else role)
        return user

    def join(self, user: SlackUser, workspace: SlackWorkspace, role: str = "member") -> None:
        user.workspaces[workspace.id] = role
        user.left.discard(workspace.id)
        general = next(one for one in self.channels.values() if one.workspace == workspace.id and one.general)
        if user.id not in general.members:
            general.members.append(user.id)

    def new_session(self, user: SlackUser, workspace: SlackWorkspace, kind: str = "web") -> SlackSession:
        self._numbers += 1
        session = SlackSession(self._numbers, user.id, workspace.id, kind, self.now)
        self.sessions[session.id] = session
        return session

    def new_app(self, name: str) -> SlackApp:
        app = SlackApp(self.new_id("A"), name)
        self.apps[app.id] = app
        return app

    def install(
        self,
        app: SlackApp,
        user: SlackUser,
        team: str,
        *scopes: str,
        kind: str = "user",
        expires: datetime | None = None,
    ) -> SlackToken:
        """The user installs the app on a workspace or the organization: the token that Slack issues."""
        app.installed_by[team] = user.id
        value = f"{TOKEN_PREFIXES[kind]}-{self.new_id('')}-simulated"
        token = SlackToken(value, kind, user.id, team, app.id, list(scopes), expires)
        self.tokens[value] = token
        self.integration_logs.append(
            {
                "user_id": user.id,
                "user_name": user.user_name,
                "date": str(int(self.now.timestamp())),
                "change_type": "added",
                "app_type": app.name,
                "app_id": app.id,
                "scope": ",".join(scopes),
                "team": team,
            }
        )
        return token

    def new_user_group(
        self, workspace: SlackWorkspace, name: str, *users: SlackUser, linked: bool = False
    ) -> SlackUserGroup:
        handle = name.casefold().replace(" ", "-")
        group = SlackUserGroup(self.new_id("S"), workspace.id, name, handle, [one.id for one in users], linked=linked)
        self.user_groups[group.id] = group
        return group

    def new_idp_group(self, name: str, *members: SlackUser) -> SlackIdpGroup:
        group = SlackIdpGroup(self.new_id("S"), name, self.now, [one.id for one in members])
        self.idp_groups[group.id] = group
        return group

    def new_channel(
        self, workspace: SlackWorkspace, name: str, creator: SlackUser, *members: SlackUser, private: bool = False
    ) -> SlackChannel:
        ids = [creator.id, *(one.id for one in members)]
        channel = SlackChannel(self.new_id("C"), workspace.id, name, creator.id, self.now, ids, private)
        self.channels[channel.id] = channel
        return channel

    def assign_role(self, role: str, entity: str, user: SlackUser) -> SlackRoleAssignment:
        assignment = SlackRoleAssignment(role, entity, user.id, self.now)
        self.role_assignments.append(assignment)
        return assignment

    # What belongs together.

    def rank(self, user: SlackUser) -> int:
        """The highest role of the user anywhere."""
        return max(RANKS.index(one) for one in (user.role, *user.workspaces.values()))

    def is_admin(self, user: SlackUser) -> bool:
        return RANKS.index(user.role) >= RANKS.index("admin")

    def managers(self, channel: SlackChannel) -> set[str]:
        return {one.user for one in self.role_assignments if one.entity == channel.id}

    def live_sessions(self) -> list[SlackSession]:
        """The jobs in the queue are done afterwards."""
        shown = list(self.sessions.values())
        for user, kinds in self.resets:
            self.reset_sessions(user, kinds)
        self.resets.clear()
        return shown

    def reset_sessions(self, user: str, kinds: frozenset[str]) -> None:
        before = len(self.sessions)
        self._end_sessions(lambda one: one.user == user and one.kind in kinds)
        if len(self.sessions) < before:
            self.record("sessions_reset", user, ",".join(sorted(kinds)))

    def deactivate(self, user: SlackUser) -> None:
        """Ends sessions and revokes the user's own tokens; bots of apps that the user installed work on,
        https://slack.com/help/articles/360000446446. User groups, groups and channels keep the user."""
        if not user.active:
            return
        user.active = False
        self._end_sessions(lambda one: one.user == user.id)
        self._revoke(lambda one: one.user == user.id and one.kind == "user")
        self.record("deactivated", user.id)

    def activate(self, user: SlackUser) -> None:
        if not user.active:
            user.active = True
            self.record("activated", user.id)

    def remove_from_workspace(self, user: SlackUser, workspace: str) -> None:
        user.workspaces.pop(workspace)
        user.left.add(workspace)
        self._end_sessions(lambda one: one.user == user.id and one.workspace == workspace)
        self._revoke(lambda one: one.user == user.id and one.kind == "user" and one.team == workspace)
        for channel in self.channels.values():
            if channel.workspace == workspace and user.id in channel.members:
                channel.members.remove(user.id)
        for group in self.user_groups.values():
            if group.workspace == workspace and user.id in group.users:
                group.users.remove(user.id)
        self.record("removed_from_workspace", user.id, workspace)

    def _end_sessions(self, ends: Callable[[SlackSession], bool]) -> None:
        self.sessions = {id: one for id, one in self.sessions.items() if not ends(one)}

    def _revoke(self, ends: Callable[[SlackToken], bool]) -> None:
        for token in self.tokens.values():
            token.revoked = token.revoked or ends(token)
