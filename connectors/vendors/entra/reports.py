"""Direct reports: another account becomes their manager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.errors import RefusedError
from connectors.http.flows import Fields, parse, unexpected
from connectors.http.list_evidence import found_for_known, left_on_list
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_of
from connectors.read_backs import account_missing
from connectors.removals import Removals
from connectors.vendors.entra.graph import PAGES, SAMPLE_OF_OTHERS, DirectoryObject, EntraSettings, is_gone, listed
from connectors.vendors.entra.permissions import READ_USERS, may_read
from connectors.vendors.entra.recipients import successor, usable
from connectors.vendors.entra.users import LIST_USERS, GraphUser, user_of, user_with_id

LIST_REPORTS = Operation("GET", "/users/{id}/directReports", "users.ListDirectReports")
GET_MANAGER = Operation("GET", "/users/{id}/manager", "users.GetManager")
SET_MANAGER = Operation("PUT", "/users/{id}/manager/$ref", "users.UpdateRefManager")


class _ManagedUser(Fields):
    manager: DirectoryObject | None = None


def reports_of(user: str) -> Flow[list[DirectoryObject]]:
    return (yield from listed(LIST_REPORTS.request(user), DirectoryObject))


def _manager(effect: Effect) -> Flow[GraphUser]:
    """The account's own manager."""
    answer = yield GET_MANAGER.request(account_of(effect).native_id, missing_ok=True)
    if answer.missing and not is_gone(answer):
        unexpected("The answer was a 404 without Graph's error code.")
    managers = [] if answer.missing else (yield from user_with_id(parse(answer.body, DirectoryObject).id))
    return usable(managers, effect)


def hand_over_reports(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    named = "to_account" in effect.parameters or "to_email" in effect.parameters
    reports, handed = (
        (yield from reports_of(account_of(effect).native_id)),
        Removals("reports", "not_all_handed_over", verb="handed over"),
    )
    if not reports:
        return {"reports": []}
    manager = yield from (successor(effect) if named else _manager(effect))
    for report in reports:
        with handed.removing(report.shown()):
            if not report.is_a("user") or report.id == manager.id:
                raise RefusedError(
                    "manager_not_set",
                    "Graph sets the manager of users only, and no user is their own manager.",
                    remedy="Set this report's manager in the Entra admin center.",
                    happened="no",
                )
            yield SET_MANAGER.request(report.id, json=settings.reference("users", manager.id))
    return {**handed.reply("unknown"), "to": manager.id}


def look_at_reports(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    reports = [report.shown() for report in (yield from reports_of(user.id))]
    return (
        yield from left_on_list(
            reports,
            {**user.evidence(), "reports": reports},
            effect,
            removed="reports",
            others=_other_reports(effect),
            permitted=may_read(settings, READ_USERS),
        )
    )


def _other_reports(effect: Effect) -> Flow[bool | None]:
    """Of the managers of the first users that Graph lists."""
    page = yield LIST_USERS.request(params={"$top": SAMPLE_OF_OTHERS, "$select": "id", "$expand": "manager"})
    users = [parse(item, _ManagedUser) for item in PAGES.items(page)]
    managers = [user.manager.id for user in users if user.manager is not None]
    return (yield from found_for_known(managers, reports_of, effect))
