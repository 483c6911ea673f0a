"""Made the files in `fixtures`. It runs on commit 77071ca only, and is kept to show where they come from.

python -m tests.compatibility.record.record_database
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psycopg
from orchestrator.domain.packet_files import read_packet_folder, starter_packet
from orchestrator.ledger.checkpoints import NoteSigner, make_checkpoint
from orchestrator.ledger.migrate import upgrade

from activities.connections import Connections
from activities.inquiries.people import People
from orchestrator import commands
from orchestrator.documents.document import Document
from orchestrator.domain.packet import Packet
from orchestrator.embedded.postgres_binaries import programs
from orchestrator.embedded.smaller_packet import without_systems
from orchestrator.embedded.stack import put_in_production
from orchestrator.embedded.staff import STAFF
from orchestrator.embedded.unprivileged import server_user
from tests.compatibility import product
from tests.compatibility.fixture_files import FIXTURES, write_json, write_text
from tests.compatibility.people_at_work import StaffAtWork, at_work
from tests.compatibility.record.stories import STORIES, killed
from tests.compatibility.small_company import SmallCompany
from tests.integration.installation import WorkerProcess, environment_of
from tests.webhooks.receiver import receiving

MASTER_KEY = "Zml4dHVyZSBvZiA3NzA3MWNhLCBub3QgYSBzZWNyZXQ="
CHECKPOINT_KEY_NAME = "recorded.example/ledger"
PEOPLE = 18
PLACES = ("identity", "binaryChecksum", "requestId", "stackTrace")


def employees() -> list[Document]:
    rows = []
    for number in range(1, PEOPLE + 1):
        letter = chr(ord("a") + number)
        row = {
            "employee_number": f"R-{number:04d}",
            "given_name": f"Recorda{letter}",
            "family_name": f"Fixturin{letter}",
            "email": f"recorda{letter}.fixturin{letter}@wolkenmuehle.example",
            "display_name": "",
            "former_emails": [],
            "former_names": [],
            "department": "Engineering",
            "title": "Software Engineer",
            "manager_number": "E-1010",
            "country": "DE",
            "time_zone": "Europe/Berlin",
            "leaving": True,
            "traits": [],
        }
        rows.append(row)
    rows[8]["traits"] = rows[17]["traits"] = ["two_code_accounts"]
    return rows


async def sign_in(url: str) -> dict[str, str]:
    tokens = {}
    async with httpx.AsyncClient(base_url=url, timeout=90, trust_env=False) as client:
        for member in STAFF:
            answer = await client.post("/api/v1/sign-in/local", json={"alias": member.alias})
            assert answer.status_code == 200, answer.text
            tokens[member.alias] = answer.json()["token"]
    return tokens


def packets() -> list[Packet]:
    """The starters as they are shipped, and what the recorded runs were started with."""
    shipped = [starter_packet("standard-leaver"), starter_packet("identity-only")]
    return [*shipped, read_packet_folder(FIXTURES / "packets" / "recorded-leaver")]


async def govern(up: product.Running) -> None:
    standard, _, recorded = packets()
    in_use = [without_systems(standard, ["directory"]), recorded]
    connections = Connections(up.settings.environment, secrets_folder=up.settings.secrets_folder)
    people = People(connections, standard, up.books.keyring)
    actors = {}
    for member in STAFF:
        actor = await people.actor(member.alias, member.employee_number, member.roles, member.kind)
        known = await people.find(member.employee_number)
        await commands.record_actor(up.office, actor, known.display_name, known.email, known.time_zone)
        actors[member.alias] = actor
    for packet in in_use:
        await put_in_production(up.office, packet, actors["value-owner"], actors["safety-owner"])
    await connections.aclose()


async def answers(staff: StaffAtWork, runs: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    everywhere = [
        "/runs",
        "/runs?state=open",
        "/runs?state=finished",
        "/inbox",
        "/exceptions",
        "/exceptions?standing=closed",
        "/tasks?mine=false",
    ]
    everywhere += ["/packets", "/packets/standard-leaver", "/packets/recorded-leaver", "/delegations", "/staff", "/me"]
    everywhere += ["/outcomes", "/ledger/history", "/tokens", "/webhooks", "/ledger"]
    for alias in ("hr", "it", "finance", "operator", "safety-owner", "auditor"):
        for path in everywhere:
            answer = await staff[alias].get(path)
            if answer.status_code in (200, 403):
                found.setdefault(alias, {})[path] = {"status": answer.status_code, "body": answer.json()}
            else:
                print(f"not recorded: {alias} {path} {answer.status_code} {answer.text[:200]}")
    for alias in ("hr", "auditor"):
        for run_id in runs.values():
            for path in (f"/runs/{run_id}", f"/runs/{run_id}/events"):
                answer = await staff[alias].get(path)
                found[alias][path] = {"status": answer.status_code, "body": answer.json()}
    return found


def dump(postgres: product.PostgresServer) -> str:
    binary = programs(server_user()) / "pg_dump"
    options = ["--no-owner", "--inserts", "--rows-per-insert=200", "--no-comments", "--no-publications"]
    done = subprocess.run(
        [str(binary), *options, postgres.conninfo("recorded")], capture_output=True, text=True, check=True
    )
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith(("--", "\\"))) + "\n"


async def histories(up: product.Running, runs: Mapping[str, str]) -> None:
    named = {f"run-{run_id}": name for name, run_id in runs.items()}
    kept: dict[str, int] = {}
    async for workflow in up.engine.client.list_workflows(""):
        name = named.get(workflow.id)
        if name is None:
            kept[workflow.workflow_type] = kept.get(workflow.workflow_type, 0) + 1
            if kept[workflow.workflow_type] > 2:
                continue
            name = f"{workflow.workflow_type.lower()}_{kept[workflow.workflow_type]}"
        handle = up.engine.client.get_workflow_handle(workflow.id, run_id=workflow.run_id)
        history = without_places(json.loads((await handle.fetch_history()).to_json()))
        write_json(f"histories/{name}.json.gz", {"workflow_id": workflow.id, "history": history})


def without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "recorded" if key in PLACES else without_places(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_places(inner) for inner in value]
    return "recorded" if isinstance(value, str) and "@" in value else value


async def read_tables(conninfo: str) -> dict[str, list[Any]]:
    found = {}
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as raw:
        await raw.execute("SET timezone = 'UTC'")
        for table in ("runs", "inbox", "exceptions", "packets", "run_counts"):
            rows = await (await raw.execute(f"SELECT to_jsonb(t) FROM read.{table} t")).fetchall()
            found[table] = sorted((row[0] for row in rows), key=lambda row: json.dumps(row, sort_keys=True))
    return found


async def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "certificate").mkdir()
        trust, certificate = product.write_certificate(folder / "certificate")
        async with (
            product.PostgresServer.start(folder / "postgres", databases=("recorded",)) as postgres,
            product.TemporalServer.start(folder / "temporal") as temporal,
            SmallCompany.start(folder) as company,
        ):
            await asyncio.to_thread(upgrade, postgres.url("recorded"))
            company.hire(employees())
            environment = {
                "OFFBOARD_DATABASE_URL": postgres.url("recorded"),
                "OFFBOARD_MASTER_KEY": MASTER_KEY,
                "OFFBOARD_TEMPORAL_ADDRESS": temporal.address,
                "OFFBOARD_INSTALLATION": "recorded",
                "OFFBOARD_WEBHOOK_HOSTS": "127.0.0.1,localhost",
                "OFFBOARD_WEBHOOK_CA_FILE": str(trust),
                "OFFBOARD_NOTICES_GATHER_SECONDS": "1",
                "OFFBOARD_MAIL_SENDER": "offboard@wolkenmuehle.example",
                **{
                    f"OFFBOARD_{n}": v
                    for n, v in company.connections.items()
                    if n in ("MAIL_HOST", "MAIL_PORT", "MAIL_USER", "MAIL_PASSWORD", "MAIL_CA_FILE")
                },
                **company.connections,
            }
            runs: dict[str, str] = {}
            kept: Document = {}
            with receiving(certificate) as receiver:
                async with product.running(environment) as up:
                    await govern(up)
                    tokens = await sign_in(up.url)
                    async with at_work(up.url, tokens) as staff:
                        kept["hook"] = await staff.post(
                            "safety-owner", "/webhooks", {"url": f"{receiver.url}/recorded", "types": []}
                        )
                        for number, (title, tell) in enumerate(STORIES.items(), 1):
                            print(title)
                            runs[title] = await tell(staff, company, f"R-{number:04d}", up, kept)
                        await asyncio.sleep(3)
                    kept["deliveries"] = [
                        {
                            "headers": {n: v for n, v in told.headers.items() if n.startswith("webhook-")},
                            "body": told.body.decode(),
                        }
                        for told in receiver.told[:40]
                    ]
                for number, point in enumerate(("after_intent", "after_effect"), len(STORIES) + 1):
                    print(point)
                    queue = {**environment, "OFFBOARD_TEMPORAL_TASK_QUEUE": f"killed-{number}"}
                    async with product.running(queue, worker=False) as up, at_work(up.url, tokens) as staff:
                        process_environment = environment_of(up.settings)
                        async with WorkerProcess.start(process_environment, folder / "worker.log", point, 8) as worker:
                            runs[f"killed_{point}"] = await killed(staff, f"R-{number:04d}")
                            await worker.died()
            await asyncio.sleep(16)  # no lease of the killed workers is left
            async with product.running(environment, worker=False) as up, at_work(up.url, tokens) as staff:
                async with up.books.database.driver() as connection:
                    row = await (await connection.execute("SELECT engine.now()")).fetchone()
                assert row is not None
                found = await answers(staff, runs)
                kept["lookup_tags"] = {
                    kind: up.books.keyring.lookup_tag(kind, "Some Value").hex() for kind in ("hr", "actor", "address")
                }
                await histories(up, runs)
                signer = NoteSigner.generate(CHECKPOINT_KEY_NAME)
                note = await make_checkpoint(up.books.database, signer)
            write_text("database.sql.gz", dump(postgres))
            write_json("company.json.gz", company.document())
            write_json("answers.json.gz", found)
            await postgres.create_database("rebuilt", template="recorded")
            differed = await product.rebuilt(postgres.url("rebuilt"))
            write_json(
                "read_tables.json.gz",
                {
                    "as_left": await read_tables(postgres.conninfo("recorded")),
                    "as_rebuilt": await read_tables(postgres.conninfo("rebuilt")),
                    "differed": differed,
                },
            )
            versions = {packet.name: packet.version for packet in packets()}
            write_json(
                "recorded.json",
                {
                    "packet_versions": versions,
                    "commit": "77071ca",
                    "recorded_at": row[0].isoformat(),
                    "master_key": MASTER_KEY,
                    "tokens": tokens,
                    "runs": runs,
                    "checkpoint": note,
                    "verifier_key": signer.verifier_text(),
                    "checkpoint_key": signer.secret_text(),
                    **kept,
                },
            )


if __name__ == "__main__":
    asyncio.run(main())
