"""Identity providers and SaaS tenants that speak SCIM 2.0 (RFC 7643, RFC 7644).

What the server can do is asked once, from its ServiceProviderConfig (RFC 7643 section 5). Where PATCH is offered it is
used; otherwise the document just fetched is put back with the one change, unknown extensions included, under If-Match
where the server has entity tags (RFC 7644 sections 3.5.1 and 3.14). Membership is changed through Groups, since a
user's own `groups` is read-only (RFC 7643 section 4.1.2).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from connectors.abilities import Ability, Account, Effect, Lookup, ReadBack
from connectors.account_set import AccountSet, equals_ignoring_case, value_shown, values_asked
from connectors.acts import Act, ActTable
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import HttpKind, TokenSettings, answers, bearer
from connectors.http.flows import Fields, all_pages, change, parse, unexpected
from connectors.http.pages import Offset
from connectors.http.requests import Answer, Flow, Operation
from connectors.parameters import account_gone, account_of, names_of, unknown_attribute
from connectors.protocols.scim_attributes import is_attribute_path, values_at
from connectors.read_backs import account_missing, seen

_PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
# RFC 7644 section 3.4.2.4: pages count from 1, and a server may send fewer resources than were asked for.
_PAGES = Offset(
    items_at=("Resources",),
    total_at=("totalResults",),
    start_parameter="startIndex",
    size_parameter="count",
    first_position=1,
    missing_items_ok=True,
)

# RFC 7644 section 3.2
GET_OFFERS = Operation("GET", "/ServiceProviderConfig")
LIST_USERS = Operation("GET", "/Users")
GET_USER = Operation("GET", "/Users/{id}")
PATCH_USER = Operation("PATCH", "/Users/{id}")
PUT_USER = Operation("PUT", "/Users/{id}")
DELETE_USER = Operation("DELETE", "/Users/{id}")
LIST_GROUPS = Operation("GET", "/Groups")
GET_GROUP = Operation("GET", "/Groups/{id}")
PATCH_GROUP = Operation("PATCH", "/Groups/{id}")
PUT_GROUP = Operation("PUT", "/Groups/{id}")


class ScimSettings(TokenSettings):
    """How to reach one SCIM service; `url` is its base, often ending in /v2."""

    privileged: str = Field(
        default="admin,administrator,owner",
        description="names of roles and groups, separated by commas, that make an account privileged",
    )


class _Supported(Fields):
    supported: bool = False


class _FilterSupported(Fields):
    supported: bool = True


class _Offers(Fields):
    """The part of ServiceProviderConfig on which our requests depend."""

    patch: _Supported = _Supported()
    etag: _Supported = _Supported()
    filter: _FilterSupported = _FilterSupported()


class _Total(Fields):
    """RFC 7644 section 3.4.2."""

    total: int = Field(alias="totalResults", ge=0)


class _Reference(Fields):
    value: str
    display: str | None = None


class _User(Fields):
    id: str = Field(min_length=1)
    user_name: str = Field(default="", alias="userName")
    active: bool | None = None
    # Unassigned may be left out, null or empty (RFC 7643 section 2.5).
    roles: list[dict[str, Any]] | None = None
    entitlements: list[dict[str, Any]] | None = None
    groups: list[_Reference] | None = None

    def evidence(self) -> dict[str, Any]:
        return {"present": True, "id": self.id, "user_name": self.user_name, "active": self.active}


class _Group(Fields):
    id: str = Field(min_length=1)
    name: str = Field(default="", alias="displayName")
    members: list[dict[str, Any]] | None = None


class ScimServer:
    """What the flows know of one server: the names of privileged roles and groups, and what the server offers, which
    is asked once."""

    def __init__(self, settings: ScimSettings) -> None:
        self.privileged = {name.strip().casefold() for name in settings.privileged.split(",") if name.strip()}
        self.known_offers: _Offers | None = None
        self.filters_members: bool | None = None

    def offers(self) -> Flow[_Offers]:
        if self.known_offers is None:
            answer = yield GET_OFFERS.request(missing_ok=True)
            # A server without it is asked only for what RFC 7644 requires of every server: PUT, no entity tags.
            self.known_offers = _Offers() if answer.missing else parse(answer.body, _Offers)
        return self.known_offers

    def account(self, user: _User) -> Account:
        names = {str(role.get("value", role.get("display", ""))).casefold() for role in user.roles or ()}
        names |= {(group.display or "").casefold() for group in user.groups or ()}
        return Account(
            native_id=user.id,
            label=user.user_name or user.id,
            attributes={"userName": user.user_name},
            active=user.active,
            privileged=bool(names & self.privileged),
        )

    def privileged_members(self) -> Flow[set[str]]:
        """Ids of the members of privileged groups, since not every server shows a user's groups on the user."""
        names = " or ".join(f"displayName eq {_quoted(name)}" for name in sorted(self.privileged))
        condition = names if (yield from self.offers()).filter.supported else None
        members: set[str] = set()
        for document in (yield from _resources(LIST_GROUPS, condition)):
            group = parse(document, _Group)
            if group.name.casefold() in self.privileged:
                members |= {str(member.get("value")) for member in group.members or ()}
        return members

    def groups_of(self, account_id: str, wanted: Collection[str] | None) -> Flow[list[_Group]]:
        condition = None
        if (yield from self.can_filter_members()):
            condition = f"members.value eq {_quoted(account_id)}"
        groups = []
        for document in (yield from _resources(LIST_GROUPS, condition)):
            group = parse(document, _Group)
            is_member = condition is not None or any(
                member.get("value") == account_id for member in group.members or ()
            )
            if is_member and (wanted is None or group.name in wanted or group.id in wanted):
                groups.append(group)
        return groups

    def can_filter_members(self) -> Flow[bool]:
        """Asked once with an id that no user has: this tells a server that refuses or ignores the filter from one that
        applies it, so that no account is taken for a member of every group."""
        if self.filters_members is None:
            if not (yield from self.offers()).filter.supported:
                self.filters_members = False
                return False
            params = {"filter": 'members.value eq "no-user-has-this-id"', "count": "1"}
            try:
                answer = yield LIST_GROUPS.request(params=params)
                self.filters_members = parse(answer.body, _Total).total == 0
            except RefusedError:
                self.filters_members = False
        return self.filters_members

    def put(self, operation: Operation, fetched: Answer, values: dict[str, Any]) -> Flow[Answer]:
        """Put a resource back as it was fetched, with the given values changed. The answer may be a 404."""
        if not isinstance(fetched.body, dict):
            unexpected(f"{operation.path} responded with something that is not a resource.")
        headers = {}
        if (yield from self.offers()).etag.supported:
            meta = fetched.body.get("meta")
            version = fetched.etag or (meta.get("version") if isinstance(meta, dict) else None)
            if not isinstance(version, str):
                unexpected("The server supports entity tags, but its resource has none.")
            headers["If-Match"] = version
        resource_id = str(fetched.body.get("id", ""))
        request = operation.request(resource_id, json={**fetched.body, **values}, headers=headers, missing_ok=True)
        return (yield request)


def _resources(operation: Operation, condition: str | None) -> Flow[list[Any]]:
    params = {} if condition is None else {"filter": condition}
    return (yield from all_pages(operation.request(params=params), _PAGES))


def _find(server: ScimServer, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
    """Lookups take SCIM attribute paths such as `userName`, `emails.value` or
    `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber`."""
    for lookup in lookups:
        if not is_attribute_path(lookup.attribute):
            raise unknown_attribute("scim", lookup.attribute, ["userName", "externalId", "emails.value"])
    offers = yield from server.offers()
    found = AccountSet()
    asked = values_asked(lookups)
    for lookup in dict.fromkeys(lookups):
        if not lookup.value.strip():
            continue
        condition = f"{lookup.attribute} eq {_quoted(lookup.value)}" if offers.filter.supported else None
        for document in (yield from _resources(LIST_USERS, condition)):
            if not isinstance(document, dict):
                unexpected("A list of users holds something that is not a resource.")
            shown = {name: value_shown(values_at(document, name), values) for name, values in asked.items()}
            if not any(equals_ignoring_case(value, lookup.value) for value in values_at(document, lookup.attribute)):
                continue  # a server that ignores filters, or compares more loosely than equal
            account = server.account(parse(document, _User))
            given = {name: value for name, value in shown.items() if value is not None}
            account = replace(account, attributes={**account.attributes, **given})
            found.add(account, lookup.attribute, given[lookup.attribute])
    accounts = found.accounts()
    members = (yield from server.privileged_members()) if accounts and server.privileged else set()
    return [replace(each, privileged=each.privileged or each.native_id in members) for each in accounts]


def _disable(server: ScimServer, effect: Effect) -> Flow[Mapping[str, Any]]:
    account_id = account_of(effect).native_id
    if (yield from server.offers()).patch.supported:
        operation = {"op": "replace", "path": "active", "value": False}
        yield from change(PATCH_USER.request(account_id, json=_patch(operation), missing_ok=True), effect)
        return {"active": False}
    fetched = yield from change(GET_USER.request(account_id, missing_ok=True), effect)
    answer = yield from server.put(PUT_USER, fetched, {"active": False})
    if answer.missing:
        raise account_gone(effect)
    return {"active": False}


def _leave_groups(server: ScimServer, effect: Effect) -> Flow[Mapping[str, Any]]:
    account_id = account_of(effect).native_id
    patch = (yield from server.offers()).patch.supported
    left = []
    for group in (yield from server.groups_of(account_id, names_of(effect, "groups"))):
        if patch:
            operation = {"op": "remove", "path": f"members[value eq {_quoted(account_id)}]"}
            yield PATCH_GROUP.request(group.id, json=_patch(operation), missing_ok=True)
        else:
            yield from _put_without_member(server, group, account_id)
        left.append({"id": group.id, "name": group.name})
    return {"left_groups": left}


def _put_without_member(server: ScimServer, group: _Group, account_id: str) -> Flow[None]:
    fetched = yield GET_GROUP.request(group.id, missing_ok=True)
    if fetched.missing:
        return
    members = parse(fetched.body, _Group).members or []
    remaining = [member for member in members if member.get("value") != account_id]
    if len(remaining) != len(members):
        yield from server.put(PUT_GROUP, fetched, {"members": remaining})


def _delete(server: ScimServer, effect: Effect) -> Flow[Mapping[str, Any]]:
    answer = yield DELETE_USER.request(account_of(effect).native_id, missing_ok=True)
    if not answer.missing:
        return {"deleted": True}
    # The id was recorded when the account was found, so a 404 with a SCIM error means that the account is gone. Any
    # other 404 may come from a wrong address.
    if _is_scim_error(answer):
        return {"deleted": True, "already_gone": True}
    raise ActionRequiredError(
        "answer_not_understood",
        "The delete request got a 404 that is not a SCIM error.",
        remedy="Check that url is the base of the SCIM service.",
        happened="no",
    )


def _user(effect: Effect) -> Flow[tuple[_User | None, bool]]:
    """The user, and, where there is none, whether the server itself says so."""
    answer = yield GET_USER.request(account_of(effect).native_id, missing_ok=True)
    return (None, _is_scim_error(answer)) if answer.missing else (parse(answer.body, _User), False)


def _look_at_deletion(server: ScimServer, effect: Effect) -> Flow[ReadBack]:
    user, gone = yield from _user(effect)
    if user is None:
        return ReadBack("done" if gone else "unknown", {"present": False})
    return ReadBack("not_done", user.evidence())


def _look_at_state(server: ScimServer, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    if user.active is None:
        return ReadBack("unknown", user.evidence())  # RFC 7643 lets a server leave `active` out: nothing is proven
    return seen(not user.active, user.evidence())


def _look_at_groups(server: ScimServer, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    groups = yield from _group_names(server, effect)
    return seen(not groups, {**user.evidence(), "groups": groups})


def _snapshot(server: ScimServer, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    groups = yield from _group_names(server, effect)
    access = {"groups": groups, "roles": user.roles or [], "entitlements": user.entitlements or []}
    return seen(True, {**user.evidence(), **access})


def _group_names(server: ScimServer, effect: Effect) -> Flow[list[dict[str, str]]]:
    groups = yield from server.groups_of(account_of(effect).native_id, names_of(effect, "groups"))
    return [{"id": group.id, "name": group.name} for group in groups]


SCIM = HttpKind(
    "scim",
    ScimSettings,
    auth=bearer,
    prepare=ScimServer,
    find=_find,
    # Users rather than ServiceProviderConfig, which many servers show without any credential.
    check=answers(GET_USER.request("0")),
    media_type="application/scim+json",
    acts=ActTable(
        "scim",
        Act(
            Ability(
                "snapshot_access",
                "read",
                "records the account's state, groups, roles and entitlements",
                reversible="yes",
            ),
            look=_snapshot,
        ),
        Act(
            Ability(
                "disable_account",
                "change",
                "deactivates the account, so that it cannot sign in",
                reversible="yes",
                cuts_access=True,
            ),
            _disable,
            _look_at_state,
        ),
        Act(
            Ability(
                "remove_from_groups",
                "change",
                "removes the account from all groups, or from those in `groups`",
                reversible="yes",  # the groups it was in are in the reply and in the snapshot
                cuts_access=True,
            ),
            _leave_groups,
            _look_at_groups,
        ),
        Act(
            Ability("delete_account", "change", "deletes the account permanently", destroys=True),
            _delete,
            _look_at_deletion,
        ),
    ),
)


def _patch(operation: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [_PATCH_OP], "Operations": [operation]}


def _quoted(value: str) -> str:
    """RFC 7644 section 3.4.2.2: a comparison value is a JSON string, so its quotes and backslashes are escaped."""
    return json.dumps(value, ensure_ascii=False)


def _is_scim_error(answer: Answer) -> bool:
    schemas = answer.body.get("schemas") if isinstance(answer.body, dict) else None
    return isinstance(schemas, list) and _ERROR in schemas
