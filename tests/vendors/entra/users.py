"""Users: reading, changing, ending sessions, deleting and restoring; their managers and what they own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, answer
from tests.vendors.entra import documents
from tests.vendors.entra.directory import EntraUser
from tests.vendors.entra.errors import ON_PREMISES, bad_request, not_found
from tests.vendors.entra.permissions import protect_administrators
from tests.vendors.entra.queries import listed, selected

if TYPE_CHECKING:
    from tests.vendors.entra.simulator import EntraSimulator

FILTERED = (
    "accountEnabled", "id", "userPrincipalName", "mail", "employeeId", "displayName", "givenName", "surname",
    "department", "jobTitle", "userType", "onPremisesImmutableId", "onPremisesSyncEnabled", "mailNickname",
)  # fmt: skip
SENSITIVE = ("accountEnabled", "userPrincipalName", "mobilePhone", "otherMails", "passwordProfile", "businessPhones")


def user_of(entra: EntraSimulator, call: Call) -> EntraUser:
    user = entra.state.find_user(call.given["id"])
    if user is None:
        raise not_found(call.given["id"])
    return user


def list_users(entra: EntraSimulator, call: Call) -> Response:
    """`$expand=manager` is the only one that is simulated."""
    tenant, shown = entra.state, []
    for one in tenant.live_users():
        document = documents.user(tenant, one)
        if call.first("$expand") == "manager" and one.manager in tenant.users:
            document["manager"] = _person(entra, tenant.users[one.manager])
        shown.append(document)
    return listed(call, entra.url, shown, documents.DEFAULT_FIELDS, FILTERED, expanded=("manager",))


def get_user(entra: EntraSimulator, call: Call) -> Response:
    """With `$expand=manager` alone, as `list_users`."""
    user = user_of(entra, call)
    body = selected(call, documents.user(entra.state, user), documents.DEFAULT_FIELDS)
    if call.first("$expand").startswith("manager") and user.manager in entra.state.users:
        body["manager"] = _person(entra, entra.state.users[user.manager])
    return answer({"@odata.context": f"{entra.url}/v1.0/$metadata#users/$entity", **body})


def me(entra: EntraSimulator, call: Call) -> Response:
    """The user for whom the app acts."""
    user: EntraUser | None = call.caller.user
    if user is None:
        raise bad_request("/me request is only valid with delegated authentication flow.")
    return answer(selected(call, documents.user(entra.state, user), documents.DEFAULT_FIELDS))


def update_user(entra: EntraSimulator, call: Call) -> Response:
    user = user_of(entra, call)
    if set(call.body) & set(SENSITIVE):
        protect_administrators(entra, call, user)
    if user.synced:
        raise bad_request(ON_PREMISES)
    password = (call.body.pop("passwordProfile", None) or {}).get("password")
    user.password = password or user.password
    user.fields.update(call.body)
    entra.state.apply_rules(user)
    return answer(None, 204)


def end_sessions(entra: EntraSimulator, call: Call) -> Response:
    """Refresh tokens and cookies end; access tokens live until they expire."""
    user_of(entra, call).valid_from = entra.now()
    return answer({"@odata.context": f"{entra.url}/v1.0/$metadata#Edm.Boolean", "value": True})


def delete_user(entra: EntraSimulator, call: Call) -> Response:
    """To the deleted items, for 30 days."""
    user = user_of(entra, call)
    protect_administrators(entra, call, user)
    user.deleted = entra.now()
    return answer(None, 204)


def list_deleted(entra: EntraSimulator, call: Call) -> Response:
    users = [documents.user(entra.state, one) for one in entra.state.users.values() if one.deleted]
    return listed(call, entra.url, users, (*documents.DEFAULT_FIELDS, "deletedDateTime"), FILTERED)


def _deleted(entra: EntraSimulator, call: Call) -> EntraUser:
    user = entra.state.users.get(call.given["id"])
    if user is None or user.deleted is None:
        raise not_found(call.given["id"])
    return user


def get_deleted(entra: EntraSimulator, call: Call) -> Response:
    return answer({"@odata.type": "#microsoft.graph.user", **documents.user(entra.state, _deleted(entra, call))})


def restore(entra: EntraSimulator, call: Call) -> Response:
    user = _deleted(entra, call)
    user.deleted = None
    return answer({"@odata.type": "#microsoft.graph.user", **documents.user(entra.state, user)})


def purge(entra: EntraSimulator, call: Call) -> Response:
    entra.state.purge(_deleted(entra, call))
    return answer(None, 204)


def get_manager(entra: EntraSimulator, call: Call) -> Response:
    manager = user_of(entra, call).manager
    if manager not in entra.state.users:
        raise not_found("manager")
    return answer(_person(entra, entra.state.users[manager]))


def set_manager(entra: EntraSimulator, call: Call) -> Response:
    user = user_of(entra, call)
    manager = entra.state.find_user(call.body["@odata.id"].rsplit("/", 1)[-1])
    if manager is None:
        raise not_found(call.body["@odata.id"])
    if user.synced:
        raise bad_request(ON_PREMISES)
    user.manager = manager.id
    return answer(None, 204)


def list_reports(entra: EntraSimulator, call: Call) -> Response:
    user = user_of(entra, call)
    reports = [_person(entra, one) for one in entra.state.live_users() if one.manager == user.id]
    return listed(call, entra.url, reports)


def list_owned(entra: EntraSimulator, call: Call) -> Response:
    """Groups, app registrations and their service principals."""
    user, tenant = user_of(entra, call), entra.state
    owned = [documents.group(one) for one in tenant.groups.values() if user.id in one.owners]
    for app in tenant.applications.values():
        if user.id in app.owners:
            owned += [documents.application(app), documents.service_principal(app)]
    return listed(call, entra.url, owned)


def _person(entra: EntraSimulator, user: EntraUser) -> documents.VendorDocument:
    document = documents.user(entra.state, user)
    return {"@odata.type": "#microsoft.graph.user", **{name: document[name] for name in documents.DEFAULT_FIELDS}}
