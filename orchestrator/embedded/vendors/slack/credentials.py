"""Tokens, and what each may do.

A user token (xoxp) acts for the person who installed the app, a bot token (xoxb) for the app's bot; the scopes of both
limit it: https://docs.slack.dev/authentication/tokens. `admin.*` and SCIM need a user token of an administrator, and in
an organization one of an app that is installed on the organization: https://docs.slack.dev/admins/scim-api#permissions.
A token that ends: https://docs.slack.dev/authentication/using-token-rotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.embedded.vendors.simulator import Call
from orchestrator.embedded.vendors.slack.errors import refusal, scim_refusal
from orchestrator.embedded.vendors.slack.grid import RANKS, SlackToken, SlackUser

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.slack.simulator import SlackMethod, SlackSimulator


@dataclass
class SlackCaller:
    user: SlackUser
    token: SlackToken


def caller_of_method(slack: SlackSimulator, call: Call) -> SlackCaller:
    """From the header Authorization, or the argument `token`."""
    value = _bearer(call) or str(call.noted["arguments"].get("token", ""))
    if not value:
        raise refusal("not_authed")
    token = slack.state.tokens.get(value)
    if token is None:
        raise refusal("invalid_auth")
    if token.revoked:
        raise refusal("token_revoked" if token.kind == "user" else "account_inactive")
    if token.expires is not None and token.expires <= slack.now():
        raise refusal("token_expired")
    return SlackCaller(slack.state.users[token.user], token)


def permit_method(slack: SlackSimulator, call: Call, method: SlackMethod) -> None:
    who: SlackCaller = call.caller
    if who.token.kind not in method.tokens:
        raise refusal("not_allowed_token_type")
    if method.scopes and not set(method.scopes) & set(who.token.scopes):
        raise refusal("missing_scope", needed=method.scopes[0], provided=",".join(who.token.scopes))
    if method.enterprise:
        if not slack.state.organization or who.token.team != slack.state.organization:
            raise refusal("feature_not_enabled")
        if not slack.state.is_admin(who.user):
            raise refusal(method.not_admin)


def workspace_of(slack: SlackSimulator, call: Call) -> str:
    """The workspace for which a method of a workspace is called: `team_id` is required with a token of an
    organization, and ignored with one of a workspace."""
    team: str = call.caller.token.team
    if team != slack.state.organization:
        return team
    wanted = str(call.noted["arguments"].get("team_id", ""))
    if not wanted:
        raise refusal("missing_argument")
    if wanted not in slack.state.workspaces:
        raise refusal("team_not_found")
    return wanted


def caller_of_scim(slack: SlackSimulator, call: Call) -> SlackCaller:
    value = _bearer(call)
    if not value:
        raise scim_refusal(401, "missing_authentication")
    token = slack.state.tokens.get(value)
    ended = token is not None and (token.revoked or (token.expires is not None and token.expires <= slack.now()))
    if token is None or ended or token.kind != "user" or "admin" not in token.scopes:
        raise scim_refusal(401, "invalid_authentication")
    user = slack.state.users[token.user]
    if slack.state.plan not in ("enterprise", "business_plus"):
        raise scim_refusal(403, "plus_teams_only")
    if token.team != slack.state.organization and slack.state.organization:
        raise scim_refusal(403, "non_org_teams_only")
    if not slack.state.is_admin(user):
        raise scim_refusal(401, "invalid_authentication")
    return SlackCaller(user, token)


def permit_change(call: Call, target: SlackUser) -> None:
    """A token acts only on accounts with the same or fewer permissions: one of an administrator not on owners."""
    if call.caller.user.role == "admin" and RANKS.index(target.role) > RANKS.index("admin"):
        raise scim_refusal(403, "permission_denied")


def _bearer(call: Call) -> str:
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    return value if scheme == "Bearer" else ""
