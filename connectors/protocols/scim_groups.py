"""The groups of a SCIM user, and the user's removal from one.

Membership is changed through Groups, since a user's own `groups` is read-only (RFC 7643 section 4.1.2).
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from connectors.account_set import comparable
from connectors.errors import ConnectorError, RefusedError
from connectors.http.flows import parse, unexpected
from connectors.http.requests import Flow, Operation
from connectors.protocols.scim_documents import ScimGroup, ScimUser, lowered, reference_id
from connectors.protocols.scim_server import GET_GROUP, ScimServer, quoted

PATCH_GROUP = Operation("PATCH", "/Groups/{id}")
PUT_GROUP = Operation("PUT", "/Groups/{id}")
_UNREADABLE = frozenset({"answer_too_large", "answer_not_understood"})
_KEPT = "group_cannot_be_left"
_PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass(frozen=True, slots=True)
class ScimMemberships:
    """`on_user` are groups that only the user's own document names. `missing` are the names that were asked for and
    that no group has. `members_shown`: the server shows members of groups, so that an empty `found` means none; or it
    lists no group, and the user's own document says that it has none. `none_listed`: the server lists no group."""

    found: Sequence[ScimGroup]
    on_user: Sequence[ScimGroup]
    missing: Sequence[str]
    members_shown: bool
    none_listed: bool = False

    @property
    def proven(self) -> bool:
        return self.members_shown and not self.missing and not self.on_user


def memberships(server: ScimServer, user: ScimUser, wanted: Collection[str] | None) -> Flow[ScimMemberships]:
    """The groups named in `wanted`, by name or id, or all. Names have no case (RFC 7643 section 4.2)."""
    every, shown, none_listed = yield from server.groups_with(user.id)
    shown = shown or (none_listed and user.groups is not None)
    known = {group.id for group in every}
    on_user = [group for group in user.direct_groups() if group.id not in known]
    if wanted is None:
        return ScimMemberships(every, on_user, (), shown, none_listed)
    found = [group for group in every if _is_named(group, wanted)]
    missing = []
    for name in sorted(wanted):
        if not any(_is_named(group, {name}) for group in [*found, *on_user]) and not (yield from _exists(server, name)):
            missing.append(name)
    return ScimMemberships(found, [group for group in on_user if _is_named(group, wanted)], missing, shown)


def _is_named(group: ScimGroup, names: Collection[str]) -> bool:
    return group.id in names or comparable(group.name) in {comparable(name) for name in names}


def _exists(server: ScimServer, name: str) -> Flow[bool]:
    try:
        if (yield from server.offers()).filter.supported:
            groups = yield from server.groups(f"displayName eq {quoted(name)}")
            if any(_is_named(group, {name}) for group in groups):
                return True
        if (yield from server.group(name)) is not None:
            return True
    except RefusedError:
        pass
    return any(_is_named(group, {name}) for group in (yield from server.groups(None)))


def leave(server: ScimServer, group: ScimGroup, account_id: str) -> Flow[None]:
    """Takes the one member out, and reads no other where the server removes one member by a filter. A server that
    refuses the filter (501, or 400 with invalidPath) is sent the remaining members instead.

    `remove` with `path: members` and a list of values is not sent: by RFC 7644 section 3.5.2.2 it removes every
    member, so a server that ignores the list would empty the group."""
    patches = (yield from server.offers()).patch.supported
    if not patches:
        yield from _replace_members(server, group, account_id, patches=False)
        return
    operation = {"op": "remove", "path": f"members[value eq {quoted(account_id)}]"}
    try:
        yield PATCH_GROUP.request(group.id, json=patch(operation), missing_ok=True)
    except RefusedError as refused:
        if refused.code != "refused":  # an error inside a 200: it may have taken effect
            raise
        try:
            yield from _replace_members(server, group, account_id, patches=True)
        except ConnectorError as error:
            if error.code == _KEPT or not (isinstance(error, RefusedError) or error.code in _UNREADABLE):
                raise
            raise refused from None


def join(server: ScimServer, group_id: str, account_id: str) -> Flow[None]:
    """Adds the one member (RFC 7644 section 3.5.2.1); a group that the server has no more stays as it is."""
    if (yield from server.offers()).patch.supported:
        operation = {"op": "add", "path": "members", "value": [{"value": account_id}]}
        yield PATCH_GROUP.request(group_id, json=patch(operation), missing_ok=True)
        return
    fetched = yield GET_GROUP.request(group_id, missing_ok=True).excluding(f"group {group_id}")
    if fetched.missing:
        return
    shown = parse(lowered(fetched.body), ScimGroup)
    if shown.id != group_id:
        unexpected("The response shows another group than the one that was requested.")
    if account_id in shown.member_ids():
        return
    name = next((name for name in fetched.body if name.lower() == "members"), "members")
    yield from server.put(PUT_GROUP, fetched, {name: [*(fetched.body.get(name) or ()), {"value": account_id}]})


def _replace_members(server: ScimServer, group: ScimGroup, account_id: str, *, patches: bool) -> Flow[None]:
    """Under If-Match where the server has entity tags, so that no member that another client adds is lost."""
    fetched = yield GET_GROUP.request(group.id, missing_ok=True).excluding(f"group {group.id}")
    if fetched.missing:
        return
    shown = parse(lowered(fetched.body), ScimGroup)
    if shown.id != group.id:
        unexpected("The response shows another group than the one that was requested.")
    if account_id not in shown.member_ids():
        return
    name = next(name for name in fetched.body if name.lower() == "members")
    remaining = [member for member in fetched.body[name] if reference_id(lowered(member)) != account_id]
    if patches:
        operation = {"op": "replace", "path": "members", "value": remaining}
        headers = yield from server.unchanged_since(fetched)
        with contextlib.suppress(RefusedError):
            yield PATCH_GROUP.request(group.id, json=patch(operation), headers=headers, missing_ok=True)
            return
    replaced = yield from server.put(PUT_GROUP, fetched, {name: remaining})
    if not replaced.missing and isinstance(replaced.body, dict):
        kept = parse(lowered(replaced.body), ScimGroup)
        if kept.id == group.id and account_id in kept.member_ids():
            raise _kept()


def _kept() -> RefusedError:
    return RefusedError(
        _KEPT,
        "The server accepted the list of members without the account, and kept the account in the group.",
        remedy="Remove the account from the group in the system itself, then retry.",
        happened="no",
    )


def patch(operation: Mapping[str, object]) -> dict[str, object]:
    return {"schemas": [_PATCH_OP], "Operations": [operation]}
