"""Everything of the product that the tests in this folder use. Code that is renamed or moved is followed here alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import typer
from fastapi import FastAPI

from connectors.registry import connector_kinds as connector_kinds
from orchestrator.backend import Backend, engine_address, open_backend
from orchestrator.cli import make_app as command_line
from orchestrator.commands import Services
from orchestrator.deciding.runs import RUN_EVENT_TYPES as EVENT_TYPES
from orchestrator.documents.runs.previews.shown_matches import MatchShown
from orchestrator.domain import events as events
from orchestrator.domain.events import ExceptionKind as ExceptionKind
from orchestrator.domain.events.event import Event as Event
from orchestrator.domain.events.event_keys import event_key as event_key
from orchestrator.domain.packet.history.packet_events import Owner as Owner
from orchestrator.domain.packet.history.packet_events import PacketAdopted as PacketAdopted
from orchestrator.domain.packet.history.packet_events import Phase as Phase
from orchestrator.domain.packet.packet import Approvals as Approvals
from orchestrator.domain.packet.packet import Platform as Platform
from orchestrator.domain.packet.packet import Workflow as Workflow
from orchestrator.domain.packet.packet import packet_version as packet_version
from orchestrator.domain.packet.packet_files import read_packet_folder as read_packet_folder
from orchestrator.domain.permissions.levels import ActorKind as ActorKind
from orchestrator.domain.permissions.levels import Level as Level
from orchestrator.domain.planning.plan import effect_key as effect_key
from orchestrator.domain.planning.plan import plan_digest as plan_digest
from orchestrator.domain.planning.plan import step_digest as step_digest
from orchestrator.domain.planning.plan import step_id as step_id
from orchestrator.domain.run.run import RunState as RunState
from orchestrator.domain.run.run import fold as fold
from orchestrator.domain.run.status import RunStatus as RunStatus
from orchestrator.embedded.company.certificate import write_certificate as write_certificate
from orchestrator.embedded.company.effects import EffectEntry as EffectEntry
from orchestrator.embedded.company.effects import Fault as Fault
from orchestrator.embedded.company.mail import USER
from orchestrator.embedded.company.people import Employee as Employee
from orchestrator.embedded.company.people import default_people as default_people
from orchestrator.embedded.postgres import PostgresServer as PostgresServer
from orchestrator.embedded.staff import STAFF
from orchestrator.embedded.temporal import TemporalServer as TemporalServer
from orchestrator.engine import Engine
from orchestrator.ledger.book import format as written_format
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.format import Entry as Entry
from orchestrator.ledger.book.rebuild import rebuild
from orchestrator.ledger.engine.webhooks import Webhooks
from orchestrator.ledger.persons.sealing import PersonKey
from orchestrator.ledger.proofs.checkpoints import NoteSigner, make_checkpoint
from orchestrator.ledger.proofs.verification import verify_database as verify_database
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.migrate import upgrade as upgrade
from orchestrator.notifications import hook_events
from orchestrator.relay import Cadence
from orchestrator.settings import Settings
from orchestrator.web.application import make_application
from orchestrator.web.serving import listening, serving
from orchestrator.web.settings import WebSettings
from orchestrator.web.state import LocalMember
from orchestrator.worker import relaying, working
from orchestrator.workflows import activity_stubs
from orchestrator.workflows.inquiry import InquiryWorkflow, inquiry_workflow_id
from orchestrator.workflows.notices import Notices, notices_id
from orchestrator.workflows.offboarding import Offboarding
from orchestrator.workflows.webhooks import DeliverWebhook, delivery_id
from orchestrator.workflows.workflow_ids import workflow_id

if TYPE_CHECKING:
    from orchestrator.embedded.company.__main__ import CompanyProcess as CompanyProcess

WORKFLOWS = (Offboarding, InquiryWorkflow, Notices, DeliverWebhook)
ACTIVITIES = (
    activity_stubs.advance,
    activity_stubs.search_accounts,
    activity_stubs.execute_steps,
    activity_stubs.send_notices,
    activity_stubs.deliver_webhook,
    activity_stubs.answer_inquiry,
)
CODE = ("orchestrator", "activities", "connectors", "migrations")
"""The packages in which a name that is written nowhere else is looked for."""


MAIL_USER = USER
CODEC = EventCodec(EVENT_TYPES)
read_stored = written_format.read
write_stored = written_format.write
leaf_hash = written_format.leaf_hash
cloud_event = hook_events.cloud_event
webhook_signature = hook_events.signature


def company_process(wish: dict[str, Any]) -> CompanyProcess:
    from orchestrator.embedded.company.__main__ import CompanyProcess  # 1.5 s in a process that has collected all tests

    return CompanyProcess(wish)


def decrypted(entry: Entry, key: PersonKey) -> dict[str, bytes]:
    """The personal fields of a stored event, as JSON."""
    commitment, ciphertexts = written_format.read_sealed(entry.sealed)
    data_key = key.data_key(entry.stream, entry.key)
    data_key.demand(commitment)
    return {field: data_key.decrypt(field, ciphertext) for field, ciphertext in ciphertexts.items()}


def question_of(books: Backend, actor_id: str, handle: str) -> dict[str, str]:
    """What each account is called by its system, from the handle of a preview's question."""
    return MatchShown.opened(books.keyring, actor_id, handle).native


async def webhook_secrets(books: Backend, hook_id: str) -> list[bytes]:
    return await Webhooks(books.database, books.keyring, books.ledger).secrets_of(hook_id)


async def checkpoint(database_url: str, secret: str) -> str:
    database = Database(database_url)
    try:
        return await make_checkpoint(database, NoteSigner.parse(secret))
    finally:
        await database.aclose()


async def rebuilt(database_url: str) -> dict[str, int]:
    """How many rows of each read table differed from the events, all of them made again."""
    database = Database(database_url)
    try:
        return {name: made.differed for name, made in (await rebuild(database, CODEC)).items()}
    finally:
        await database.aclose()


@asynccontextmanager
async def opened(environment: Mapping[str, str]) -> AsyncIterator[Backend]:
    """The ledger alone."""
    async with open_backend(Settings.read(environment)) as books:
        yield books


def workflow_ids() -> dict[str, str]:
    return {
        "run": workflow_id("RUN"),
        "inquiry": inquiry_workflow_id("INQUIRY"),
        "notices": notices_id("QUEUE"),
        "webhook": delivery_id("HOOK", 7),
    }


def default_task_queue() -> str:
    environment = {"OFFBOARD_DATABASE_URL": "postgresql://x@y/z", "OFFBOARD_MASTER_KEY": "0" * 64}
    return Settings.read(environment).temporal_task_queue


def settings_as_read(environment: Mapping[str, str]) -> dict[str, Any]:
    """What the settings come to, by their own names; what packets name as `env:…` is left out."""
    read = {**asdict(Settings.read(environment)), "web": asdict(WebSettings.read(environment))}
    read.pop("environment")
    return read


def application() -> FastAPI:
    """Routes and description alone: nothing answers."""
    return make_application(SimpleNamespace(settings=WebSettings.read({"OFFBOARD_PUBLIC_URL": "http://127.0.0.1"})))  # type: ignore[arg-type]


def commands_and_options() -> typer.Typer:
    return command_line()


@dataclass(frozen=True, slots=True)
class Running:
    """`url` is where the API is; the rest is for the recorder alone."""

    url: str
    settings: Settings
    books: Backend
    engine: Engine
    office: Services


@asynccontextmanager
async def running(environment: Mapping[str, str], *, worker: bool = True) -> AsyncIterator[Running]:
    """The API over a database, and with `worker` also a worker and the relay, until the block ends."""
    async with AsyncExitStack() as stack:
        on = listening("127.0.0.1", 0)
        stack.callback(on.close)
        url = f"http://127.0.0.1:{on.getsockname()[1]}"
        settings = Settings.read({**environment, "OFFBOARD_PUBLIC_URL": url})
        if worker:
            books, engine = await stack.enter_async_context(working(settings))
            await stack.enter_async_context(relaying(books, engine, cadence=Cadence(sweep=1.0), settings=settings))
        else:
            books = await stack.enter_async_context(open_backend(settings))
            engine = await Engine.connect(engine_address(settings))
        office = Services(books.runs, books.keyring, engine)
        local = [LocalMember(member.alias, member.employee_number, member.roles, member.duty) for member in STAFF]
        web = WebSettings.read(settings.environment)
        await stack.enter_async_context(serving(web, office, engine, books.database, on, local))
        yield Running(url, settings, books, engine, office)
