"""A legal hold that is placed after the intent of a step: the last check before the call stops it."""

from __future__ import annotations

from typing import Any

from activities.attempts.leases import LeaseCheck
from activities.attempts.systems import SystemActivities
from orchestrator import commands
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.steps.steps import AttemptResult, Intent
from orchestrator.worker import working
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import Installation
from tests.integration.packets import quick_packet

FORWARDS = b'ability: forward_mail,\n     parameters: {forward_to: "= person.manager_email"}'


def packet_that_destroys() -> Packet:
    files = quick_packet().files
    assert FORWARDS in files["workflow.yaml"]
    return parse_packet(
        files | {"workflow.yaml": files["workflow.yaml"].replace(FORWARDS, b"ability: release_license")}
    )


class HeldInFlight(SystemActivities):
    """Places a legal hold between the intent of the step that destroys something and its call."""

    here: Installation
    placed = False

    async def _carry_out(self, state: RunState, world: World, intent: Intent, lease: LeaseCheck) -> AttemptResult:
        if intent.destroys and not self.placed:
            self.placed = True
            await commands.place_legal_hold(self.here.services, self.here.actors["hr"], state.run_id, "a claim")
        return await super()._carry_out(state, world, intent, lease)


async def test_the_last_check_before_the_call_finds_a_hold(install: Install, hire: Hire) -> None:
    made: list[HeldInFlight] = []

    def make(*parts: Any) -> SystemActivities:
        activities = HeldInFlight(*parts)
        activities.here = installed[0]
        made.append(activities)
        return activities

    installed: list[Installation] = []
    async with install(packet=packet_that_destroys(), worker=False) as here:
        installed.append(here)
        async with working(here.settings, make_activities=make):
            [person] = await hire()
            run = await here.start(person)
            gate = await here.wait_until(run, lambda state: bool(state.decisions.gates))
            [gate_id] = gate.decisions.gates
            await commands.approve_gate(here.services, here.actors["it"], run, gate_id)

            [step_id] = [id_ for id_, step in gate.plan.steps.items() if step.name == "forward_mail"]
            state = await here.wait_until(run, lambda state: state.work.steps[step_id].code == "legal_hold")
            assert not state.work.steps[step_id].may_have_taken_effect, "nothing was called"
            assert [one.opened.kind for one in state.work.open_exceptions()] == ["legal_hold"]
            assert state.legal_hold
            await commands.lift_legal_hold(here.services, here.actors["safety-owner"], run, "settled", None)
            state = await here.wait_until(run, lambda state: state.finished)
            assert state.finish == "clean" and state.work.steps[step_id].status == "verified"
            await here.verify()
