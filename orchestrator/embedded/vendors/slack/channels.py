"""Channels: whom they belong to, and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call
from orchestrator.embedded.vendors.slack import documents
from orchestrator.embedded.vendors.slack.arguments import items
from orchestrator.embedded.vendors.slack.errors import ok, refusal
from orchestrator.embedded.vendors.slack.grid import SlackChannel
from orchestrator.embedded.vendors.slack.pages import cut

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.slack.simulator import SlackSimulator


def search_channels(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.conversations.search: by name; `creator_id` has who made it, for
    which there is no filter. At most 20 in a page."""
    arguments, grid = call.noted["arguments"], slack.state
    kinds, teams = items(arguments, "search_channel_types"), items(arguments, "team_ids")
    if not set(kinds) <= {"private", "private_exclude", "archived", "exclude_archived"}:
        raise refusal("invalid_search_channel_type")
    if not set(teams) <= grid.workspaces.keys():
        raise refusal("team_not_found")
    found = [
        one
        for one in grid.channels.values()
        if arguments.get("query", "").casefold() in one.name.casefold()
        and (not teams or one.workspace in teams)
        and not ("private" in kinds and not one.private)
        and not ("private_exclude" in kinds and one.private)
        and not ("archived" in kinds and not one.archived)
        and not ("exclude_archived" in kinds and one.archived)
    ]
    page, cursor = cut(call, found, default=10, most=20)
    return ok(
        conversations=[documents.searched_channel(grid, one) for one in page],
        next_cursor=cursor,
        total_count=len(found),
    )


def _channel(slack: SlackSimulator, call: Call, argument: str) -> SlackChannel:
    channel = slack.state.channels.get(call.noted["arguments"].get(argument, ""))
    if channel is None:
        raise refusal("channel_not_found")
    return channel


def list_teams(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.conversations.getTeams."""
    channel = _channel(slack, call, "channel_id")
    if channel.general:
        raise refusal("channel_type_not_supported")
    page, cursor = cut(call, [channel.workspace], default=100)
    return ok(team_ids=page, response_metadata={"next_cursor": cursor})


def invite(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.conversations.invite: so that a channel keeps a member."""
    channel = _channel(slack, call, "channel_id")
    if channel.general:
        raise refusal("channel_type_not_supported")
    users = items(call.noted["arguments"], "user_ids")
    wrong = [id for id in users if id not in slack.state.users or not slack.state.users[id].active]
    for id in users:
        if id not in wrong and id not in channel.members:
            channel.members.append(id)
            slack.state.record("added_to_channel", id, channel.id)
    if wrong:
        raise refusal("failed_for_some_users")
    return ok()


def archive(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.conversations.archive."""
    channel = _channel(slack, call, "channel_id")
    if channel.general:
        raise refusal("cant_archive_general")
    if channel.archived:
        raise refusal("already_archived")
    channel.archived = True
    slack.state.record("channel_archived", channel.id)
    return ok()


def _seen(slack: SlackSimulator, call: Call) -> SlackChannel:
    """A private channel exists only for its members; a channel of another workspace does not exist."""
    channel, who = _channel(slack, call, "channel"), call.caller
    if who.token.team not in (channel.workspace, slack.state.organization):
        raise refusal("channel_not_found")
    if channel.private and who.user.id not in channel.members:
        raise refusal("channel_not_found")
    return channel


def _need(call: Call, channel: SlackChannel, *rights: str) -> None:
    """Scopes are by the kind of channel: groups are private ones."""
    needed = [f"{'groups' if channel.private else 'channels'}:{right}" for right in rights]
    provided = call.caller.token.scopes
    if not set(needed) & set(provided):
        raise refusal("missing_scope", needed=needed[0], provided=",".join(provided))


def list_members(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/conversations.members."""
    channel = _seen(slack, call)
    _need(call, channel, "read")
    page, cursor = cut(call, channel.members, default=100)
    return ok(members=page, response_metadata={"next_cursor": cursor})


def kick(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/conversations.kick."""
    channel, user = _seen(slack, call), call.noted["arguments"].get("user", "")
    _need(call, channel, "write", "manage")
    if user not in slack.state.users:
        raise refusal("user_not_found")
    if user == call.caller.user.id and call.caller.token.kind == "user":
        raise refusal("cant_kick_self")
    if channel.general:
        raise refusal("cant_kick_from_general")
    if user not in channel.members:
        raise refusal("not_in_channel")
    channel.members.remove(user)
    slack.state.record("removed_from_channel", user, channel.id)
    return ok()
