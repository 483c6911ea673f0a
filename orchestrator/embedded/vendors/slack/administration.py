"""Users, sessions and roles of an organization, with a token of an administrator of the organization."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call
from orchestrator.embedded.vendors.slack import documents
from orchestrator.embedded.vendors.slack.arguments import flag, items
from orchestrator.embedded.vendors.slack.errors import ok, refusal
from orchestrator.embedded.vendors.slack.grid import SlackUser
from orchestrator.embedded.vendors.slack.pages import cut

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.slack.simulator import SlackSimulator

KINDS = frozenset({"web", "mobile"})


def list_users(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.users.list: only active users, unless `is_active` is false."""
    arguments, grid = call.noted["arguments"], slack.state
    team = arguments.get("team_id", "")
    if team and team not in grid.workspaces:
        raise refusal("team_not_found")
    old = flag(arguments, "include_deactivated_user_workspaces")
    if team and old:
        raise refusal("include_deactivated_user_workspaces_invalid")
    active = flag(arguments, "is_active", True)
    wanted = [name for name in ("admin", "owner") if flag(arguments, f"include_{name}s")]
    if wanted and flag(arguments, "only_guests"):
        raise refusal("invalid_arguments")
    found = [
        one
        for one in grid.users.values()
        if one.active is active
        and (not team or team in one.workspaces)
        and (not flag(arguments, "only_guests") or one.guest)
        and (not wanted or (one.workspaces.get(team) or one.role).removeprefix("primary_") in wanted)
    ]
    page, cursor = cut(call, found, default=100)
    shown = [documents.admin_user(grid, one, sorted(one.workspaces) if one.active or old else []) for one in page]
    return ok(users=shown, response_metadata={"next_cursor": cursor})


def _user(slack: SlackSimulator, call: Call) -> SlackUser:
    user = slack.state.users.get(str(call.noted["arguments"].get("user_id", "")))
    if user is None:
        raise refusal("user_not_found")
    return user


def remove_user(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.users.remove: from one workspace. A user who was removed before is
    `user_already_deleted`."""
    user, team = _user(slack, call), call.noted["arguments"].get("team_id", "")
    if team not in slack.state.workspaces:
        raise refusal("team_not_found")
    if user.workspaces.get(team) == "primary_owner" or user.role == "primary_owner":
        raise refusal("cannot_modify_primary_owner")
    if team in user.left or not user.active:
        raise refusal("user_already_deleted")
    if team not in user.workspaces:
        raise refusal("user_not_found")
    slack.state.remove_from_workspace(user, team)
    return ok()


def deactivate_user(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.users.deactivate: from the organization and all its workspaces."""
    user = _user(slack, call)
    if user.role == "primary_owner" or "primary_owner" in user.workspaces.values():
        raise refusal("deactivation_failed")
    slack.state.deactivate(user)
    return ok()


def set_expiration(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.users.setExpiration: of a guest."""
    user = _user(slack, call)
    if not user.active:
        raise refusal("user_is_deactivated")
    if not user.guest:
        raise refusal("user_is_not_a_guest")
    user.expiration = datetime.fromtimestamp(int(call.noted["arguments"]["expiration_ts"]), UTC)
    slack.state.record_profile(user, "expiration")
    return ok()


def set_regular(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.users.setRegular: takes away an administrator's role."""
    user, team = _user(slack, call), call.noted["arguments"].get("team_id", "")
    if team == slack.state.organization:
        roles = {"": user.role}
    elif team in user.workspaces:
        roles = {team: user.workspaces[team]}
    else:
        raise refusal("team_not_found")
    if "primary_owner" in (user.role, *roles.values()):
        raise refusal("cannot_modify_primary_owner")
    if any(role != "member" for role in roles.values()):
        slack.state.record("made_regular", user.id, team)
    if team == slack.state.organization:
        user.role = "member"
    else:
        user.workspaces[team] = "member"
    return ok()


def list_sessions(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.users.session.list: `user_id` and `team_id` come together. A user
    without a session is an error."""
    arguments, grid = call.noted["arguments"], slack.state
    user, team = arguments.get("user_id", ""), arguments.get("team_id", "")
    if user and not team:
        raise refusal("missing_team")
    if team and not user:
        raise refusal("missing_user")
    if team and team not in grid.workspaces:
        raise refusal("team_not_found")
    if user and user not in grid.users:
        raise refusal("user_not_found")
    found = [one for one in grid.live_sessions() if not user or (one.user, one.workspace) == (user, team)]
    if not found:
        raise refusal("no_active_sessions")
    page, cursor = cut(call, found, default=1000)
    return ok(active_sessions=[documents.session(one) for one in page], response_metadata={"next_cursor": cursor})


def _kinds(call: Call) -> frozenset[str]:
    """`web_only` and `mobile_only` leave the sessions of the other kind."""
    arguments = call.noted["arguments"]
    if flag(arguments, "web_only"):
        return frozenset({"web"})
    return frozenset({"mobile"}) if flag(arguments, "mobile_only") else KINDS


def _resettable(slack: SlackSimulator, call: Call, id: str) -> SlackUser:
    user = slack.state.users.get(id)
    if user is None:
        raise refusal("user_not_found")
    if user.is_bot:
        raise refusal("cannot_reset_bot")
    if user.role == "primary_owner" and call.caller.user is not user:
        raise refusal("cannot_reset_primary_owner")
    return user


def reset_sessions(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.users.session.reset. Tokens of apps live on."""
    user = _resettable(slack, call, str(call.noted["arguments"].get("user_id", "")))
    slack.state.reset_sessions(user.id, _kinds(call))
    return ok()


def reset_sessions_of_many(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.users.session.resetBulk: `ok` says that the job was enqueued, not
    that sessions ended. They end after the next read here."""
    users = [_resettable(slack, call, id) for id in items(call.noted["arguments"], "user_ids")]
    for user in users:
        slack.state.resets.append((user.id, _kinds(call)))
    return ok()


def invalidate_session(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.users.session.invalidate."""
    user = _user(slack, call)
    if user.role == "primary_owner" and call.caller.user is not user:
        raise refusal("cannot_invalidate_primary_owner")
    session = slack.state.sessions.get(int(call.noted["arguments"].get("session_id", 0)))
    if session is None or session.user != user.id:
        raise refusal("session_not_found")
    del slack.state.sessions[session.id]
    slack.state.record("session_ended", user.id, str(session.id))
    return ok()


def list_role_assignments(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.roles.listAssignments: newest first, no filter for users."""
    arguments = call.noted["arguments"]
    roles, entities = items(arguments, "role_ids"), items(arguments, "entity_ids")
    found = [
        one
        for one in slack.state.role_assignments
        if (not roles or one.role in roles) and (not entities or one.entity in entities)
    ]
    if arguments.get("sort_dir", "DESC") != "ASC":
        found.reverse()
    page, cursor = cut(call, found, default=200, most=200)
    shown = [
        {
            "role_id": one.role,
            "entity_id": one.entity,
            "user_id": one.user,
            "date_create": documents.epoch(one.created),
        }
        for one in page
    ]
    return ok(role_assignments=shown, response_metadata={"next_cursor": cursor})


def remove_role_assignments(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.roles.removeAssignments: of at most ten users for ten entities."""
    arguments, grid = call.noted["arguments"], slack.state
    role, users, entities = arguments.get("role_id", ""), items(arguments, "user_ids"), items(arguments, "entity_ids")
    if len(users) > 10:
        raise refusal("too_many_users")
    if len(entities) > 10:
        raise refusal("too_many_entities")
    if role not in {one.role for one in grid.role_assignments}:
        raise refusal("invalid_role_id")
    known = {grid.organization, *grid.workspaces, *grid.channels}
    if not set(entities) & known:
        raise refusal("no_valid_entities")
    if not set(users) & grid.users.keys():
        raise refusal("no_valid_users")
    gone = [one for one in grid.role_assignments if one.role == role and one.user in users and one.entity in entities]
    for one in gone:
        grid.role_assignments.remove(one)
        grid.record("role_removed", one.user, f"{one.role} {one.entity}")
    if not set(entities) <= known:
        raise refusal("failed_for_some_entities")
    if not set(users) <= grid.users.keys():
        raise refusal("failed_for_some_users")
    return ok()
