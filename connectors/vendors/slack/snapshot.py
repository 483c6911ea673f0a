"""What an account has before a run changes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.requests import Flow
from connectors.read_backs import account_missing, seen
from connectors.vendors.slack.apps import apps_of
from connectors.vendors.slack.credential import SHOWN_WITH, SlackAccess, SlackCredential
from connectors.vendors.slack.idp_groups import groups_of
from connectors.vendors.slack.roles import assignments, roles_of
from connectors.vendors.slack.sessions import sessions_in
from connectors.vendors.slack.user_groups import groups_in
from connectors.vendors.slack.users import SlackMember, is_active, user_of

_CHANNEL = "C"  # how IDs of channels begin


def snapshot(access: SlackAccess, effect: Effect) -> Flow[ReadBack]:
    """`not_shown` names what the token may not read. `alone` is what another member must take over first: the only
    member of a user group, the only manager of a channel."""
    credential = yield from access.require("snapshot_access")
    user = yield from user_of(access, effect)
    if user is None:
        return account_missing()
    evidence: dict[str, Any] = {"active": (yield from is_active(access, user))}
    sections: Mapping[str, Flow[list[Any]]] = {
        "sessions": _sessions(credential, user),
        "user_groups": _user_groups(credential, user),
        "idp_groups": _idp_groups(access, user),
        "roles": _roles(credential, user),
        "managed_channels": _managed_channels(user),
        "apps": apps_of(credential, user),
    }
    not_shown = []
    for name, read in sections.items():
        try:
            yield from access.require_one([SHOWN_WITH[name]])
            evidence[name] = yield from read
        except (ActionRequiredError, RefusedError):
            not_shown.append(name)
    alone = [
        {"name": f"{said} {one['name']}"}
        for name, said in (("user_groups", "only member of"), ("managed_channels", "only manager of"))
        for one in evidence.get(name, ())
        if one.get("alone")
    ]
    return seen(True, {**user.evidence(), **evidence, "alone": alone, "not_shown": not_shown})


def _sessions(credential: SlackCredential, user: SlackMember) -> Flow[list[Any]]:
    found = []
    for workspace in user.workspaces(credential):
        found += [one.shown() for one in (yield from sessions_in(user.id, workspace))]
    return found


def _user_groups(credential: SlackCredential, user: SlackMember) -> Flow[list[Any]]:
    found = []
    for workspace in user.workspaces(credential):
        for group in (yield from groups_in(workspace)):
            if user.id in group.users:
                found.append(group.shown() | ({"alone": True} if group.users == [user.id] else {}))
    return found


def _idp_groups(access: SlackAccess, user: SlackMember) -> Flow[list[Any]]:
    return [group.shown() for group in (yield from groups_of(access, user.id)) or ()]


def _roles(credential: SlackCredential, user: SlackMember) -> Flow[list[Any]]:
    return (yield from roles_of(credential, user)).shown()


def _managed_channels(user: SlackMember) -> Flow[list[Any]]:
    """Slack does not name the channels that a user made, other than by a search through all channels."""
    every = [one for one in (yield from assignments()) if one.entity_id.startswith(_CHANNEL)]
    managers = Counter(one.entity_id for one in every)
    return [
        {"id": one.entity_id, "name": one.entity_id, **({"alone": True} if managers[one.entity_id] == 1 else {})}
        for one in every
        if one.user_id == user.id
    ]
