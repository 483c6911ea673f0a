"""A worker process: the ledger, the connectors, the workflow and its activities on one task queue or several."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.attempts.observation import NO_OBSERVER
from activities.attempts.systems import SystemActivities
from activities.batch_feeder import BatchFeeder
from activities.connections import Connect, Connections
from activities.deliveries.notices import NoticeActivities, Post
from activities.deliveries.webhooks import Outside, WebhookActivities
from activities.hr_feed import HrFeed
from activities.inquiries.inquiries import InquiryActivities
from activities.runs import RunActivities
from connectors.protocols.smtp import MailServer
from orchestrator.backend import Backend, engine_address, keep_quiet, open_backend, telemetry_of
from orchestrator.background import BackgroundTask
from orchestrator.commands import Services
from orchestrator.deciding.ended_pauses import EndedPauses
from orchestrator.deciding.master_keys import require_current_key
from orchestrator.deciding.runs import Runs
from orchestrator.domain.packet.ability import Catalogue
from orchestrator.domain.packet.packet_files import named_packet
from orchestrator.engine import Engine, EngineUnavailable
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.engine.engine_reports import EngineReports
from orchestrator.ledger.engine.inquiries import InquiryRows
from orchestrator.ledger.engine.notices import NoticeBook
from orchestrator.ledger.engine.rates import Rates
from orchestrator.ledger.engine.system_uses import SystemUses
from orchestrator.ledger.engine.webhooks import Webhooks
from orchestrator.ledger.persons.erasures import RecordedErasures
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger_marks import LedgerMarks
from orchestrator.reading.open_counts import open_counts
from orchestrator.reading.queries import Queries
from orchestrator.reconciler import Reconciler
from orchestrator.relay import Cadence, Relay
from orchestrator.settings import MailAccount, Settings
from orchestrator.workflows.inquiry import InquiryWorkflow, inquiry_queue
from orchestrator.workflows.ledger_mark import LedgerMark
from orchestrator.workflows.notices import Notices
from orchestrator.workflows.offboarding import Offboarding
from orchestrator.workflows.webhooks import DeliverWebhook

if TYPE_CHECKING:
    from orchestrator.telemetry.telemetry import Telemetry

log = logging.getLogger("offboard.worker")

BUILD_ID = f"offboard-{version('offboard')}"
"""Shown by Temporal beside each worker. Without a name the SDK reads every imported module again to compute one."""
WORKFLOWS: Final = (Offboarding, InquiryWorkflow, Notices, DeliverWebhook, LedgerMark)
"""Those that earlier versions began are carried on: `tests/workflows/test_released_histories.py` replays them."""
WIDEST_LAYER = 20
"""Steps that a workflow may begin at once without asking the server first (eager activities)."""
MAX_INQUIRIES = 100
"""Questions of pages and the API that one worker answers at once, beside its places for steps."""
CLUSTER_CHECK_SECONDS = 10.0  # between two checks of the cluster's id
COUNT_SECONDS = 30.0  # between two counts of open items, for metrics
RELAY_STOPS_WITHIN_SECONDS = 5.0  # after that its look is cancelled, and that of HR's feed
MakeActivities = Callable[[Runs, Keyring, Connections, Rates, EngineReports], SystemActivities]


@asynccontextmanager
async def working(
    settings: Settings,
    *,
    connect: Connect | None = None,
    abilities: Catalogue | None = None,
    make_activities: MakeActivities = SystemActivities,
    watched: Telemetry | None = None,
) -> AsyncIterator[tuple[Backend, Engine]]:
    """A worker that runs while the block runs, and drains before it ends. `connect` and `abilities` replace the
    registry's connectors; `watched` replaces the telemetry of the settings, where the caller needs it as well."""
    async with AsyncExitStack() as stack:
        backend = await stack.enter_async_context(open_backend(settings, abilities))
        watched = watched or await stack.enter_async_context(telemetry_of(settings))
        keep_quiet(watched, backend)
        await require_current_key(backend.ledger, backend.keyring)
        engine = await Engine.connect(engine_address(settings), watched.interceptors if watched else ())
        await LedgerMarks(backend.ledger, backend.lost_tails, engine).compare()
        failed = _counter(watched)
        reports = EngineReports(backend.database, lambda: engine.cluster, failed)
        stack.push_async_callback(reports.aclose)
        uses = SystemUses(backend.database, failed)
        stack.push_async_callback(uses.aclose)
        connections = Connections(
            settings.environment,
            connect,
            watched.observer if watched else NO_OBSERVER,
            secrets_folder=settings.secrets_folder,
            rates=Rates(backend.database),
            uses=uses,
        )
        stack.push_async_callback(connections.aclose)
        systems = make_activities(backend.runs, backend.keyring, connections, Rates(backend.database), reports)
        runs = RunActivities(backend.runs, reports)
        activities: list[Callable[..., Any]] = [runs.advance, systems.search_accounts, systems.execute_steps]
        services = Services(backend.runs, backend.keyring, engine)
        queries = Queries(backend.database, backend.ledger, backend.runs)
        inquiries = InquiryActivities(
            InquiryRows(backend.database, backend.keyring),
            services,
            queries,
            connections,
            Rates(backend.database),
            settings.database_url,
            frozenset({settings.temporal_task_queue, *settings.queues}),
            named_packet(settings.first_packet) if settings.first_packet else None,
        )
        await stack.enter_async_context(
            Worker(
                engine.client,
                task_queue=settings.temporal_task_queue,
                workflows=WORKFLOWS,
                activities=[
                    *activities,
                    inquiries.answer_inquiry,  # of workflows that a worker of an earlier version began
                    *_notification_activities(settings, backend, lambda: engine.cluster),
                ],
                # The sandbox costs up to half the throughput; import rules, sandboxed tests and replays keep us honest.
                workflow_runner=UnsandboxedWorkflowRunner(),
                build_id=BUILD_ID,
                max_eager_activity_reservations_per_workflow_task=WIDEST_LAYER,
                graceful_shutdown_timeout=timedelta(seconds=20),
            )
        )
        await stack.enter_async_context(
            Worker(
                engine.client,
                task_queue=inquiry_queue(settings.temporal_task_queue),
                activities=[inquiries.answer_inquiry],
                build_id=BUILD_ID,
                max_concurrent_activities=MAX_INQUIRIES,
                max_concurrent_activity_task_polls=2,
                graceful_shutdown_timeout=timedelta(seconds=20),
            )
        )
        await stack.enter_async_context(_watching(engine, failed))
        for queue in settings.queues:
            await stack.enter_async_context(
                Worker(engine.client, task_queue=queue, activities=activities, build_id=BUILD_ID)
            )
        await stack.enter_async_context(_reconciling(backend, engine, settings, failed))
        feeder = BatchFeeder(services, queries, connections, backend.database, failed=failed)
        await stack.enter_async_context(_feeding_batches(feeder))
        if settings.hr_feed_packet is not None:
            feed = HrFeed(
                services,
                queries,
                connections,
                backend.database,
                settings.hr_feed_packet,
                every=settings.hr_feed_seconds,
                failed=failed,
            )
            await stack.enter_async_context(_feeding(feed))
        yield backend, engine


@asynccontextmanager
async def _reconciling(
    backend: Backend, engine: Engine, settings: Settings, failed: Callable[[str], None]
) -> AsyncIterator[None]:
    reconciler = Reconciler(backend.runs, backend.database, engine, every=settings.reconcile_seconds, failed=failed)
    task = BackgroundTask(reconciler.run(), "comparisons")
    try:
        yield
    finally:
        reconciler.stop()
        await task.stop(within=RELAY_STOPS_WITHIN_SECONDS)


@asynccontextmanager
async def _feeding(feed: HrFeed) -> AsyncIterator[None]:
    task = BackgroundTask(feed.run(), "HR's feed")
    try:
        yield
    finally:
        feed.stop()
        await task.stop(within=RELAY_STOPS_WITHIN_SECONDS)


@asynccontextmanager
async def _feeding_batches(feeder: BatchFeeder) -> AsyncIterator[None]:
    task = BackgroundTask(feeder.run(), "batches")
    try:
        yield
    finally:
        feeder.stop()
        await task.stop(within=RELAY_STOPS_WITHIN_SECONDS)


def _counter(watched: Telemetry | None) -> Callable[[str], None]:
    """Counts unexpected errors of background tasks, by the task's name."""
    return watched.measures.background_failed if watched is not None else lambda task: None


def mail_server(account: MailAccount) -> MailServer:
    """The server through which notices go out. Nothing is connected yet."""
    return MailServer(
        account.host,
        account.port,
        security=account.security,
        username=account.username,
        password=account.password,
        ca_file=account.ca_file,
    )


def _notification_activities(
    settings: Settings, backend: Backend, cluster: Callable[[], str]
) -> list[Callable[..., Any]]:
    """The activities that tell people by mail and programs by webhook: in the installation's own queue only."""
    post = None
    if settings.mail is not None and settings.public_url is not None:
        mail = settings.mail
        post = Post(mail_server(mail), mail.sender, settings.public_url, timedelta(seconds=mail.gather))
    queries = Queries(backend.database, backend.ledger, backend.runs)
    notices = NoticeActivities(backend.runs, queries, NoticeBook(backend.database), cluster, post)
    source = settings.public_url or f"offboard:{settings.installation}"
    webhooks = WebhookActivities(
        Webhooks(backend.database, backend.keyring, backend.ledger),
        Outside(source, settings.webhook_hosts, settings.webhook_ca_file),
    )
    return [notices.send_notices, webhooks.deliver_webhook]


@asynccontextmanager
async def _watching(engine: Engine, failed: Callable[[str], None]) -> AsyncIterator[None]:
    """Notices when another cluster answers, so that reports do not go on naming the one that is gone."""

    async def watch() -> None:
        while True:
            await asyncio.sleep(CLUSTER_CHECK_SECONDS)
            try:
                await engine.look_at_cluster()
            except EngineUnavailable:
                continue
            except Exception as error:
                log.error("asking which cluster it is failed, retrying: %s", type(error).__name__)
                failed("cluster")

    task = BackgroundTask(watch(), "which cluster")
    try:
        yield
    finally:
        await task.stop()


@asynccontextmanager
async def relaying(
    backend: Backend,
    engine: Engine,
    *,
    cadence: Cadence | None = None,
    watched: Telemetry | None = None,
    settings: Settings | None = None,
) -> AsyncIterator[Relay]:
    """The relay, and where telemetry is on the gauges of what is open: there are fewer relays than workers. Notices
    are looked after where `settings` have a mail server."""
    mail = settings.mail if settings is not None else None
    cadence = cadence or Cadence()

    async def service_owners() -> frozenset[str]:
        return (await backend.runs.organisation()).service_owners()

    relay = Relay(
        backend.database,
        backend.ledger,
        engine,
        Webhooks(backend.database, backend.keyring, backend.ledger),
        cadence=cadence,
        notices_every=max(mail.gather, cadence.follow) if mail is not None else None,
        failed=_counter(watched),
        service_owners=service_owners,
        marks=LedgerMarks(backend.ledger, backend.lost_tails, engine),
        erasures=RecordedErasures(backend.database, backend.keyring),
        pauses=EndedPauses(backend.database, backend.ledger),
        runs=backend.runs,
    )
    task = BackgroundTask(relay.run(), "relay")
    counting = BackgroundTask(_counting(backend, watched), "how much is open") if watched is not None else None
    try:
        yield relay
    finally:
        relay.stop()
        await task.stop(within=RELAY_STOPS_WITHIN_SECONDS)
        if counting is not None:
            await counting.stop()


async def _counting(backend: Backend, watched: Telemetry) -> None:
    while True:
        try:
            counts = await open_counts(backend.database)
            watched.measures.are_open(counts)
        except LedgerError:
            watched.measures.unknown()
        except Exception as error:
            log.error("counting what is open failed, retrying: %s", type(error).__name__)
            watched.measures.unknown()
            watched.measures.background_failed("counts")
        await asyncio.sleep(COUNT_SECONDS)
