"""Runs in every state, and what else makes pages look as they do on a working day."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from orchestrator.domain.packet.packet import WORKFLOW_FILE
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.stack import Stack, put_in_production
from tests.cli.command_line import hired
from tests.web.requests.entry_points import packet_of
from tests.web.visitor import api, token_of

PACKET = "standard-leaver"
SIGNED_PACKET = "signed-leaver"
ASSISTANT = {"name": "Exception helper", "kind": "assistant", "roles": [], "up_to": "read", "lasts_days": 30}
SIGNED_STEPS = ("snapshot_code", "suspend_code", "revoke_code_tokens")
CLOSE = """\
close:
  it_signs: {title: IT signs the close, decided_by: [it_approver], decide_within: P5D, valid_for: P30D}
  finance_signs: {title: Finance signs the close, decided_by: [finance_approver], decide_within: P5D, valid_for: P30D}

exceptions:
"""
FUTURE, PAST = "2031-11-28T17:00", "2026-01-05T18:00"
WITHIN = 60.0  # seconds
PEOPLE = (
    ("waiting", "Ottoline", "Quessenborough", "Product Designer", "Europe/Lisbon", ()),
    ("working", "Björn", "Achterstrand", "Site Reliability Engineer", "Europe/Berlin", ("admin",)),
    ("unclear", "Nomvula", "Tshabalabane", "Data Analyst", "Africa/Johannesburg", ("two_code_accounts",)),
    ("urgent", "Casimir", "Wolkenstein", "Software Engineer", "Europe/Vienna", ()),
    ("finished", "Ximena", "Arribaplata", "Support Engineer", "America/Bogota", ("no_card",)),
    ("held", "Haruki", "Shirotsuchi", "Software Engineer", "Asia/Tokyo", ()),
    ("ended", "Persephone", "Underhill-Featherstonehaugh", "Principal Engineer, Platform", "America/New_York", ()),
    ("embargoed", "Leocadia", "Verschwiegen", "Head of Product", "Europe/Berlin", ()),
    ("failed", "Anneliese", "Kupferschmied", "Account Manager", "Europe/Zurich", ()),
    ("waived", "Oluwaseun", "Adebayo-Williams", "Sales Director", "Africa/Lagos", ()),
    ("signing", "Guðrún", "Sigurðardóttir", "Recruiter", "Atlantic/Reykjavik", ()),
    ("restored", "Tadhg", "Ó Súilleabháin", "Office Manager", "Europe/Dublin", ()),
)
"""(what becomes of their run, given name, family name, title, zone, traits)"""


@dataclass(frozen=True, slots=True)
class Furnished:
    """`runs` and `people` by what became of them; one of the people has no run yet. The run "restoring" restores what
    the run "restored" removed. `objected` is the version of the packet "objected"; its safety owner objects to it.
    `assistant` is the account of an AI assistant that has requested something."""

    runs: dict[str, str]
    people: dict[str, Employee]
    version: str
    objected: str
    delegation: str
    assistant: str


class FurnishedOffice:
    """Everyone of the staff with a token each."""

    def __init__(self, clients: dict[str, httpx.AsyncClient]) -> None:
        self._clients = clients

    async def post(self, alias: str, path: str, body: Any = None) -> Any:
        answer = await self._clients[alias].post(path, json=body)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def get(self, alias: str, path: str) -> Any:
        answer = await self._clients[alias].get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def until(self, path: str, so: Callable[[Any], Any], alias: str = "hr") -> Any:
        deadline = asyncio.get_running_loop().time() + WITHIN
        while not so(found := await self.get(alias, path)):
            assert asyncio.get_running_loop().time() < deadline, json.dumps(found)[:4000]
            await asyncio.sleep(0.1)
        return found

    async def start(self, person: Employee, **more: Any) -> str:
        wanted = {"person": person.employee_number, "packet": PACKET, "cutoff": PAST, "zone": person.time_zone} | more
        run_id = str((await self.post("hr", "/runs", wanted))["run_id"])
        await self.until(f"/runs/{run_id}", lambda run: run["steps"] or run["exceptions"])
        return run_id

    async def decide(self, run_id: str, gate: str, alias: str, **more: Any) -> None:
        run = await self.get("hr", f"/runs/{run_id}")
        gate_id = next(one["gate_id"] for one in run["gates"] if one["gate"] == gate and one["state"] == "open")
        await self.post(alias, f"/runs/{run_id}/gates/{gate_id}/decision", {"verdict": "approve"} | more)

    async def finish(self, run_id: str) -> None:
        """Every gate approved, every task done."""
        for gate, alias in (("access", "it"), ("money", "finance"), ("deletion", "it")):
            await self.decide(run_id, gate, alias)

        def stands_still(run: Any) -> Any:
            return run["finished_at"] or any(task["state"] == "open" for task in run["tasks"])

        while not (run := await self.until(f"/runs/{run_id}", stands_still))["finished_at"]:
            for task in (one for one in run["tasks"] if one["state"] == "open"):
                path = f"/runs/{run_id}/tasks/{task['task_id']}/completion"
                await self.post("operator", path, {"outcome": "done", "note": "Handed to their line manager."})


def card_frozen(run: Any) -> bool:
    return any((step["name"], step["status"]) == ("freeze_card", "verified") for step in run["steps"])


async def fail(services: FurnishedOffice, stack: Stack, people: dict[str, Employee]) -> dict[str, str]:
    """Two urgent runs of which a step has failed: one with an owner and a comment, one waived by HR."""
    await stack.company.break_("cards", "error_in_200", method="POST", path="/freeze$")
    urgent = {"cutoff": None, "urgent": True, "reason": "Their account was used from abroad."}
    runs = {key: await services.start(people[key], **urgent) for key in ("failed", "waived")}
    failed = {}
    for key, run_id in runs.items():
        run = await services.until(f"/runs/{run_id}", step_failed)
        failed[key] = f"/runs/{run_id}/exceptions/{step_failed(run)['exception_id']}"
    await stack.company.clear_faults("cards")
    await services.post("operator", f"{failed['failed']}/assignment", {"account": "operator"})
    await services.post("operator", f"{failed['failed']}/comments", {"text": "The bank looks into it: case 4711."})
    until = (datetime.now(UTC) + timedelta(days=6)).isoformat()
    waiver = {"until": until, "reason": "The bank is closed.", "compensating_control": "Finance watches the card."}
    await services.post("hr", f"{failed['waived']}/waiver", waiver)
    return runs


def step_failed(run: Any) -> Any:
    return next((one for one in run["exceptions"] if one["kind"] == "step_failed"), None)


async def sign(services: FurnishedOffice, stack: Stack, people: dict[str, Employee]) -> dict[str, str]:
    """A run whose close is to be signed, one that is closed, and one that restores what the closed one removed."""
    packet = packet_of(SIGNED_PACKET, SIGNED_STEPS, ("exceptions:\n", CLOSE), gate=None, at=None)
    titled = packet.files[WORKFLOW_FILE].replace(b"title: Employee offboarding", b"title: Signed offboarding", 1)
    packet = parse_packet({**packet.files, WORKFLOW_FILE: titled})
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    keys = ("signing", "restored")
    runs = {key: await services.start(people[key], packet=SIGNED_PACKET) for key in keys}

    def to_sign(run: Any) -> bool:
        return [gate["gate"] for gate in run["gates"] if gate["state"] == "open"] == ["it_signs", "finance_signs"]

    for key in keys:
        await services.until(f"/runs/{runs[key]}", to_sign)
    await services.decide(runs["restored"], "it_signs", "it")
    await services.decide(runs["restored"], "finance_signs", "finance")
    await services.until(f"/runs/{runs['restored']}", lambda run: run["finished_at"])
    asked = await services.post("hr", f"/runs/{runs['restored']}/restore", {"reason": "They stay after all."})
    runs["restoring"] = str(asked["run_id"])
    await services.until(f"/runs/{runs['restoring']}", lambda run: run["gates"])
    return runs


async def furnish(stack: Stack) -> Furnished:
    async with AsyncExitStack() as open_ones:
        clients: dict[str, httpx.AsyncClient] = {}
        for alias in ("hr", "it", "finance", "operator", "value-owner", "safety-owner", "auditor"):
            clients[alias] = await open_ones.enter_async_context(api(stack.url, await token_of(stack.url, alias)))
        services = FurnishedOffice(clients)
        people = {
            key: await hired(
                stack,
                traits,
                given_name=given,
                family_name=family,
                title=title,
                time_zone=zone,
                email=f"{key}.{number}@wolkenmuehle.example",
                employee_number=f"B-{number:04d}",
            )
            for number, (key, given, family, title, zone, traits) in enumerate(PEOPLE, start=1)
        }
        people["nobody's yet"] = await hired(
            stack,
            ["two_code_accounts"],
            given_name="Philippa",
            family_name="Undertreeholm",
            employee_number="B-0100",
            email="philippa.undertreeholm@wolkenmuehle.example",
        )
        two_days = (datetime.now(UTC) + timedelta(days=2)).isoformat()
        named = ["it", "finance", "operator", "safety-owner"]
        keys = [key for key, *_ in PEOPLE if key not in ("failed", "waived", "signing", "restored")]
        hows: dict[str, Any] = {
            "waiting": {"cutoff": FUTURE},
            "urgent": {"cutoff": None, "urgent": True, "reason": "Their laptop was stolen, and is signed in."},
            "embargoed": {"cutoff": FUTURE, "embargo": {"until": two_days, "named": named}},
            "held": {"cutoff": FUTURE},
            "ended": {"cutoff": FUTURE},
        }
        runs = {key: await services.start(people[key], **hows.get(key, {})) for key in keys}
        await services.until(f"/runs/{runs['unclear']}", lambda run: run["exceptions"])
        await services.post("operator", f"/runs/{runs['held']}/hold", {"reason": "Their last day is being negotiated."})
        await services.post("hr", f"/runs/{runs['ended']}/end", {"reason": "They stay after all."})
        await services.decide(runs["working"], "access", "it", excluded=["freeze_card"], reason="The card is shared.")
        await services.finish(runs["finished"])
        await services.until(f"/runs/{runs['urgent']}", card_frozen)
        runs |= await fail(services, stack, people)
        runs |= await sign(services, stack, people)
        await services.post("operator", "/ledger/comparisons", {})
        await services.post("operator", "/systems/check", {"packet": PACKET})
        inquiry = await services.post("auditor", "/ledger/verifications")
        await services.until(
            f"/inquiries/{inquiry['inquiry_id']}", lambda found: found["state"] == "answered", alias="auditor"
        )
        until = {"to": "operator", "until": (datetime.now(UTC) + timedelta(days=9)).isoformat()}
        # Of someone who decides nothing: no other test finds a decision taken that was not.
        away = await services.post("auditor", "/delegations", until | {"reason": "Three weeks by the sea."})
        packet = await services.get("hr", f"/packets/{PACKET}")
        files = packet_of("objected", ("disable_identity",)).files
        texts = {name.removesuffix(".yaml"): content.decode() for name, content in files.items()}
        objected = (await services.post("value-owner", "/packets", texts))["version"]
        reason = {"reason": "The identity provider's token can delete accounts, which no step needs."}
        await services.post("safety-owner", f"/packets/objected/versions/{objected}/objections", reason)
        assistant = await services.post("safety-owner", "/tokens", ASSISTANT)
        async with api(stack.url, assistant["token"]) as reading:
            for path in ("/me", "/runs", f"/runs/{runs['failed']}"):
                await reading.get(path)
    return Furnished(runs, people, packet["version"], objected, away["delegation_id"], assistant["actor_id"])
