"""After runs like the demo's, with everything in them that can name people, no one is found outside the encryption.

Looked through: Temporal's files while it runs and after it stopped, the histories its API tells, every column of every
table and PostgreSQL's own files, and all logs. `test_needles` shows that the same search finds what is planted; here
one name is planted in each place as well, and found.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import psycopg
import pytest

from activities.attempts.systems import SystemActivities
from connectors.abilities import Connector, Effect
from orchestrator import commands
from orchestrator.domain.errors import Refusal
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import default_people
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.ledger.schema.migrate import upgrade
from orchestrator.worker import relaying, working
from orchestrator.workflows.workflow_ids import workflow_id
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import FAR_FUTURE, PAST, ZONE, Installation, WorkerProcess, installation
from tests.integration.needles import Hit, Needles, words_of
from tests.integration.packets import quick_packet

PLANT = "Umbelgaard"
IN_THE_API = "Nobodykins"  # no one's name, since it stays in the engine's files


async def test_no_one_is_found_outside_the_encryption(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, needs_directory: None
) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="offboard")
    people = default_people()
    needles = Needles(words_of(people))
    postgres_folder, temporal_folder = tmp_path / "postgres", tmp_path / "temporal"
    async with TemporalServer.start(temporal_folder, keep=True) as temporal:
        async with (
            PostgresServer.start(postgres_folder, keep=True) as postgres,
            Company.start(tmp_path / "company") as company,
        ):
            url = postgres.url("offboard")
            await asyncio.to_thread(upgrade, url)
            await leave(url, temporal, company, tmp_path / "worker.log")
            assert found(await needles.in_database(postgres.conninfo("offboard"))) == []
            await checkpoint(postgres)
            templates = [postgres.data / "base" / name for name in ("1", "4", "5")]
            assert found(needles.in_folder(postgres.data, templates)) == []
            assert found(needles.in_bytes((postgres_folder / "postgres.log").read_bytes(), "PostgreSQL's log")) == []
            await plant_in_database(postgres)
            assert {hit.place for hit in await needles.in_database(postgres.conninfo("offboard"))} == {
                "public.planted.word"
            }
            await checkpoint(postgres)
            assert needles.in_folder(postgres.data / "base", templates), "what is planted is found in the files"
        # The server still runs, so its write-ahead log is there as well.
        assert (temporal.state / "temporal.db-wal").exists()
        assert found(needles.in_folder(temporal_folder)) == []
    assert found(needles.in_folder(temporal_folder)) == []
    with (temporal_folder / "state" / "temporal.db").open("ab") as file:
        file.write(PLANT.encode("utf-16-le"))
    assert needles.in_folder(temporal_folder), "what is planted there is found"
    worker_log = (tmp_path / "worker.log").read_bytes()
    assert worker_log and found(needles.in_bytes(worker_log, "the worker's log")) == []
    said = "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records if ours(record))
    assert found(needles.in_bytes(said.encode(), "logs of this process")) == []
    assert needles.in_bytes(f"{said} for {PLANT}".encode())


class Talkative(SystemActivities):
    """Fails as no code of ours means to, and says whose account it was about."""

    failures = 3

    async def attempt(self, connector: Connector, effect: Effect) -> dict[str, Any]:
        if self.failures > 0 and effect.account is not None:
            self.failures -= 1
            raise RuntimeError(f"{effect.account.label} {effect.account.attributes} {effect.parameters}")
        return await super().attempt(connector, effect)


async def test_an_unexpected_error_names_no_one(
    install: Install, hire: Hire, company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault whose message holds the address leaves its words neither in a log nor in the engine, and is got over."""
    caplog.set_level(logging.DEBUG)
    [person] = await hire()
    needles = Needles(words_of([person]))
    async with (
        install(packet=quick_packet(), worker=False) as here,
        working(here.settings, make_activities=Talkative) as (backend, engine),
        relaying(backend, engine),
    ):
        run = await here.start(person)
        state = await here.attend(run, confirm="done")
        assert state.finish == "clean"
        hits, count = await needles.in_histories(engine.client, f"WorkflowId = '{workflow_id(run)}'")
        assert count == 1 and found(hits) == []
    said = "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records if ours(record))
    assert "RuntimeError" in said, "the kind of the error is told"
    assert found(needles.in_bytes(said.encode(), "the log")) == []
    assert needles.in_bytes(f"{said} {person.email}".encode()), "and it would have been found"


def found(hits: list[Hit]) -> list[str]:
    return [str(hit) for hit in hits]


def ours(record: logging.LogRecord) -> bool:
    """Of the libraries in use, only what they say at the levels that a production process shows."""
    return record.name.startswith("offboard") or record.levelno >= logging.INFO


async def checkpoint(postgres: PostgresServer) -> None:
    async with await psycopg.AsyncConnection.connect(postgres.conninfo("offboard"), autocommit=True) as connection:
        await connection.execute("CHECKPOINT")


async def plant_in_database(postgres: PostgresServer) -> None:
    async with await psycopg.AsyncConnection.connect(postgres.conninfo("offboard"), autocommit=True) as connection:
        await connection.execute("CREATE TABLE planted (word bytea)")
        await connection.execute("INSERT INTO planted VALUES (%s)", (b"\x00\x01" + PLANT.encode(),))


async def leave(url: str, temporal: TemporalServer, company: Company, log: Path) -> None:
    """Everyone who leaves does, with all that can carry a name: faults, comments, evidence, refusals, crashes."""
    leaving = [person for person in company.people if person.leaving]
    async with installation(url, temporal.address, company) as here:
        async with WorkerProcess.start(here.environment(), log):
            runs = []
            for number, person in enumerate(leaving):
                await here.facts(person)
                if number == 0:
                    # What a broken system says names the address that it was asked about.
                    await company.break_("identity", "error_in_200", method="PATCH", times=1)
                    await company.break_("code", "lose_reply", method="POST", times=1)
                    await company.break_("mail", "nonsense", method="PATCH", times=1)
                runs.append(await here.start(person))
            one = leaving[0]
            with pytest.raises(Refusal):
                await here.start(one)
            await commands.hold_run(here.services, here.actors["operator"], runs[0], f"{one.name} is ill")
            await commands.release_run(here.services, here.actors["operator"], runs[0])
            state = await here.wait_until(runs[1], lambda s: any(g.open for g in s.decisions.gates.values()), "a gate")
            gate_id, gate = next((id_, gate) for id_, gate in state.decisions.gates.items() if gate.open)
            [alias, *_] = here.who_decides(gate.roles)
            await commands.reject_gate(
                here.services, here.actors[alias], runs[1], gate_id, f"{leaving[1].email} still works for us"
            )
            await commands.replan_run(here.services, here.actors[alias], runs[1], f"asked {leaving[1].given_name}")
            await commands.hold_system(
                here.services,
                here.actors["safety-owner"],
                "cards",
                here.packet.name,
                [here.packet.name],
                f"{one.family_name}'s card",
            )
            await commands.release_system(
                here.services, here.actors["safety-owner"], "cards", here.packet.name, [here.packet.name]
            )
            for run, person in zip(runs, leaving, strict=True):
                await see_through(here, run, f"{person.name} <{person.email}> {person.employee_number}")
            ended = await here.start(leaving[0], cutoff=FAR_FUTURE)
            await commands.reschedule_run(here.services, here.actors["hr"], ended, parse_cutoff(PAST, ZONE))
            await commands.end_run(here.services, here.actors["hr"], ended, f"{one.email} stays")
            await here.wait_until(ended, lambda s: s.finished, "the end")
        needles = Needles(words_of(company.people))
        hits, count = await needles.in_histories(here.engine.client)
        assert found(hits) == [] and count >= len(leaving) + 1
        await here.engine.client.start_workflow("Nobody", IN_THE_API, id="planted", task_queue="a-queue-nobody-reads")
        async with asyncio.timeout(60):  # the engine lists a workflow a moment after it has begun
            while not (await Needles([IN_THE_API]).in_histories(here.engine.client))[0]:
                await asyncio.sleep(0.1)
        await here.engine.client.get_workflow_handle("planted").terminate()
        await here.verify()


async def see_through(here: Installation, run: str, words: str) -> None:
    """Brings a run to its end, naming the person wherever a text can be given."""
    loop = asyncio.get_running_loop()
    until = loop.time() + 90
    while not (state := await here.state(run)).finished:
        assert loop.time() < until, await here.story(run)
        for gate_id, gate in state.decisions.gates.items():
            if gate.open:
                for alias in here.who_decides(gate.roles, gate.opened.quorum):
                    await commands.approve_gate(here.services, here.actors[alias], run, gate_id, (), f"{words} may go")
        for task_id, task in state.work.tasks.items():
            if task.open:
                await commands.complete_task(
                    here.services, here.actors["operator"], run, task_id, "done", {"note": words, words: [words]}
                )
        await repair(here, state, words)
        await asyncio.sleep(0.1)


async def repair(here: Installation, state: RunState, words: str) -> None:
    operator = here.actors["operator"]
    for exception in state.work.open_exceptions():
        about = exception.opened
        if about.kind in ("ambiguous_match", "weak_match", "no_account") and about.system:
            candidates = state.accounts.planned_on[about.system].candidates[:1]
            await commands.settle_match(here.services, operator, state.run_id, about.system, candidates, words)
        elif about.kind == "access_kept":
            [second] = here.who_decides(about.owners)
            await commands.accept_exception(
                here.services, here.actors[second], state.run_id, about.exception_id, f"{words} has one account"
            )
        elif about.kind == "step_failed" and about.step_id:
            if state.work.steps[about.step_id].attempt < 3:
                await commands.retry_step(here.services, operator, state.run_id, about.step_id, reason=words)
            else:
                reason = f"{words} was the last one"
                await commands.skip_step(here.services, operator, state.run_id, about.step_id, reason)
        elif about.kind in ("gate_rejected", "accounts_changed"):
            await commands.replan_run(here.services, operator, state.run_id, words)
