"""A person is erased at each entry point: the preview, the request, and the confirmation by a second person."""

from __future__ import annotations

import json

import pytest

from orchestrator.embedded.stack import Stack
from tests.web.api.running import Leavers, start, until
from tests.web.pages.pressing import ParsedPage
from tests.web.requests.entry_points import ENTRY_POINTS, SignInAs, erase, text_of


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
async def test_a_person_is_erased(stack: Stack, sign_in: SignInAs, leaver: Leavers, entry_point: str) -> None:
    hr, it, owner = await sign_in("hr"), await sign_in("it"), await sign_in("safety-owner")
    run_id = await start(hr.api, await leaver())
    await hr.refused_at(entry_point, erase(run_id), 409, "a run of the person is open")
    (await hr.api.post(f"/runs/{run_id}/end", json={"reason": "They stay"})).raise_for_status()
    await until(hr.api, run_id, lambda run: run["finished_at"] is not None)
    preview = (await hr.api.get(f"/runs/{run_id}/erasure")).json()
    assert preview["can_erase"] and preview["obstacles"] == [] and preview["runs"] == [run_id]
    name = preview["person"]
    page = await hr.page.get(f"/runs/{run_id}/erasure")
    assert name in page.text and "The ledger verifies as before" in text_of(page)
    assert ParsedPage(page.text).has_button("Request erasure")
    assert "Preview erasure" in text_of(await hr.page.get(f"/runs/{run_id}"))
    assert "Preview erasure" not in text_of(await it.page.get(f"/runs/{run_id}"))
    assert json.loads((await hr.typed("erase", run_id, "--json"))[1])["person"] == name
    code, asked = await hr.typed("erase", run_id, "--reason", "They asked for it.")
    assert code == 1 and "The erasure was not confirmed" in asked and "Kept:" in asked

    await it.refused_at(entry_point, erase(run_id), 403, "can do this")
    await hr.does(entry_point, erase(run_id))
    await hr.refused_at(entry_point, erase(run_id), 403, "who requested the erasure can't confirm it")
    shown = await owner.page.get(f"/runs/{run_id}/erasure")
    assert "A second person has to confirm it" in text_of(shown) and ParsedPage(shown.text).has_button("Erase")
    assert name in (await hr.api.get(f"/runs/{run_id}")).text
    await owner.does(entry_point, erase(run_id))
    assert name not in (await hr.api.get(f"/runs/{run_id}")).text
    assert name not in (await hr.page.get(f"/runs/{run_id}")).text
    after = (await owner.api.get(f"/runs/{run_id}/erasure")).json()
    assert after["person"] is None and after["erased_by"] and not after["can_erase"]
    assert "Erased on" in text_of(await hr.page.get(f"/runs/{run_id}/erasure"))
    assert (await hr.api.post("/search", json={"text": name})).json()["runs"] == []
    await owner.does(entry_point, erase(run_id))  # again: nothing changes
