"""Users and their lifecycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.okta import documents
from orchestrator.embedded.vendors.okta.credentials import protect_administrators
from orchestrator.embedded.vendors.okta.errors import invalid, not_found, wrong_status
from orchestrator.embedded.vendors.okta.expressions import expression
from orchestrator.embedded.vendors.okta.organisation import OktaUser
from orchestrator.embedded.vendors.okta.pages import page
from orchestrator.embedded.vendors.simulator import Call, answer

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.okta.simulator import OktaSimulator

FILTERED = (
    "status", "lastUpdated", "id", "profile.login", "profile.email", "profile.firstName", "profile.lastName",
)  # fmt: skip
ASYNCHRONOUS_READS = 1
"""How many reads show a user's old status after a request with `Prefer: respond-async`."""


def user_of(okta: OktaSimulator, call: Call) -> OktaUser:
    """The user whom the path names by id, login or short login; `me` is the one whose token it is."""
    id = call.given["id"]
    me: OktaUser | None = call.caller.user
    if id == "me" and me is not None:
        return me
    user = okta.state.find_user(id)
    if user is None:
        raise not_found(id, "User")
    return user


def changed_user(okta: OktaSimulator, call: Call) -> OktaUser:
    user = user_of(okta, call)
    protect_administrators(okta, call, user)
    return user


def list_users(okta: OktaSimulator, call: Call) -> Response:
    shown = [documents.user(okta.url, one) for one in okta.state.users.values()]
    if "search" in call.query:
        matches = expression(call.first("search"), ("eq", "gt", "ge", "lt", "le", "sw", "co", "pr"))
        shown = [one for one in shown if matches(one)]
        if sort_by := call.first("sortBy"):
            name = sort_by.removeprefix("profile.")
            shown.sort(key=lambda one: (str(one["profile"].get(name, one.get(name, ""))), one["id"]))
            if call.first("sortOrder") == "desc":
                shown.reverse()
    elif "filter" in call.query:
        operators = ("eq", "gt", "ge", "lt", "le") if "lastUpdated" in call.first("filter") else ("eq",)
        matches = expression(call.first("filter"), operators, FILTERED, folded=False)
        shown = [one for one in shown if matches(one)]
    else:
        shown = [one for one in shown if one["status"] != "DEPROVISIONED"]
        if start := call.first("q").lower():
            names = ("firstName", "lastName", "email")
            shown = [
                one
                for one in shown
                if any(str(one["profile"].get(name, "")).lower().startswith(start) for name in names)
            ]
            return answer(shown[: int(call.first("limit", "10"))])
    return page(okta.url, call, shown, default=200, most=200)


def get_user(okta: OktaSimulator, call: Call) -> Response:
    user = user_of(okta, call)
    shown = documents.user(okta.url, user)
    if user.deactivates_after:
        user.deactivates_after -= 1
        if not user.deactivates_after:
            okta.state.set_status(user, "DEPROVISIONED")
    return answer(shown)


def update_user(okta: OktaSimulator, call: Call) -> Response:
    """A deactivated user's profile is not updated, whatever the answer."""
    user = changed_user(okta, call)
    profile = (call.body or {}).get("profile", {})
    login = profile.get("login")
    if login and any(one.login == login and one is not user for one in okta.state.users.values()):
        raise invalid("login", "login: An object with this field already exists in the current organization")
    if user.status != "DEPROVISIONED":
        user.profile.update(profile)
        user.changed = okta.now()
        okta.state.apply_rules(user)
    return answer(documents.user(okta.url, user))


def delete_user(okta: OktaSimulator, call: Call) -> Response:
    """The first deletes only the access: the user is deactivated. The second deletes the user."""
    user = changed_user(okta, call)
    if user.status == "DEPROVISIONED":
        okta.state.delete_user(user)
    else:
        _deactivate(okta, call, user)
    return answer(None, 204)


def deactivate(okta: OktaSimulator, call: Call) -> Response:
    user = changed_user(okta, call)
    if user.status == "DEPROVISIONED":
        raise wrong_status()
    _deactivate(okta, call, user)
    return answer({})


def _deactivate(okta: OktaSimulator, call: Call, user: OktaUser) -> None:
    if call.headers.get("prefer") == "respond-async":
        user.deactivates_after = ASYNCHRONOUS_READS
    else:
        okta.state.set_status(user, "DEPROVISIONED")


def activate(okta: OktaSimulator, call: Call) -> Response:
    user = changed_user(okta, call)
    if user.status not in ("STAGED", "DEPROVISIONED"):
        raise wrong_status()
    okta.state.set_status(user, "ACTIVE" if user.password else "PROVISIONED")
    okta.state.apply_rules(user)
    return answer({"activationUrl": f"{okta.url}/welcome/simulated", "activationToken": "simulated"})


def suspend(okta: OktaSimulator, call: Call) -> Response:
    user = changed_user(okta, call)
    if user.status != "ACTIVE":
        raise invalid("suspendUser", "Cannot suspend a user that is not active")
    okta.state.set_status(user, "SUSPENDED")
    return answer({})


def unsuspend(okta: OktaSimulator, call: Call) -> Response:
    user = changed_user(okta, call)
    if user.status != "SUSPENDED":
        raise invalid("unsuspendUser", "Cannot unsuspend a user that is not suspended")
    okta.state.set_status(user, "ACTIVE")
    return answer({})


def end_sessions(okta: OktaSimulator, call: Call) -> Response:
    """With `oauthTokens`, access and refresh tokens of the user too. Sessions of apps are not reached."""
    user = changed_user(okta, call)
    okta.state.end_sessions(user)
    if call.flag("oauthTokens"):
        okta.state.revoke_tokens(user, kinds=("access_token", "refresh_token"))
    return answer(None, 204)


def list_groups(okta: OktaSimulator, call: Call) -> Response:
    return answer([documents.group(okta.url, one) for one in okta.state.groups_of(user_of(okta, call))])


def list_app_links(okta: OktaSimulator, call: Call) -> Response:
    user = user_of(okta, call)
    apps = [one for one in okta.state.apps.values() if one.status == "ACTIVE" and okta.state.assignment(one, user)]
    return answer([documents.app_link(okta.url, one, user) for one in apps])


def list_devices(okta: OktaSimulator, call: Call) -> Response:
    user = user_of(okta, call)
    return answer([documents.device(okta.url, one) for one in okta.state.devices.values() if one.user == user.id])
