"""A whole run that ends an account of a real Active Directory domain (Samba)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import ldap3
import pytest

from orchestrator.documents.runs.account_access import access_of
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.temporal import TemporalServer
from tests.conftest import Hire
from tests.connectors.vendors.active_directory.samba_domain import ADMINISTRATOR, HOST, PASSWORD, ROOT, SambaDomain
from tests.integration.conftest import Install
from tests.integration.installation import new_settings, statuses
from tests.integration.packets import APPROVALS

pytestmark = [pytest.mark.servers("samba", "samba-tool"), pytest.mark.timeout(300)]  # a domain takes long to make
OLD = "Ein-Satz-mit-9-Zeichen"
WORKFLOW = """\
name: directory-leaver
title: Active Directory
purpose: The account is ended.
value_owner: value_owner
outcomes: {access_gone_within: PT1H}
steps:
  - {name: snapshot, title: Record, system: directory, ability: snapshot_access}
  - {name: disable, title: Disable, system: directory, ability: disable_account, needs: [snapshot], at: cutoff,
     gate: all}
  - {name: expire, title: Expire, system: directory, ability: expire_account, parameters: {at: "= run.cutoff"},
     needs: [snapshot], at: cutoff, gate: all}
  - {name: groups, title: Groups, system: directory, ability: remove_from_groups, needs: [disable], at: cutoff,
     gate: all}
  - {name: password, title: Password, system: directory, ability: scramble_password, needs: [disable], at: cutoff,
     gate: all}
  - {name: move, title: Move, system: directory, ability: move_to_ou, needs: [groups], at: cutoff, gate: all,
     parameters: {ou: "OU=Left,DC=wolkenmuehle,DC=example"}}
"""
PLATFORM = """\
safety_owner: safety_owner
systems:
  hr:
    title: HR
    connector: hr
    support: {team: Team, hours: 24/7, on_call: on-call, escalation: duty, runbook_url: "https://wiki.example"}
    connection: {url: env:HR_URL, token: env:HR_TOKEN}
    hosts: [127.0.0.1, localhost]
    match: [{key: employee_number, attribute: employee_number}]
  directory:
    title: Active Directory
    connector: active_directory
    support: {team: Team, hours: 24/7, on_call: on-call, escalation: duty, runbook_url: "https://wiki.example"}
    connection: {url: env:AD_URL, bind_dn: env:AD_USER, password: env:AD_PASSWORD, ca_file: env:AD_CA_FILE}
    hosts: [HOST]
    match: [{key: employee_number, attribute: employeeID}]
levels:
  - {who: requester, up_to: prepare}
  - {who: it_approver, up_to: change}
  - {who: operator, up_to: change}
  - {who: safety_owner, up_to: change}
hr: {system: hr}
"""


def packet() -> Packet:
    files = {
        "workflow.yaml": WORKFLOW,
        "platform.yaml": PLATFORM.replace("HOST", HOST),
        "approvals.yaml": APPROVALS.replace("QUORUM", "1"),
    }
    return parse_packet({name: text.encode() for name, text in files.items()})


async def test_a_run_ends_the_account(
    install: Install, hire: Hire, samba: SambaDomain, database_url: str, temporal: TemporalServer, company: Company
) -> None:
    settings = new_settings(database_url, temporal.address, company)
    given = {
        "AD_URL": samba.url,
        "AD_USER": ADMINISTRATOR,
        "AD_PASSWORD": PASSWORD,
        "AD_CA_FILE": str(samba.authority),
    }
    settings = replace(settings, environment={**settings.environment, **given})
    [person] = await hire()

    def prepare() -> str:
        samba.add_unit("Left")
        dn = samba.add_user("leaver", OLD, employeeID=person.employee_number)
        samba.change(f"CN=Domain Admins,CN=Users,{ROOT}", "member", ldap3.MODIFY_ADD, dn)
        return samba.sign_in("leaver", OLD)

    assert await asyncio.to_thread(prepare) == "in"
    async with install(packet=packet(), settings=settings) as here:
        run = await here.start(person)
        state = await here.attend(run)
        assert state.finish == "clean", await here.story(run)
        assert set(statuses(state).values()) == {"verified"}
        [access] = access_of(state, here.packet, state.plan.steps.values())
        groups = next(fact for fact in access["facts"] if fact["name"] == "groups")
        assert groups["privileged_values"] == ["Domain Admins"]
        await here.verify()
    assert (await asyncio.to_thread(samba.sign_in, "leaver", OLD)).startswith("49 ")
    moved = f"CN=leaver,OU=Left,{ROOT}"
    assert await asyncio.to_thread(samba.values, moved, "userAccountControl") == ["514"]
    assert await asyncio.to_thread(samba.values, moved, "memberOf") == []
