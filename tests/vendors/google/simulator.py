"""Google Workspace's Admin SDK (directory, data transfer), licence manager and tokens: routes, and Google's forms of
general failures. Google serves them on several hosts, the simulator on one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.responses import Response

from orchestrator.embedded.vendors.description import Description
from orchestrator.embedded.vendors.simulator import Call, Handler, Simulator
from tests.vendors.google import credentials, groups, security, transfers, users
from tests.vendors.google.errors import error
from tests.vendors.google.workspace import GoogleWorkspace

DIRECTORY = "/admin/directory/v1"
USER = f"{DIRECTORY}/users/{{user}}"
GROUP = f"{DIRECTORY}/groups/{{group}}"
CUSTOMER = f"{DIRECTORY}/customer/{{customer}}"
TRANSFER = "/admin/datatransfer/v1"
PRODUCT = "/apps/licensing/v1/product/{product}"
TOKEN = "POST /token"
TOKEN_INFO = "POST /oauth2/v2/tokeninfo"

ROUTES: Mapping[str, Handler] = {
    f"GET {DIRECTORY}/users": users.list_users,
    f"GET {USER}": users.get_user,
    f"PATCH {USER}": users.update_user,
    f"PUT {USER}": users.update_user,
    f"DELETE {USER}": users.delete_user,
    f"POST {USER}/undelete": users.undelete_user,
    f"POST {USER}/signOut": users.sign_out,
    f"POST {USER}/makeAdmin": users.make_admin,
    f"GET {USER}/aliases": users.list_aliases,
    f"DELETE {USER}/aliases/{{alias}}": users.remove_alias,
    f"GET {USER}/tokens": security.list_tokens,
    f"DELETE {USER}/tokens/{{client}}": security.revoke_token,
    f"GET {USER}/asps": security.list_app_passwords,
    f"DELETE {USER}/asps/{{code}}": security.remove_app_password,
    f"GET {USER}/verificationCodes": security.list_backup_codes,
    f"POST {USER}/verificationCodes/invalidate": security.end_backup_codes,
    f"GET {DIRECTORY}/groups": groups.list_groups,
    f"GET {GROUP}": groups.get_group,
    f"GET {GROUP}/members": groups.list_members,
    f"POST {GROUP}/members": groups.add_member,
    f"GET {GROUP}/members/{{member}}": groups.get_member,
    f"PATCH {GROUP}/members/{{member}}": groups.change_member,
    f"DELETE {GROUP}/members/{{member}}": groups.remove_member,
    f"GET {CUSTOMER}/roles": security.list_roles,
    f"GET {CUSTOMER}/roleassignments": security.list_role_assignments,
    f"POST {CUSTOMER}/roleassignments": security.add_role_assignment,
    f"DELETE {CUSTOMER}/roleassignments/{{assignment}}": security.remove_role_assignment,
    f"GET {CUSTOMER}/devices/mobile": security.list_devices,
    f"POST {CUSTOMER}/devices/mobile/{{device}}/action": security.act_on_device,
    f"GET {TRANSFER}/applications": transfers.list_applications,
    f"GET {TRANSFER}/transfers": transfers.list_transfers,
    f"POST {TRANSFER}/transfers": transfers.start_transfer,
    f"GET {TRANSFER}/transfers/{{transfer}}": transfers.get_transfer,
    f"GET {PRODUCT}/users": transfers.list_licences,
    f"DELETE {PRODUCT}/sku/{{sku}}/user/{{user}}": transfers.remove_licence,
    TOKEN: credentials.issue_token,
    TOKEN_INFO: credentials.token_info,
}
UNDESCRIBED = {TOKEN: "https://developers.google.com/identity/protocols/oauth2/service-account"}
OPERATIONS = sorted(ROUTES.keys() - UNDESCRIBED.keys())


class GoogleSimulator(Simulator):
    """`state` is the `GoogleWorkspace`."""

    routes = ROUTES
    undescribed = UNDESCRIBED
    state: GoogleWorkspace

    def __init__(self) -> None:
        super().__init__(Description.of(Path(__file__).parent), None)
        self.state = GoogleWorkspace(self.now)

    @property
    def token_url(self) -> str:
        return f"{self.url}/token"

    def identify(self, call: Call) -> Any:
        return None if call.operation in (TOKEN, TOKEN_INFO) else credentials.caller(self, call)

    def permit(self, call: Call) -> None:
        if call.operation not in (TOKEN, TOKEN_INFO):
            credentials.permit(self, call)

    def unknown_path(self, call: Call) -> Response:
        return Response("Not Found", 404)

    def malformed(self, faults: list[str]) -> Response:
        return error(400, "invalid", "; ".join(faults))

    def limited(self) -> Response:
        return error(429, "rateLimitExceeded", "Rate Limit Exceeded", "usageLimits")

    def limited_as_forbidden(self) -> Response:
        """How the Directory API reports most limits."""
        return error(403, "quotaExceeded", "Quota exceeded for quota metric 'Queries'.", "usageLimits")

    def broken(self, status: int) -> Response:
        return error(status, "backendError", "Service unavailable. Please try again")

    def expired(self) -> Response:
        return error(401, "authError", "Invalid Credentials")
