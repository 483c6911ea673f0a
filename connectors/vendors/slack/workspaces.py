"""The workspaces of an organisation that a user is in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.http.requests import Flow, Operation
from connectors.parameters import names_of
from connectors.read_backs import account_missing, none_left, seen
from connectors.removals import Removals
from connectors.vendors.slack.credential import SlackAccess
from connectors.vendors.slack.users import SlackMember, is_active, unless_primary, user_of, user_to_change

REMOVE_USER = Operation("POST", "/api/admin.users.remove", "admin_users_remove")


def _wanted(user: SlackMember, effect: Effect) -> list[str]:
    """Of the user's workspaces those that `workspaces` names by ID, or all."""
    named = names_of(effect, "workspaces")
    teams = sorted(user.enterprise_user.teams) if user.enterprise_user else []
    return teams if named is None else [team for team in teams if team in named]


def remove_from_workspaces(access: SlackAccess, effect: Effect) -> Flow[Mapping[str, Any]]:
    """A workspace that the user left before counts as done."""
    yield from access.require("remove_from_workspaces")
    user = yield from user_to_change(access, effect)
    removals = Removals("removed_from", "not_all_removed", verb="removed from")
    for team in _wanted(user, effect):
        with removals.removing({"id": team, "name": team}), unless_primary(user):
            yield REMOVE_USER.request(json={"team_id": team, "user_id": user.id})
    return removals.reply("unknown")


def look_at_workspaces(access: SlackAccess, effect: Effect) -> Flow[ReadBack]:
    """Slack shows with each user of an organisation the workspaces that the user is in."""
    yield from access.require("remove_from_workspaces")
    user = yield from user_of(access, effect)
    if user is None:
        return account_missing()
    if (yield from is_active(access, user)) is False:
        return seen(True, {**user.evidence(), "active": False})
    return none_left(_wanted(user, effect), user.evidence(), shows_such=user.enterprise_user is not None)
