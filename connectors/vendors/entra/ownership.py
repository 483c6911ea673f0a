"""Groups, applications and service principals that the account owns: another account becomes their owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_of
from connectors.read_backs import seen
from connectors.removals import Removals
from connectors.vendors.entra.graph import TYPE, DirectoryObject, EntraSettings, listed
from connectors.vendors.entra.recipients import successor
from connectors.vendors.entra.users import GraphUser, with_user

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


@with_user
def look_at_ownership(user: GraphUser, effect: Effect) -> Flow[ReadBack]:
    owned = yield from owned_by(user.id)
    left = [item.shown() for item in owned if item.type in _OWNERS]
    others = [item.shown() for item in owned if item.type not in _OWNERS]
    return seen(not left, {**user.evidence(), "owned": left, "not_handed_over": others})
