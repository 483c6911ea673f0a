"""The people of the embedded company as users of Slack, with what users have there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.embedded.company.people import Employee, default_people
from orchestrator.embedded.company.population import groups_of
from orchestrator.embedded.vendors.slack.grid import (
    SlackApp,
    SlackChannel,
    SlackIdpGroup,
    SlackToken,
    SlackUser,
    SlackUserGroup,
    SlackWorkspace,
)
from orchestrator.embedded.vendors.slack.simulator import SlackSimulator

SCOPES = (
    "admin", "admin.users:read", "admin.users:write", "admin.roles:read", "admin.roles:write",
    "admin.conversations:read", "admin.conversations:write", "admin.apps:read", "admin.apps:write", "users:read",
    "users:read.email", "usergroups:read", "usergroups:write", "channels:read", "channels:write", "groups:read",
    "groups:write",
)  # fmt: skip
BOT_SCOPES = ("users:read", "users:read.email", "usergroups:read", "usergroups:write", "channels:read")
CHANNEL_MANAGER = "Rl0A"
USERS_ADMIN = "Rl02"


@dataclass
class SlackSeed:
    """`token` is a user token with all scopes above, of an owner who is none of the people, for the organization (on
    Business+ for the workspace); `bot` a bot token of the same app for the first workspace. `tokens` has a token of
    each person for the app `calendar`, by employee number."""

    users: Mapping[str, SlackUser]
    workspaces: Sequence[SlackWorkspace]
    groups: Mapping[str, SlackIdpGroup]
    user_groups: Mapping[str, SlackUserGroup]
    channels: Mapping[str, SlackChannel]
    founder: SlackUser
    owner: SlackUser
    calendar: SlackApp
    token: str
    bot: str
    tokens: Mapping[str, SlackToken]

    def user(self, employee_number: str) -> SlackUser:
        return self.users[employee_number]


def seed_slack(slack: SlackSimulator, people: Sequence[Employee] | None = None) -> SlackSeed:
    """Everyone is in the workspace Corp, and who has a manager also in Projects (Enterprise only). Each has a web and a
    mobile session and a token of Calendar. The company's groups are groups of the identity provider and user groups.
    The first person made a channel. An administrator among them administers the organization, has a role and installed
    an app with a bot. The founder, who is none of the people, is the primary owner."""
    grid = slack.state
    chosen = default_people() if people is None else list(people)
    workspaces = [grid.new_workspace("Corp")]
    if grid.organization:
        workspaces.append(grid.new_workspace("Projects"))
    corp = workspaces[0]
    calendar = grid.new_app("Calendar")
    users: dict[str, SlackUser] = {}
    for person in chosen:
        user = grid.new_user(
            person.email,
            person.given_name,
            person.family_name,
            *(workspaces if person.manager_number else [corp]),
            role="admin" if "admin" in person.traits else "member",
            **_profile(person),
        )
        users[person.employee_number] = user
        for kind in ("web", "mobile"):
            grid.new_session(user, corp, kind)
    groups, user_groups = {}, {}
    for name in dict.fromkeys(name for person in chosen for name in groups_of(person)):
        members = [users[person.employee_number] for person in chosen if name in groups_of(person)]
        groups[name] = grid.new_idp_group(name, *members)
        user_groups[name] = grid.new_user_group(corp, name, *members)
    tokens = {
        number: grid.install(calendar, user, corp.id, "users:read", "channels:read") for number, user in users.items()
    }
    founder = grid.new_user("founder@corp.example", "Fay", "Founder", corp, role="primary_owner")
    owner = grid.new_user("offboarding@corp.example", "Offboarding", "Owner", corp, role="owner")
    channels = {}
    if users:
        creator, *others = users.values()
        channels["plans"] = grid.new_channel(corp, "plans", creator, *others[:1], private=True)
        grid.assign_role(CHANNEL_MANAGER, channels["plans"].id, creator)
    for person in chosen:
        if "admin" in person.traits:
            grid.assign_role(USERS_ADMIN, grid.organization or corp.id, users[person.employee_number])
            helper = grid.new_app("Helper")
            grid.install(helper, users[person.employee_number], corp.id, *BOT_SCOPES, kind="bot")
    offboarding = grid.new_app("Offboarding")
    token = grid.install(offboarding, owner, grid.organization or corp.id, *SCOPES).value
    bot = grid.install(offboarding, owner, corp.id, *BOT_SCOPES, kind="bot").value
    return SlackSeed(users, workspaces, groups, user_groups, channels, founder, owner, calendar, token, bot, tokens)


def _profile(person: Employee) -> dict[str, Any]:
    known = {
        "title": person.title,
        "timezone": person.time_zone,
        "employeeNumber": person.employee_number,
        "department": person.department,
        "externalId": person.employee_number,
    }
    return {name: value for name, value in known.items() if value}
