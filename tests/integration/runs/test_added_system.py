"""A system that is added to platform.yaml gets the steps for its class, in runs that are planned afterwards."""

from __future__ import annotations

from orchestrator import commands
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.embedded.stack import put_in_production
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import gate_open, statuses
from tests.integration.packets import APPROVALS, PLATFORM

WORKFLOW = """\
name: class-leaver
title: Every code host
purpose: Access ends wherever code is.
value_owner: value_owner
outcomes: {access_gone_within: PT1H}
steps:
  - {name: disable, title: Disable the sign-in account, every: identity_provider, ability: disable_account, at: cutoff,
     gate: all}
  - {name: sessions, title: End sessions, every: code_host, ability: revoke_sessions, needs: [disable], at: cutoff,
     gate: all}
  - {name: suspend, title: Suspend, every: code_host, ability: suspend_account, needs: [sessions], at: cutoff,
     gate: all}
"""
BEGINS, ENDS = PLATFORM.index("  code:\n"), PLATFORM.index("  mail:\n")
CODE, WITHOUT = PLATFORM[BEGINS:ENDS], PLATFORM[:BEGINS] + PLATFORM[ENDS:]


def _packet(platform: str) -> Packet:
    platform = platform.replace("connector: scim\n", "connector: scim\n    class: identity_provider\n")
    texts = {"workflow": WORKFLOW, "platform": platform, "approvals": APPROVALS.replace("QUORUM", "1")}
    return parse_packet({f"{name}.yaml": text.encode() for name, text in texts.items()})


async def test_a_system_that_is_added_is_covered_and_approved_plans_do_not_grow(install: Install, hire: Hire) -> None:
    with_code = _packet(WITHOUT.replace("  mail:\n", f"{CODE}  mail:\n"))
    async with install(packet=_packet(WITHOUT)) as here:
        one, two, three = await hire(3)
        before, later = await here.start(one), await here.start(three, cutoff="2031-11-28T17:00")
        await here.wait_until(before, gate_open, "an open gate")
        await here.wait_until(later, gate_open, "an open gate")
        approved = await here.attend(later, until=lambda state: not gate_open(state))
        owners = here.actors["value-owner"], here.actors["safety-owner"]
        await put_in_production(here.services, with_code, *owners)
        after = await here.start(two)
        planned = await here.wait_until(after, gate_open, "an open gate")
        names = {step.name: step.title for step in planned.plan.steps.values()}
        assert names == {
            "disable-identity": "Disable the sign-in account: Identity",
            "sessions-code": "End sessions: Code",
            "suspend-code": "Suspend: Code",
        }
        [gate] = planned.decisions.gates.values()
        assert len(gate.opened.digests) == 3, "what the people at the gate see and approve"
        # HR leaves the new system out of the run that began before it was added.
        asked = await here.wait_until(before, lambda state: state.work.open_exceptions(), "an exception")
        [exception] = asked.work.open_exceptions()
        assert (exception.opened.kind, exception.opened.system) == ("system_not_covered", "code")
        id_, hr = exception.opened.exception_id, here.actors["hr"]
        await commands.accept_exception(here.services, hr, before, id_, "No account there")
        for run, finish in ((before, "with_exceptions"), (after, "clean")):
            state = await here.attend(run)
            assert state.finish == finish, await here.story(run)
        assert set(statuses(await here.state(before))) == {"disable-identity"}
        assert set(statuses(await here.state(after)).values()) == {"verified"}
        # A re-plan keeps the version of the run, and what was approved.
        await commands.replan_run(here.services, here.actors["operator"], later)
        again = await here.wait_until(later, lambda state: state.plan.revision > approved.plan.revision, "a new plan")
        assert {step.digest for step in again.plan.steps.values()} == {
            step.digest for step in approved.plan.steps.values()
        }
        assert not gate_open(again) and approved.decisions.gates.keys() == again.decisions.gates.keys()
        await here.verify()
