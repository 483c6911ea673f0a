"""Other access of a user: directory roles, assignments of apps, consents, licences, authentication methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, answer
from tests.vendors.entra import documents
from tests.vendors.entra.errors import bad_request, not_found
from tests.vendors.entra.groups import app_of
from tests.vendors.entra.permissions import protect_administrators
from tests.vendors.entra.queries import listed
from tests.vendors.entra.users import user_of

if TYPE_CHECKING:
    from tests.vendors.entra.simulator import EntraSimulator


def list_role_assignments(entra: EntraSimulator, call: Call) -> Response:
    shown = []
    for one in entra.state.role_assignments.values():
        document = documents.role_assignment(one)
        if "roleDefinition" in call.first("$expand"):
            document["roleDefinition"] = {
                "id": documents.role_id(one.role),
                "displayName": one.role,
                "isBuiltIn": True,
                "isEnabled": True,
            }
        shown.append(document)
    return listed(call, entra.url, shown, fields=("principalId", "roleDefinitionId"))


def remove_role_assignment(entra: EntraSimulator, call: Call) -> Response:
    if entra.state.role_assignments.pop(call.given["assignment"], None) is None:
        raise not_found(call.given["assignment"])
    return answer(None, 204)


def list_app_assignments(entra: EntraSimulator, call: Call) -> Response:
    """Also those of groups that the user is a direct member of, with the group as principal."""
    user, tenant = user_of(entra, call), entra.state
    principals = {user.id, *(group.id for group in tenant.groups_of(user.id))}
    found = [one for one in tenant.app_assignments.values() if one.principal in principals]
    return listed(call, entra.url, [documents.app_assignment(tenant, one) for one in found])


def remove_app_assignment(entra: EntraSimulator, call: Call) -> Response:
    user, tenant = user_of(entra, call), entra.state
    found = tenant.app_assignments.get(call.given["assignment"])
    if found is None or found.principal != user.id:
        raise not_found(call.given["assignment"])
    del tenant.app_assignments[found.id]
    return answer(None, 204)


def list_consents(entra: EntraSimulator, call: Call) -> Response:
    user = user_of(entra, call)
    found = [one for one in entra.state.consents.values() if one.principal == user.id]
    return listed(call, entra.url, [documents.consent(one) for one in found])


def list_all_consents(entra: EntraSimulator, call: Call) -> Response:
    """Those of all users, and those of an administrator for everyone."""
    shown = [documents.consent(one) for one in entra.state.consents.values()]
    return listed(call, entra.url, shown, fields=("clientId", "consentType", "principalId"))


def list_service_principals(entra: EntraSimulator, call: Call) -> Response:
    """Those of the tenant's apps, and that of Microsoft Graph, whose app roles are the application permissions."""
    shown = [documents.service_principal(one) for one in entra.state.applications.values()]
    return listed(call, entra.url, [*shown, documents.graph(entra.state)], fields=("appId",))


def list_permissions(entra: EntraSimulator, call: Call) -> Response:
    app = app_of(entra, call)
    return listed(call, entra.url, [documents.permission(app, name) for name in sorted(app.permissions)])


def remove_consent(entra: EntraSimulator, call: Call) -> Response:
    if entra.state.consents.pop(call.given["consent"], None) is None:
        raise not_found(call.given["consent"])
    return answer(None, 204)


def assign_licences(entra: EntraSimulator, call: Call) -> Response:
    user, tenant = user_of(entra, call), entra.state
    inherited = {sku for group in tenant.groups_of(user.id) for sku in group.licences}
    for sku in call.body.get("removeLicenses", []):
        if sku not in user.licences and sku in inherited:
            raise bad_request(
                "User license is inherited from a group membership and it cannot be removed directly from the user."
            )
        if sku not in user.licences:
            raise bad_request("User does not have a corresponding license.")
    user.licences -= set(call.body.get("removeLicenses", []))
    user.licences |= {one["skuId"] for one in call.body.get("addLicenses", [])}
    shown = documents.user(tenant, user)
    return answer({name: shown[name] for name in (*documents.DEFAULT_FIELDS, "assignedLicenses")})


def list_licences(entra: EntraSimulator, call: Call) -> Response:
    user = documents.user(entra.state, user_of(entra, call))
    shown = [
        {
            "id": documents.role_id(f"{user['id']} {one['skuId']}"),
            "skuId": one["skuId"],
            "skuPartNumber": "SPE_E5",
            "servicePlans": [],
        }
        for one in user["assignedLicenses"]
    ]
    return listed(call, entra.url, shown)


def list_methods(entra: EntraSimulator, call: Call) -> Response:
    user = user_of(entra, call)
    found = [one for one in entra.state.methods.values() if one.user == user.id]
    return listed(call, entra.url, [documents.method(one) for one in found])


def _kind(call: Call) -> str:
    """From the path: phoneMethods are of the type phoneAuthenticationMethod."""
    return call.operation.split("/authentication/")[1].split("/")[0].removesuffix("Methods") + "AuthenticationMethod"


def list_methods_of_kind(entra: EntraSimulator, call: Call) -> Response:
    user, kind = user_of(entra, call), _kind(call)
    found = [one for one in entra.state.methods.values() if one.user == user.id and one.kind == kind]
    return listed(call, entra.url, [documents.method(one) for one in found])


def remove_method(entra: EntraSimulator, call: Call) -> Response:
    user, id = user_of(entra, call), call.given["method"]
    protect_administrators(entra, call, user)
    method = entra.state.methods.get(id)
    if method is None or method.user != user.id or method.kind != _kind(call):
        raise not_found(id)
    del entra.state.methods[id]
    return answer(None, 204)
