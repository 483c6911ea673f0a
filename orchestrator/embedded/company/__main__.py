"""The company's own process: its HTTP systems, its mail server, and a control interface for the process that started
it.

    python -m orchestrator.embedded.company WISH.json ADDRESSES.json

WISH.json holds {"people", "tokens": {system: token}, "control_token", "mail_password", "certificate", "scim_patch"};
ADDRESSES.json is written whole when everything answers. `Company` starts this; no one else needs to.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import sys
from pathlib import Path
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from orchestrator.embedded.company.cards import CardProgramme
from orchestrator.embedded.company.code_hosting import CodeHosting
from orchestrator.embedded.company.effects import EffectLog, Fault, GuardedSystem
from orchestrator.embedded.company.hr import HrSystem
from orchestrator.embedded.company.http_answers import HTTP_ERRORS, json_body, refuse
from orchestrator.embedded.company.identity import IdentityProvider
from orchestrator.embedded.company.listener import Listener
from orchestrator.embedded.company.mail import MailSystem
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.company.population import populate


class CompanyProcess:
    def __init__(self, wish: dict[str, Any]) -> None:
        self.people: list[Employee] = []
        self.logs = {name: EffectLog() for name in wish["tokens"]}
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(wish["certificate"])
        self.hr = HrSystem(self.logs["hr"])
        self.code = CodeHosting(self.logs["code"])
        self.cards = CardProgramme(self.logs["cards"])
        self.identity = IdentityProvider(self.logs["identity"], patch=wish["scim_patch"])
        self.mail = MailSystem(self.logs["mail"], password=wish["mail_password"], tls=tls)
        apps: dict[str, ASGIApp] = {
            "hr": self.hr.app,
            "code": self.code.app,
            "cards": self.cards.app,
            "identity": cast("ASGIApp", self.identity.app),  # the same signature, with dict for the mappings
            "mail": self.mail.app,
        }
        self.guards = {
            name: GuardedSystem(app, token=wish["tokens"][name], log=self.logs[name]) for name, app in apps.items()
        }
        self.listeners = {name: Listener(guard) for name, guard in self.guards.items()}
        door = Starlette(
            routes=[
                Route("/people", self.hire, methods=["POST"]),
                Route("/effects", self.effect_counts),
                Route("/faults", self.clear_all_faults, methods=["DELETE"]),
                Route("/start", self.start_all, methods=["POST"]),
                Route("/systems/{name}/effects", self.effects),
                Route("/systems/{name}/requests", self.requests, methods=["DELETE"]),
                Route("/systems/{name}/faults", self.break_, methods=["POST"]),
                Route("/systems/{name}/faults", self.clear_faults, methods=["DELETE"]),
                Route("/systems/{name}/start", self.start, methods=["POST"]),
                Route("/systems/{name}/stop", self.stop, methods=["POST"]),
                Route("/messages", self.messages),
            ],
            exception_handlers=HTTP_ERRORS,
        )
        self.door = Listener(GuardedSystem(door, token=wish["control_token"], log=EffectLog()))

    async def open(self) -> dict[str, Any]:
        for listener in (*self.listeners.values(), self.door):
            await listener.open()
        await self.mail.open()
        addresses = {name: listener.url for name, listener in self.listeners.items()}
        return {"systems": addresses, "smtp_port": self.mail.smtp_port, "control": self.door.url}

    def take_on(self, people: list[Employee]) -> None:
        population = populate(people, after=self.people)
        self.people += people
        self.hr.add(population.hr)
        self.code.add(population.code)
        self.cards.add(population.cards)
        self.mail.add(population.mail)
        self.identity.add(population.identity, population.identity_groups)

    async def hire(self, request: Request) -> JSONResponse:
        document = await json_body(request)
        self.take_on([Employee.from_document(person) for person in document["people"]])
        return JSONResponse({"people": len(self.people)}, status_code=201)

    async def effects(self, request: Request) -> JSONResponse:
        after = int(request.query_params.get("after", "0"))
        return JSONResponse({"effects": self._guard(request).log.documents(after)})

    async def effect_counts(self, request: Request) -> JSONResponse:
        return JSONResponse({"counts": {name: len(log.entries) for name, log in self.logs.items()}})

    async def requests(self, request: Request) -> JSONResponse:
        seen = self._guard(request).requests
        lines = list(seen)
        seen.clear()
        return JSONResponse({"requests": lines})

    async def break_(self, request: Request) -> JSONResponse:
        try:
            fault = Fault.parse(await json_body(request))
        except (ValueError, TypeError) as error:
            refuse(400, "bad_fault", str(error))
        self._guard(request).faults.append(fault)
        return JSONResponse({}, status_code=201)

    async def clear_faults(self, request: Request) -> JSONResponse:
        await self._guard(request).clear_faults()
        return JSONResponse({})

    async def clear_all_faults(self, request: Request) -> JSONResponse:
        for guard in self.guards.values():
            await guard.clear_faults()
        return JSONResponse({})

    async def start(self, request: Request) -> JSONResponse:
        await self._open(self._name(request))
        return JSONResponse({})

    async def start_all(self, request: Request) -> JSONResponse:
        for name in self.listeners:
            await self._open(name)
        return JSONResponse({})

    async def stop(self, request: Request) -> JSONResponse:
        await self.listeners[self._name(request)].close()
        if self._name(request) == "mail":
            await self.mail.close()
        return JSONResponse({})

    async def messages(self, request: Request) -> JSONResponse:
        return JSONResponse({"messages": self.mail.messages})

    async def _open(self, name: str) -> None:
        await self.listeners[name].open()
        if name == "mail":
            await self.mail.open()

    def _name(self, request: Request) -> str:
        name: str = request.path_params["name"]
        if name not in self.guards:
            refuse(404, "no_such_system", f"one of {', '.join(self.guards)} is needed")
        return name

    def _guard(self, request: Request) -> GuardedSystem:
        return self.guards[self._name(request)]


async def serve(wish: dict[str, Any], addresses: Path) -> None:
    company = CompanyProcess(wish)
    company.take_on([Employee.from_document(person) for person in wish["people"]])
    partial = addresses.with_suffix(".partial")
    partial.write_text(json.dumps(await company.open()))
    partial.rename(addresses)  # a reader of the file sees all of it
    await asyncio.Event().wait()  # our minder ends us


if __name__ == "__main__":
    # Requests name people: the log gets what is broken, not who was asked for.
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(serve(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])))
