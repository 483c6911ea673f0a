"""Okta workforce identity: users, their sessions, groups, factors, applications, administrator roles and API tokens.
Okta management API 2026.06.

Requests are listed below as operations, each with the method, path and operation id of Okta's own description
(github.com/okta/okta-management-openapi-spec). In Okta an account is suspended, then deactivated, then deleted:
`delete_account` deletes a deactivated account only, since Okta answers the deletion of any other with a deactivation.

Over 400 lines: all that is particular to one vendor is in one file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import Field, SecretStr

from connectors.abilities import Ability, Account, Effect, Lookup, ReadBack
from connectors.account_set import comparable
from connectors.acts import Act, ActTable
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.auth import Auth, BearerToken
from connectors.http.connector import SAMPLE_SIZE, HttpKind, HttpSettings, find_by, first_page
from connectors.http.dialect import Dialect
from connectors.http.flows import Fields, all_pages, ask, change, found_for_another, parse, require_account, unexpected
from connectors.http.pages import LinkHeader
from connectors.http.requests import Answer, Flow, Operation, Request
from connectors.http.tokens import PrivateKeyJwt, SigningKey
from connectors.parameters import account_of, names_of
from connectors.read_backs import account_missing, deletion, none_left, seen
from connectors.removals import GroupsLeft, Removals

LIST_USERS = Operation("GET", "/api/v1/users", "listUsers")
GET_USER = Operation("GET", "/api/v1/users/{id}", "getUser")
SUSPEND_USER = Operation("POST", "/api/v1/users/{id}/lifecycle/suspend", "suspendUser")
DEACTIVATE_USER = Operation("POST", "/api/v1/users/{id}/lifecycle/deactivate", "deactivateUser")
DELETE_USER = Operation("DELETE", "/api/v1/users/{id}", "deleteUser")
REVOKE_SESSIONS = Operation("DELETE", "/api/v1/users/{userId}/sessions", "revokeUserSessions")
LIST_FACTORS = Operation("GET", "/api/v1/users/{userId}/factors", "listFactors")
RESET_FACTORS = Operation("POST", "/api/v1/users/{id}/lifecycle/reset_factors", "resetFactors")
LIST_ROLES = Operation("GET", "/api/v1/users/{userId}/roles", "listAssignedRolesForUser")
LIST_ADMINISTRATORS = Operation("GET", "/api/v1/iam/assignees/users", "listUsersWithRoleAssignments")
LIST_GROUPS = Operation("GET", "/api/v1/users/{id}/groups", "listUserGroups")
FIND_GROUPS = Operation("GET", "/api/v1/groups", "listGroups")
LEAVE_GROUP = Operation("DELETE", "/api/v1/groups/{groupId}/users/{userId}", "unassignUserFromGroup")
LIST_APPS = Operation("GET", "/api/v1/apps", "listApplications")
UNASSIGN_APP = Operation("DELETE", "/api/v1/apps/{appId}/users/{userId}", "unassignUserFromApplication")
UNASSIGN_ROLE = Operation("DELETE", "/api/v1/users/{userId}/roles/{roleAssignmentId}", "unassignRoleFromUser")
LIST_GRANTS = Operation("GET", "/api/v1/users/{userId}/grants", "listUserGrants")
REVOKE_GRANTS = Operation("DELETE", "/api/v1/users/{userId}/grants", "revokeUserGrants")
LIST_API_TOKENS = Operation("GET", "/api/v1/api-tokens", "listApiTokens")
REVOKE_API_TOKEN = Operation("DELETE", "/api/v1/api-tokens/{apiTokenId}", "revokeApiToken")

SCOPES = "okta.users.read okta.users.manage okta.groups.read okta.groups.manage"
"""What a service app asks for unless `scopes` says otherwise: all abilities but those in `MORE_SCOPES`. Okta's
description names a `read` scope for each operation that reads, and nothing says that `manage` includes it."""
MORE_SCOPES = {
    "remove_from_apps": "okta.apps.read okta.apps.manage",
    "remove_admin_roles": "okta.roles.read okta.roles.manage",
    "revoke_api_tokens": "okta.apiTokens.read okta.apiTokens.manage",
}
"""The scopes that an ability needs beyond `SCOPES`."""
_NOT_FOUND = "E0000007"  # developer.okta.com/docs/reference/error-codes
_ADMIN_ROLES = frozenset({"SUPER_ADMIN", "ORG_ADMIN", "USER_ADMIN", "CUSTOM"})
_PAGE_SIZE = "200"
_ADMINISTRATORS = LinkHeader(items_at=("value",))  # their next page is in the body; only the first is read
_OWN_GROUP = "OKTA_GROUP"  # groups of other types belong to an application or to Okta, and cannot be left here
_TOKENS_LAST = timedelta(hours=1)
"""Access tokens of Okta's own authorization server last so long for services that check them without asking Okta; a
custom server can be set to 5 minutes to 24 hours (support.okta.com, "Lifetime of the Okta Minted JSON Web Tokens")."""
_SETTLE_TIME = timedelta(minutes=1)  # deactivation and deletion may go on after they were accepted


class OktaSettings(HttpSettings):
    """How to reach one Okta organisation: with an API token, or with a service app's private key."""

    url: str = Field(description="address of the organisation, such as https://example.okta.com")
    token: SecretStr = Field(default=SecretStr(""), description="API token; or set client_id and private_key")
    client_id: str = Field(default="", description="client ID of a service app, instead of an API token")
    private_key: SecretStr = Field(
        default=SecretStr(""), description="the service app's private key, as PEM or JSON Web Key"
    )
    key_id: str = Field(default="", description="the key's ID in the service app")
    scopes: str = Field(
        default=SCOPES,
        description="scopes that the service app is granted, separated by spaces; `remove_from_apps`, "
        "`remove_admin_roles` and `revoke_api_tokens` need read and manage of okta.apps, okta.roles and "
        "okta.apiTokens besides the default",
    )

    def lacks_scope_for(self, ability: str) -> str | None:
        """The scopes, separated by spaces, that a service app would need for the ability and that `scopes` lacks."""
        needed = MORE_SCOPES.get(ability, "").split() if self.client_id else []
        return " ".join(scope for scope in needed if scope not in self.scopes.split()) or None


class _Profile(Fields):
    login: str = ""
    email: str | None = None
    employee_number: str | None = Field(default=None, alias="employeeNumber")


class _User(Fields):
    id: str = Field(min_length=1)
    status: str
    transitioning_to: str | None = Field(default=None, alias="transitioningToStatus")
    profile: _Profile

    def as_account(self) -> Account:
        shown = {
            "login": self.profile.login,
            "email": self.profile.email,
            "employeeNumber": self.profile.employee_number,
        }
        attributes = {name: value for name, value in shown.items() if value}
        active = self.status not in ("SUSPENDED", "DEPROVISIONED")
        return Account(self.id, self.profile.login or self.id, attributes, active)

    def evidence(self) -> dict[str, Any]:
        return {"id": self.id, "login": self.profile.login, "status": self.status}


class _Factor(Fields):
    id: str
    type: str = Field(default="", alias="factorType")
    status: str = ""


class _Role(Fields):
    id: str = ""
    type: str = ""
    label: str = ""
    assigned: str = Field(default="", alias="assignmentType")

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.label or self.type, "type": self.type, "assigned": self.assigned}


class _RoleAssignedUser(Fields):
    id: str = Field(min_length=1)


class _AppUser(Fields):
    scope: str = ""


class _AppUsers(Fields):
    user: _AppUser = _AppUser()


class _App(Fields):
    id: str = Field(min_length=1)
    label: str = ""
    embedded: _AppUsers = Field(default=_AppUsers(), alias="_embedded")

    @property
    def assigned(self) -> str:
        """`USER` for an assignment of the account itself, `GROUP` for one by a group, empty where Okta shows none."""
        return self.embedded.user.scope

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.label, "assigned": self.assigned}


class _Grant(Fields):
    client: str = Field(default="", alias="clientId")
    scope: str = Field(default="", alias="scopeId")


class _ApiToken(Fields):
    id: str = Field(min_length=1)
    name: str = ""
    user: str = Field(default="", alias="userId")

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name}


class _GroupProfile(Fields):
    name: str = ""


class _Group(Fields):
    id: str = Field(min_length=1)
    type: str
    profile: _GroupProfile = _GroupProfile()

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.profile.name, "type": self.type}

    def is_named(self, name: str) -> bool:
        return self.id == name or comparable(self.profile.name) == comparable(name)


def _auth(settings: OktaSettings) -> Auth:
    token, key = settings.token.get_secret_value(), settings.private_key.get_secret_value()
    if token and not (settings.client_id or key):
        return BearerToken(token, scheme="SSWS")
    if settings.client_id and key and not token:
        signing_key = SigningKey(key, key_id=settings.key_id)
        url = f"{settings.url.rstrip('/')}/oauth2/v1/token"
        return PrivateKeyJwt(url, client_id=settings.client_id, key=signing_key, scope=settings.scopes)
    raise ActionRequiredError(
        "setting_missing",
        "Okta needs either a token, or client_id and private_key.",
        remedy="Set one of the two, not both.",
        happened="no",
    )


def _error_code(body: Any) -> str:
    return str(body.get("errorCode", "")) if isinstance(body, dict) else ""


def _by_id(settings: OktaSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
    # Okta takes a login or `me` in place of an id too: only an account with this very id counts.
    answer = yield GET_USER.request(lookup.value, missing_ok=True)
    if answer.missing and not _is_gone(answer):
        unexpected("The answer was a 404 without Okta's error code.")
    user = None if answer.missing else parse(answer.body, _User)
    return [user.as_account()] if user is not None and user.id == lookup.value else []


def _by(parameter: str) -> Callable[[OktaSettings, Lookup], Flow[Sequence[Account]]]:
    """By a profile attribute. `filter` sees every change at once but knows few attributes; `search` knows all."""

    def find(settings: OktaSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
        condition = f"profile.{lookup.attribute} eq {json.dumps(lookup.value, ensure_ascii=False)}"
        request = LIST_USERS.request(params={parameter: condition, "limit": _PAGE_SIZE})
        return [parse(item, _User).as_account() for item in (yield from all_pages(request, LinkHeader()))]

    return find


def _user(effect: Effect) -> Flow[tuple[_User | None, bool]]:
    """The user, and, where there is none, whether Okta itself says so."""
    answer = yield GET_USER.request(account_of(effect).native_id, missing_ok=True)
    return (None, _is_gone(answer)) if answer.missing else (_shown(answer, effect), False)


def _shown(answer: Answer, effect: Effect) -> _User:
    user = parse(answer.body, _User)
    require_account(user.id, effect)
    return user


def _is_gone(answer: Answer) -> bool:
    return _error_code(answer.body) == _NOT_FOUND


def _suspend(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = _shown((yield from change(_request(GET_USER, effect), effect)), effect)
    if before.status not in ("SUSPENDED", "DEPROVISIONED"):  # Okta refuses to suspend an account twice
        yield from change(_request(SUSPEND_USER, effect), effect)
    return {"before": before.status}


def _look_at_suspension(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    # Neither a suspended nor a deactivated account can sign in.
    return seen(user.status in ("SUSPENDED", "DEPROVISIONED"), user.evidence())


def _deactivate(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = _shown((yield from change(_request(GET_USER, effect), effect)), effect)
    if "DEPROVISIONED" not in (before.status, before.transitioning_to):
        yield from change(_request(DEACTIVATE_USER, effect, {"sendEmail": "false"}), effect)
    return {"before": before.status}


def _look_at_deactivation(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    return account_missing() if user is None else seen(user.status == "DEPROVISIONED", user.evidence())


def _delete(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user, gone = yield from _user(effect)
    if user is not None and user.status != "DEPROVISIONED":
        raise RefusedError(
            "not_deactivated",
            f"The account has the status {user.status}; Okta deletes deactivated accounts only.",
            remedy="Add a step that deactivates the account to the needs of this step.",
            happened="no",
        )
    if user is not None:
        answer = yield _request(DELETE_USER, effect, {"sendEmail": "false"})
        gone = not answer.missing or _is_gone(answer)
    if not gone:
        raise ActionRequiredError(
            "answer_not_understood",
            "The answer was a 404 without Okta's error code.",
            remedy="Check that url is the address of the organisation.",
            happened="no",
        )
    return {"deleted": True, "already_gone": user is None}


def _look_at_deletion(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    user, gone = yield from _user(effect)
    return deletion(None if user is None else user.evidence(), confirmed=gone)


def _revoke_sessions(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    yield from change(_request(REVOKE_SESSIONS, effect, {"oauthTokens": "true", "forgetDevices": "true"}), effect)
    return {"revoked": ["sessions", "oauth_tokens", "remembered_devices"]}


def _groups(effect: Effect) -> Flow[list[_Group]]:
    request = LIST_GROUPS.request(account_of(effect).native_id)
    return [parse(item, _Group) for item in (yield from all_pages(request, LinkHeader()))]


def _wanted_groups(effect: Effect) -> Flow[tuple[list[_Group], list[str], bool]]:
    """The account's groups that are named in `groups`, by name or id, else all that can be left in Okta; the names
    that no group has; and whether Okta showed any group, as it does for each account (Everyone)."""
    names, every = names_of(effect, "groups"), (yield from _groups(effect))
    if names is None:
        return [group for group in every if group.type == _OWN_GROUP], [], bool(every)
    missing = []
    for name in sorted(names):
        if not any(group.is_named(name) for group in every) and not (yield from _group_exists(name)):
            missing.append(name)
    return [group for group in every if any(group.is_named(name) for name in names)], missing, bool(every)


def _group_exists(name: str) -> Flow[bool]:
    text = json.dumps(name, ensure_ascii=False)
    request = FIND_GROUPS.request(params={"search": f"profile.name eq {text} or id eq {text}"})
    found = [parse(item, _Group) for item in (yield from all_pages(request, LinkHeader()))]
    return any(group.is_named(name) for group in found)


def _leave_groups(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    groups, missing, _ = yield from _wanted_groups(effect)
    left = GroupsLeft()
    for group in groups:
        with left.leaving(group.shown()):
            yield LEAVE_GROUP.request(group.id, account_of(effect).native_id, missing_ok=True)
    left.not_found(missing)
    return left.reply()


def _look_at_groups(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    groups, missing, shown = yield from _wanted_groups(effect)
    evidence = {**user.evidence(), "groups": [group.shown() for group in groups], "groups_not_found": missing}
    return none_left(groups, evidence, shows_such=shown and not missing)


def _factors(user: str) -> Flow[list[dict[str, Any]]]:
    request = LIST_FACTORS.request(user)
    found = [parse(item, _Factor) for item in (yield from all_pages(request, LinkHeader()))]
    return [factor.model_dump() for factor in found]


def _reset_factors(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = yield from _factors(account_of(effect).native_id)
    if before:
        yield from change(_request(RESET_FACTORS, effect), effect)
    return {"factors": before}


def _look_at_factors(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    factors = yield from _factors(user.id)
    shows_such = not factors and (yield from found_for_another((yield from _some_users()), _factors))
    return none_left(factors, {**user.evidence(), "factors": factors}, shows_such=shows_such)


def _require_scope(settings: OktaSettings, ability: str) -> None:
    """Before any request of the ability: a token that Okta issued without the scope would be refused half-way."""
    if (missing := settings.lacks_scope_for(ability)) is not None:
        raise ActionRequiredError(
            "rights_missing",
            f"The setting scopes lacks {missing}.",
            remedy=f"Grant the service app {missing}, and add this to scopes in platform.yaml.",
            happened="no",
        )


def _apps(user: str) -> Flow[list[_App]]:
    """Applications that the user is assigned to, itself or by a group, also inactive ones."""
    request = LIST_APPS.request(
        params={
            "filter": f"user.id eq {json.dumps(user)}",
            "expand": f"user/{user}",
            "includeNonDeleted": "true",
            "limit": _PAGE_SIZE,
        }
    )
    return [parse(item, _App) for item in (yield from all_pages(request, LinkHeader()))]


def _remove_from_apps(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    _require_scope(settings, "remove_from_apps")
    user, by_group, removals = account_of(effect).native_id, [], Removals("removed_from_apps")
    for app in (yield from _apps(user)):
        if app.assigned == "GROUP":  # Okta ends it when the account leaves the group
            by_group.append(app.shown())
            continue
        with removals.removing(app.shown()):
            yield UNASSIGN_APP.request(app.id, user, params={"sendEmail": "false"}, missing_ok=True)
    return {**removals.reply("unknown"), "assigned_by_group": by_group}


def _look_at_apps(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    _require_scope(settings, "remove_from_apps")
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    apps = yield from _apps(user.id)
    evidence = {**user.evidence(), "apps": [app.shown() for app in apps]}
    shows_such = bool(apps) or (yield from found_for_another((yield from _some_users()), _apps))
    return none_left([app for app in apps if app.assigned != "GROUP"], evidence, shows_such=shows_such)


def _some_users() -> Flow[list[str]]:
    """The ids of the first users that Okta lists without a condition."""
    page = yield LIST_USERS.request(params={"limit": SAMPLE_SIZE})
    return [parse(item, _User).id for item in LinkHeader().items(page)]


def _roles(user_id: str) -> Flow[list[_Role]]:
    return [parse(item, _Role) for item in (yield from all_pages(LIST_ROLES.request(user_id), LinkHeader()))]


def _remove_admin_roles(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    _require_scope(settings, "remove_admin_roles")
    user, by_group, removals = account_of(effect).native_id, [], Removals("removed_roles")
    for role in (yield from _roles(user)):
        if role.assigned == "GROUP":  # such an assignment belongs to the group
            by_group.append(role.shown())
            continue
        with removals.removing(role.shown()):
            yield UNASSIGN_ROLE.request(user, role.id, missing_ok=True)
    return {**removals.reply("unknown"), "assigned_by_group": by_group}


def _look_at_admin_roles(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    """Done where no role is left, a role by a group included: who has it is an administrator."""
    _require_scope(settings, "remove_admin_roles")
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    roles = yield from _roles(user.id)
    evidence = {**user.evidence(), "roles": [role.shown() for role in roles]}
    return none_left(roles, evidence, shows_such=not roles and (yield from _shows_roles()))


def _shows_roles() -> Flow[bool]:
    """Whether the list of roles shows those of another administrator. Each organisation has one. False where the
    credential may not list administrators."""
    try:
        page = yield LIST_ADMINISTRATORS.request(params={"limit": SAMPLE_SIZE})
    except (ActionRequiredError, RefusedError):
        return False
    administrators = [parse(item, _RoleAssignedUser).id for item in _ADMINISTRATORS.items(page)]
    return (yield from found_for_another(administrators, _roles))


def _grants(effect: Effect) -> Flow[list[dict[str, Any]]]:
    request = LIST_GRANTS.request(account_of(effect).native_id, params={"limit": _PAGE_SIZE})
    found = [parse(item, _Grant) for item in (yield from all_pages(request, LinkHeader()))]
    return [grant.model_dump() for grant in found]


def _revoke_grants(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = yield from _grants(effect)
    if before:
        yield from change(_request(REVOKE_GRANTS, effect), effect)
    return {"grants": before}


def _look_at_grants(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    grants = yield from _grants(effect)
    return seen(not grants, {**user.evidence(), "grants": grants})


def _api_tokens(effect: Effect) -> Flow[tuple[list[_ApiToken], bool]]:
    """The account's API tokens, and whether Okta showed any token of the organisation."""
    every = [parse(item, _ApiToken) for item in (yield from all_pages(LIST_API_TOKENS.request(), LinkHeader()))]
    return [token for token in every if token.user == account_of(effect).native_id], bool(every)


def _own_api_tokens(effect: Effect) -> Flow[list[_ApiToken]]:
    tokens, _ = yield from _api_tokens(effect)
    return tokens


def _revoke_api_tokens(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    _require_scope(settings, "revoke_api_tokens")
    (tokens, _), removals = (yield from _api_tokens(effect)), Removals("revoked_api_tokens")
    for token in tokens:
        with removals.removing(token.shown()):
            yield REVOKE_API_TOKEN.request(token.id, missing_ok=True)
    return removals.reply("unknown")


def _look_at_api_tokens(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    """Okta lists the organisation's tokens. With an API token, its own is among them; a service app has none, but
    without the scope Okta issues it no access token at all."""
    _require_scope(settings, "revoke_api_tokens")
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    tokens, shown = yield from _api_tokens(effect)
    evidence = {**user.evidence(), "api_tokens": [token.shown() for token in tokens]}
    return none_left(tokens, evidence, shows_such=shown or bool(settings.client_id))


def _snapshot(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    """`not_shown` names what the credential may not read."""
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    groups, factors, grants = (
        (yield from _groups(effect)),
        (yield from _factors(account_of(effect).native_id)),
        (yield from _grants(effect)),
    )
    evidence: dict[str, Any] = {"groups": [group.shown() for group in groups], "factors": factors, "grants": grants}
    not_shown = []
    for name, ability, read in (
        ("apps", "remove_from_apps", _apps(account_of(effect).native_id)),
        ("roles", "remove_admin_roles", _roles(user.id)),
        ("api_tokens", "revoke_api_tokens", _own_api_tokens(effect)),
    ):
        try:
            _require_scope(settings, ability)
            evidence[name] = [item.shown() for item in (yield from read)]
        except ActionRequiredError:
            not_shown.append(name)
    return seen(True, {**user.evidence(), **evidence, "not_shown": not_shown})


def _request(operation: Operation, effect: Effect, params: Mapping[str, str] | None = None) -> Request:
    return operation.request(account_of(effect).native_id, params=params or {}, missing_ok=True)


def _check(settings: OktaSettings) -> Flow[str]:
    """Whether users may be read; and of an API token, whether its administrator has a role that may change them."""
    try:
        yield LIST_USERS.request(params={"limit": "1"})
    except ActionRequiredError as error:
        raise ActionRequiredError(
            error.code,
            error.detail,
            remedy=f"Grant the service app the scopes {' and '.join(settings.scopes.split())}, and renew its key."
            if settings.client_id
            else "Renew the API token, and grant its administrator a role that can read and manage users.",
            happened="no",
        ) from None
    if settings.client_id:  # Okta issues a token only where every scope that it names is granted
        lacking = [
            f"{ability} ({scope})" for ability, scope in MORE_SCOPES.items() if settings.lacks_scope_for(ability)
        ]
        return f"reachable, credential accepted, scopes granted: {settings.scopes}" + (
            f"; not allowed by them: {', '.join(lacking)}" if lacking else ""
        )
    me = yield from ask(GET_USER.request("me"), _User)
    try:
        roles = {role.type for role in (yield from _roles(me.id))}
    except ActionRequiredError:
        return "reachable, credential accepted; Okta does not show the roles of the token's administrator"
    if not roles & _ADMIN_ROLES:
        raise ActionRequiredError(
            "rights_missing",
            f"The roles of the token's administrator are: {', '.join(sorted(roles)) or 'none'}.",
            remedy="Grant the token's administrator the role of group administrator (USER_ADMIN), or a custom role "
            "that "
            "can manage users, their sessions, groups and factors.",
            happened="no",
        )
    return f"reachable, credential accepted, roles: {', '.join(sorted(roles))}"


OKTA = HttpKind(
    "okta",
    OktaSettings,
    system_class="identity_provider",
    auth=_auth,
    prepare=lambda settings: settings,
    find=find_by(
        "okta",
        {"id": _by_id, "login": _by("filter"), "email": _by("filter"), "employeeNumber": _by("search")},
        sample=first_page(
            LIST_USERS.request(params={"limit": SAMPLE_SIZE}),
            LinkHeader(),
            lambda item: parse(item, _User).as_account(),
        ),
        prove_themselves=["id"],  # by Okta's error code
    ),
    check=_check,
    dialect=Dialect(code=_error_code, failed_success=lambda body: bool(_error_code(body))),
    acts=ActTable(
        "okta",
        Act(
            Ability(
                "snapshot_access",
                "read",
                "records the account's status, groups, factors, grants, applications, administrator roles, API tokens",
                reversible="yes",
            ),
            look=_snapshot,
        ),
        Act(
            Ability(
                "suspend_account",
                "change",
                "suspends the account, so that it cannot sign in; groups and applications are kept",
                reversible="yes",
                cuts_access=True,
                tokens_last=_TOKENS_LAST,
            ),
            _suspend,
            _look_at_suspension,
        ),
        Act(
            Ability(
                "revoke_sessions",
                "change",
                "ends every session and revokes OAuth tokens and remembered devices",
                read_back=False,  # Okta lists neither sessions nor tokens of a user
                reversible="yes",  # an account that may still sign in signs in again
                cuts_access=True,
                tokens_last=_TOKENS_LAST,
                ends=("sessions", "refresh_tokens"),
                cannot_end=("application_sessions",),
            ),
            _revoke_sessions,
        ),
        Act(
            Ability(
                "remove_from_groups",
                "change",
                "removes the account from all Okta groups, or from those in `groups`",
                reversible="yes",  # the groups it was in are in the reply and in the snapshot
                cuts_access=True,
                tokens_last=_TOKENS_LAST,  # a token can list the groups
            ),
            _leave_groups,
            _look_at_groups,
        ),
        Act(
            Ability(
                "reset_factors",
                "change",
                "removes every enrolled factor of the account",
                destroys_nothing_because="the person can enrol another factor",
            ),
            _reset_factors,
            _look_at_factors,
        ),
        Act(
            Ability(
                "remove_admin_roles",
                "change",
                "removes the account's own administrator roles; a role by a group ends when the account leaves it",
                reversible="yes",  # the roles are in the reply and in the snapshot
                cuts_access=True,
                tokens_last=timedelta(0),  # Okta checks the roles at each request
            ),
            _remove_admin_roles,
            _look_at_admin_roles,
        ),
        Act(
            Ability(
                "revoke_api_tokens",
                "change",
                "revokes the API tokens that the account created; what uses them stops",
                destroys=True,
                cuts_access=True,
                tokens_last=timedelta(0),
            ),
            _revoke_api_tokens,
            _look_at_api_tokens,
        ),
        Act(
            Ability(
                "revoke_grants",
                "change",
                "revokes the consents that the account gave to applications",
                destroys_nothing_because="the person can consent again",
            ),
            _revoke_grants,
            _look_at_grants,
        ),
        Act(
            Ability(
                "remove_from_apps",
                "change",
                "removes the account's own assignments to applications; one by a group ends when the account leaves it",
                destroys=True,  # the app profile; a provisioned application may delete the account
                settles_within=_SETTLE_TIME,
            ),
            _remove_from_apps,
            _look_at_apps,
        ),
        Act(
            Ability(
                # Suspending is what cuts access; this ends the account, usually some time later.
                "deactivate_account",
                "change",
                "deactivates the account; applications deprovision it, and may delete its data",
                destroys=True,
                settles_within=_SETTLE_TIME,
                ends_account=True,
                tokens_last=_TOKENS_LAST,
            ),
            _deactivate,
            _look_at_deactivation,
        ),
        Act(
            Ability(
                "delete_account",
                "change",
                "deletes a deactivated account permanently",
                destroys=True,
                settles_within=_SETTLE_TIME,
                ends_account=True,
                tokens_last=_TOKENS_LAST,
            ),
            _delete,
            _look_at_deletion,
        ),
    ),
)
