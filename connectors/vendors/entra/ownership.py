"""Groups, applications and service principals that the account owns: another account becomes their owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import Fields, parse
from connectors.http.list_evidence import found_for_known, left_on_list
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_of
from connectors.read_backs import account_missing
from connectors.removals import Removals
from connectors.vendors.entra.graph import PAGES, SAMPLE_OF_OTHERS, TYPE, DirectoryObject, EntraSettings, listed
from connectors.vendors.entra.groups import FIND_GROUPS
from connectors.vendors.entra.permissions import READ_DIRECTORY, may_read
from connectors.vendors.entra.recipients import successor
from connectors.vendors.entra.users import user_of

LIST_OWNED = Operation("GET", "/users/{id}/ownedObjects", "users.ListOwnedObjects")


def _owner_operations(kind: str) -> tuple[Operation, Operation, Operation]:
    return (
        Operation("GET", f"/{kind}/{{id}}/owners", f"{kind}.ListOwners"),
        Operation("POST", f"/{kind}/{{id}}/owners/$ref", f"{kind}.CreateRefOwners"),
        Operation("DELETE", f"/{kind}/{{id}}/owners/{{ownerId}}/$ref", f"{kind}.DeleteRefOwners"),
    )


_OWNERS: Mapping[str, tuple[Operation, Operation, Operation]] = {
    f"{TYPE}group": _owner_operations("groups"),
    f"{TYPE}application": _owner_operations("applications"),
    f"{TYPE}servicePrincipal": _owner_operations("servicePrincipals"),
}
"""How the owners of each kind of object are listed, added and removed."""


class _OwnedGroup(Fields):
    owners: list[DirectoryObject] | None = None


def owned_by(user: str) -> Flow[list[DirectoryObject]]:
    return (yield from listed(LIST_OWNED.request(user), DirectoryObject))


def hand_over_ownership(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    """The recipient is an owner before the account is not any more: Graph keeps a group's last owner."""
    user, handed = account_of(effect).native_id, Removals("handed_over", "not_all_handed_over", verb="handed over")
    recipient = yield from successor(effect)
    for item in (yield from owned_by(user)):
        if item.type not in _OWNERS:
            continue  # the read-back names it
        list_owners, add_owner, remove_owner = _OWNERS[item.type]
        with handed.removing(item.shown()):
            owners = yield from listed(list_owners.request(item.id), DirectoryObject)
            if not any(owner.id == recipient.id for owner in owners):
                yield add_owner.request(item.id, json=settings.reference("directoryObjects", recipient.id))
            yield remove_owner.request(item.id, user, missing_ok=True)
    return {**handed.reply("unknown"), "to": recipient.id}


def look_at_ownership(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    owned = yield from owned_by(user.id)
    left = [item.shown() for item in owned if item.type in _OWNERS]
    others = [item.shown() for item in owned if item.type not in _OWNERS]
    return (
        yield from left_on_list(
            left,
            {**user.evidence(), "owned": left, "not_handed_over": others},
            effect,
            removed="handed_over",
            others=_other_owners(effect),
            permitted=may_read(settings, READ_DIRECTORY),
            shows_more=bool(others),
        )
    )


def _other_owners(effect: Effect) -> Flow[bool | None]:
    """Of the owners of the first groups that Graph lists."""
    page = yield FIND_GROUPS.request(params={"$top": SAMPLE_OF_OTHERS, "$select": "id", "$expand": "owners"})
    groups = [parse(item, _OwnedGroup) for item in PAGES.items(page)]
    owners = [owner.id for group in groups for owner in group.owners or () if owner.is_a("user")]
    return (yield from found_for_known(owners, owned_by, effect))
