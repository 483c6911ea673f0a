"""The small company on loopback: HR, identity, directory (LDAP), code hosting, cards, mail, with make-believe people.

Tests use HR, identity (SCIM) and code hosting with interfaces of our own. `offboard demo` and `offboard up` use
simulations of BambooHR, Okta, GitHub and Slack instead (`vendors`)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

import orchestrator
from orchestrator.embedded.company.certificate import write_certificate
from orchestrator.embedded.company.directory import BASE_DN, BIND_DN, PLACEHOLDER_DN, Directory
from orchestrator.embedded.company.effects import Mode
from orchestrator.embedded.company.mail import USER
from orchestrator.embedded.company.people import Employee, default_people
from orchestrator.embedded.company.population import populate
from orchestrator.embedded.server_process import EmbeddedServerError, ServerProcess, ServerWish, made_folder

WITH_VENDORS = ("cards", "mail")
"""The systems that the company serves itself beside the simulations of vendors."""
HTTP_SYSTEMS = ("hr", "identity", "code", *WITH_VENDORS)
READY_TIMEOUT_SECONDS = 60.0


class Company:
    """Use `async with Company.start(folder) as company`.

    `connections` are the settings with which the product reaches the systems, named as in the starter packets.
    `missing` names the systems that could not be started and what to install. `people` grows with `hire`."""

    def __init__(
        self,
        people: Sequence[Employee],
        process: ServerProcess,
        directory: Directory | None,
        connections: dict[str, str],
        door: httpx.AsyncClient,
    ) -> None:
        self.people = list(people)
        self.directory = directory
        self.connections = connections
        self.missing: dict[str, str] = {}
        if directory is None:
            self.missing["directory"] = "slapd is not installed (Debian: apt-get install slapd)"
        self._process = process
        self._door = door
        self._marks: dict[str, int] = {}

    @staticmethod
    @asynccontextmanager
    async def start(
        folder: Path, people: Sequence[Employee] | None = None, *, scim_patch: bool = True, vendors: bool = False
    ) -> AsyncIterator[Company]:
        """Start every system with accounts for `people` (default: those of the packaged export). `folder` gets the
        logs. Without `scim_patch` the identity provider serves no PATCH. With `vendors`, HR, identity provider, code
        host and chat are simulations of vendors, and no one is hired later. Ends with the block or with this process,
        and leaves nothing. Raises EmbeddedServerError."""
        folder = await made_folder(folder)
        staff = list(people) if people is not None else default_people()
        async with contextlib.AsyncExitStack() as stack:
            directory_start = asyncio.create_task(_start_directory(folder, staff, stack))
            try:
                process, connections, door = await _start_process(folder, staff, scim_patch, vendors, stack)
            except BaseException:
                with contextlib.suppress(EmbeddedServerError):
                    await directory_start
                raise
            directory = await directory_start
            if directory is not None:
                connections |= {
                    "DIRECTORY_URL": directory.url,
                    "DIRECTORY_BIND_DN": BIND_DN,
                    "DIRECTORY_PASSWORD": directory.bind_password,
                    "DIRECTORY_BASE_DN": BASE_DN,
                    "DIRECTORY_PLACEHOLDER": PLACEHOLDER_DN,
                }
            yield Company(staff, process, directory, connections, door)

    async def hire(self, people: Sequence[Employee]) -> None:
        """Give new people accounts everywhere. Their numbers and addresses must be new. This is no effect. Raises
        ValueError in a company with simulations of vendors."""
        population = populate(people, after=self.people)
        await self._ask("POST", "/people", {"people": [person.document() for person in people]})
        if self.directory is not None:
            await self.directory.add(population.directory, population.directory_groups)
        self.people += people

    async def effects(self, system: str) -> list[dict[str, Any]]:
        """What was done in this system since the company started or was last marked, oldest first (see
        `effects.EffectEntry`), also while the system is stopped."""
        after = self._marks.get(system, 0)
        if system == "directory":
            return self.directory.effects(after) if self.directory is not None else []
        effects: list[dict[str, Any]] = (await self._ask("GET", f"/systems/{system}/effects?after={after}"))["effects"]
        return effects

    async def requests(self, system: str) -> list[str]:
        """The requests that an HTTP system was sent since this was last asked, as `GET /people?email=...`, oldest
        first; the latest 5000 where there were more."""
        requests: list[str] = (await self._ask("DELETE", f"/systems/{system}/requests"))["requests"]
        return requests

    async def mark(self) -> None:
        """Count effects from here on: tests that share a company begin with this."""
        self._marks = (await self._ask("GET", "/effects"))["counts"]
        if self.directory is not None:
            self._marks["directory"] = self.directory.log_size()

    async def standing(self) -> dict[str, dict[str, dict[str, list[str]]]]:
        """What each person can use at the simulated vendors now: by employee number, vendor and kind of access (see
        `vendors.standing`). Raises ValueError where the company has none of them."""
        found: dict[str, dict[str, dict[str, list[str]]]] = (await self._ask("GET", "/standing"))["standing"]
        return found

    async def violations(self) -> list[str]:
        """Requests to the simulated vendors, and their answers, that differed from the vendors' API descriptions."""
        found: list[str] = (await self._ask("GET", "/standing"))["violations"]
        return found

    async def messages(self) -> list[dict[str, Any]]:
        """The mail that arrived: id, from, to, subject, text, tls, at."""
        messages: list[dict[str, Any]] = (await self._ask("GET", "/messages"))["messages"]
        return messages

    async def break_(
        self,
        system: str,
        mode: Mode,
        *,
        method: str = "*",
        path: str = "",
        times: int | None = None,
        seconds: float = 0.0,
        share: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Make an HTTP system misbehave on requests whose path has a match for the regular expression `path` (see
        `effects.Fault`). The directory can only be stopped."""
        fault = {"method": method, "path": path, "mode": mode, "times": times, "seconds": seconds}
        fault |= {"share": share, "seed": seed}
        await self._ask("POST", f"/systems/{system}/faults", fault)

    async def clear_faults(self, system: str | None = None) -> int:
        """Remove the faults of one system, or of all; how often they were committed."""
        path = "/faults" if system is None else f"/systems/{system}/faults"
        return int((await self._ask("DELETE", path))["committed"])

    async def stop(self, system: str) -> None:
        """An outage: connections are cut and refused, until `restart`."""
        if system == "directory":
            if self.directory is not None:
                await self.directory.stop()
        else:
            await self._ask("POST", f"/systems/{system}/stop")

    async def restart(self, system: str | None = None) -> None:
        """End the outage of one system, or of all: same address, same accounts. No error where there was none."""
        if system in (None, "directory") and self.directory is not None:
            await self.directory.start()
        if system != "directory":
            await self._ask("POST", "/start" if system is None else f"/systems/{system}/start")

    async def _ask(self, method: str, path: str, document: Any = None) -> dict[str, Any]:
        response = await self._door.request(method, path, json=document)
        if response.is_error:
            raise ValueError(f"{method} {path}: {response.text}")
        answer: dict[str, Any] = response.json()
        return answer


async def _start_directory(
    folder: Path, people: Sequence[Employee], stack: contextlib.AsyncExitStack
) -> Directory | None:
    if not Directory.installed():
        return None
    directory = await Directory.create(folder, populate(people))
    stack.push_async_callback(directory.close)
    await directory.start()
    return directory


async def _start_process(
    folder: Path, people: Sequence[Employee], scim_patch: bool, vendors: bool, stack: contextlib.AsyncExitStack
) -> tuple[ServerProcess, dict[str, str], httpx.AsyncClient]:
    work = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="offboard-company-"))
    stack.callback(shutil.rmtree, work, ignore_errors=True)
    trust, certificate = await asyncio.to_thread(write_certificate, work)
    tokens = {name: secrets.token_urlsafe(24) for name in (WITH_VENDORS if vendors else HTTP_SYSTEMS)}
    wish = {
        "people": [person.document() for person in people],
        "tokens": tokens,
        "control_token": secrets.token_urlsafe(24),
        "mail_password": secrets.token_urlsafe(24),
        "certificate": str(certificate),
        "scim_patch": scim_patch,
        "vendors": vendors,
    }
    wish_file, addresses_file = work / "wish.json", work / "addresses.json"
    wish_file.write_text(json.dumps(wish))
    process = ServerProcess(
        ServerWish(
            name="the company",
            argv=[sys.executable, "-m", "orchestrator.embedded.company", str(wish_file), str(addresses_file)],
            log=folder / "company.log",
            environment={
                "PATH": "/usr/bin:/bin",
                "LC_ALL": "C.UTF-8",
                "PYTHONPATH": str(Path(str(orchestrator.__file__)).parents[1]),
            },
            grace=0.0,  # nothing of it is kept
            remove=[work],
        )
    )
    stack.push_async_callback(process.close)
    await process.start()
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while not addresses_file.exists():
        process.require_alive()
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"the company was not ready within {READY_TIMEOUT_SECONDS:.0f} s: see {process.wish.log}"
            )
        await asyncio.sleep(0.01)
    addresses = json.loads(addresses_file.read_text())
    systems = addresses["systems"]
    if vendors:
        connections: dict[str, str] = addresses["connections"]
    else:
        connections = {
            "HR_URL": systems["hr"],
            "HR_TOKEN": tokens["hr"],
            "IDENTITY_URL": f"{systems['identity']}/v2",
            "IDENTITY_TOKEN": tokens["identity"],
            "CODE_URL": systems["code"],
            "CODE_TOKEN": tokens["code"],
        }
    connections |= {
        "CARDS_URL": systems["cards"],
        "CARDS_TOKEN": tokens["cards"],
        "MAIL_HOST": "127.0.0.1",
        "MAIL_PORT": str(addresses["smtp_port"]),
        "MAIL_USER": USER,
        "MAIL_PASSWORD": str(wish["mail_password"]),
        "MAIL_CA_FILE": str(trust),
        "MAIL_ADMIN_URL": systems["mail"],
        "MAIL_ADMIN_TOKEN": tokens["mail"],
    }
    door = httpx.AsyncClient(
        base_url=addresses["control"],
        headers={"Authorization": f"Bearer {wish['control_token']}"},
        timeout=30.0,
        trust_env=False,
    )
    stack.push_async_callback(door.aclose)
    return process, connections, door
