"""What a run removed is restored at each entry point: the preview, the restore, and who is refused."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.api.running import FUTURE, PAST, Leavers, start, until, wanted
from tests.web.pages.forms import look_ahead
from tests.web.pages.pressing import ParsedPage
from tests.web.requests.entry_points import (
    ENTRY_POINTS,
    SignedIn,
    SignInAs,
    accept,
    approve,
    cancel,
    make_urgent,
    packet_of,
    restore,
    text_of,
)

STEPS = ("snapshot_code", "suspend_code", "revoke_code_tokens")


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
async def test_a_closed_run_is_restored(stack: Stack, sign_in: SignInAs, leaver: Leavers, entry_point: str) -> None:
    hr, it, operator = await sign_in("hr"), await sign_in("it"), await sign_in("operator")
    packet = packet_of("restored", STEPS, at=None)
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    run_id = await start(hr.api, await leaver(), packet="restored", cutoff=PAST)
    run = await until(hr.api, run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    await it.does("api", approve(run_id, run["gates"][0]["gate_id"]))
    run = await until(hr.api, run_id, lambda run: run["finished_at"] is not None)

    preview = (await hr.api.get(f"/runs/{run_id}/restore")).json()
    assert (preview["cancels"], preview["version"], preview["approved_by"]) == (False, run["version"], ["it_approver"])
    assert {step["name"]: (step["act"], step["why"]) for step in preview["steps"]} == {
        "snapshot_code": ("none", "changes_nothing"),
        "suspend_code": ("restore", None),
        "revoke_code_tokens": ("task", "no_inverse"),
    }
    page = await hr.page.get(f"/runs/{run_id}/restore")
    assert "Can't be undone by Offboard" in text_of(page) and ParsedPage(page.text).has_button("Restore access")
    assert "Preview restore" in text_of(await hr.page.get(f"/runs/{run_id}"))
    assert "Preview restore" not in text_of(await operator.page.get(f"/runs/{run_id}"))
    _, printed = await hr.typed("restore-access", run_id, "--json")
    assert '"act": "restore"' in printed
    code, asked = await hr.typed("restore-access", run_id)
    assert code == 1 and "The restore was not confirmed" in asked and "after approval" in asked
    assert "Approval by: IT approver." in asked and "Task for a person: can't be undone by Offboard" in asked

    for account in (it, operator):
        await account.refused_at(entry_point, restore(run_id), 403, "can restore access")
    if entry_point != "terminal":  # which previews it
        await hr.refused_at(entry_point, restore(run_id, run["version"] - 1), 409, "Preview the restore again")
    await hr.does(entry_point, restore(run_id, run["version"]))
    restores = await the_restore_of(hr, run_id)
    await hr.refused_at(entry_point, restore(run_id), 409, f"Run {restores} restores run {run_id}")
    await hr.refused_at(entry_point, restore(restores), 409, "is itself the restore of run")
    again = await until(hr.api, restores, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    assert again["restores"] == run_id
    [gate] = again["gates"]
    assert gate["title"] == "Restore access" and [step["title"] for step in gate["steps"]] == [
        f"Undo: {next(step['title'] for step in run['steps'] if step['name'] == 'suspend_code')}"
    ]
    assert "This run restores access" in text_of(await hr.page.get(f"/runs/{restores}"))
    await hr.refused_at(entry_point, make_urgent(restores), 422, "it can't be urgent")
    assert "Make urgent" not in text_of(await it.page.get(f"/runs/{restores}"))
    await hr.refused_at(entry_point, approve(restores, gate["gate_id"]), 403, "can decide at gate")
    await it.does(entry_point, approve(restores, gate["gate_id"]))
    await until(hr.api, restores, lambda run: ("undo_suspend_code", "verified") in _statuses(run))


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
async def test_a_cancelled_restore_names_what_is_still_removed(
    stack: Stack, sign_in: SignInAs, leaver: Leavers, entry_point: str
) -> None:
    hr, it, operator = await sign_in("hr"), await sign_in("it"), await sign_in("operator")
    packet = packet_of("restored", STEPS, at=None)
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    run_id = await start(hr.api, await leaver(), packet="restored", cutoff=PAST)
    run = await until(hr.api, run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    assert run["still_removed"] == [] and "Not restored" not in text_of(await hr.page.get(f"/runs/{run_id}"))
    await it.does("api", approve(run_id, run["gates"][0]["gate_id"]))
    run = await until(hr.api, run_id, lambda run: run["finished_at"] is not None)
    titles = {step["name"]: step["title"] for step in run["steps"]}
    await hr.does("api", restore(run_id))
    restores = await the_restore_of(hr, run_id)
    await until(hr.api, restores, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    before = text_of(await hr.page.get(f"/runs/{restores}"))
    assert "This is not restored and stays removed." in before

    said = await hr.does(entry_point, cancel(restores))
    ended = (await hr.api.get(f"/runs/{restores}")).json()
    assert ended["state"] == "ended"
    [suspended, revoked] = sorted(ended["still_removed"], key=lambda line: str(line["act"]))
    account = suspended["account"]["label"]
    assert account and revoked["account"]["label"] == account
    shown = (suspended["name"], suspended["act"], suspended["why"], suspended["status"])
    assert shown == ("suspend_code", "restore", None, "planned") and not suspended["may_be_restored"]
    assert (revoked["name"], revoked["act"], revoked["why"]) == ("revoke_code_tokens", "task", "no_inverse")
    [left] = [one for one in ended["exceptions"] if one["state"] == "open"]
    assert (left["kind"], left["system"], left["owners"]) == ("still_removed", "code", ["operator"])

    line = f"{titles['suspend_code']} (code, {account}"
    if entry_point == "terminal":
        assert "This is not restored and stays removed." in said and line in said
    code, printed = await hr.typed("show", restores)
    assert code == 0 and f"Not restored of what run {run_id} removed" in printed and line in printed
    page = text_of(await hr.page.get(f"/runs/{restores}"))
    assert "Not restored" in page and titles["revoke_code_tokens"] in page and account in page
    card = text_of(await operator.page.get(f"/runs/{restores}"))
    assert "Access not restored after cancellation" in card and "Still removed:" in card
    await operator.does(entry_point, accept(restores, left["exception_id"]))
    assert not any(one["state"] == "open" for one in (await hr.api.get(f"/runs/{restores}")).json()["exceptions"])


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
async def test_a_new_leaving_cancels_the_restore(
    stack: Stack, sign_in: SignInAs, leaver: Leavers, entry_point: str
) -> None:
    hr, it = await sign_in("hr"), await sign_in("it")
    packet = packet_of("restored", STEPS, at=None)
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    person = await leaver()
    run_id = await start(hr.api, person, packet="restored", cutoff=PAST)
    run = await until(hr.api, run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    await it.does("api", approve(run_id, run["gates"][0]["gate_id"]))
    await until(hr.api, run_id, lambda run: run["finished_at"] is not None)
    await hr.does("api", restore(run_id))
    restores = await the_restore_of(hr, run_id)
    looked_up = await hr.api.post("/people/lookup", json={"packet": "restored", "wanted": person.employee_number})
    assert looked_up.json()["open_run"] is None
    if entry_point == "api":
        previewed = await hr.api.post("/previews", json=wanted(person, packet="restored"))
        assert previewed.json()["cancels_restore"] == restores
        await start(hr.api, person, packet="restored")
    elif entry_point == "page":
        shown = await look_ahead(hr.page, person, packet="restored")
        assert f"The start cancels a run that restores this person’s access. Run {restores}." in text_of(shown)
        landed = await hr.page.submit(shown.url.path)
        assert landed.url.path.startswith("/runs/r"), text_of(landed)
    else:
        typed = ("start", person.employee_number, "--packet", "restored", "--cutoff", FUTURE)
        code, said = await hr.typed(*typed, "--preview")
        assert code == 0 and f"The start cancels run {restores}, which restores this person's access." in said
        code, said = await hr.typed(*typed)
        assert code == 0, said
    cancelled = (await hr.api.get(f"/runs/{restores}")).json()
    assert cancelled["state"] == "ended" and not any(gate["state"] == "open" for gate in cancelled["gates"])
    assert {line["name"] for line in cancelled["still_removed"]} == {"suspend_code", "revoke_code_tokens"}
    assert not any(one["kind"] == "still_removed" for one in cancelled["exceptions"]), "it is to stay removed"
    again = (await hr.api.post("/people/lookup", json={"packet": "restored", "wanted": person.employee_number})).json()
    assert again["open_run"] not in (None, run_id, restores)


async def the_restore_of(hr: SignedIn, run_id: str) -> str:
    for one in (await hr.api.get("/runs", params={"packet": "restored"})).json()["runs"]:
        if (await hr.api.get(f"/runs/{one['run_id']}")).json()["restores"] == run_id:
            return str(one["run_id"])
    raise AssertionError(f"no run restores {run_id}")


def _statuses(run: dict[str, Any]) -> set[tuple[str, str]]:
    return {(step["name"], step["status"]) for step in run["steps"]}
