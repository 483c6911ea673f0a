"""Everyone who could come, signed in, and for each route a request that is right in all but who sends it.

Each route that changes something has a run, a packet or a token of its own, so that the table's rows can be tried in
any order.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.staff import STAFF
from orchestrator.web.serving import listening, serving
from orchestrator.web.settings import WebSettings
from orchestrator.web.state import LocalMember
from tests.integration.installation import Installation
from tests.web.routes.routes_table import WHO
from tests.web.visitor import Visitor, api, token_of

PACKET = "standard-leaver"
HR_SECRET = "whsec_bm90aGluZw=="
FUTURE = {"cutoff": "2031-11-28T17:00", "zone": "Europe/Berlin"}
NAMED = ("it", "finance", "operator", "safety-owner")
"""For whom, beside HR, the hidden run exists."""
WITHIN = 60.0  # seconds
RENEWED_AFTER_SECONDS = 180.0
ENDS_SESSIONS = ("/sign-out", "/sign-in/local")
"""Tried in browsers that are opened for it."""
NO_ROLE = (("guest", "E-1011"), ("colleague", "E-1007"))
ALL_ROLES = ("requester", "it_approver", "finance_approver", "operator", "value_owner", "safety_owner")
CONFLICTED = ("leaver", "report", "assistant", "leaver's assistant", "leaver's service", "report's service")
"""Accounts with every role that have a conflict of interest in the run `own`, their programs, and an assistant."""
OUTSIDER = "outsider"
"""An account with every role, behind which HR knows no person: its sessions are short."""
TRAITS = dict.fromkeys(("settle", "page settle", "own"), ("two_code_accounts",))
RUNS = (
    "visible", "hidden", "held", "replanned", "embargo", "page embargo", "end", "page end", "gate", "page gate",
    "together", "page together", "task", "page task", "urgent", "page urgent", "made urgent", "page made urgent",
    "restored", "page restored",
    "settle", "page settle", "skipped", "own",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """`values` fill the path; of `form` and `json` one is there for what is posted."""

    values: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, Any] | None = None
    json: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class RoutesOffice:
    """`runs` and `people` by what they are for; `made` what else was made, by name; `asked` the request for a route,
    once it was put together: afterwards what it is about has been seen to."""

    url: str
    here: Installation
    pages: dict[str, httpx.AsyncClient]
    programs: dict[str, httpx.AsyncClient]
    csrf: dict[str, str]
    tokens: dict[str, str]
    runs: dict[str, str] = field(default_factory=dict)
    people: dict[str, Employee] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    asked: dict[str, Ask] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    """Every token and session that an account of `WHO` has had here, by what it is."""
    signed_in_at: float = field(default_factory=time.monotonic)

    async def renew_sign_ins(self) -> None:
        """On a slow machine the tests take longer than the five minutes for which a sign-in is recent."""
        if time.monotonic() < self.signed_in_at + RENEWED_AFTER_SECONDS:
            return
        self.keep_secrets()
        self.signed_in_at = time.monotonic()
        for who, page in self.pages.items():
            if isinstance(page, Visitor) and not page.is_closed:
                page.follow_redirects = True
                await page.sign_in(who)
                self.csrf[who] = await page.csrf()
                page.follow_redirects = False
                self.tokens[who] = await token_of(self.url, who)
                self.programs[who].headers["Authorization"] = f"Bearer {self.tokens[who]}"

    def keep_secrets(self) -> None:
        since = f"of the sign-in at {self.signed_in_at:.0f}"
        self.secrets |= {f"the token of {who} {since}": token for who, token in self.tokens.items()}
        for who, client in self.pages.items():
            self.secrets |= {f"the session of {who} {since}": value for value in client.cookies.values()}

    async def post(self, who: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = await self.programs[who].post(path, json=body, **more)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def run(self, name: str, so: Callable[[Any], Any] = lambda run: run["steps"]) -> Any:
        """The run as HR sees it, once it is so."""
        deadline = asyncio.get_running_loop().time() + WITHIN
        while not so(found := (await self.programs["hr"].get(f"/runs/{self.runs[name]}")).json()):
            assert asyncio.get_running_loop().time() < deadline, json.dumps(found)[:3000]
            await asyncio.sleep(0.1)
        return found

    async def send(self, who: str, method: str, path: str, ask: Ask) -> httpx.Response:
        """Without waiting for a stream's end."""
        await self.renew_sign_ins()
        if path in ENDS_SESSIONS:
            async with _browser(self.url, who, self.tokens) as once:
                csrf = await once.csrf() if isinstance(once, Visitor) else ""
                once.follow_redirects = False
                return await once.request(method, path, data={"csrf": csrf, **(ask.form or {})})
        to = path.format_map(ask.values)
        of_api = path.startswith("/api/")
        client = self.programs[who] if of_api else self.pages[who]
        form = None if ask.form is None else {"csrf": self.csrf.get(who, ""), **ask.form}
        request = client.build_request(
            method,
            to.removeprefix("/api/v1") if of_api else to,
            params=dict(ask.query),
            json=ask.json,
            data=form,
            files=ask.files,
            headers=dict(ask.headers),
        )
        answer = await client.send(request, stream=True)
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            await answer.aclose()
        else:
            await answer.aread()
        return answer


@asynccontextmanager
async def office(here: Installation) -> AsyncIterator[RoutesOffice]:
    on = listening("127.0.0.1", 0)
    url = f"http://127.0.0.1:{on.getsockname()[1]}"
    local = [LocalMember(one.alias, one.employee_number, one.roles, one.duty) for one in STAFF]
    local += [LocalMember(alias, number, (), "Has no role here") for alias, number in NO_ROLE]
    leaver = f"R-{RUNS.index('own') + 1:04d}"
    local += [
        LocalMember(alias, number, ALL_ROLES, "Has all")
        for alias, number in (("leaver", leaver), ("report", "R-0800"), (OUTSIDER, "R-9999"))
    ]
    secrets = {"hr_webhook_secret": HR_SECRET, "bamboohr_webhook_key": "bamboohr-key-of-the-routes"}
    web = WebSettings(public_url=url, webhook_hosts=("127.0.0.1",), **secrets)
    async with AsyncExitStack() as open_ones:
        open_ones.callback(on.close)
        await open_ones.enter_async_context(serving(web, here.services, here.engine, here.backend.database, on, local))
        aliases = [who for who in WHO if who not in ("program", "nobody")]
        tokens = {alias: await token_of(url, alias) for alias in aliases}
        await token_of(url, "colleague")  # to whom others delegate
        async with api(url, tokens["safety-owner"]) as owner:
            body = {"name": "Report", "kind": "service", "roles": ["hr_system"], "up_to": "read", "lasts_days": 1}
            tokens["program"] = (await owner.post("/tokens", json=body)).json()["token"]
        made = RoutesOffice(url, here, {}, {}, {}, tokens)
        for who in WHO:
            made.pages[who] = await open_ones.enter_async_context(_browser(url, who, tokens))
            program = (
                api(url, tokens[who]) if who in tokens else httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=90)
            )
            made.programs[who] = await open_ones.enter_async_context(program)
            if who in aliases:
                made.csrf[who] = await made.pages[who].csrf()  # type: ignore[attr-defined]  # theirs are visitors
                made.pages[who].follow_redirects = False
        await _furnish(made, here.company)
        for who in CONFLICTED:
            await sign_in_with_all_roles(made, who, open_ones)
        for name in ("gate", "page gate"):  # by another person than those of the table, so that one of them can lift it
            await made.post("report", f"/runs/{made.runs[name]}/legal-holds", {"reason": "A court asked for it."})
        # What Offboard still does in this run: otherwise it would do it during one of the tests.
        await here.engine.nudge(made.runs["own"])
        await made.run("own", _at_rest)
        yield made


def _at_rest(run: Any) -> bool:
    """The leaver's service has no deputy, which opens an exception; and the steps without a gate are done."""
    done = [one["status"] == "verified" for one in run["steps"] if one["name"].startswith(("snapshot_", "record_"))]
    return any(one["kind"] == "service_without_owner" for one in run["exceptions"]) and bool(done) and all(done)


async def sign_in_with_all_roles(made: RoutesOffice, who: str, open_ones: AsyncExitStack) -> None:
    """People sign in; programs get a token from the leaver or the safety owner."""
    if who in ("leaver", "report", OUTSIDER):
        made.tokens[who] = await token_of(made.url, who)
        made.pages[who] = page = await open_ones.enter_async_context(Visitor(made.url))
        await page.sign_in(who)
        made.csrf[who] = await page.csrf()
        page.follow_redirects = False
    else:
        kind = who.split()[-1]
        body = {"name": who, "kind": kind, "roles": ["requester", "operator"], "up_to": "change", "lasts_days": 1}
        maker = next((person for person in ("leaver", "report") if person in who), "safety-owner")
        made.tokens[who] = str((await made.post(maker, "/tokens", body))["token"])
    made.programs[who] = await open_ones.enter_async_context(api(made.url, made.tokens[who]))


@asynccontextmanager
async def _browser(url: str, who: str, tokens: Mapping[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    if who in ("program", "nobody"):
        headers = {"Authorization": f"Bearer {tokens[who]}"} if who in tokens else {}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=90) as program:
            yield program
    else:
        async with Visitor(url) as visitor:
            await visitor.sign_in(who)
            yield visitor


async def _furnish(made: RoutesOffice, company: Company) -> None:
    for number, name in enumerate(RUNS, start=1):
        word = name.replace(" ", "")
        made.people[name] = Employee(
            employee_number=f"R-{number:04d}",
            given_name="Thaddea",
            family_name=f"Quillmark{word}",
            email=f"thaddea.quillmark{word}@wolkenmuehle.example",
            department="Engineering",
            title="Engineer",
            manager_number="E-1010",
            time_zone="Europe/Berlin",
            leaving=True,
            traits=frozenset(TRAITS.get(name, ())),
        )
    for number, name in enumerate(("next", "previewed", "started"), start=900):
        address = f"thaddea.{name}@wolkenmuehle.example"
        made.people[name] = Employee(f"R-{number:04d}", "Thaddea", f"Quillmark{name}", address)
    made.people["report"] = Employee(
        "R-0800",
        "Thaddea",
        "Quillmarkreport",
        "thaddea.report@wolkenmuehle.example",
        manager_number=made.people["own"].employee_number,
    )
    await company.hire(list(made.people.values()))
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    everybody = [who for who in WHO if who not in ("hr", "guest", "program", "nobody")]
    hows: dict[str, Any] = {
        "hidden": {"embargo": {"until": later, "named": list(NAMED)}},
        "embargo": {"embargo": {"until": later, "named": everybody}},
        "page embargo": {"embargo": {"until": later, "named": everybody}},
        "urgent": {"cutoff": None, "urgent": True},
        "page urgent": {"cutoff": None, "urgent": True},
    }
    made.made["later"] = later
    for name in RUNS:
        wanted = {"person": made.people[name].employee_number, "packet": PACKET, **FUTURE, **hows.get(name, {})}
        made.runs[name] = str((await made.post("hr", "/runs", wanted))["run_id"])
    for name in RUNS:
        await made.run(name, lambda run: run["gates"])
    task = await task_of(made, "visible")
    kept = (
        await made.programs["operator"].post(
            f"/runs/{made.runs['visible']}/tasks/{task}/files", files={"file": ("list.txt", b"new owners")}
        )
    ).json()
    end = {"outcome": "done", "files": [{"stored": kept["stored"], "name": "list.txt"}]}
    await made.post("operator", f"/runs/{made.runs['visible']}/tasks/{task}/completion", end)
    made.made["stored"] = str(kept["stored"])
    inquiry = await made.post("hr", "/ledger/verifications")
    made.made["verification"] = str(inquiry["inquiry_id"])
    await _until_answered(made, made.made["verification"])
    for name in ("token", "page token", "staff token"):
        body = {"name": "Other", "kind": "service", "roles": [], "up_to": "read", "lasts_days": 1}
        made.made[name] = str((await made.post("safety-owner", "/tokens", body))["token_id"])
    for name in ("hook", "page hook"):
        body = {"url": "https://127.0.0.1/none", "types": ["run"], "packets": [PACKET]}
        made.made[name] = str((await made.post("safety-owner", "/webhooks", body))["hook_id"])
    for days, name in enumerate(("delegation", "page delegation")):
        made.made[name] = str((await made.post("hr", "/delegations", delegation(400 + 10 * days)))["delegation_id"])
    for name in ("sign", "page sign", "move", "page move", "object", "page object", "withdraw", "page withdraw"):
        made.made[name] = str((await made.post("value-owner", "/packets", packet_named(name)))["version"])
    for name in ("withdraw", "page withdraw"):
        path = f"/packets/{slug(name)}/versions/{made.made[name]}/objections"
        await made.post("value-owner", path, {"reason": "It needs more time."})


async def _until_answered(made: RoutesOffice, inquiry_id: str) -> None:
    deadline = asyncio.get_running_loop().time() + WITHIN
    while (await made.programs["hr"].get(f"/inquiries/{inquiry_id}")).json()["state"] != "answered":
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.1)


def delegation(days: int) -> dict[str, str]:
    """So far ahead that it changes nothing here; no two of one person at one time."""
    since = datetime.now(UTC) + timedelta(days=days)
    return {"to": "operator", "since": since.isoformat(), "until": (since + timedelta(days=3)).isoformat()}


def packet_named(name: str) -> dict[str, str]:
    """The three files of a packet like `identity-only`, by a name of its own."""
    files = starter_packet("identity-only").files
    texts = {file.removesuffix(".yaml"): content.decode() for file, content in files.items()}
    texts["workflow"] = texts["workflow"].replace("name: identity-only", f"name: {slug(name)}")
    return texts


def slug(name: str) -> str:
    return name.replace(" ", "-")


async def task_of(made: RoutesOffice, name: str) -> str:
    run = await made.run(name, lambda run: any(task["state"] == "open" for task in run["tasks"]))
    return str(next(task["task_id"] for task in run["tasks"] if task["state"] == "open"))


async def exception_of(made: RoutesOffice, name: str) -> Any:
    run = await made.run(name, lambda run: any(one["state"] == "open" for one in run["exceptions"]))
    return next(one for one in run["exceptions"] if one["state"] == "open")


async def waiting_in(made: RoutesOffice, name: str) -> tuple[str, str, Any, str]:
    """What waits in the run: the ids of a gate and a task, an exception, and the id of one that can be accepted."""
    run = await made.run(name, lambda run: run["gates"] and run["exceptions"])
    gate = next(one["gate_id"] for one in run["gates"] if one["state"] == "open")
    acceptable = next(one["exception_id"] for one in run["exceptions"] if "accept" in one["repairs"])
    return gate, await task_of(made, name), await exception_of(made, name), acceptable
