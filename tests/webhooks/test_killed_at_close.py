"""The worker is killed once the last person has signed the close, before Temporal has a signal of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator import commands
from orchestrator.domain.errors import TooLate
from orchestrator.domain.events import RunClosed, run_stream
from orchestrator.domain.packet.packet import APPROVALS_FILE
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.run.run import RunState
from orchestrator.ledger.engine.webhooks import Webhooks
from tests.conftest import Hire
from tests.faults.people import until_all
from tests.integration.conftest import Install
from tests.integration.installation import WorkerProcess
from tests.integration.packets import quick_packet
from tests.webhooks.receiver import receiving
from tests.webhooks.test_webhooks import eventually, told_of

CLOSE = b"""close:
  it_signs: {title: IT signs, decided_by: [it_approver], decide_within: P5D, valid_for: P30D}
  operator_signs: {title: An operator signs, decided_by: [operator], decide_within: P5D, valid_for: P30D}
exceptions:
"""
FIRST, LAST = "g-it_signs-1", "g-operator_signs-1"


def to_sign(state: RunState) -> bool:
    gates = state.decisions.gates
    return {FIRST, LAST} <= gates.keys() and all(gates[id_].open for id_ in (FIRST, LAST))


async def test_the_run_closes_once_and_is_reported_by_the_next_worker(
    install: Install, hire: Hire, tmp_path: Path
) -> None:
    files = quick_packet().files
    changed = {APPROVALS_FILE: files[APPROVALS_FILE].replace(b"exceptions:\n", CLOSE)}
    [person] = await hire()
    async with install(packet=parse_packet({**files, **changed}), worker=False) as here:
        untold = replace(here.services, engine=None)  # the process dies before it tells Temporal
        it, operator = here.actors["it"], here.actors["operator"]
        with receiving() as receiver:
            hooks = Webhooks(here.backend.database, here.backend.keyring, here.backend.ledger)
            await hooks.add(f"{receiver.url}/in", here.settings.webhook_hosts, "it")
            async with WorkerProcess.start(here.environment(), tmp_path / "worker.log") as worker:
                run = await here.start(person)
                await until_all(here, [run], to_sign)
                await commands.approve_gate(here.services, it, run, FIRST)
                worker.kill()
                await worker.died()
                await commands.approve_gate(untold, operator, run, LAST)
            assert (await here.state(run)).finish == "clean"
            assert told_of(receiver, "run.closed") == []
            with pytest.raises(TooLate, match="gate_decided"):
                await commands.approve_gate(here.services, operator, run, LAST)
            async with WorkerProcess.start(here.environment(), tmp_path / "worker.log"):
                await eventually(lambda: bool(told_of(receiver, "run.closed")), "the close")
        stream = run_stream(run)
        happened = (await here.backend.ledger.read({stream: 0})).events[stream]
        counts = Counter(recorded.type for recorded in happened)
        assert (counts["RunClosed"], counts["GateVoted"], counts["GateDecided"]) == (1, 3, 3), await here.story(run)
        [closed] = [recorded for recorded in happened if isinstance(recorded.event, RunClosed)]
        assert {told.document["id"] for told in told_of(receiver, "run.closed")} == {f"{run}-{closed.version}"}
        await here.verify()
