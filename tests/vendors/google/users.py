"""Users and their aliases."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, VendorRefusal, answer
from tests.vendors.google import documents
from tests.vendors.google.credentials import protect_administrators
from tests.vendors.google.errors import error, invalid, not_found
from tests.vendors.google.pages import page
from tests.vendors.google.workspace import GoogleUser

if TYPE_CHECKING:
    from tests.vendors.google.simulator import GoogleSimulator

CONDITION = re.compile(r"(\w+)(=|:)('(?:[^'\\]|\\.)*'|\S+)")


def user_of(google: GoogleSimulator, call: Call) -> GoogleUser:
    user = google.state.find_user(call.given["user"])
    if user is None:
        raise not_found("userKey")
    return user


def changed_user(google: GoogleSimulator, call: Call) -> GoogleUser:
    user = user_of(google, call)
    protect_administrators(call, user)
    return user


def list_users(google: GoogleSimulator, call: Call) -> Response:
    """`customer` or `domain` is required. `query` has conditions that all hold: `email=`, `externalId=`,
    `isSuspended=`, and `:` for a beginning, https://developers.google.com/workspace/admin/directory/v1/guides/search-users.
    A quote in a value is written `\\'`."""
    if "customer" not in call.query and "domain" not in call.query:
        raise VendorRefusal(error(400, "badRequest", "Bad Request"))
    if call.first("customer", "my_customer") not in ("my_customer", google.state.customer):
        raise VendorRefusal(error(400, "invalid", "Invalid Input: customer"))
    deleted = call.flag("showDeleted")
    found = [one for one in google.state.users.values() if (one.deleted is not None) == deleted]
    if text := call.first("query"):
        conditions = CONDITION.findall(text)
        if not conditions:
            raise invalid(f"Invalid Input: Bad value {text} for query")
        found = [one for one in found if all(_holds(one, *condition) for condition in conditions)]
    if domain := call.first("domain"):
        found = [one for one in found if one.email.endswith(f"@{domain}")]
    shown = [documents.user(google.state, one) for one in found]
    return page(call, "admin#directory#users", "users", shown, default=100, most=500)


def value_of(written: str) -> str:
    """The value of a condition, without its quotes and escapes, for a comparison without case."""
    quoted = len(written) > 1 and written.startswith("'") and written.endswith("'")
    return (re.sub(r"\\(.)", r"\1", written[1:-1]) if quoted else written).casefold()


def _holds(user: GoogleUser, name: str, operator: str, value: str) -> bool:
    value = value_of(value)
    names = user.fields.get("name", {})
    known: dict[str, list[Any]] = {
        "email": [user.email, *user.aliases],
        "externalId": [one["value"] for one in user.fields.get("externalIds", [])],
        "givenName": [names.get("givenName", "")],
        "familyName": [names.get("familyName", "")],
        "name": [names.get("givenName", ""), names.get("familyName", "")],
        "isSuspended": [user.suspended],
        "isAdmin": [user.is_admin],
        "directManager": [one["value"] for one in user.fields.get("relations", []) if one["type"] == "manager"],
    }
    if name not in known:
        raise invalid(f"Invalid Input: Bad value {name} for query")
    texts = [str(one).casefold() for one in known[name]]
    if operator == ":":
        return any(one.startswith(value.removesuffix("*")) for one in texts)
    return value in texts


def get_user(google: GoogleSimulator, call: Call) -> Response:
    return answer(documents.user(google.state, user_of(google, call)))


def update_user(google: GoogleSimulator, call: Call) -> Response:
    """PATCH and PUT: fields that the request omits stay."""
    user, body = changed_user(google, call), dict(call.body)
    if "suspended" in body:
        if body.pop("suspended"):
            google.state.suspend(user)
        else:
            user.suspended = False
    user.email = body.pop("primaryEmail", user.email)
    if body.pop("password", None):
        user.sessions = 0
    user.fields.update(body)
    return answer(documents.user(google.state, user))


def delete_user(google: GoogleSimulator, call: Call) -> Response:
    google.state.delete(changed_user(google, call))
    return answer(None, 204)


def undelete_user(google: GoogleSimulator, call: Call) -> Response:
    """By id only, in the first 20 days; groups, roles and licences do not come back."""
    user = google.state.users.get(call.given["user"])
    if user is None or user.deleted is None or (google.now() - user.deleted).days >= 20:
        raise not_found("userKey")
    user.deleted = None
    return answer(None, 204)


def sign_out(google: GoogleSimulator, call: Call) -> Response:
    """Ends web and device sessions; tokens of apps live on."""
    changed_user(google, call).sessions = 0
    return answer(None, 204)


def make_admin(google: GoogleSimulator, call: Call) -> Response:
    changed_user(google, call).is_admin = bool(call.body.get("status"))
    return answer(None, 204)


def list_aliases(google: GoogleSimulator, call: Call) -> Response:
    user = user_of(google, call)
    body: documents.VendorDocument = {"kind": "admin#directory#aliases", "etag": '"list"'}
    if user.aliases:
        body["aliases"] = [
            {"kind": "admin#directory#alias", "id": user.id, "etag": '"1"', "primaryEmail": user.email, "alias": alias}
            for alias in user.aliases
        ]
    return answer(body)


def remove_alias(google: GoogleSimulator, call: Call) -> Response:
    user, alias = changed_user(google, call), call.given["alias"]
    if alias not in user.aliases:
        raise not_found("alias")
    user.aliases.remove(alias)
    return answer(None, 204)
