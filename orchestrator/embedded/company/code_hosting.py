"""The company's code hosting: accounts with sessions, personal access tokens and repositories."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from orchestrator.embedded.company.effects import EffectLog
from orchestrator.embedded.company.http_answers import HTTP_ERRORS, json_body, page_of, refuse
from orchestrator.embedded.company.population import CompanyDocument


class CodeHosting:
    def __init__(self, log: EffectLog) -> None:
        self.log = log
        self.accounts: dict[str, CompanyDocument] = {}
        self.app = Starlette(
            routes=[
                Route("/accounts", self.find),
                Route("/accounts/{id}", self.read),
                Route("/accounts/{id}/suspend", self.suspend, methods=["POST"]),
                Route("/accounts/{id}/unsuspend", self.unsuspend, methods=["POST"]),
                Route("/accounts/{id}/promote", self.promote, methods=["POST"]),
                Route("/accounts/{id}/demote", self.demote, methods=["POST"]),
                Route("/accounts/{id}/sessions", self.sessions),
                Route("/accounts/{id}/sessions", self.end_sessions, methods=["DELETE"]),
                Route("/accounts/{id}/tokens", self.tokens),
                Route("/accounts/{id}/tokens", self.remove_tokens, methods=["DELETE"]),
                Route("/accounts/{id}/repositories/transfer", self.transfer, methods=["POST"]),
            ],
            exception_handlers=HTTP_ERRORS,
        )

    def add(self, documents: list[CompanyDocument]) -> None:
        self.accounts.update((document["id"], document) for document in documents)

    async def find(self, request: Request) -> JSONResponse:
        wanted = request.query_params
        found = [_view(account) for account in self.accounts.values() if _answers(account, wanted)]
        return JSONResponse(page_of("accounts", found, wanted))

    async def read(self, request: Request) -> JSONResponse:
        return JSONResponse(_view(self._account(request)))

    async def suspend(self, request: Request) -> JSONResponse:
        return self._change(request, "POST /accounts/{id}/suspend", "state", "suspended")

    async def unsuspend(self, request: Request) -> JSONResponse:
        return self._change(request, "POST /accounts/{id}/unsuspend", "state", "active")

    async def promote(self, request: Request) -> JSONResponse:
        return self._change(request, "POST /accounts/{id}/promote", "admin", True)

    async def demote(self, request: Request) -> JSONResponse:
        return self._change(request, "POST /accounts/{id}/demote", "admin", False)

    async def sessions(self, request: Request) -> JSONResponse:
        return JSONResponse(page_of("sessions", self._account(request)["sessions"], request.query_params))

    async def tokens(self, request: Request) -> JSONResponse:
        return JSONResponse(page_of("tokens", self._account(request)["tokens"], request.query_params))

    async def end_sessions(self, request: Request) -> JSONResponse:
        return self._remove(request, "sessions")

    async def remove_tokens(self, request: Request) -> JSONResponse:
        return self._remove(request, "tokens")

    async def transfer(self, request: Request) -> JSONResponse:
        account = self._account(request)
        heir = self.accounts.get(str((await json_body(request)).get("to")))
        if heir is None:
            refuse(404, "no_such_heir", "to: no account has this id")
        if heir is account or heir["state"] != "active":
            refuse(422, "heir_cannot_own", "to: another account that is active is needed")
        moved = account["repositories"]
        if moved:
            account["repositories"] = []
            heir["repositories"] = [*heir["repositories"], *moved]
            self.log.record("POST /accounts/{id}/repositories/transfer", account["id"])
        return JSONResponse({"transferred": moved})

    def _change(self, request: Request, action: str, name: str, value: str | bool) -> JSONResponse:
        account = self._account(request)
        if account[name] != value:
            account[name] = value
            self.log.record(action, account["id"])
        return JSONResponse(_view(account))

    def _remove(self, request: Request, name: str) -> JSONResponse:
        account = self._account(request)
        removed = len(account[name])
        if removed:
            account[name] = []
            self.log.record(f"DELETE /accounts/{{id}}/{name}", account["id"])
        return JSONResponse({"removed": removed})

    def _account(self, request: Request) -> CompanyDocument:
        account = self.accounts.get(request.path_params["id"])
        if account is None:
            refuse(404, "not_found", "no such account")
        return account


def _view(account: CompanyDocument) -> CompanyDocument:
    """The account as others see it: how many sessions and tokens, not which."""
    return {**account, "sessions": len(account["sessions"]), "tokens": len(account["tokens"])}


def _answers(account: CompanyDocument, wanted: object) -> bool:
    assert hasattr(wanted, "get")
    for name in ("username", "email"):
        value = wanted.get(name)
        if value is not None and account[name].casefold() != value.casefold():
            return False
    number = wanted.get("employee_number")
    return number is None or account["employee_number"] == number
