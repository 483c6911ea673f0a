"""The account's further addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import Fields
from connectors.http.requests import Flow, Operation
from connectors.parameters import names_of
from connectors.read_backs import seen
from connectors.removals import Removals
from connectors.vendors.google_workspace.admin_sdk import ALIASES, USERS_READ, GoogleWorkspaceSettings, listed
from connectors.vendors.google_workspace.users import USER, WorkspaceUser, user_to_change, with_user

LIST_ALIASES = Operation("GET", f"{USER}/aliases", "directory.users.aliases.list", USERS_READ)
REMOVE_ALIAS = Operation("DELETE", f"{USER}/aliases/{{alias}}", "directory.users.aliases.delete", ALIASES)


class _Alias(Fields):
    alias: str = Field(min_length=1)

    def shown(self) -> dict[str, str]:
        return {"id": self.alias, "name": self.alias}


def _aliases_of(user: str, effect: Effect) -> Flow[list[_Alias]]:
    """Without those in the parameter `keep`."""
    keep = {name.casefold() for name in names_of(effect, "keep") or ()}
    aliases = yield from listed(LIST_ALIASES.request(user), _Alias, "aliases")
    return [each for each in aliases if each.alias.casefold() not in keep]


def remove_aliases(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    removals = Removals("removed_aliases")
    for alias in (yield from _aliases_of(user.id, effect)):
        with removals.removing(alias.shown()):
            yield REMOVE_ALIAS.request(user.id, alias.alias, missing_ok=True)
    return removals.reply("unknown")


@with_user
def look_at_aliases(user: WorkspaceUser, effect: Effect) -> Flow[ReadBack]:
    """An alias of a domain alias cannot be removed; it is in `not_removable`."""
    aliases = [each.alias for each in (yield from _aliases_of(user.id, effect))]
    evidence = {**user.evidence(), "aliases": aliases, "not_removable": list(user.fixed_aliases or ())}
    return seen(not aliases, evidence)
