"""The account's further addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import Fields
from connectors.http.list_evidence import found_for_known, left_on_list
from connectors.http.requests import Flow, Operation
from connectors.parameters import names_of
from connectors.read_backs import account_missing
from connectors.removals import Removals
from connectors.vendors.google_workspace.admin_sdk import ALIASES, USERS_READ, GoogleWorkspaceSettings, listed
from connectors.vendors.google_workspace.users import (
    USER,
    WorkspaceUser,
    acts_for_super_administrator,
    user_of,
    user_to_change,
    users_on_first_page,
)

LIST_ALIASES = Operation("GET", f"{USER}/aliases", "directory.users.aliases.list", USERS_READ)
REMOVE_ALIAS = Operation("DELETE", f"{USER}/aliases/{{alias}}", "directory.users.aliases.delete", ALIASES)


class _Alias(Fields):
    alias: str = Field(min_length=1)

    def shown(self) -> dict[str, str]:
        return {"id": self.alias, "name": self.alias}


def _every_alias_of(user: str) -> Flow[list[_Alias]]:
    return (yield from listed(LIST_ALIASES.request(user), _Alias, "aliases"))


def _aliases_of(user: str, effect: Effect) -> Flow[list[_Alias]]:
    """Without those in the parameter `keep`."""
    every = yield from _every_alias_of(user)
    left = _without_kept([each.alias for each in every], effect)
    return [each for each in every if each.alias in left]


def _without_kept(aliases: Iterable[str], effect: Effect) -> list[str]:
    keep = {name.casefold() for name in names_of(effect, "keep") or ()}
    return [alias for alias in aliases if alias.casefold() not in keep]


def remove_aliases(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    removals = Removals("removed_aliases")
    for alias in (yield from _aliases_of(user.id, effect)):
        with removals.removing(alias.shown()):
            yield REMOVE_ALIAS.request(user.id, alias.alias, missing_ok=True)
    return removals.reply("unknown")


def look_at_aliases(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[ReadBack]:
    """An alias of a domain alias cannot be removed; it is in `not_removable`."""
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    every = [each.alias for each in (yield from _every_alias_of(user.id))]
    aliases = _without_kept(every, effect)
    evidence = {**user.evidence(), "aliases": aliases, "not_removable": list(user.fixed_aliases or ())}
    return (
        yield from left_on_list(
            aliases,
            evidence,
            effect,
            removed="removed_aliases",
            others=_other_aliases(settings, user, effect),
            permitted=acts_for_super_administrator(settings),
            shows_more=bool(every),
        )
    )


def _other_aliases(settings: GoogleWorkspaceSettings, user: WorkspaceUser, effect: Effect) -> Flow[bool | None]:
    """Of the first users whose own documents have aliases. If that of the account has some besides those in `keep`, the
    list is contradicted."""
    users = yield from users_on_first_page(settings)
    known = [each.id for each in users if each.aliases and each.id != user.id]
    if _without_kept(user.aliases or (), effect):
        known.append(user.id)
    return (yield from found_for_known(known, _every_alias_of, effect))
