"""Apps that people installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call
from orchestrator.embedded.vendors.slack.arguments import items
from orchestrator.embedded.vendors.slack.credentials import workspace_of
from orchestrator.embedded.vendors.slack.errors import ok, refusal
from orchestrator.embedded.vendors.slack.pages import cut

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.slack.simulator import SlackSimulator


def list_integration_logs(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/team.integrationLogs: who added which app, newest first, in pages that
    are counted."""
    arguments, team = call.noted["arguments"], workspace_of(slack, call)
    found = [
        {name: value for name, value in one.items() if name != "team"}
        for one in reversed(slack.state.integration_logs)
        if one["team"] == team
        and all(
            str(arguments[name]) == one[field]
            for name, field in (("user", "user_id"), ("app_id", "app_id"), ("change_type", "change_type"))
            if name in arguments
        )
    ]
    size = call.page_size(int(arguments.get("count") or 100))
    number = int(arguments.get("page") or 1)
    paging = {"count": size, "total": len(found), "page": number, "pages": -(-len(found) // size)}
    return ok(logs=found[(number - 1) * size : number * size], paging=paging)


def list_approved_apps(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.apps.approved.list: it does not say who installed an app."""
    apps = list(slack.state.apps.values())
    page, cursor = cut(call, apps, default=100)
    shown = [
        {
            "app": {"id": one.id, "name": one.name, "description": "", "is_internal": True},
            "scopes": [],
            "date_updated": 1700000000,
            "last_resolved_by": {"actor_id": "U0SIM00000", "actor_type": "user"},
        }
        for one in page
    ]
    return ok(approved_apps=shown, response_metadata={"next_cursor": cursor})


def uninstall(slack: SlackSimulator, call: Call) -> Response:
    """https://docs.slack.dev/reference/methods/admin.apps.uninstall: exactly one of `enterprise_id` and `team_ids`. All
    tokens of the app end there, also those of other people."""
    arguments, grid = call.noted["arguments"], slack.state
    app = grid.apps.get(arguments.get("app_id", ""))
    if app is None:
        raise refusal("app_not_found")
    teams, organization = items(arguments, "team_ids"), arguments.get("enterprise_id", "")
    if bool(teams) == bool(organization):
        raise refusal("specify_enterprise_or_teams")
    if organization and organization != grid.organization:
        raise refusal("enterprise_not_found")
    if not set(teams) <= grid.workspaces.keys():
        raise refusal("teams_not_found")
    if teams and grid.organization in app.installed_by:
        raise refusal("must_revoke_access")
    for team in teams or list(app.installed_by):
        if app.installed_by.pop(team, None):
            grid.record("app_uninstalled", app.id, team)
        for token in grid.tokens.values():
            token.revoked = token.revoked or (token.app, token.team) == (app.id, team)
    return ok()
