"""Two workers share runs. Also what trials of workers share: the packet, and how the company names its effects."""

from __future__ import annotations

import asyncio
from pathlib import Path

from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import Installation, WorkerProcess, worker_here
from tests.integration.packets import quick_packet

COUNTED_ONCE = {  # step -> (system, how the company calls its effect)
    "disable_identity": ("identity", "/Users/"),
    "suspend_code": ("code", "suspend"),
    "revoke_code_tokens": ("code", "tokens"),
    "close_card": ("cards", "close"),
    "forward_mail": ("mail", "/mailboxes/"),
    "record_leaving": ("hr", "leaving"),
}
IN_THE_DIRECTORY = {"lock_directory": ("directory", "modify")}
NEVER_TWICE = {"final_pay": ("hr", "final-pay"), "tell_manager": ("mail", "SMTP")}


def packet_here(company: Company) -> Packet:
    """With a step in the directory wherever there is one."""
    return quick_packet(directory=company.directory is not None)


def steps_here(company: Company) -> int:
    return len(packet_here(company).workflow.steps)


def counted_once(company: Company) -> dict[str, tuple[str, str]]:
    return COUNTED_ONCE | (IN_THE_DIRECTORY if company.directory is not None else {})


async def keys_done(company: Company, system: str, action: str) -> list[str | None]:
    """The effect keys under which a kind of effect was done since the test began, one entry per effect."""
    return [entry["key"] for entry in await company.effects(system) if action in entry["action"]]


def settled_or_asked(state: RunState) -> bool:
    """Every step is final, or waits for a person's word about its outcome."""
    return state.plan.planned_at is not None and all(
        known.final or known.status == "unknown" for known in state.work.steps.values()
    )


async def by_target(company: Company, system: str, action: str) -> dict[str, int]:
    return await _counted(company, system, action, "target")


async def by_key(company: Company, system: str, action: str) -> dict[str, int]:
    return await _counted(company, system, action, "key")


async def _counted(company: Company, system: str, action: str, what: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in await company.effects(system):
        if action in entry["action"]:
            counts[entry[what]] = counts.get(entry[what], 0) + 1
    return counts


async def test_two_workers_share_a_run_and_nothing_is_done_twice(
    install: Install, company: Company, hire: Hire, tmp_path: Path
) -> None:
    async with install(packet=packet_here(company), worker=False) as here:
        staff: list[Employee] = await hire(3)
        async with WorkerProcess.start(here.environment(), tmp_path / "worker.log"), worker_here(here):
            runs = [await here.start(person) for person in staff]
            states = await asyncio.gather(*(here.attend(run) for run in runs))
        assert [state.finish for state in states] == ["clean"] * 3
        for system, action in [*counted_once(company).values(), NEVER_TWICE["final_pay"]]:
            assert list((await by_target(company, system, action)).values()) == [1] * 3, action
        assert list((await by_key(company, *NEVER_TWICE["tell_manager"])).values()) == [1] * 3
        await no_attempt_twice(here, runs, steps_here(company))
        await here.verify()


async def no_attempt_twice(here: Installation, runs: list[str], steps: int) -> None:
    for run in runs:
        started = (await here.events(run)).count("StepStarted")
        assert started == steps, await here.story(run)
