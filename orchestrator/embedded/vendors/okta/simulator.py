"""Okta as a server: routes, rate limits, credentials, and Okta's forms of general failures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.responses import Response

from orchestrator.embedded.vendors.description import Description
from orchestrator.embedded.vendors.okta import access, apps, credentials, groups, sign_in, users
from orchestrator.embedded.vendors.okta.errors import error
from orchestrator.embedded.vendors.okta.organisation import OktaOrganisation
from orchestrator.embedded.vendors.simulator import Call, Handler, Simulator

USER = "/api/v1/users/{id}"
GROUP = "/api/v1/groups/{group}"
RULE = "/api/v1/groups/rules/{rule}"
APP = "/api/v1/apps/{app}"
CLIENT = f"{USER}/clients/{{client}}"

ROUTES: Mapping[str, Handler] = {
    "GET /api/v1/users": users.list_users,
    f"GET {USER}": users.get_user,
    f"POST {USER}": users.update_user,
    f"DELETE {USER}": users.delete_user,
    f"POST {USER}/lifecycle/activate": users.activate,
    f"POST {USER}/lifecycle/deactivate": users.deactivate,
    f"POST {USER}/lifecycle/suspend": users.suspend,
    f"POST {USER}/lifecycle/unsuspend": users.unsuspend,
    f"POST {USER}/lifecycle/reset_factors": access.reset_factors,
    f"DELETE {USER}/sessions": users.end_sessions,
    f"GET {USER}/groups": users.list_groups,
    f"GET {USER}/appLinks": users.list_app_links,
    f"GET {USER}/devices": users.list_devices,
    f"GET {USER}/factors": access.list_factors,
    f"DELETE {USER}/factors/{{factor}}": access.remove_factor,
    f"GET {USER}/roles": access.list_roles,
    f"DELETE {USER}/roles/{{role}}": access.remove_role,
    f"GET {USER}/grants": access.list_grants,
    f"DELETE {USER}/grants": access.remove_grants,
    f"DELETE {USER}/grants/{{grant}}": access.remove_grant,
    f"GET {USER}/clients": access.list_clients,
    f"GET {CLIENT}/grants": access.list_grants,
    f"DELETE {CLIENT}/grants": access.remove_grants,
    f"GET {CLIENT}/tokens": access.list_refresh_tokens,
    f"DELETE {CLIENT}/tokens": access.revoke_refresh_tokens,
    f"DELETE {CLIENT}/tokens/{{token}}": access.revoke_refresh_token,
    "GET /api/v1/groups": groups.list_groups,
    f"GET {GROUP}": groups.get_group,
    f"GET {GROUP}/users": groups.list_members,
    f"PUT {GROUP}/users/{{id}}": groups.add_member,
    f"DELETE {GROUP}/users/{{id}}": groups.remove_member,
    f"GET {GROUP}/apps": groups.list_apps,
    f"GET {GROUP}/owners": groups.list_owners,
    f"DELETE {GROUP}/owners/{{owner}}": groups.remove_owner,
    f"GET {GROUP}/roles": access.list_group_roles,
    f"DELETE {GROUP}/roles/{{role}}": access.remove_group_role,
    "GET /api/v1/groups/rules": groups.list_rules,
    f"GET {RULE}": groups.get_rule,
    f"POST {RULE}/lifecycle/activate": groups.activate_rule,
    f"POST {RULE}/lifecycle/deactivate": groups.deactivate_rule,
    "GET /api/v1/apps": apps.list_apps,
    f"GET {APP}": apps.get_app,
    f"GET {APP}/users": apps.list_app_users,
    f"GET {APP}/users/{{id}}": apps.get_app_user,
    f"DELETE {APP}/users/{{id}}": apps.remove_app_user,
    f"GET {APP}/groups": apps.list_app_groups,
    f"DELETE {APP}/groups/{{group}}": apps.remove_app_group,
    "GET /api/v1/iam/assignees/users": access.list_users_with_roles,
    "GET /oauth2/v1/clients/{client}/roles": access.list_client_roles,
    "GET /api/v1/api-tokens": access.list_api_tokens,
    "DELETE /api/v1/api-tokens/current": access.revoke_own_api_token,
    "GET /api/v1/api-tokens/{token}": access.get_api_token,
    "DELETE /api/v1/api-tokens/{token}": access.revoke_api_token,
    "GET /api/v1/sessions/{session}": access.get_session,
    "DELETE /api/v1/sessions/{session}": access.close_session,
    "POST /api/v1/authn": sign_in.sign_in,
    "POST /api/v1/sessions": sign_in.create_session,
    "GET /api/v1/sessions/me": sign_in.current_session,
    "DELETE /api/v1/sessions/me": sign_in.close_current_session,
    "POST /oauth2/v1/token": sign_in.issue_token,
    "POST /oauth2/v1/introspect": sign_in.introspect,
    "POST /oauth2/v1/revoke": sign_in.revoke,
}
SESSIONS_PAGE = "https://developer.okta.com/docs/reference/api/sessions/"
UNDESCRIBED = {
    "POST /api/v1/authn": "https://developer.okta.com/docs/reference/api/authn/",
    "POST /api/v1/sessions": SESSIONS_PAGE,
    "GET /api/v1/sessions/me": SESSIONS_PAGE,
    "DELETE /api/v1/sessions/me": SESSIONS_PAGE,
}
AUTHORIZATION_SERVER = tuple(f"POST /oauth2/v1/{one}" for one in ("token", "introspect", "revoke"))
CLIENT_AUTHENTICATION = frozenset({"client_id", "client_secret", "client_assertion", "client_assertion_type"})
"""Of the methods on https://developer.okta.com/docs/api/openapi/okta-oauth/guides/client-auth/."""
MISTAKEN = {
    r"^GET /api/v1/apps: .*\['_embedded'\]\.user\.": (
        "the description permits only objects in an embedded app user; its own example has the texts that are here"
    )
}
OPERATIONS = sorted(ROUTES.keys() - UNDESCRIBED.keys())
"""What the reduced description covers."""
OPEN = frozenset(UNDESCRIBED) | frozenset(AUTHORIZATION_SERVER)
"""Operations without a token of the management API."""


class OktaSimulator(Simulator):
    """`state` is the `OktaOrganisation`. `requests_per_minute` is a real limit; each answer says what is left of it,
    and that it starts again with the next minute, or in `limit_seconds`."""

    routes = ROUTES
    undescribed = UNDESCRIBED
    undescribed_fields = dict.fromkeys(AUTHORIZATION_SERVER, CLIENT_AUTHENTICATION)
    mistaken = MISTAKEN
    open_operations = OPEN
    state: OktaOrganisation

    def __init__(self) -> None:
        super().__init__(Description.of(Path(__file__).parent), None)
        self.state = OktaOrganisation(self.now)
        self.requests_per_minute = 1200
        self.limit_seconds: int | None = None
        self._minute, self._used = 0, 0

    def identify(self, call: Call) -> Any:
        if call.operation in OPEN:
            return None
        return credentials.caller(self, call)

    def permit(self, call: Call) -> None:
        credentials.permit(self, call)

    def over_limit(self, call: Call) -> bool:
        minute = int(self.now().timestamp()) // 60
        if minute != self._minute:
            self._minute, self._used = minute, 0
        self._used += 1
        return self._used > self.requests_per_minute

    def dressed(self, call: Call, response: Response) -> Response:
        left = 0 if response.status_code == 429 else max(0, self.requests_per_minute - self._used)
        response.headers["x-rate-limit-limit"] = str(self.requests_per_minute)
        response.headers["x-rate-limit-remaining"] = str(left)
        now = int(self.now().timestamp())
        reset = (now // 60 + 1) * 60 if self.limit_seconds is None else now + self.limit_seconds
        response.headers["x-rate-limit-reset"] = str(reset)
        response.headers["x-okta-request-id"] = f"simulated-{len(self.requests)}"
        return response

    def unknown_path(self, call: Call) -> Response:
        return error(404, "E0000022", "The endpoint does not support the provided HTTP method")

    def malformed(self, faults: list[str]) -> Response:
        return error(400, "E0000001", "Api validation failed", *faults)

    def limited(self) -> Response:
        return error(429, "E0000047", "API call exceeded rate limit due to too many requests.")

    def broken(self, status: int) -> Response:
        return error(status, "E0000009", "Internal Server Error")

    def expired(self) -> Response:
        detail = 'error="invalid_token", error_description="The access token is invalid."'
        where = f'authorization_uri="{self.url}/oauth2/v1/authorize", realm="{self.url}"'
        return error(
            401, "E0000011", "Invalid token provided", headers={"www-authenticate": f"Bearer {where}, {detail}"}
        )
