"""BambooHR's API for one company: routes with the scopes that each needs, and BambooHR's forms of general failures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from orchestrator.embedded.vendors.bamboohr import access, people, tables, webhooks
from orchestrator.embedded.vendors.bamboohr.as_xml import as_xml
from orchestrator.embedded.vendors.bamboohr.company import BambooCompany
from orchestrator.embedded.vendors.bamboohr.described import BambooDescription, nested
from orchestrator.embedded.vendors.bamboohr.errors import REASON, error, refusal
from orchestrator.embedded.vendors.simulator import Call, Handler, Simulator, answer

API = "/api/v1"
GATEWAY = "/api/gateway.php/{company}/v1"
TOKEN = "POST /token.php"  # noqa: S105 - the name of an operation
FIELDS = f"GET {API}/meta/fields"
LIST = f"GET {API}/employees"
TABLE: Mapping[str, tuple[Handler, tuple[str, ...]]] = {
    LIST: (people.list_employees, ("employee", "employee:name", "employee:job", "employee_directory")),
    f"GET {API}/employees/directory": (people.get_directory, ("employee_directory",)),
    f"GET {API}/employees/changed": (tables.list_changed, ("public.user", "public.integration")),
    f"GET {API}/employees/changed/tables/{{table}}": (tables.list_changed_tables, ("employee", "employee:job")),
    f"GET {API}/employees/{{id}}": (people.get_employee, ("employee", "employee:name", "employee:job")),
    f"GET {API}/employees/{{id}}/tables/{{table}}": (tables.get_table, ("employee", "employee:job")),
    f"GET {API}/meta/users": (people.list_users, ("user",)),
    FIELDS: (people.list_fields, ("employee", "field")),
    f"GET {API}/webhooks": (webhooks.list_webhooks, ("webhooks",)),
    f"POST {API}/webhooks": (webhooks.create, ("webhooks",)),
    f"GET {API}/webhooks/{{id}}": (webhooks.get, ("webhooks",)),
    f"DELETE {API}/webhooks/{{id}}": (webhooks.delete, ("webhooks",)),
    TOKEN: (access.issue_token, ()),
}
"""An access token needs one of the scopes; an API key has none."""
ROUTES: Mapping[str, Handler] = {name: handler for name, (handler, _) in TABLE.items()}
UNDESCRIBED = {
    TOKEN: "https://documentation.bamboohr.com/docs/getting-started",
    FIELDS: "https://documentation.bamboohr.com/reference/list-fields",
}
OPERATIONS = sorted(ROUTES.keys() - UNDESCRIBED.keys())
ONLY_JSON = frozenset({TOKEN, LIST, *(name for name in TABLE if "/webhooks" in name), f"GET {API}/meta/users", FIELDS})


class BambooSimulator(Simulator):
    """`state` is the `BambooCompany`. The API is under `url`, as `{company}.bamboohr.com` has it, and for older clients
    under `gateway_url`. `retry_after` is in the answer to too many requests, unless it is None."""

    routes = ROUTES
    undescribed = UNDESCRIBED
    state: BambooCompany

    def __init__(self, zone: str = "America/Denver") -> None:
        super().__init__(BambooDescription.of(Path(__file__).parent), None)
        self.state = BambooCompany(self.now, zone=zone)
        self.retry_after: int | None = 30

    @property
    def gateway_url(self) -> str:
        """The form of addresses that older clients and guides use."""
        return f"{self.url}{GATEWAY.format(company=self.state.domain)}"

    async def deliver(self, base: str) -> list[int]:
        """Sends the webhooks that are due to this address; the statuses of the answers."""
        return await webhooks.deliver(self, base)

    def _call(self, request: Request, body: bytes) -> Call:
        gateway = GATEWAY.format(company=self.state.domain)
        raw = request.scope["raw_path"].decode()
        if raw.startswith(f"{gateway}/"):
            request.scope["raw_path"] = raw.replace(gateway, API, 1).encode()
        call = super()._call(request, body)
        call.noted.update(filter=nested(call.query, "filter"), page=nested(call.query, "page"))
        return call

    def identify(self, call: Call) -> Any:
        return None if call.operation == TOKEN else access.caller(self, call)

    def permit(self, call: Call) -> None:
        scopes = TABLE[call.operation][1]
        if scopes and call.caller.token is not None and not set(scopes) & set(call.caller.token.scopes):
            raise refusal(403, "The token lacks a scope for this request")

    def dressed(self, call: Call, response: Response) -> Response:
        """XML, unless `Accept` asks for JSON; a confirmation as text."""
        if "text" in call.noted and response.status_code == 200:
            return Response(call.noted["text"], 200, media_type="text/plain")
        asked = call.headers.get("accept", "")
        if response.status_code != 200 or call.operation in ONLY_JSON or "application/json" in asked:
            return response
        return Response(as_xml(json.loads(bytes(response.body))), 200, media_type="application/xml")

    def unknown_path(self, call: Call) -> Response:
        return error(404, "Not found")

    def malformed(self, faults: list[str]) -> Response:
        body = {"error": {"code": "BadRequest", "message": "; ".join(faults)}}
        return answer(body, 400, {REASON: "; ".join(faults).encode("ascii", "replace").decode()})

    def limited(self) -> Response:
        return self._throttled(429, "Too many requests")

    def broken(self, status: int) -> Response:
        """503 is how BambooHR answers too many requests too, https://documentation.bamboohr.com/docs/api-details."""
        return self._throttled(status, "Service unavailable") if status == 503 else error(status, "Internal error")

    def expired(self) -> Response:
        return error(401, "The access token is invalid or expired")

    def _throttled(self, status: int, reason: str) -> Response:
        response = error(status, reason)
        if self.retry_after is not None:
            response.headers["retry-after"] = str(self.retry_after)
        return response
