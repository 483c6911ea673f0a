"""Apps and their assignments to users and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.okta import documents
from orchestrator.embedded.vendors.okta.errors import error, not_found
from orchestrator.embedded.vendors.okta.expressions import expression
from orchestrator.embedded.vendors.okta.organisation import OktaApp
from orchestrator.embedded.vendors.okta.pages import page
from orchestrator.embedded.vendors.okta.users import user_of
from orchestrator.embedded.vendors.simulator import Call, VendorRefusal, answer

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.okta.simulator import OktaSimulator

FILTERED = ("id", "status", "name", "user.id", "group.id")


def app_of(okta: OktaSimulator, call: Call) -> OktaApp:
    app = okta.state.apps.get(call.given["app"])
    if app is None:
        raise not_found(call.given["app"], "AppInstance")
    return app


def list_apps(okta: OktaSimulator, call: Call) -> Response:
    """`user.id eq "..."` and `group.id eq "..."` are the apps that a user or a group has; for a user, `expand` adds the
    assignment."""
    org = okta.state
    shown = []
    for app in org.apps.values():
        found = documents.app(okta.url, app)
        if "filter" in call.query:
            matches = expression(call.first("filter"), ("eq",), FILTERED, folded=False)
            users = [{"id": one.id} for one in org.users.values() if org.assignment(app, one)]
            groups = [{"id": id} for id in app.groups]
            if not any(
                matches({**found, "user": user, "group": group}) for user in users or [{}] for group in groups or [{}]
            ):
                continue
        kind, _, user_id = call.first("expand").partition("/")
        if kind == "user" and user_id in org.users:
            found["_embedded"] = {"user": documents.app_user(okta.url, org, app, org.users[user_id])}
        shown.append(found)
    return page(okta.url, call, shown, default=20, most=200)


def get_app(okta: OktaSimulator, call: Call) -> Response:
    return answer(documents.app(okta.url, app_of(okta, call)))


def list_app_users(okta: OktaSimulator, call: Call) -> Response:
    app, org = app_of(okta, call), okta.state
    users = [one for one in org.users.values() if org.assignment(app, one)]
    return page(okta.url, call, [documents.app_user(okta.url, org, app, one) for one in users], default=50, most=500)


def get_app_user(okta: OktaSimulator, call: Call) -> Response:
    app, user = app_of(okta, call), user_of(okta, call)
    if not okta.state.assignment(app, user):
        raise not_found(user.id, "AppUser")
    return answer(documents.app_user(okta.url, okta.state, app, user))


def remove_app_user(okta: OktaSimulator, call: Call) -> Response:
    """Only a direct assignment can be removed."""
    app, user = app_of(okta, call), user_of(okta, call)
    match okta.state.assignment(app, user):
        case "":
            raise not_found(user.id, "AppUser")
        case "GROUP":
            raise VendorRefusal(
                error(
                    403,
                    "E0000046",
                    "Deactivate application for user forbidden.",
                    "The application cannot be unassigned from the user while their group memberships "
                    "grant them access",
                )
            )
    app.users.discard(user.id)
    return answer(None, 204)


def list_app_groups(okta: OktaSimulator, call: Call) -> Response:
    app = app_of(okta, call)
    shown = [documents.app_group(okta.url, app, id, place) for place, id in enumerate(app.groups)]
    return page(okta.url, call, shown, default=20, most=200)


def remove_app_group(okta: OktaSimulator, call: Call) -> Response:
    app = app_of(okta, call)
    if call.given["group"] not in app.groups:
        raise not_found(call.given["group"], "ApplicationGroupAssignment")
    app.groups.remove(call.given["group"])
    return answer(None, 204)
