"""How long access lasts after a step, in the API, on the run's page and on the page of outcomes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.web.pages.lists import outcomes
from tests.cli.command_line import StartRun
from tests.web.api.running import gate_of, until
from tests.web.conftest import Program, Visit
from tests.web.pages.pressing import ParsedPage

DISABLED = ("disable_identity", "remove_identity_groups")


def named(run: Any, name: str) -> Any:
    return next(step for step in run["steps"] if step["name"] == name)


async def test_old_tokens_keep_the_exposure_open(
    visit: Visit, started: StartRun, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "MAX_EXPOSED_SHOWN", 1000)  # other tests leave runs that are exposed for longer
    run_id = await started()
    it, auditor = await visit("it"), await visit("auditor")
    api = await program("auditor")
    run = (await api.get(f"/runs/{run_id}")).json()
    assert all(step["ended"] is None for step in run["steps"]), "nothing was done yet"
    gate = gate_of(run, "access")["gate_id"]
    await it.submit(f"/runs/{run_id}/gates/{gate}", {"verdict": "approve", "reason": "The date is right"})
    run = await until(api, run_id, lambda run: all(named(run, name)["status"] == "verified" for name in DISABLED))

    ended = named(run, "disable_identity")["ended"]
    assert ended["ended"] == [] and ended["not_possible"] == ["sessions", "refresh_tokens", "access_tokens"]
    changed = datetime.fromisoformat(named(run, "disable_identity")["changed_at"])
    assert ended["access_tokens"] == "until"
    assert datetime.fromisoformat(ended["access_tokens_until"]) == changed + timedelta(minutes=5), "of platform.yaml"
    assert run["access_gone_at"] is None and run["access_verified_at"] is None, "shared passwords are not changed"

    said = ParsedPage((await auditor.get(f"/runs/{run_id}")).text).text
    assert "Access tokens that were issued before are accepted until" in said
    assert "The system offers no way to end: sessions, refresh tokens, access tokens." in said
    assert "Removed; old tokens are accepted until" in said
    assert "Change shared passwords and keys" in said.split("Exposure", 1)[1].split("Open items", 1)[0]

    operator = await program("operator")
    for task in (task for task in run["tasks"] if task["state"] == "open"):
        done = {"outcome": "done", "note": "seen to it"}
        answer = await operator.post(f"/runs/{run_id}/tasks/{task['task_id']}/completion", json=done)
        assert answer.status_code == 200, answer.text
    run = await until(api, run_id, lambda run: run["access_gone_at"] is not None)
    assert run["tokens_unknown_on"] == [] and run["access_verified_at"] < run["access_gone_at"]
    last = max(datetime.fromisoformat(named(run, name)["changed_at"]) for name in DISABLED)
    assert datetime.fromisoformat(run["access_gone_at"]) == last + timedelta(minutes=5)
    [exposed] = [
        one for one in (await api.get("/outcomes")).json()["open_exposure"]["longest"] if one["run_id"] == run_id
    ]
    assert exposed["tokens_until"] == run["access_gone_at"] and exposed["systems"] == []
    for address in ("/outcomes?span=all", "/runs?sort=latest"):
        listed = ParsedPage((await auditor.get(address)).text).text
        assert "Removed; old tokens are accepted until" in listed, address
