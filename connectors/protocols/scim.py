"""Identity providers and SaaS tenants that speak SCIM 2.0 (RFC 7643, RFC 7644).

What the server can do is asked once, from its ServiceProviderConfig (RFC 7643 section 5). Where PATCH is offered it is
used; otherwise the document just fetched is put back with the one change, unknown extensions included, under If-Match
where the server has entity tags (RFC 7644 sections 3.5.1 and 3.14). Membership is changed through Groups, since a
user's own `groups` is read-only (RFC 7643 section 4.1.2).
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from connectors.abilities import Ability, Account, Effect, Lookup, Reachability, ReadBack, Reply
from connectors.account_set import AccountSet
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.answers import Answer
from connectors.http.client import Call, Fields, HttpSettings, JsonHttp
from connectors.parameters import account_gone, account_of, names_of, unknown_ability, unknown_attribute

_PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
_PAGE = 100
_MAX_RESOURCES = 20_000  # a search that goes on beyond this many is a server that never ends its pages
# RFC 7644 section 3.4.2.2: [URI ":"] attribute name ["." sub-attribute name]
_ATTRIBUTE = re.compile(r"^(?P<schema>urn:[A-Za-z0-9:._-]+:)?(?P<path>[A-Za-z$][\w$-]*(\.[A-Za-z$][\w$-]*)?)$")

ABILITIES: Mapping[str, Ability] = {
    ability.name: ability
    for ability in (
        Ability(
            "snapshot_access",
            "read",
            "records the account's state, groups, roles and entitlements",
            reversible="yes",
        ),
        Ability(
            "disable_account",
            "change",
            "sets the account inactive, so that it can sign in nowhere",
            reversible="yes",
            cuts_access=True,
        ),
        Ability(
            "remove_from_groups",
            "change",
            "removes the account from all groups, or from those named in `groups`",
            reversible="yes",  # the groups it was in are in the reply and in the snapshot
            cuts_access=True,
        ),
        Ability("delete_account", "change", "deletes the account for good"),
    )
}


class ScimSettings(HttpSettings):
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
    """The part of ServiceProviderConfig that decides how we ask."""

    patch: _Supported = _Supported()
    etag: _Supported = _Supported()
    filter: _FilterSupported = _FilterSupported()


class _Page(Fields):
    """RFC 7644 section 3.4.2; `Resources` may be left out when nothing was found."""

    total: int = Field(alias="totalResults", ge=0)
    resources: list[dict[str, Any]] | None = Field(default=None, alias="Resources")


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


class _Group(Fields):
    id: str = Field(min_length=1)
    name: str = Field(default="", alias="displayName")
    members: list[dict[str, Any]] | None = None


class ScimConnector:
    """See `connectors.abilities.Connector`; lookups take SCIM attribute paths such as `userName`, `emails.value` or
    `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber`."""

    kind = "scim"
    abilities = ABILITIES

    def __init__(self, settings: ScimSettings, *, allowed_hosts: Collection[str]) -> None:
        self._http = JsonHttp(settings, allowed_hosts=allowed_hosts, media_type="application/scim+json")
        self._privileged = {name.strip().casefold() for name in settings.privileged.split(",") if name.strip()}
        self._known_offers: _Offers | None = None
        self._filters_members: bool | None = None

    def __repr__(self) -> str:
        return f"ScimConnector({self._http!r})"

    async def find_accounts(self, lookups: Sequence[Lookup], *, deadline: float = 30.0) -> Sequence[Account]:
        call = self._http.call(deadline)
        offers = await self._offers(call)
        found = AccountSet()
        for lookup in lookups:
            if not _ATTRIBUTE.match(lookup.attribute):
                raise unknown_attribute("scim", lookup.attribute, ["userName", "externalId", "emails.value"])
            if not lookup.value.strip():
                continue
            condition = f"{lookup.attribute} eq {_quoted(lookup.value)}" if offers.filter.supported else None
            async for document in self._resources(call, "Users", condition):
                matching = _matching_value(document, lookup)
                if matching is None:  # a server that ignores filters, or compares more loosely than equal
                    continue
                found.add(self._account(call.parse_value(document, _User)), lookup.attribute, matching)
        accounts = found.accounts()
        members = await self._privileged_members(call) if accounts and self._privileged else set()
        return [replace(each, privileged=each.privileged or each.native_id in members) for each in accounts]

    async def attempt(self, effect: Effect) -> Reply:
        if effect.ability not in ABILITIES:
            raise unknown_ability("scim", effect.ability)
        account_id = account_of(effect).native_id
        call = self._http.call(effect.deadline)
        match effect.ability:
            case "disable_account":
                return await self._disable(call, account_id, effect)
            case "remove_from_groups":
                return await self._leave_groups(call, account_id, effect)
            case "delete_account":
                return await self._delete(call, account_id, effect)
        return Reply()  # snapshot_access looks only when it is read back

    async def read_back(self, effect: Effect) -> ReadBack:
        if effect.ability not in ABILITIES:
            raise unknown_ability("scim", effect.ability)
        account_id = account_of(effect).native_id
        call = self._http.call(effect.deadline)
        answer = await call.send("GET", "Users", account_id, missing_ok=True)
        if answer.status == 404:
            gone = effect.ability == "delete_account" and _is_scim_error(answer)
            return ReadBack("done" if gone else "unknown", {"present": False})
        user = call.parse(answer, _User)
        state = {"present": True, "id": user.id, "user_name": user.user_name, "active": user.active}
        match effect.ability:
            case "delete_account":
                return ReadBack("not_done", state)
            case "disable_account" if user.active is None:
                return ReadBack("unknown", state)  # RFC 7643 lets a server leave `active` out: nothing is proven
            case "disable_account":
                return ReadBack("not_done" if user.active else "done", state)
        groups = [
            {"id": group.id, "name": group.name}
            for group in await self._groups_of(call, account_id, names_of(effect, "groups"))
        ]
        if effect.ability == "remove_from_groups":
            return ReadBack("not_done" if groups else "done", {**state, "groups": groups})
        access = {"groups": groups, "roles": user.roles or [], "entitlements": user.entitlements or []}
        return ReadBack("done", {**state, **access})

    async def check(self, *, deadline: float = 10.0) -> Reachability:
        # Users rather than ServiceProviderConfig, which many servers show without any credential.
        return await self._http.check("Users", "0", deadline=deadline, missing_ok=True)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _offers(self, call: Call) -> _Offers:
        if self._known_offers is None:
            answer = await call.send("GET", "ServiceProviderConfig", missing_ok=True)
            # A server without it is taken at what RFC 7644 makes every server do: PUT, no entity tags.
            self._known_offers = _Offers() if answer.status == 404 else call.parse(answer, _Offers)
        return self._known_offers

    async def _resources(self, call: Call, kind: str, condition: str | None) -> AsyncIterator[dict[str, Any]]:
        """RFC 7644 section 3.4.2.4: pages count from 1, and a server may send fewer than were asked for."""
        start = 1
        while True:
            asked = {"startIndex": str(start), "count": str(_PAGE)}
            if condition is not None:
                asked["filter"] = condition
            page = call.parse(await call.send("GET", kind, params=asked), _Page)
            for document in page.resources or ():
                yield document
            start += len(page.resources or ())
            if not page.resources or start > page.total:
                return
            if start > _MAX_RESOURCES:
                call.unexpected(f"A search in {kind} goes on beyond {_MAX_RESOURCES} resources.")

    def _account(self, user: _User) -> Account:
        names = {str(role.get("value", role.get("display", ""))).casefold() for role in user.roles or ()}
        names |= {(group.display or "").casefold() for group in user.groups or ()}
        return Account(
            native_id=user.id,
            label=user.user_name or user.id,
            attributes={"userName": user.user_name},
            active=user.active,
            privileged=bool(names & self._privileged),
        )

    async def _privileged_members(self, call: Call) -> set[str]:
        """Ids of whoever is in a privileged group, since not every server shows a user's groups on the user."""
        names = " or ".join(f"displayName eq {_quoted(name)}" for name in sorted(self._privileged))
        condition = names if (await self._offers(call)).filter.supported else None
        members: set[str] = set()
        async for document in self._resources(call, "Groups", condition):
            group = call.parse_value(document, _Group)
            if group.name.casefold() in self._privileged:
                members |= {str(member.get("value")) for member in group.members or ()}
        return members

    async def _disable(self, call: Call, account_id: str, effect: Effect) -> Reply:
        if (await self._offers(call)).patch.supported:
            operation = {"op": "replace", "path": "active", "value": False}
            answer = await self._patch(call, ("Users", account_id), operation, effect)
        else:
            fetched = await call.send("GET", "Users", account_id, missing_ok=True)
            if fetched.status == 404:
                raise account_gone(effect)
            answer = await self._put(call, ("Users", account_id), fetched, {"active": False}, effect)
        if answer.status == 404:
            raise account_gone(effect)
        return Reply({"active": False})

    async def _leave_groups(self, call: Call, account_id: str, effect: Effect) -> Reply:
        patch = (await self._offers(call)).patch.supported
        left = []
        for group in await self._groups_of(call, account_id, names_of(effect, "groups")):
            if patch:
                operation = {"op": "remove", "path": f"members[value eq {_quoted(account_id)}]"}
                await self._patch(call, ("Groups", group.id), operation, effect)
            else:
                await self._put_without_member(call, group, account_id, effect)
            left.append({"id": group.id, "name": group.name})
        return Reply({"left_groups": left})

    async def _put_without_member(self, call: Call, group: _Group, account_id: str, effect: Effect) -> None:
        fetched = await call.send("GET", "Groups", group.id, missing_ok=True)
        if fetched.status == 404:
            return
        members = call.parse(fetched, _Group).members or []
        remaining = [member for member in members if member.get("value") != account_id]
        if len(remaining) != len(members):
            await self._put(call, ("Groups", group.id), fetched, {"members": remaining}, effect)

    async def _delete(self, call: Call, account_id: str, effect: Effect) -> Reply:
        answer = await call.send(
            "DELETE", "Users", account_id, headers={"Effect-Key": effect.effect_key}, missing_ok=True
        )
        if answer.status != 404:
            return Reply({"deleted": True})
        # The id was recorded when the account was found, so a 404 in SCIM's own words means that it is gone; any
        # other 404 may be a wrong address that knows no account at all.
        if _is_scim_error(answer):
            return Reply({"deleted": True, "already_gone": True})
        raise ActionRequiredError(
            "answer_not_understood",
            "The delete was answered with a 404 that is not a SCIM error.",
            remedy="Look whether url is the base of the SCIM service.",
            happened="no",
        )

    async def _groups_of(self, call: Call, account_id: str, wanted: Collection[str] | None) -> list[_Group]:
        condition = None
        if await self._can_filter_members(call):
            condition = f"members.value eq {_quoted(account_id)}"
        groups = []
        async for document in self._resources(call, "Groups", condition):
            group = call.parse_value(document, _Group)
            is_member = condition is not None or any(
                member.get("value") == account_id for member in group.members or ()
            )
            if is_member and (wanted is None or group.name in wanted or group.id in wanted):
                groups.append(group)
        return groups

    async def _can_filter_members(self, call: Call) -> bool:
        """Asked once with an id that nobody has: a server that refuses or ignores the filter is told from one that
        applies it, so that nobody is taken for a member of every group."""
        if self._filters_members is None:
            if not (await self._offers(call)).filter.supported:
                self._filters_members = False
                return False
            nobody = 'members.value eq "nobody-has-this-id"'
            try:
                answer = await call.send("GET", "Groups", params={"filter": nobody, "count": "1"})
                self._filters_members = call.parse(answer, _Page).total == 0
            except RefusedError:
                self._filters_members = False
        return self._filters_members

    async def _patch(self, call: Call, path: tuple[str, str], operation: dict[str, Any], effect: Effect) -> Answer:
        return await call.send(
            "PATCH",
            *path,
            document={"schemas": [_PATCH_OP], "Operations": [operation]},
            headers={"Effect-Key": effect.effect_key},
            missing_ok=True,
        )

    async def _put(
        self, call: Call, path: tuple[str, str], fetched: Answer, change: dict[str, Any], effect: Effect
    ) -> Answer:
        if not isinstance(fetched.body, dict):
            call.unexpected(f"{path[0]} answered with something that is not a resource.")
        headers = {"Effect-Key": effect.effect_key}
        if (await self._offers(call)).etag.supported:
            version = fetched.etag or fetched.body.get("meta", {}).get("version")
            if not isinstance(version, str):
                call.unexpected("The server offers entity tags, and the resource it sent has none.")
            headers["If-Match"] = version
        return await call.send("PUT", *path, document={**fetched.body, **change}, headers=headers, missing_ok=True)


def _quoted(value: str) -> str:
    """RFC 7644 section 3.4.2.2: a comparison value is a JSON string, so its quotes and backslashes are escaped."""
    return json.dumps(value, ensure_ascii=False)


def _is_scim_error(answer: Answer) -> bool:
    return isinstance(answer.body, dict) and _ERROR in (answer.body.get("schemas") or [])


def _matching_value(document: dict[str, Any], lookup: Lookup) -> str | None:
    """The value in the document that equals the one asked for, whatever its case; attribute names have none
    (RFC 7643 section 2.1)."""
    match = _ATTRIBUTE.match(lookup.attribute)
    assert match is not None
    values: list[Any] = [document]
    steps = match["path"].split(".")
    schema = (match["schema"] or "")[:-1]
    if schema and schema in document:
        values = [document[schema]]
    for step in steps:
        values = [_member(value, step) for value in values]
        values = [inner for value in values for inner in (value if isinstance(value, list) else [value])]
    for value in values:
        if isinstance(value, dict):
            value = value.get("value")
        if isinstance(value, str | int) and str(value).casefold() == lookup.value.casefold():
            return str(value)
    return None


def _member(value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        return None
    return next((inner for key, inner in value.items() if key.casefold() == name.casefold()), None)
