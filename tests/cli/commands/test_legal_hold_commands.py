"""`legal-hold place`, `legal-hold lift`, and what `start`, `show` and `runs` say of holds."""

from __future__ import annotations

from tests.cli.command_line import NewLeaver, Offboard, StartRun, until

CUTOFF = "2031-01-15T18:00"


async def test_a_hold_is_placed_shown_and_lifted_by_a_second_person(offboard: Offboard, started: StartRun) -> None:
    run_id = await started(cutoff=CUTOFF)
    said = await offboard.done("legal-hold", "place", run_id[:9], "--reason", "Claim 12/26", as_="hr")
    assert f"Run {run_id} is under legal hold." in said.out
    assert "Kept by legal hold: Release the mailbox licence" in said.out
    shown = (await offboard.done("show", run_id, as_="it")).out
    assert "Legal hold hold-1, placed by hr" in shown and "Claim 12/26" in shown
    listed = (await offboard.done("runs", "--legal-hold", as_="it")).out
    assert run_id in listed and "legal hold" in listed
    refused = await offboard.refused("legal-hold", "lift", run_id, "--reason", "over", as_="hr")
    assert "can't lift it" in refused
    lifted = await offboard.done("legal-hold", "lift", run_id, "hold-1", "--reason", "Settled", as_="safety-owner")
    assert f"Run {run_id}: the legal hold is lifted." in lifted.out
    assert "Legal hold" not in (await offboard.done("show", run_id, as_="it")).out
    none = await offboard.refused("legal-hold", "lift", run_id, "--reason", "Settled", as_="safety-owner")
    assert "no legal hold in force" in none


async def test_a_run_starts_under_a_hold(offboard: Offboard, leaver: NewLeaver) -> None:
    number = (await leaver()).employee_number
    said = await offboard.done(
        "start", number, "--cutoff", CUTOFF, "--zone", "UTC", "--legal-hold", "Claim 12/26", as_="hr"
    )
    assert "It is under legal hold" in said.out
    run_id = said.out.split()[1]
    await until(offboard, run_id, lambda run: run["legal_hold"] and bool(run["steps"]))
    events = (await offboard.done("show", run_id, "--events", "--json", as_="hr")).json["events"]
    assert [event["type"] for event in events][:2] == ["RunRequested", "LegalHoldPlaced"]
