"""Replays after three of six steps, from a step or on a system: only what was asked for is done again.

In `make test`: `tests/integration/runs/test_replayed_steps.py`.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from orchestrator import commands
from orchestrator.domain.commands.replaying import Scope
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.temporal import TemporalServer
from tests.conftest import Hire
from tests.faults.batch import Counts, TrialBatch
from tests.faults.counting import open_intents
from tests.integration.installation import Installation, installation
from tests.integration.runs.test_replayed_steps import STEPS, enabled_again, six_steps, started

DONE_BEFORE = STEPS[:3]
"""The fourth step fails until the mail server is repaired."""
SYSTEM_OF = {"suspend_code": "code", "close_card": "cards", "disable_identity": "identity"}


def failed(state: RunState) -> bool:
    return any(one.opened.kind == "step_failed" for one in state.work.open_exceptions())


def repeated_steps(scope: Scope) -> tuple[str, ...]:
    """Those of the system; or the named step and what follows, since each step needs the one before."""
    if scope.system:
        return tuple(name for name in STEPS if SYSTEM_OF.get(name) == scope.system)
    return STEPS[STEPS.index(scope.from_step) :] if scope.from_step else ()


async def effects_of(company: Company, state: RunState) -> Counter[str]:
    """How often each step of the run was done, by the logs of the systems; an administrator enables the account of
    the identity provider again before each replay, and that is not counted. The account of the code host is suspended
    still: a new generation of its step finds it so, and makes no call."""
    counted: Counter[str] = Counter()
    native = {step.name: _account(state, step.account_id) for step in state.plan.steps.values()}
    for name, system in SYSTEM_OF.items():
        counted[name] = sum(entry["target"] == native[name] for entry in await company.effects(system))
    return counted


def _account(state: RunState, account_id: str | None) -> str | None:
    return state.accounts.details[account_id]["native_id"] if account_id else None


@pytest.mark.trial(row=10, batches=2, short=False)
async def test_a_replay_repeats_only_what_was_asked_for(
    database_url: str, temporal: TemporalServer, company: Company, hire: Hire, batch: TrialBatch
) -> None:
    people = await hire(20)
    async with installation(database_url, temporal.address, company, packet=six_steps()) as here:
        await company.break_("mail", "error_in_200", method="PATCH")
        runs = {person.email: await here.start(person) for person in people}
        for run in runs.values():
            await here.attend(run, until=failed)
        before = {run: await effects_of(company, await here.state(run)) for run in runs.values()}
        assert all(done == Counter(DONE_BEFORE) for done in before.values()), before
        await company.clear_faults("mail")
        scopes = {}
        for email, run in runs.items():
            scopes[run] = batch.chance.choice(
                [
                    Scope(),
                    Scope(from_step="close_card"),
                    Scope(from_step="close_card"),
                    Scope(from_step="suspend_code"),
                    Scope(from_step="disable_identity"),
                    Scope(system="cards"),
                    Scope(system="identity"),
                ]
            )
            if "disable_identity" in repeated_steps(scopes[run]):
                await enabled_again(company, email)
        for run, scope in scopes.items():
            seen = (await here.state(run)).version
            requested = [
                commands.replay_run(here.services, here.actors["operator"], run, scope, "restored", seen)
                for _ in range(batch.chance.randint(1, 3))
            ]
            await asyncio.gather(*requested)  # several at once are one
        repeated = lost = 0
        ended = []
        for run, scope in scopes.items():
            state = await finished(here, run, scope)
            ended.append(state)
            wanted = {name: 1 + (name in repeated_steps(scope) and name in DONE_BEFORE) for name in STEPS}
            generations = {step.name: state.work.steps[id_].generation for id_, step in state.plan.steps.items()}
            done = await effects_of(company, state)
            enabled = int("disable_identity" in repeated_steps(scope))
            for name in DONE_BEFORE:
                times = done[name] - (enabled if name == "disable_identity" else 0)
                needed = 1 if name == "suspend_code" else wanted[name]
                lost += max(needed - times, 0)
                repeated += max(times - wanted[name], 0)
            for name in DONE_BEFORE:
                assert generations[name] == wanted[name], (scope, generations, await here.story(run))
            assert all(generations[name] == 1 for name in ("final_pay", "tell_manager")), (scope, generations)
            begun = await started(here, run)
            assert all(begun[name] == wanted[name] for name in DONE_BEFORE), (scope, begun)
        for system, action in (("hr", "final-pay"), ("mail", "SMTP message")):
            entries = [one for one in await company.effects(system) if action in one["action"]]
            lost += max(len(runs) - len(entries), 0)
            repeated += max(len(entries) - len(runs), 0)
        asked_again = [name for scope in scopes.values() for name in repeated_steps(scope) if name in DONE_BEFORE[1:]]
        asked_for = len(STEPS) * len(runs) + len(asked_again)
        batch.count(Counts(len(ended), asked_for, lost, repeated, sum(map(open_intents, ended))))
        await here.verify()


async def finished(here: Installation, run: str, scope: Scope) -> RunState:
    """What failed is tried again by the replay, unless it was one of another system."""
    if scope.system:
        await commands.retry_step(here.services, here.actors["operator"], run, "forward_mail", reason="mended")
    state = await here.attend(run)
    assert state.finish == "clean", f"{scope}: {await here.story(run)}"
    return state
