"""A restore gives back what a run took and nothing else, as the systems themselves show and count it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from activities.attempts.accounts import find_accounts
from activities.connections import Connections
from connectors.abilities import Account, Effect
from orchestrator import commands
from orchestrator.domain.errors import TooLate
from orchestrator.domain.events import StepStarted
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.smaller_packet import without_late_starts
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import FAR_FUTURE, Installation, open_kinds, statuses
from tests.integration.runs.test_replayed_steps import six_steps

WHY = "The leaving was taken back"
KEPT = ("groups", "state", "active", "admin", "pwdAccountLockedTime", "status", "leaving_at", "forward_to", "license")


def standard() -> Packet:
    return without_late_starts(starter_packet("standard-leaver"))


async def restored(here: Installation, run: str) -> str:
    return (await commands.restore_access(here.services, here.actors["hr"], run, WHY)).run_id


async def shown(here: Installation, person: Employee) -> dict[str, Any]:
    """What each system shows of the person's access."""
    facts = await here.facts(person)
    key = await here.backend.keyring.person_key(await here.backend.keyring.person_for("hr", facts.hr_id) or "")
    connections = Connections(here.settings.environment, secrets_folder=here.settings.secrets_folder)
    found: dict[str, Any] = {}
    try:
        for system in ("identity", "directory", "code", "cards"):
            spec = here.packet.platform.systems[system]
            accounts = (
                await find_accounts(facts, key, here.packet, here.packet, [(system, "plan")], connections)
            ).accounts
            connector = await connections.to(system, spec)
            for one in accounts:
                account = Account(one.native_id, one.label, one.attributes, one.active, one.privileged)
                look = await connector.read_back(Effect("snapshot_access", "e-look", account))
                found[f"{system} {one.label}"] = {name: look.evidence.get(name) for name in KEPT} | {
                    "groups": sorted(group["name"] for group in look.evidence.get("groups") or ())
                }
    finally:
        await connections.aclose()
    for system, path in (("hr", f"/people/{facts.hr_id}"), ("mail", f"/mailboxes/{person.email}")):
        prefix = "HR" if system == "hr" else "MAIL_ADMIN"
        url, token = here.company.connections[f"{prefix}_URL"], here.company.connections[f"{prefix}_TOKEN"]
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}) as client:
            document = (await client.get(path)).json()
            found[system] = {name: document.get(name) for name in KEPT}
    return found


async def restored_steps(here: Installation, run: str) -> list[str]:
    """The steps that the run which restores began. One that a system did not answer in time began twice."""
    page = await here.backend.ledger.read({f"run:{run}": 0})
    state = await here.state(run)
    begun = [one.event for one in page.events[f"run:{run}"] if isinstance(one.event, StepStarted)]
    return sorted({state.plan.steps[one.step_id].name for one in begun})


async def test_a_completed_run_is_restored(
    install: Install, hire: Hire, company: Company, needs_directory: None
) -> None:
    async with install(packet=standard()) as here:
        [person] = await hire(traits=["admin"])
        before = await shown(here, person)
        run = await here.start(person)
        state = await here.attend(run)
        assert state.finish == "clean", await here.story(run)
        taken = await shown(here, person)
        assert all(taken[place] != before[place] for place in before)
        restore = await restored(here, run)
        state = await here.attend(restore)
        assert state.finish == "clean", await here.story(restore)
        after = await shown(here, person)
        [card] = [place for place in before if place.startswith("cards")]
        assert {place: one for place, one in after.items() if place != card} == {
            place: one for place, one in before.items() if place != card
        }
        assert after[card]["state"] == "closed", "a closed card can't be opened again"
        assert statuses(state)["undo_by_hand_close_card"] == "attested"
        assert not [name for name in statuses(state) if "notify" in name or "tell" in name], "messages are no tasks"
        assert await restored_steps(here, restore) == [
            "undo_demote_code_admin",
            "undo_disable_identity",
            "undo_forward_mail",
            "undo_lock_directory",
            "undo_record_leaving",
            "undo_release_mail_license",
            "undo_remove_directory_groups",
            "undo_remove_identity_groups",
            "undo_suspend_code",
        ]
        [gate] = state.decisions.gates.values()
        assert (gate.opened.gate, gate.roles) == ("restore_access", {"it_approver"})
        assert state.asked.requester_human not in gate.voters
        await here.verify()
        # A person with a new leaving is offboarded as any other.
        again = await here.attend(await here.start(person))
        assert again.finish == "clean" and (await shown(here, person))["hr"]["status"] == "leaving"


async def test_an_open_run_is_cancelled_and_what_it_did_is_taken_back(
    install: Install, hire: Hire, company: Company, needs_directory: None
) -> None:
    async with install(packet=standard()) as here:
        [person] = await hire(1)
        before = await shown(here, person)
        run = await here.start(person, cutoff=FAR_FUTURE)
        await here.attend(run, decide=False, until=lambda state: statuses(state).get("record_leaving") == "verified")
        assert (await shown(here, person))["hr"] != before["hr"]
        restore = await restored(here, run)
        state = await here.state(run)
        assert state.finish == "ended" and not state.work.open_exceptions()
        with pytest.raises(TooLate) as twice:
            await restored(here, run)
        assert twice.value.code == "restore_exists"
        state = await here.attend(restore)
        assert state.finish == "clean" and not state.decisions.gates, await here.story(restore)
        assert await restored_steps(here, restore) == ["undo_record_leaving"]
        assert await shown(here, person) == before


async def test_what_a_system_does_not_carry_out_is_not_restored(install: Install, hire: Hire, company: Company) -> None:
    """It answers that it did, and the account stays disabled; and an account that was disabled before stays so."""
    async with install(packet=six_steps()) as here:
        [person] = await hire(1)
        run = await here.start(person)
        state = await here.attend(run)
        assert state.finish == "clean", await here.story(run)
        await company.break_("identity", "error_in_200", method="PATCH")
        restore = await restored(here, run)
        state = await here.attend(
            restore, until=lambda state: "step_failed" in open_kinds(state) or "step_failing" in open_kinds(state)
        )
        assert statuses(state)["undo_disable_identity"] in ("failed", "retrying", "unknown")
        await company.clear_faults("identity")
