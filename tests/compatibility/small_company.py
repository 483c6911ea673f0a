"""The small company in this process, so that its accounts can be recorded and come back as they were recorded.

Account ids are made from what a system calls an account, and the identity provider draws those at random: a company
that is only populated again has other accounts than the recorded runs are about.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator.documents.document import Document
from tests.compatibility import product

SYSTEMS = ("hr", "identity", "code", "cards", "mail")
USER, GROUP = "User", "Group"


class SmallCompany:
    """`connections` are what the packets name as `env:…`. Its directory is left out: not every machine has slapd."""

    def __init__(self, process: product.CompanyProcess, connections: dict[str, str]) -> None:
        assert process.own is not None, "no simulations of vendors"
        self._process, self._own = process, process.own
        self.connections = connections

    @staticmethod
    @asynccontextmanager
    async def start(folder: Path, recorded: Document | None = None) -> AsyncIterator[SmallCompany]:
        """With the accounts and effects of `recorded`; without it, with the people of the packaged export."""
        trust, certificate = await asyncio.to_thread(product.write_certificate, folder)
        tokens = {name: secrets.token_urlsafe(24) for name in SYSTEMS}
        password = secrets.token_urlsafe(24)
        process = product.company_process(
            {
                "people": [],
                "tokens": tokens,
                "control_token": secrets.token_urlsafe(24),
                "mail_password": password,
                "certificate": str(certificate),
                "scim_patch": True,
            }
        )
        if recorded is None:
            process.take_on(product.default_people())
        addresses = await process.open()
        systems = addresses["systems"]
        connections = {
            **{f"{name.upper()}_URL": systems[name] for name in ("hr", "code", "cards")},
            **{f"{name.upper()}_TOKEN": tokens[name] for name in ("hr", "identity", "code", "cards")},
            "IDENTITY_URL": f"{systems['identity']}/v2",
            "MAIL_HOST": "127.0.0.1",
            "MAIL_PORT": str(addresses["smtp_port"]),
            "MAIL_USER": product.MAIL_USER,
            "MAIL_PASSWORD": password,
            "MAIL_CA_FILE": str(trust),
            "MAIL_ADMIN_URL": systems["mail"],
            "MAIL_ADMIN_TOKEN": tokens["mail"],
        }
        company = SmallCompany(process, connections)
        if recorded is not None:
            company.restore(recorded)
        try:
            yield company
        finally:
            await process.mail.close()
            for listener in (*process.listeners.values(), process.door):
                await listener.close()

    def hire(self, people: list[Document]) -> None:
        self._process.take_on([product.Employee.from_document(person) for person in people])

    def break_(self, system: str, method: str, path: str, mode: str, times: int) -> None:
        fault = {"method": method, "path": path, "mode": mode, "times": times}
        self._process.guards[system].faults.append(product.Fault.parse(fault))

    def effects(self) -> dict[str, list[Document]]:
        """What was done, by system, the oldest first: `key`, `action`, `target`, `at`."""
        return {name: log.documents() for name, log in self._process.logs.items()}

    def document(self) -> Document:
        """Everything that `restore` needs."""
        storage = self._own.identity.storage.storage
        written: dict[str, list[Document]] = {USER: [], GROUP: []}
        for resource in storage.resources:
            assert resource.meta is not None and resource.meta.resource_type is not None
            written[resource.meta.resource_type].append(json.loads(resource.model_dump_json(exclude_none=True)))
        return {
            "people": [person.document() for person in self._process.people],
            "hr": self._own.hr.people,
            "payments": self._own.hr.payments,
            "identity": written,
            "code": self._own.code.accounts,
            "cards": self._process.cards.cards,
            "mailboxes": self._process.mail.mailboxes,
            "messages": self._process.mail.messages,
            "effects": self.effects(),
        }

    def restore(self, recorded: Document) -> None:
        document = json.loads(json.dumps(recorded))  # the systems change what they are given
        self._process.people += [product.Employee.from_document(person) for person in document["people"]]
        self._own.hr.people.update(document["hr"])
        self._own.hr.payments.update(document["payments"])
        self._own.code.accounts.update(document["code"])
        self._process.cards.cards.update(document["cards"])
        self._process.mail.mailboxes.update(document["mailboxes"])
        self._process.mail.messages.extend(document["messages"])
        service = self._own.identity.service
        models = {name: service.get_model(service.get_resource_type(name)) for name in (USER, GROUP)}
        self._own.identity.storage.storage.resources = [
            models[name].model_validate(resource) for name, found in document["identity"].items() for resource in found
        ]
        for name, log in self._process.logs.items():
            log.entries.extend(product.EffectEntry(**entry) for entry in document["effects"][name])
