"""Who the token is of, and users as the methods of a workspace show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call
from orchestrator.embedded.vendors.slack import documents
from orchestrator.embedded.vendors.slack.credentials import workspace_of
from orchestrator.embedded.vendors.slack.errors import failed, ok, refusal
from orchestrator.embedded.vendors.slack.grid import SlackUser
from orchestrator.embedded.vendors.slack.pages import cut

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.slack.simulator import SlackSimulator


def test_token(slack: SlackSimulator, call: Call) -> Response:
    """auth.test, https://docs.slack.dev/reference/methods/auth.test: no scope is needed."""
    grid, who = slack.state, call.caller
    organization = bool(grid.organization) and who.token.team == grid.organization
    name = "Corp" if organization else grid.workspaces[who.token.team].name
    user = who.user.id
    shown: dict[str, Any] = {
        "url": f"https://{name.casefold()}{'.enterprise' if organization else ''}.slack.com/",
        "team": name,
        "user": who.user.user_name,
        "team_id": who.token.team,
        "user_id": user,
        "is_enterprise_install": organization,
    }
    if who.token.kind == "bot":
        app = grid.apps[who.token.app]
        shown.update(user=app.name, user_id=f"U{app.id[1:]}", bot_id=f"B{app.id[1:]}")
    if grid.organization:
        shown["enterprise_id"] = grid.organization
    return ok(**shown)


def revoke_token(slack: SlackSimulator, call: Call) -> Response:
    """auth.revoke ends the token of the call, https://docs.slack.dev/reference/methods/auth.revoke."""
    if str(call.noted["arguments"].get("test", "")) in ("1", "true", "True"):
        return ok(revoked=False)
    call.caller.token.revoked = True
    slack.state.record("token_revoked", call.caller.user.id, call.caller.token.app)
    return ok(revoked=True)


def _visible(slack: SlackSimulator, call: Call, user: SlackUser | None) -> str | None:
    """The workspace in which the token sees the user; a former member is seen as deleted."""
    if user is None:
        return None
    team: str = call.caller.token.team
    known = {*user.workspaces, *user.left}
    if team == slack.state.organization:
        return min(user.workspaces or known or {team})
    return team if team in known else None


def get_user(slack: SlackSimulator, call: Call) -> Response:
    user = slack.state.users.get(call.noted["arguments"].get("user", ""))
    workspace = _visible(slack, call, user)
    if user is None or workspace is None:
        raise refusal("user_not_found")
    return ok(user=documents.user(slack.state, user, workspace, call.caller.token))


def find_by_email(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/users.lookupByEmail: a deactivated user is not found."""
    wanted = call.noted["arguments"].get("email", "").casefold()
    for user in slack.state.users.values():
        workspace = _visible(slack, call, user)
        if user.email.casefold() == wanted and user.active and workspace in user.workspaces:
            return ok(user=documents.user(slack.state, user, str(workspace), call.caller.token))
    return failed("users_not_found")


def list_users(slack: SlackSimulator, call: Call) -> Response:
    """Deactivated users too, https://docs.slack.dev/reference/methods/users.list."""
    workspace = workspace_of(slack, call)
    found = [one for one in slack.state.users.values() if workspace in {*one.workspaces, *one.left}]
    page, cursor = cut(call, found, default=len(found) or 1)
    shown = [documents.user(slack.state, one, workspace, call.caller.token) for one in page]
    return ok(members=shown, cache_ts=documents.epoch(slack.now()), response_metadata={"next_cursor": cursor})
