"""A whole run that ends an account of a PostgreSQL server: its session, its memberships, what it owns, the role."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.temporal import TemporalServer
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import new_settings, statuses
from tests.integration.packets import APPROVALS

LEAVER, HEIR, GROUP = "run_leaver", "run_heir", "run_readers"
WORKFLOW = f"""\
name: database-leaver
title: Database
purpose: The account is ended.
value_owner: value_owner
outcomes: {{access_gone_within: PT1H}}
steps:
  - {{name: snapshot, title: Record, system: database, ability: snapshot_access}}
  - {{name: disable, title: Disable, system: database, ability: disable_account, needs: [snapshot], at: cutoff,
     gate: all}}
  - {{name: sessions, title: Sessions, system: database, ability: end_sessions, needs: [disable], at: cutoff,
     gate: all}}
  - {{name: groups, title: Groups, system: database, ability: remove_from_groups, needs: [disable], at: cutoff,
     gate: all}}
  - {{name: hand_over, title: Hand over, system: database, ability: hand_over_ownership, needs: [sessions], at: cutoff,
     gate: all, parameters: {{to_role: {HEIR}}}}}
  - {{name: drop, title: Drop, system: database, ability: drop_account, needs: [hand_over, groups], at: cutoff,
     gate: all}}
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
  database:
    title: Database
    connector: postgresql
    support: {team: Team, hours: 24/7, on_call: on-call, escalation: duty, runbook_url: "https://wiki.example"}
    connection: {host: env:DB_FOLDER, user: postgres, password: env:DB_PASSWORD}
    hosts: [HOST]
    match: [{key: employee_number, attribute: comment}]
levels:
  - {who: requester, up_to: prepare}
  - {who: it_approver, up_to: change}
  - {who: operator, up_to: change}
  - {who: safety_owner, up_to: change}
hr: {system: hr}
"""


def packet(host: str) -> Packet:
    files = {
        "workflow.yaml": WORKFLOW,
        "platform.yaml": PLATFORM.replace("HOST", host),
        "approvals.yaml": APPROVALS.replace("QUORUM", "1"),
    }
    return parse_packet({name: text.encode() for name, text in files.items()})


async def test_a_run_ends_the_account(
    install: Install,
    hire: Hire,
    postgres: PostgresServer,
    database_url: str,
    temporal: TemporalServer,
    company: Company,
) -> None:
    settings = new_settings(database_url, temporal.address, company)
    host = str(psycopg.conninfo.conninfo_to_dict(postgres.conninfo("postgres"))["host"])
    settings = replace(settings, environment={**settings.environment, "DB_FOLDER": host, "DB_PASSWORD": "s3cret-word"})
    [person] = await hire()
    await postgres.create_database("run_owned")
    admin = await psycopg.AsyncConnection.connect(postgres.conninfo("run_owned"), autocommit=True)
    async with admin:
        for statement in (
            f"CREATE ROLE {LEAVER} LOGIN",
            f"CREATE ROLE {HEIR} LOGIN",
            f"CREATE ROLE {GROUP}",
            f"GRANT {GROUP} TO {LEAVER}",
            f"CREATE TABLE report (n int); ALTER TABLE report OWNER TO {LEAVER}",
        ):
            await admin.execute(statement)  # type: ignore[arg-type]
        comment = sql.SQL("COMMENT ON ROLE run_leaver IS {}").format(sql.Literal(person.employee_number))
        await admin.execute(comment)
        try:
            signed_in = await psycopg.AsyncConnection.connect(postgres.conninfo("run_owned", user=LEAVER))
            async with install(packet=packet(host), settings=settings) as here:
                run = await here.start(person)
                state = await here.attend(run)
                assert state.finish == "clean", await here.story(run)
                assert set(statuses(state).values()) == {"verified"}
                await here.verify()
            with pytest.raises(psycopg.OperationalError):
                await signed_in.execute("SELECT 1")
            await signed_in.close()
            with pytest.raises(psycopg.OperationalError, match="does not exist"):
                await psycopg.AsyncConnection.connect(postgres.conninfo("run_owned", user=LEAVER))
            owner = await admin.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'report'")
            assert await owner.fetchone() == (HEIR,)
        finally:
            await admin.execute("DROP TABLE report")
            for role in (LEAVER, HEIR, GROUP):
                await admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
    await postgres.drop_database("run_owned")
