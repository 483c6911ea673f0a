"""Apps that a user installed in a workspace, as far as Slack shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.http.flows import Fields, all_pages, parse, unexpected
from connectors.http.requests import Answer, Flow, Operation, Request
from connectors.vendors.slack.answers import said_ok
from connectors.vendors.slack.credential import SlackCredential
from connectors.vendors.slack.users import SlackMember

LIST_INTEGRATION_LOGS = Operation("GET", "/api/team.integrationLogs", "team_integrationLogs")
_PER_PAGE = "100"


class _Paging(Fields):
    page: int
    pages: int


class AppChange(Fields):
    """An entry of the log. Old kinds of integrations have a service and no app."""

    app_id: str = ""
    app_type: str = ""
    service_id: str = ""
    service_type: str = ""
    change_type: str = ""
    scope: str = ""
    user_id: str = ""

    @property
    def app(self) -> str:
        return self.app_id or self.service_id


@dataclass(frozen=True, slots=True)
class _CountedPages:
    """The log has numbered pages (docs.slack.dev/reference/methods/team.integrationLogs)."""

    max_items: int = 20_000

    def first(self, request: Request) -> Request:
        return request.with_params(page="1", count=_PER_PAGE)

    def items(self, answer: Answer) -> list[Any]:
        said_ok(answer)
        listed = answer.body.get("logs")
        if not isinstance(listed, list):
            unexpected("The answer has no list in logs.")
        return listed

    def next(self, request: Request, answer: Answer, count: int) -> Request | None:
        paging = parse(answer.body.get("paging"), _Paging)
        return request.with_params(page=str(paging.page + 1)) if paging.page < paging.pages else None


def apps_of(credential: SlackCredential, user: SlackMember) -> Flow[list[Mapping[str, str]]]:
    """Those that the user added or changed and did not remove since; the newest entry of each counts. Slack does not
    list tokens: an app that the user added may hold one of the user, of its bot, or both."""
    found: list[Mapping[str, str]] = []
    for workspace in user.workspaces(credential):
        request = LIST_INTEGRATION_LOGS.request(params={"team_id": workspace, "user": user.id})
        seen: set[str] = set()
        for item in (yield from all_pages(request, _CountedPages())):
            entry = parse(item, AppChange)
            if entry.app in seen or entry.user_id != user.id:
                continue
            seen.add(entry.app)
            if entry.change_type != "removed":
                name = entry.app_type or entry.service_type or entry.app
                found.append({"id": entry.app, "name": name, "workspace": workspace, "scopes": entry.scope})
    return found
