"""The company's HR system: who works here, who leaves when, and the payroll's final payments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.people import number_key
from orchestrator.embedded.company.effects import REQUEST_KEY, EffectLog
from orchestrator.embedded.company.http_answers import HTTP_ERRORS, json_body, page_of, refuse
from orchestrator.embedded.company.population import CompanyDocument


class HrSystem:
    def __init__(self, log: EffectLog) -> None:
        self.log = log
        self.people: dict[str, CompanyDocument] = {}
        self.payments: dict[str, list[CompanyDocument]] = {}
        self.app = Starlette(
            routes=[
                Route("/people", self.find),
                Route("/people/{id}", self.read),
                Route("/people/{id}/managers", self.managers),
                Route("/people/{id}/leaving", self.record_leaving, methods=["POST"]),
                Route("/people/{id}/leaving", self.withdraw_leaving, methods=["DELETE"]),
                Route("/people/{id}/final-pay", self.book_final_pay, methods=["POST"]),
                Route("/people/{id}/final-payments", self.final_payments),
            ],
            exception_handlers=HTTP_ERRORS,
        )

    def add(self, documents: list[CompanyDocument]) -> None:
        self.people.update((document["id"], document) for document in documents)

    async def find(self, request: Request) -> JSONResponse:
        wanted = request.query_params
        found = [self._view(person) for person in self.people.values() if _answers(person, wanted)]
        typed = wanted.get("q", "").casefold()
        found.sort(key=lambda person: typed not in (person["employee_number"].casefold(), person["email"].casefold()))
        return JSONResponse(page_of("people", found, wanted))

    async def read(self, request: Request) -> JSONResponse:
        return JSONResponse(self._view(self._person(request)))

    async def managers(self, request: Request) -> JSONResponse:
        """The reporting line from the manager to the top; it ends where it would run in a circle."""
        person = self._person(request)
        seen, line = {person["id"]}, []
        while (manager := self.people.get(person["manager_id"] or "")) is not None and manager["id"] not in seen:
            seen.add(manager["id"])
            line.append(self._view(manager))
            person = manager
        return JSONResponse(page_of("people", line, request.query_params))

    def _view(self, person: CompanyDocument) -> CompanyDocument:
        """The person with the manager's address, so that it need not be asked for."""
        manager = self.people.get(person["manager_id"] or "")
        return {**person, "manager_email": manager["email"] if manager is not None else None}

    async def record_leaving(self, request: Request) -> JSONResponse:
        person = self._person(request)
        at = (await json_body(request)).get("at")
        if not isinstance(at, str) or _instant(at) is None:
            refuse(422, "bad_instant", "at: an ISO 8601 instant with an offset is needed")
        known = _instant(person["leaving_at"]) if person["leaving_at"] else None
        if person["status"] != "leaving" or known != _instant(at):
            person["status"], person["leaving_at"] = "leaving", at
            self.log.record("POST /people/{id}/leaving", person["id"])
        return JSONResponse(person)

    async def withdraw_leaving(self, request: Request) -> JSONResponse:
        person = self._person(request)
        if person["leaving_at"] is not None or person["status"] != "active":
            person["status"], person["leaving_at"] = "active", None
            self.log.record("DELETE /people/{id}/leaving", person["id"])
        return JSONResponse(person)

    async def book_final_pay(self, request: Request) -> JSONResponse:
        """Every call books another payment: this system knows no idempotency."""
        person = self._person(request)
        booked = self.payments.setdefault(person["id"], [])
        now = datetime.now(UTC).isoformat()
        booked.append({"id": f"pay-{person['id'][3:]}-{len(booked) + 1}", "at": now, "key": REQUEST_KEY.get()})
        person["payroll"] = "final_pay"
        self.log.record("POST /people/{id}/final-pay", person["id"])
        return JSONResponse(person)

    async def final_payments(self, request: Request) -> JSONResponse:
        payments = self.payments.get(self._person(request)["id"], [])
        return JSONResponse(page_of("payments", payments, request.query_params))

    def _person(self, request: Request) -> CompanyDocument:
        person = self.people.get(request.path_params["id"])
        if person is None:
            refuse(404, "not_found", "no such person")
        return person


def _answers(person: CompanyDocument, wanted: Any) -> bool:
    """All given conditions hold: `identifier` is the id, the number in any spelling or the address, `q` what a user
    types (parts of the name, or how the number or the address begins), the rest exact."""
    if "identifier" in wanted:
        identifier = wanted["identifier"]
        if (
            identifier != person["id"]
            and identifier.casefold() != person["email"].casefold()
            and number_key(identifier) != number_key(person["employee_number"])
        ):
            return False
    if "id" in wanted and person["id"] != wanted["id"]:
        return False
    if "employee_number" in wanted and person["employee_number"] != wanted["employee_number"]:
        return False
    if "email" in wanted and person["email"].casefold() != wanted["email"].casefold():
        return False
    if "q" in wanted:
        typed = wanted["q"].casefold()
        if any(person[name].casefold().startswith(typed) for name in ("employee_number", "email")):
            return True
        return all(word in person["display_name"].casefold() for word in typed.split())
    return True


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None
