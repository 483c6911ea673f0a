"""The company's card programme. It honours `Idempotency-Key` for 24 hours: the same key gets the first answer again."""

from __future__ import annotations

import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from orchestrator.embedded.company.effects import EffectLog
from orchestrator.embedded.company.http_answers import HTTP_ERRORS, page_of, refuse
from orchestrator.embedded.company.population import CompanyDocument

KEY_TTL_SECONDS = 24 * 3600.0


class CardProgramme:
    def __init__(self, log: EffectLog) -> None:
        self.log = log
        self.cards: dict[str, CompanyDocument] = {}
        self._answered: dict[
            str, tuple[float, str, CompanyDocument]
        ] = {}  # key -> (when, method and path, first answer)
        self.app = Starlette(
            routes=[
                Route("/cards", self.find),
                Route("/cards/{id}", self.read),
                Route("/cards/{id}/freeze", self.freeze, methods=["POST"]),
                Route("/cards/{id}/unfreeze", self.unfreeze, methods=["POST"]),
                Route("/cards/{id}/close", self.close, methods=["POST"]),
            ],
            exception_handlers=HTTP_ERRORS,
        )

    def add(self, documents: list[CompanyDocument]) -> None:
        self.cards.update((document["id"], document) for document in documents)

    async def find(self, request: Request) -> JSONResponse:
        wanted = request.query_params
        number, email = wanted.get("employee_number"), wanted.get("email")
        found = [
            card
            for card in self.cards.values()
            if (number is None or card["employee_number"] == number)
            and (email is None or card["holder_email"].casefold() == email.casefold())
        ]
        return JSONResponse(page_of("cards", found, wanted))

    async def read(self, request: Request) -> JSONResponse:
        return JSONResponse(self._card(request))

    async def freeze(self, request: Request) -> JSONResponse:
        return self._once(request, "freeze", "frozen")

    async def unfreeze(self, request: Request) -> JSONResponse:
        return self._once(request, "unfreeze", "active")

    async def close(self, request: Request) -> JSONResponse:
        return self._once(request, "close", "closed")

    def _once(self, request: Request, verb: str, state: str) -> JSONResponse:
        card = self._card(request)
        key = request.headers.get("idempotency-key")
        what = f"{verb} {card['id']}"
        if key is not None and key in self._answered:
            at, first_what, answer = self._answered[key]
            if time.monotonic() - at < KEY_TTL_SECONDS:
                if first_what != what:
                    refuse(422, "key_reused", "this Idempotency-Key came with another request before")
                return JSONResponse(answer)
        if card["state"] == "closed" and verb != "close":
            refuse(409, "closed", "the card is closed for good")
        # A close has its price each time it is asked for without a key that we know: it is an effect each time.
        if card["state"] != state or verb == "close":
            card["state"] = state
            self.log.record(f"POST /cards/{{id}}/{verb}", card["id"], key)
        if key is not None:
            self._answered[key] = (time.monotonic(), what, dict(card))
        return JSONResponse(card)

    def _card(self, request: Request) -> CompanyDocument:
        card = self.cards.get(request.path_params["id"])
        if card is None:
            refuse(404, "not_found", "no such card")
        return card
