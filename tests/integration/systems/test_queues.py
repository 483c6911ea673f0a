"""A system that only some workers can reach has a task queue of its own."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.domain.run.run import RunState
from orchestrator.workflows import retry_policies
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import exceptions_of
from tests.integration.listening import AttemptListener, listened_to
from tests.integration.packets import quick_packet


def new_queue() -> str:
    return f"inside-{uuid.uuid4().hex[:12]}"


async def test_only_the_worker_of_its_queue_searches_and_changes_a_system(install: Install, hire: Hire) -> None:
    queue = new_queue()
    packet = quick_packet(changed={"title: Code": f"title: Code\n    queue: {queue}"})
    inside, outside = AttemptListener(), AttemptListener()
    async with install(packet=packet, worker=False) as here:
        # Its main queue is one that no one puts anything into: it serves the extra queue alone.
        within = replace(here.settings, temporal_task_queue=new_queue(), queues=(queue,))
        async with listened_to(here.settings, outside), listened_to(within, inside):
            [person] = await hire()
            run = await here.start(person)
            state = await here.attend(run)
        assert state.finish == "clean", await here.story(run)
        assert inside.systems("find_accounts") == inside.systems("attempt", "read_back") == {"code"}
        assert outside.systems("find_accounts") == outside.systems("attempt") == {"hr", "identity", "mail", "cards"}
        assert "code" not in outside.systems("read_back")
        await here.verify()


async def test_a_queue_that_no_one_serves_holds_up_no_other_system(
    install: Install, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_policies, "SEARCH_TAKEN_WITHIN", timedelta(seconds=1))
    queue = new_queue()
    packet = quick_packet(changed={"title: Code": f"title: Code\n    queue: {queue}"})
    outside, inside = AttemptListener(), AttemptListener()

    def told(state: RunState) -> bool:
        failed = {(x.opened.system, x.opened.code) for x in exceptions_of(state, "search_failed")}
        return state.plan.planned_at is not None and ("code", "queue_unserved") in failed

    async with install(packet=packet, worker=False) as here, listened_to(here.settings, outside):
        [person] = await hire()
        run = await here.start(person)
        state = await here.wait_until(run, told, "a plan of the others, and an exception")
        assert {step.system for step in state.plan.steps.values()} == {"hr", "identity", "mail", "cards"}
        async with listened_to(replace(here.settings, temporal_task_queue=queue), inside):
            state = await here.attend(run)
        assert state.finish == "clean", await here.story(run)
        assert "code" not in outside.systems("find_accounts", "attempt", "read_back")
