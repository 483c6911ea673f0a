"""Authentication methods. No account can be without a password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.errors import ConnectorError, RefusedError
from connectors.http.flows import Fields
from connectors.http.requests import Flow, Operation, Request
from connectors.parameters import account_of
from connectors.read_backs import none_left
from connectors.removals import Removals
from connectors.vendors.entra.graph import TYPE, EntraSettings, listed
from connectors.vendors.entra.users import GraphUser, with_user

LIST_METHODS = Operation("GET", "/users/{id}/authentication/methods", "users.authentication.ListMethods")
_PASSWORD = f"{TYPE}passwordAuthenticationMethod"


def _delete_method(name: str) -> Operation:
    path = f"/users/{{id}}/authentication/{name}Methods/{{methodId}}"
    return Operation("DELETE", path, f"users.authentication.Delete{name[0].upper()}{name[1:]}Methods")


_DELETIONS: Mapping[str, Operation] = {
    f"{TYPE}{name}AuthenticationMethod": _delete_method(name)
    for name in (
        "email", "fido2", "microsoftAuthenticator", "phone", "softwareOath", "temporaryAccessPass",
        "windowsHelloForBusiness",
    )
}  # fmt: skip
"""How each kind of method is deleted. Other kinds have no operation for it in Graph v1.0."""


class _Method(Fields):
    id: str = Field(min_length=1)
    type: str = Field(default="", alias="@odata.type")

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.type.removeprefix(TYPE).removesuffix("AuthenticationMethod")}


def methods_of(user: str) -> Flow[list[_Method]]:
    return (yield from listed(LIST_METHODS.request(user), _Method))


def remove_methods(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    """Graph refuses to delete the default method while there are others and does not say which one it is: what it
    refused is tried once more after the others."""
    user, removals = account_of(effect).native_id, Removals("removed_methods")
    pending = [method for method in (yield from methods_of(user)) if method.type != _PASSWORD]
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
    operation = _DELETIONS.get(method.type)
    if operation is None:
        raise RefusedError(
            "method_unknown",
            "Graph v1.0 describes no deletion of this kind of authentication method.",
            remedy="Delete it on the user's page in the Entra admin center.",
            happened="no",
        )
    return operation.request(user, method.id, missing_ok=True)


@with_user
def look_at_methods(user: GraphUser, effect: Effect) -> Flow[ReadBack]:
    methods = yield from methods_of(user.id)
    evidence = {**user.evidence(), "methods": [method.shown() for method in methods]}
    others = [method for method in methods if method.type != _PASSWORD]
    return none_left(others, evidence, shows_such=bool(methods))  # at least the password is shown
