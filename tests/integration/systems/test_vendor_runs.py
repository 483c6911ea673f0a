"""Whole runs at the vendors' simulators: every ability of a kind in one packet that is written for classes of systems,
started through the API, from the search to "Access removed". What the leaver could use is refused afterwards, and
nothing of another person has changed. The same with faults: the same end, and no effect twice. `make test` has one
vendor; `make test-servers` has the rest.

Over 400 lines: one packet for every vendor, and the runs with it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import yaml

from connectors.registry import connector_kinds
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.embedded.company.people import Employee, default_people
from orchestrator.embedded.stack import Stack, put_in_production
from orchestrator.embedded.vendors.simulator import Simulator, client_of
from tests.cli.command_line import Offboard, hired
from tests.integration.packets import APPROVALS
from tests.integration.systems.aws_account import AWS
from tests.integration.systems.vendor_accounts import VENDORS, LeaverTeam, VendorAccount
from tests.integration.systems.vendor_state import lines_of
from tests.vendors.aws.account import AwsAccount
from tests.vendors.google.workspace import GoogleWorkspace
from tests.web.visitor import sign_ins_at

WITHIN_SECONDS = 90.0
ACCOUNTS = {**VENDORS, **AWS}
ISSUES_TOKENS = ("/token", "/access_tokens")
TO_MANAGER = {"to_email": "= person.manager_email"}
HAND_OVERS = ("hand_over_duties", "hand_over_ownership", "hand_over_reports", "transfer_data")
Steps = Mapping[str, tuple[Sequence[str], Mapping[str, Any]]]
"""By ability: the abilities of the same class that come before it, or hand-overs; and parameters."""
IDENTITY_PROVIDER: Steps = {
    "snapshot_access": ((), {}),
    "suspend_account": (["snapshot_access"], {}),
    "disable_account": (["snapshot_access"], {}),
    "revoke_sessions": (["suspend_account", "disable_account"], {}),
    "revoke_grants": (["revoke_sessions"], {}),
    "revoke_api_tokens": (["revoke_sessions"], {}),
    "delete_app_passwords": (["revoke_sessions"], {}),
    "invalidate_backup_codes": (["revoke_sessions"], {}),
    "reset_factors": (["revoke_sessions"], {}),
    "remove_authentication_methods": (["revoke_sessions"], {}),
    "hand_over_ownership": (["snapshot_access"], TO_MANAGER),
    "hand_over_reports": (["snapshot_access"], TO_MANAGER),
    "transfer_data": (["snapshot_access"], TO_MANAGER),
    "remove_from_groups": (["revoke_sessions", "hand_over_ownership"], {}),
    "remove_admin_roles": (["remove_from_groups"], {}),
    "remove_directory_roles": (["remove_from_groups"], {}),
    "remove_from_apps": (["remove_from_groups", *HAND_OVERS], {}),
    "remove_licenses": (["remove_from_groups", *HAND_OVERS], {}),
    "remove_aliases": (["remove_from_groups", *HAND_OVERS], {}),
    "deactivate_account": (
        ["remove_from_apps", "revoke_api_tokens", "revoke_grants", "reset_factors", "remove_admin_roles"], {},
    ),
    "delete_account": (
        ["deactivate_account", "remove_licenses", "remove_aliases", "revoke_grants", "delete_app_passwords",
         "invalidate_backup_codes", "remove_authentication_methods", "remove_from_apps", "remove_admin_roles",
         "remove_directory_roles"], {},
    ),
}  # fmt: skip
CODE_HOST: Steps = {
    "snapshot_access": ((), {}),
    "revoke_fine_grained_tokens": (["snapshot_access"], {}),
    "remove_sso_authorizations": (["snapshot_access"], {}),
    "cancel_copilot_seat": (["snapshot_access"], {}),
    "cancel_invitations": (["snapshot_access"], {"emails": "= person.email"}),
    "remove_member": (["revoke_fine_grained_tokens", "remove_sso_authorizations", "cancel_copilot_seat"], {}),
    "remove_outside_collaborations": (["remove_member"], {}),
    "remove_from_teams": (["remove_member", *HAND_OVERS], {}),
}
CHAT: Steps = {
    "snapshot_access": ((), {}),
    "revoke_sessions": (["snapshot_access"], {}),
    "remove_admin_roles": (["snapshot_access"], {}),
    "remove_from_user_groups": (["snapshot_access"], {"disable_emptied": True}),
    "remove_from_idp_groups": (["snapshot_access"], {}),
    "remove_from_workspaces": (["revoke_sessions", "remove_admin_roles", "remove_from_user_groups"], {}),
    "deactivate_account": (["remove_from_workspaces", "remove_from_idp_groups"], {}),
}
CLOUD: Steps = {
    "snapshot_access": ((), {}),
    "remove_console_access": (["snapshot_access"], {}),
    "deactivate_access_keys": (["snapshot_access"], {}),
    "deactivate_other_credentials": (["snapshot_access"], {}),
    "revoke_sessions": (["remove_console_access", "deactivate_access_keys"], {}),
    "remove_account_assignments": (["snapshot_access"], {}),
    "remove_application_assignments": (["snapshot_access"], {}),
    "remove_from_groups": (["revoke_sessions", "remove_account_assignments"], {}),
    "remove_policies": (["revoke_sessions"], {}),
    "remove_mfa_devices": (["remove_console_access"], {}),
    "delete_access_keys": (["deactivate_access_keys", *HAND_OVERS], {}),
    "delete_ssh_keys": (["deactivate_other_credentials"], {}),
    "delete_service_credentials": (["deactivate_other_credentials", *HAND_OVERS], {}),
    "delete_signing_certificates": (["deactivate_other_credentials"], {}),
    "delete_account": (
        ["remove_from_groups", "remove_policies", "remove_mfa_devices", "delete_access_keys", "delete_ssh_keys",
         "delete_service_credentials", "delete_signing_certificates", "remove_account_assignments",
         "remove_application_assignments", *HAND_OVERS], {},
    ),
}  # fmt: skip
CLASSES = {"identity_provider": IDENTITY_PROVIDER, "code_host": CODE_HOST, "chat": CHAT, "cloud": CLOUD}
LEVELS = {"requester": "prepare", "it_approver": "change", "operator": "change", "safety_owner": "change"}


def workflow(name: str, more: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The same for every vendor, but for parameters (`more`, by ability)."""
    task = {"role": "operator", "instruction": "Hand over what is left.", "hands_over": True}
    steps: list[dict[str, Any]] = [{"name": "hand_over_duties", "title": "Hand over", "task": task}]
    for system_class, abilities in CLASSES.items():
        for ability, (needs, parameters) in abilities.items():
            changes = {"gate": "all", "at": "cutoff"} if ability != "snapshot_access" else {}
            steps.append(
                {
                    "name": _step(system_class, ability),
                    "title": ability.replace("_", " ").capitalize(),
                    "every": system_class,
                    "ability": ability,
                    **changes,
                    "parameters": {**parameters, **more.get(ability, {})},
                    "needs": [
                        need
                        if need == "hand_over_duties"
                        else _step(system_class if need in abilities else "identity_provider", need)
                        for need in needs
                    ],
                }
            )
    return {
        "name": name,
        "title": "Leavers",
        "purpose": "Access ends.",
        "value_owner": "value_owner",
        "outcomes": {"access_gone_within": "PT1H"},
        "steps": steps,
    }


def _step(system_class: str, ability: str) -> str:
    return f"{system_class.partition('_')[0]}_{ability}"


SUPPORT = {
    "team": "Team",
    "hours": "24/7",
    "on_call": "on-call",
    "escalation": "duty",
    "runbook_url": "https://wiki.example",
}


def platform(kind: str, account: VendorAccount) -> dict[str, Any]:
    connection = {**account.connection, **{name: f"file:{kind}-{name}" for name in account.secrets}}
    return {
        "safety_owner": "safety_owner",
        "systems": {
            "hr": {
                "title": "HR",
                "connector": "hr",
                "support": SUPPORT,
                "connection": {"url": "env:HR_URL", "token": "env:HR_TOKEN"},
                "hosts": ["127.0.0.1", "localhost"],
                "match": [{"key": "employee_number", "attribute": "employee_number"}],
            },
            kind: {
                "title": kind,
                "connector": kind,
                "support": SUPPORT,
                "connection": connection,
                "hosts": ["127.0.0.1"],
                "settle": "PT1S",
                "match": [{"key": key, "attribute": attribute} for key, attribute in account.match],
            },
        },
        "levels": [{"who": who, "up_to": level} for who, level in LEVELS.items()],
        "hr": {"system": "hr"},
    }


async def adopted(stack: Stack, kind: str, account: VendorAccount, only: Collection[str] = ()) -> Packet:
    """In production, with a step for each system of a class, or those with the abilities in `only`; the secrets are
    where the packet says."""
    folder = stack.settings.secrets_folder
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    for name, value in account.secrets.items():
        await asyncio.to_thread((folder / f"{kind}-{name}").write_text, value)
    name = f"leaver-{kind.replace('_', '-')}"
    written = {"workflow": workflow(name, account.parameters), "platform": platform(kind, account)}
    if only:
        steps = [step for step in written["workflow"]["steps"] if step.get("ability") in only]
        names = {step["name"] for step in steps}
        written["workflow"]["steps"] = [
            {**step, "needs": [need for need in step["needs"] if need in names]} for step in steps
        ]
    # A packet has no anchors, which YAML writes for an object that is there twice.
    files = {
        f"{name}.yaml": yaml.safe_dump(json.loads(json.dumps(document)), sort_keys=False).encode()
        for name, document in written.items()
    }
    packet = parse_packet({**files, "approvals.yaml": APPROVALS.replace("QUORUM", "1").encode()})
    known = (await stack.backend.runs.organisation()).actors
    await put_in_production(stack.services, packet, known["value-owner"], known["safety-owner"])
    current = (await stack.backend.runs.shelf(packet.name)).current
    assert current is not None
    return current


@dataclass
class Programs:
    """Clients of the API: who starts, approves and completes tasks."""

    hr: httpx.AsyncClient
    it: httpx.AsyncClient
    operator: httpx.AsyncClient

    async def until_gate(self, run_id: str) -> Any:
        """The run when its gate is open."""
        return await self._until(run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))

    async def until_finished(self, run_id: str) -> Any:
        return await self._until(run_id, lambda run: run["finished_at"] is not None)

    async def _until(self, run_id: str, so: Any) -> Any:
        deadline = asyncio.get_running_loop().time() + WITHIN_SECONDS
        while True:
            run = (await self.operator.get(f"/runs/{run_id}")).json()
            if so(run):
                return run
            assert asyncio.get_running_loop().time() < deadline, story(run)
            for task in run["tasks"]:
                if task["state"] == "open":
                    path = f"/runs/{run_id}/tasks/{task['task_id']}/completion"
                    await self.operator.post(path, json={"outcome": "done", "note": "Handed over."})
            for one in run["exceptions"]:
                if one["state"] == "open" and one["kind"] == "step_failed":
                    retry = f"/runs/{run_id}/steps/{one['step_id']}/retry"
                    await self.operator.post(retry, json={"reason": "The token was replaced."})
            await asyncio.sleep(0.2)


def story(run: Any) -> str:
    """What is not done, for the message of a test that failed."""
    steps = [
        {name: step[name] for name in ("name", "status", "attempt", "code", "waits_for", "evidence")}
        for step in run["steps"]
        if step["status"] not in ("verified", "attested")
    ]
    shown = {"state": run["state"], "systems": run["systems"], "exceptions": run["exceptions"], "steps": steps}
    return json.dumps(shown, indent=1)[:12000]


@pytest.fixture
async def programs(stack: Stack) -> AsyncIterator[Programs]:
    signed_in = sign_ins_at(stack.url)
    async with AsyncExitStack() as open_ones:
        yield Programs(
            *[await open_ones.enter_async_context(await signed_in.program(one)) for one in ("hr", "it", "operator")]
        )


@asynccontextmanager
async def at_vendor(stack: Stack, kind: str) -> AsyncIterator[tuple[Simulator, VendorAccount, Employee]]:
    """The vendor with a leaver whom HR knows, their manager, and two others."""
    make, account_at = ACCOUNTS[kind]
    leaver = await hired(stack, ["admin"])
    [manager] = [one for one in default_people() if one.employee_number == leaver.manager_number]
    report, colleague = (
        Employee(
            f"V-{given}",
            given,
            "Ostrander",
            f"{given}.ostrander@wolkenmuehle.example".lower(),
            department="Engineering",
            manager_number=boss,
        )
        for given, boss in (("Rosamund", leaver.employee_number), ("Cuthbert", manager.employee_number))
    )
    async with make().start() as vendor, client_of(vendor) as web:
        yield vendor, account_at(vendor, web, LeaverTeam(leaver, manager, report, colleague)), leaver


@pytest.mark.parametrize(
    ("kind", "faults"),
    [
        pytest.param(
            kind,
            faults,
            marks=() if faults is bool(number % 2) else pytest.mark.long,
            id=f"{kind}-with_faults" if faults else kind,
        )
        for number, kind in enumerate(ACCOUNTS)
        for faults in (False, True)
    ],
)
async def test_a_run_ends_everything_of_the_leaver_and_nothing_of_others(
    kind: str, faults: bool, stack: Stack, programs: Programs
) -> None:
    async with at_vendor(stack, kind) as (vendor, account, leaver):
        packet = await adopted(stack, kind, account)
        planned = {step.ability for step in packet.workflow.steps if step.system == kind}
        of_packets = {name for name, ability in connector_kinds()[kind].items() if not ability.gives_access}
        assert planned == of_packets, "every ability of the kind has a step, but for those of restores"
        assert {name: await works() for name, works in account.usable.items()} == dict.fromkeys(account.usable, True)
        before = lines_of(vendor.state, account.ids, account.ours)
        vendor.watch_changes()

        wanted = {
            "person": leaver.employee_number,
            "packet": packet.name,
            "cutoff": "2026-01-05T18:00",
            "zone": "Europe/Berlin",
        }
        preview = (await programs.hr.post("/previews", json=wanted)).json()
        [found] = [one for one in preview["systems"] if one["system"] == kind]
        assert (found["outcome"], len(found["accounts"])) == ("matched", 1), found
        assert found["accounts"][0]["privileged"], "an administrator"
        started = (await programs.hr.post("/runs", json=wanted)).json()
        run = await programs.until_gate(started["run_id"])
        assert {step["name"] for step in run["steps"]} == {step["name"] for step in preview["steps"]}
        assert not changes_at(vendor), "nothing is changed before the approval"

        if faults:
            account.disturb()
        [gate] = run["gates"]
        path = f"/runs/{run['run_id']}/gates/{gate['gate_id']}/decision"
        assert (await programs.it.post(path, json={"verdict": "approve"})).status_code == 200
        run = await programs.until_finished(run["run_id"])
        assert run["state"] == "clean", story(run)
        assert vendor.faults.pending == []
        assert {one["code"] for one in run["exceptions"]} == (account.needs_people if faults else set())
        abilities = connector_kinds()[kind]
        steps = {step["name"].rpartition("-")[0].partition("_")[2]: step for step in run["steps"] if step["system"]}
        assert {name: step["status"] for name, step in steps.items()} == {
            name: "verified" if abilities[name].read_back else "attested" for name in planned if name
        }
        snapshot = steps["snapshot_access"]["evidence"]["read_back"]
        assert {name for name in account.noted if snapshot.get(name)} == account.noted, sorted(snapshot)

        assert account.is_gone()
        working = {name for name, works in account.usable.items() if await works()}
        assert working == account.outlasts
        gone_at = datetime.fromisoformat(run["access_gone_at"])
        if account.sessions_end is not None:
            ended = steps["revoke_sessions"]["ended"]
            assert (ended["ended"], ended["not_possible"]) == account.sessions_end
            assert datetime.fromisoformat(run["finished_at"]) < gone_at, "no one waits for a token"
        until = [one["ended"]["access_tokens_until"] for one in run["steps"] if one["ended"]]
        assert gone_at == max(datetime.fromisoformat(one) for one in [run["access_verified_at"], *until] if one)
        vendor.advance(seconds=max(timedelta(), gone_at - datetime.now(gone_at.tzinfo)).total_seconds())
        assert not [name for name, works in account.usable.items() if await works()], "Access removed"
        assert lines_of(vendor.state, account.ids, account.ours) ^ before == account.handed_over
        twice = {change: count for change, count in Counter(changes_at(vendor)).items() if count > 1}
        assert not twice


async def approve(programs: Programs, run: Any) -> None:
    [gate] = [one for one in run["gates"] if one["state"] == "open"]
    path = f"/runs/{run['run_id']}/gates/{gate['gate_id']}/decision"
    assert (await programs.it.post(path, json={"verdict": "approve"})).status_code == 200


def of_google_user(vendor: Any, leaver: Employee) -> Callable[[], Any]:
    """The account is an administrator, and a manager of one of its groups."""
    workspace: GoogleWorkspace = vendor.state
    [user] = [one for one in workspace.users.values() if one.email == leaver.email]
    workspace.groups_of(user.id)[0].members[user.id] = "MANAGER"

    def access() -> Any:
        groups = {group.id: group.members[user.id] for group in workspace.groups_of(user.id)}
        roles = sorted(one.role for one in workspace.assignments_of(user, indirect=False))
        return groups, roles, user.suspended, user.is_admin

    return access


def of_iam_user(vendor: Any, leaver: Employee) -> Callable[[], Any]:
    """The user has groups, managed policies and inline ones."""
    account: AwsAccount = vendor.state
    [user] = [one for one in account.users.values() if one.tags.get("employee_number") == leaver.employee_number]

    def access() -> Any:
        return sorted(one.name for one in account.groups_of(user)), sorted(user.attached), dict(user.inline)

    return access


@pytest.mark.parametrize(
    ("kind", "removed", "account_of"),
    [
        (
            "google_workspace",
            ("snapshot_access", "suspend_account", "remove_from_groups", "remove_admin_roles"),
            of_google_user,
        ),
        ("aws_iam", ("snapshot_access", "remove_from_groups", "remove_policies"), of_iam_user),
    ],
    ids=["google_workspace", "aws_iam"],
)
async def test_what_a_run_removed_at_a_vendor_is_restored(
    stack: Stack,
    programs: Programs,
    kind: str,
    removed: Sequence[str],
    account_of: Callable[[Any, Employee], Callable[[], Any]],
) -> None:
    async with at_vendor(stack, kind) as (vendor, account, leaver):
        access = account_of(vendor, leaver)
        before = access()
        assert before[0] and before[1]
        packet = await adopted(stack, kind, account, removed)
        wanted = {
            "person": leaver.employee_number,
            "packet": packet.name,
            "cutoff": "2026-01-05T18:00",
            "zone": "Europe/Berlin",
        }
        run = await programs.until_gate((await programs.hr.post("/runs", json=wanted)).json()["run_id"])
        await approve(programs, run)
        run = await programs.until_finished(run["run_id"])
        assert run["state"] == "clean", story(run)
        assert not access()[0] and not access()[1]

        vendor.watch_changes()
        asked = await programs.hr.post(f"/runs/{run['run_id']}/restore", json={"reason": "They stay."})
        restore = await programs.until_gate(asked.json()["run_id"])
        assert not changes_at(vendor), "nothing is changed before the approval"
        await approve(programs, restore)
        restore = await programs.until_finished(restore["run_id"])
        assert restore["state"] == "clean", story(restore)
        assert [step["status"] for step in restore["steps"]] == ["verified"] * (len(removed) - 1), story(restore)
        assert access() == before
        twice = {change: count for change, count in Counter(changes_at(vendor)).items() if count > 1}
        assert not twice


@pytest.mark.parametrize(
    ("kind", "others"),
    [("slack", {"founder", "offboarding"}), ("aws_iam", {"offboard"}), ("aws_identity_center", set())],
)
async def test_accounts_without_an_owner_are_listed(kind: str, others: set[str], stack: Stack) -> None:
    async with at_vendor(stack, kind) as (_, account, leaver):
        packet = await adopted(stack, kind, account)
        asked = ("systems", "orphans", kind, "--packet", packet.name, "--json")
        found = (await Offboard(stack.folder).done(*asked, as_="operator")).json
        assert found["complete"] and found["code"] == "", found
        orphans = {one["label"] for one in found["accounts"] if one["ownership"] == "orphan"}
        assert orphans == {"rosamund.ostrander", "cuthbert.ostrander"} | others
        assert leaver.email not in str(found), "who leaves is still an owner"
        assert found["counts"]["owned"] == 2


def changes_at(vendor: Simulator) -> list[str]:
    """The changes so far, without the tokens with which Offboard works."""
    return [
        f"{one.method} {one.path} {json.dumps(one.noted.get('arguments') or one.body)}"
        for one in vendor.changes
        if not one.path.endswith(ISSUES_TOKENS)
    ]
