"""Licences, assigned to the account itself or by a group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import unexpected
from connectors.http.requests import Flow, Operation
from connectors.read_backs import account_missing, seen
from connectors.removals import Removals
from connectors.vendors.entra.graph import EntraSettings
from connectors.vendors.entra.users import user_of, user_to_change

ASSIGN_LICENSE = Operation("POST", "/users/{id}/assignLicense", "users.user.assignLicense")


def remove_licenses(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(effect)
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


def look_at_licenses(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    licenses = user.licenses
    evidence = {**user.evidence(), "licenses": [item.shown() for item in licenses or ()]}
    return seen(None if licenses is None else all(item.group for item in licenses), evidence)
