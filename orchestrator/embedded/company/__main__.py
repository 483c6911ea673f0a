"""The company's own process: its HTTP systems, its mail server, and a control interface for the process that started
it.

    python -m orchestrator.embedded.company WISH.json ADDRESSES.json

WISH.json holds {"people", "tokens": {system: token}, "control_token", "mail_password", "certificate", "scim_patch",
"vendors"}; ADDRESSES.json is written whole when everything answers. `Company` starts this; no one else needs to.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from orchestrator.embedded.company.cards import CardProgramme
from orchestrator.embedded.company.effects import EffectLog, Fault, GuardedSystem
from orchestrator.embedded.company.http_answers import HTTP_ERRORS, json_body, refuse
from orchestrator.embedded.company.listener import Listener
from orchestrator.embedded.company.mail import MailSystem
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.company.population import populate

if TYPE_CHECKING:
    from orchestrator.embedded.company.own_interfaces import OwnInterfaces
    from orchestrator.embedded.vendors.sample_company import VendorSystems


class CompanyProcess:
    def __init__(self, wish: dict[str, Any]) -> None:
        self.people: list[Employee] = []
        self.logs = {name: EffectLog() for name in wish["tokens"]}
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(wish["certificate"])
        self.cards = CardProgramme(self.logs["cards"])
        self.mail = MailSystem(self.logs["mail"], password=wish["mail_password"], tls=tls)
        # Only what is served is imported: both take long.
        self.own: OwnInterfaces | None = None
        self.vendors: VendorSystems | None = None
        apps: dict[str, ASGIApp] = {"cards": self.cards.app, "mail": self.mail.app}
        outside: dict[str, ASGIApp] = {}
        if wish.get("vendors"):
            from orchestrator.embedded.vendors.sample_company import ServedSimulator, VendorSystems

            self.vendors = VendorSystems(wish["people"][0]["time_zone"] if wish["people"] else "UTC")
            outside = {name: ServedSimulator(one) for name, one in self.vendors.simulators.items()}
        else:
            from orchestrator.embedded.company.own_interfaces import OwnInterfaces

            self.own = OwnInterfaces(self.logs, scim_patch=wish["scim_patch"])
            apps |= self.own.apps
        self.guards = {
            name: GuardedSystem(app, token=wish["tokens"][name], log=self.logs[name]) for name, app in apps.items()
        }
        outside |= self.guards
        self.listeners = {name: Listener(app) for name, app in outside.items()}
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
                Route("/standing", self.standing),
            ],
            exception_handlers=HTTP_ERRORS,
        )
        self.door = Listener(GuardedSystem(door, token=wish["control_token"], log=EffectLog()))

    async def open(self) -> dict[str, Any]:
        for listener in (*self.listeners.values(), self.door):
            await listener.open()
        await self.mail.open()
        addresses = {name: listener.url for name, listener in self.listeners.items()}
        connections = {}
        if self.vendors is not None:
            for name, simulator in self.vendors.simulators.items():
                simulator.url = addresses[name]
            connections = self.vendors.connections()
        return {
            "systems": addresses,
            "smtp_port": self.mail.smtp_port,
            "control": self.door.url,
            "connections": connections,
        }

    def take_on(self, people: list[Employee]) -> None:
        population = populate(people, after=self.people)
        if self.vendors is not None:
            self.vendors.populate(people)
        self.people += people
        self.cards.add(population.cards)
        self.mail.add(population.mail)
        if self.own is not None:
            self.own.add(population)

    async def hire(self, request: Request) -> JSONResponse:
        document = await json_body(request)
        try:
            self.take_on([Employee.from_document(person) for person in document["people"]])
        except ValueError as error:
            refuse(409, "people_fixed", str(error))
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
        return JSONResponse({"committed": await self._guard(request).clear_faults()})

    async def clear_all_faults(self, request: Request) -> JSONResponse:
        return JSONResponse({"committed": sum([await guard.clear_faults() for guard in self.guards.values()])})

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

    async def standing(self, request: Request) -> JSONResponse:
        if self.vendors is None:
            refuse(404, "no_vendors", "the company has no simulations of vendors")
        return JSONResponse({"standing": self.vendors.standing(), "violations": self.vendors.violations()})

    async def _open(self, name: str) -> None:
        await self.listeners[name].open()
        if name == "mail":
            await self.mail.open()

    def _name(self, request: Request) -> str:
        name: str = request.path_params["name"]
        if name not in self.listeners:
            refuse(404, "no_such_system", f"one of {', '.join(self.listeners)} is needed")
        return name

    def _guard(self, request: Request) -> GuardedSystem:
        name = self._name(request)
        if name not in self.guards:
            refuse(404, "not_counted", f"effects and faults are counted at {', '.join(self.guards)} only")
        return self.guards[name]


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
