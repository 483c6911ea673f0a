"""User groups of a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call
from orchestrator.embedded.vendors.slack import documents
from orchestrator.embedded.vendors.slack.arguments import flag, items
from orchestrator.embedded.vendors.slack.credentials import workspace_of
from orchestrator.embedded.vendors.slack.errors import ok, refusal
from orchestrator.embedded.vendors.slack.grid import SlackUserGroup

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.slack.simulator import SlackSimulator


def list_groups(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/usergroups.list: members and disabled groups only if asked for."""
    arguments, workspace = call.noted["arguments"], workspace_of(slack, call)
    shown = [
        documents.user_group(one, users=flag(arguments, "include_users"), count=flag(arguments, "include_count"))
        for one in slack.state.user_groups.values()
        if one.workspace == workspace and (flag(arguments, "include_disabled") or not one.disabled)
    ]
    return ok(usergroups=shown)


def _group(slack: SlackSimulator, call: Call) -> SlackUserGroup:
    group = slack.state.user_groups.get(call.noted["arguments"].get("usergroup", ""))
    if group is None or group.workspace != workspace_of(slack, call):
        raise refusal("no_such_subteam")
    return group


def list_members(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/usergroups.users.list."""
    group = _group(slack, call)
    if group.disabled and not flag(call.noted["arguments"], "include_disabled"):
        raise refusal("no_such_subteam")
    return ok(users=list(group.users))


def set_members(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/usergroups.users.update: replaces the whole list, so that a list that
    was read before another's change undoes that change. It cannot be made empty."""
    group, arguments = _group(slack, call), call.noted["arguments"]
    users = list(dict.fromkeys(items(arguments, "users")))
    if not users:
        raise refusal("no_users_provided")
    if group.linked:
        raise refusal("permission_denied")
    known = [slack.state.users.get(id) for id in users]
    if any(one is None for one in known):
        raise refusal("invalid_users")
    if any(one is not None and group.workspace not in one.workspaces for one in known):
        raise refusal("failed_for_some_users")
    for id in group.users:
        if id not in users:
            slack.state.record("removed_from_user_group", id, group.id)
    for id in users:
        if id not in group.users:
            slack.state.record("added_to_user_group", id, group.id)
    group.users = users
    return ok(usergroup=documents.user_group(group, users=True, count=flag(arguments, "include_count")))


def disable_group(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/usergroups.disable: for a group whose only member leaves."""
    group = _group(slack, call)
    if not group.disabled:
        group.disabled = True
        slack.state.record("user_group_disabled", group.id)
    return ok(usergroup=documents.user_group(group, users=False, count=flag(call.noted["arguments"], "include_count")))
