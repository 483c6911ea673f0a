"""A replay repeats what was asked and nothing else, counted by the systems' own logs of effects."""

from __future__ import annotations

from collections import Counter

import httpx

from orchestrator import commands
from orchestrator.domain.commands.replaying import Scope
from orchestrator.domain.events import ReplayRequested, StepStarted
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import Company
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import Installation, statuses
from tests.integration.packets import APPROVALS, PLATFORM

STEPS = ("suspend_code", "close_card", "disable_identity", "forward_mail", "final_pay", "tell_manager")
WORKFLOW = """\
name: six-steps
title: Six steps, one after the other
purpose: What a replay repeats is counted.
value_owner: value_owner
outcomes: {access_gone_within: PT1H}
steps:
  - {name: suspend_code, title: Suspend, system: code, ability: suspend_account, at: cutoff, gate: all}
  - {name: close_card, title: Close, system: cards, ability: close_card, needs: [suspend_code], at: cutoff, gate: all}
  - {name: disable_identity, title: Disable, system: identity, ability: disable_account, needs: [close_card],
     at: cutoff, gate: all}
  - {name: forward_mail, title: Forward, system: mail, ability: forward_mail, needs: [disable_identity], at: cutoff,
     gate: all, parameters: {forward_to: "= person.manager_email"}}
  - {name: final_pay, title: Pay, system: hr, ability: schedule_final_pay, needs: [forward_mail], at: cutoff, gate: all}
  - {name: tell_manager, title: Tell, system: mail, ability: send_notice, needs: [final_pay], at: cutoff, gate: all,
     parameters: {to: "= person.manager_email", subject: Access ended, text: "= person.display_name"}}
"""


def six_steps() -> Packet:
    texts = {"workflow": WORKFLOW, "platform": PLATFORM, "approvals": APPROVALS.replace("QUORUM", "1")}
    return parse_packet({f"{name}.yaml": text.encode() for name, text in texts.items()})


async def effects(company: Company) -> Counter[str]:
    """How many effects each system has counted, by what was asked of it."""
    counted: Counter[str] = Counter()
    for system in ("code", "cards", "identity", "hr"):
        counted[system] = len(await company.effects(system))
    for effect in await company.effects("mail"):
        counted["notice" if effect["action"] == "SMTP message" else "mailbox"] += 1
    return counted


async def enabled_again(company: Company, user_name: str) -> None:
    """An administrator enables the sign-in account."""
    url, token = company.connections["IDENTITY_URL"], company.connections["IDENTITY_TOKEN"]
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}) as client:
        found = await client.get("/Users", params={"filter": f'userName eq "{user_name}"'})
        [user] = found.json()["Resources"]
        patch = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": True}],
        }
        answer = await client.patch(f"/Users/{user['id']}", json=patch)
        assert answer.is_success, answer.text


async def started(here: Installation, run: str) -> Counter[str]:
    state = await here.state(run)
    page = await here.backend.ledger.read({f"run:{run}": 0})
    begun = [one.event for one in page.events[f"run:{run}"] if isinstance(one.event, StepStarted)]
    assert len({(one.effect_key, one.attempt) for one in begun}) == len(begun)
    return Counter(state.plan.steps[one.step_id].name for one in begun)


async def test_a_replay_from_the_second_of_six_steps_repeats_only_what_was_asked(
    install: Install, hire: Hire, company: Company
) -> None:
    async with install(packet=six_steps()) as here:
        [person] = await hire(1)
        operator = here.actors["operator"]
        await company.mark()
        await company.break_("mail", "error_in_200", method="PATCH")
        run = await here.start(person)

        def failed(state: RunState) -> bool:
            return any(one.opened.kind == "step_failed" for one in state.work.open_exceptions())

        await here.attend(run, until=failed)
        assert await effects(company) == {"code": 1, "cards": 1, "identity": 1, "hr": 0}
        await company.clear_faults("mail")
        await enabled_again(company, person.email)
        seen = (await here.state(run)).version
        scope = Scope(from_step="close_card")
        for _ in range(2):  # two at once are one
            await commands.replay_run(here.services, operator, run, scope, "restored from a backup", seen)
        state = await here.attend(run)
        assert state.finish == "clean", await here.story(run)
        assert await effects(company) == {
            "code": 1,
            "cards": 2,
            "identity": 3,
            "mailbox": 1,
            "hr": 1,
            "notice": 1,
        }, "an administrator's change is one of those of the identity provider"
        generations = {step.name: state.work.steps[id_].generation for id_, step in state.plan.steps.items()}
        assert generations == {
            "suspend_code": 1,
            "close_card": 2,
            "disable_identity": 2,
            "forward_mail": 2,
            "final_pay": 1,
            "tell_manager": 1,
        }
        cards = [effect["key"] for effect in await company.effects("cards")]
        assert len(set(cards)) == 2 and len(state.decisions.gates) == 2, "the card is approved again"

        # The run is closed. A replay of the whole reads it again, and repeats nothing.
        before, begun = await effects(company), await started(here, run)
        await commands.replay_run(here.services, operator, run, Scope())
        state = await here.attend(run, until=lambda state: state.finished and state.reopened == 1)
        assert state.finish == "clean" and await started(here, run) == begun
        await enabled_again(company, person.email)
        await commands.replay_run(here.services, operator, run, Scope())
        state = await here.wait_until(run, lambda state: bool(state.work.open_exceptions()), "an exception")
        [exception] = state.work.open_exceptions()
        assert exception.opened.kind == "access_returned" and exception.opened.system == "identity"
        assert await effects(company) == before + Counter(identity=1), "what the administrator did"
        assert await started(here, run) == begun
        await commands.retry_step(here.services, operator, run, "disable_identity")
        state = await here.attend(run)
        assert state.finish == "clean" and set(statuses(state).values()) == {"verified", "attested"}
        assert await effects(company) == before + Counter(identity=2)
        page = await here.backend.ledger.read({f"run:{run}": 0})
        assert sum(isinstance(one.event, ReplayRequested) for one in page.events[f"run:{run}"]) == 3
        await here.verify()
