"""A user's sessions on all devices, in each workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import Fields, all_pages, parse
from connectors.http.requests import Flow, Operation
from connectors.read_backs import account_missing, seen
from connectors.vendors.slack.answers import LIMIT, said_ok, with_cursor
from connectors.vendors.slack.credential import SlackAccess
from connectors.vendors.slack.users import is_active, unless_primary, user_of, user_to_change

RESET_SESSIONS = Operation("POST", "/api/admin.users.session.reset", "admin_users_session_reset")
LIST_SESSIONS = Operation("GET", "/api/admin.users.session.list")


class DeviceSession(Fields):
    session_id: int
    user_id: str
    team_id: str = ""

    def shown(self) -> dict[str, str]:
        return {"id": str(self.session_id), "name": f"session {self.session_id}", "workspace": self.team_id}


def sessions_in(user_id: str, workspace: str) -> Flow[list[DeviceSession]]:
    """Slack says with the error `no_active_sessions` that there are none."""
    pages = with_cursor("active_sessions")
    request = LIST_SESSIONS.request(params={"user_id": user_id, "team_id": workspace, "limit": LIMIT})
    first = yield request
    if not said_ok(first):
        return []
    listed = pages.items(first)
    following = pages.next(request, first, len(listed))
    if following is not None:
        listed += yield from all_pages(following, pages)
    return [one for one in (parse(item, DeviceSession) for item in listed) if one.user_id == user_id]


def revoke_sessions(access: SlackAccess, effect: Effect) -> Flow[Mapping[str, Any]]:
    """Web and mobile: without `web_only` and `mobile_only` Slack ends both."""
    yield from access.require("revoke_sessions")
    user = yield from user_to_change(access, effect)
    with unless_primary(user):
        yield RESET_SESSIONS.request(json={"user_id": user.id})
    return {"revoked": ["web", "mobile"]}


def look_at_sessions(access: SlackAccess, effect: Effect) -> Flow[ReadBack]:
    """Done where Slack says for each workspace of the user that there is no session, or the account is deactivated.
    Unknown for a user who is in no workspace."""
    credential = yield from access.require("revoke_sessions")
    user = yield from user_of(access, effect)
    if user is None:
        return account_missing()
    if (yield from is_active(access, user)) is False:
        return seen(True, {**user.evidence(), "active": False})
    workspaces, left = user.workspaces(credential), []
    for workspace in workspaces:
        left += [one.shown() for one in (yield from sessions_in(user.id, workspace))]
    evidence = {**user.evidence(), "active": True, "sessions": left, "asked_in": workspaces}
    return seen(None if not workspaces else not left, evidence)
