"""The client of Temporal. It sends no personal data, and one kind of message about runs: the nudge.

Payloads are models of IDs, versions and times. A failure keeps its type and loses message and stack: what happened to
whom is in the ledger, encrypted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import temporalio.api.failure.v1
import temporalio.converter
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, GetClusterInfoRequest
from temporalio.client import Client, Interceptor, TLSConfig, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from orchestrator.domain.run.progress import Progress
from orchestrator.workflows.activity_stubs import Delivery, InquiryRef, RunRef
from orchestrator.workflows.inquiry import InquiryWorkflow, inquiry_workflow_id
from orchestrator.workflows.ledger_mark import MARK, LedgerMark, is_mark, ledger_mark_id
from orchestrator.workflows.notices import Notices, notices_id
from orchestrator.workflows.offboarding import Nudge, Offboarding
from orchestrator.workflows.retry_policies import INQUIRY_GIVEN_UP
from orchestrator.workflows.webhooks import DeliverWebhook, delivery_id
from orchestrator.workflows.workflow_ids import run_of, workflow_id

ANSWER_WITHIN = timedelta(seconds=5)
"""For what a user or the relay asks of Temporal."""
NUDGE_WITHIN = timedelta(seconds=1)
"""For the nudge after a decision; the relay makes good what did not come through."""
AWAY_FOR = timedelta(seconds=5)
"""After Temporal did not respond, nudges fail at once for so long: many decisions together wait no longer than one."""
LISTED_PER_PAGE = 1000
"""Workflows that Temporal lists in one answer."""
FAILING_AFTER = 3
"""Attempts at the activity that asks the ledger, from which on it fails each time."""
TASK_FAILING_AFTER = 2
"""The same for a workflow's task. Each signal begins the count again, and the relay sends one to a run that is behind
every few seconds."""
_NOT_THERE = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)


class EngineUnavailable(Exception):
    """Temporal cannot be reached, or refused the request. Appended events stay recorded, and the relay nudges once
    Temporal is back."""

    def __init__(self, place: str, cause: str) -> None:
        super().__init__(f"Temporal at {place}: {cause}. Check the address, the namespace and the certificates.")
        self.place = place


class EngineRefused(EngineUnavailable):
    """Temporal responded and refused this one call, as for a workflow that has received its last signal."""


class CodedFailureConverter(temporalio.converter.DefaultFailureConverter):
    """Failures on the wire say which kind of thing failed and nothing else."""

    def to_failure(
        self,
        exception: BaseException,
        payload_converter: temporalio.converter.PayloadConverter,
        failure: temporalio.api.failure.v1.Failure,
    ) -> None:
        super().to_failure(exception, payload_converter, failure)
        _strip(failure)


def _strip(failure: temporalio.api.failure.v1.Failure) -> None:
    kind = failure.application_failure_info.type or failure.WhichOneof("failure_info") or "failure"
    failure.message = kind
    failure.stack_trace = ""
    failure.source = ""
    if failure.HasField("application_failure_info"):
        failure.application_failure_info.ClearField("details")
    if failure.HasField("cause"):
        _strip(failure.cause)


@dataclass(frozen=True, slots=True)
class WorkflowSeen:
    """`ended` is how the run's last workflow ended, such as `terminated`; `deleted` where Temporal has none, and empty
    while one runs. `failing`: its tasks, or the activity that asks the ledger, fail each time. `busy`: an activity of
    it is waiting or running."""

    ended: str = ""
    failing: bool = False
    busy: bool = False


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """`certificate` and `key` are files of a client certificate (mTLS), `authority` the file of the server's CA."""

    address: str
    namespace: str = "default"
    task_queue: str = "offboard"
    tls: bool = False
    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None
    api_key: str | None = None


class Engine:
    """A connected client and the task queue of this installation."""

    def __init__(self, client: Client, task_queue: str, cluster: str) -> None:
        self.client = client
        self.task_queue = task_queue
        self.cluster = cluster
        """Which one answered last. Behind the same address it can be another one tomorrow: see `look_at_cluster`."""
        self._away_until = 0.0  # of the loop's clock
        self._last_polls: dict[str, tuple[datetime, float]] = {}
        """By task queue, Temporal's time of the last poll, and when this process first saw it, of the loop's clock."""

    @classmethod
    async def connect(cls, address: EngineAddress, interceptors: Sequence[Interceptor] = ()) -> Engine:
        """`interceptors` see every call of the client and of workers made with it. Raises `EngineUnavailable`."""
        converter = temporalio.converter.DataConverter(
            payload_converter_class=pydantic_data_converter.payload_converter_class,
            failure_converter_class=CodedFailureConverter,
        )
        try:
            client = await Client.connect(
                address.address,
                namespace=address.namespace,
                data_converter=converter,
                tls=_tls(address),
                api_key=address.api_key,
                interceptors=interceptors,
            )
            info = await client.workflow_service.get_cluster_info(GetClusterInfoRequest())
        except (RPCError, RuntimeError) as error:
            raise EngineUnavailable(address.address, type(error).__name__) from error
        return cls(client, address.task_queue, info.cluster_id)

    async def look_at_cluster(self, *, within: timedelta = ANSWER_WITHIN) -> str:
        """Asks which cluster it is now. Raises `EngineUnavailable`."""
        try:
            info = await self.client.workflow_service.get_cluster_info(GetClusterInfoRequest(), timeout=within)
        except RPCError as error:
            raise self._unavailable(error) from error
        self.cluster = info.cluster_id
        self._away_until = 0.0
        return self.cluster

    async def is_polled(self, within: timedelta, task_queue: str | None = None) -> bool:
        """Whether a worker has asked for activities of this task queue, by default this installation's, in this time.
        The last poll that is there when this process first asks counts as a recent one: Temporal forgets polls after
        five minutes. Raises `EngineUnavailable`."""
        queue = task_queue or self.task_queue
        request = DescribeTaskQueueRequest(
            namespace=self.client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
        try:
            described = await self.client.workflow_service.describe_task_queue(request, timeout=ANSWER_WITHIN)
        except RPCError as error:
            raise self._unavailable(error) from error
        if not described.pollers:
            return False
        # Compared with Temporal's own times only: the clock of this process can be wrong by any amount.
        last = max(poller.last_access_time.ToDatetime(UTC) for poller in described.pollers)
        now = asyncio.get_running_loop().time()
        if self._last_polls.get(queue, (None, 0.0))[0] != last:
            self._last_polls[queue] = last, now
        return now - self._last_polls[queue][1] < within.total_seconds()

    async def nudge(self, run_id: str, hint: Progress | None = None, *, within: timedelta = NUDGE_WITHIN) -> None:
        """Wakes the run's workflow, starting it if it is not there. Raises `EngineUnavailable`, at the latest after
        `within`; at once if Temporal did not respond to a nudge in the last `AWAY_FOR`."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._away_until:
            raise self._silent()
        if self._away_until:
            self._away_until = loop.time() + within.total_seconds()  # this one finds out for all
        try:
            # The client repeats a call that failed, each time with the whole of its own time-out.
            async with asyncio.timeout(within.total_seconds()):
                await self._start(run_id, within, Nudge(hint=hint))
        except TimeoutError as error:
            self._away_until = loop.time() + AWAY_FOR.total_seconds()
            raise self._silent() from error
        except RPCError as error:
            # Any other answer is one: Temporal is there.
            away = error.status in _NOT_THERE
            self._away_until = loop.time() + AWAY_FOR.total_seconds() if away else 0.0
            raise self._unavailable(error) from error
        self._away_until = 0.0

    async def running(self, first: str, last: str) -> set[str]:
        """The IDs, from `first` to `last`, of runs whose workflow is running, as Temporal lists them. A workflow that
        has just started or ended may be missing. Raises `EngineUnavailable`."""
        between = f"AND WorkflowId BETWEEN '{workflow_id(first)}' AND '{workflow_id(last)}'"
        return {run_id for id_ in await self._listed(between) if (run_id := run_of(id_)) is not None}

    async def workflow_ids(self) -> set[str]:
        """The ids of all workflows of this installation that carry out runs, as `running`. Raises
        `EngineUnavailable`."""
        return await self._listed("")

    async def _listed(self, condition: str) -> set[str]:
        queue = self.task_queue.replace("'", "''")
        query = f"WorkflowType = 'Offboarding' AND ExecutionStatus = 'Running' AND TaskQueue = '{queue}' {condition}"
        try:
            listed = self.client.list_workflows(query, page_size=LISTED_PER_PAGE, rpc_timeout=ANSWER_WITHIN)
            return {found.id async for found in listed}
        except RPCError as error:
            raise self._unavailable(error) from error

    async def look_at_workflow(self, run_id: str) -> WorkflowSeen:
        """The run's last workflow, as Temporal itself knows it: unlike a list, this is never behind. Raises
        `EngineUnavailable`."""
        try:
            handle = self.client.get_workflow_handle(workflow_id(run_id))
            described = await handle.describe(rpc_timeout=ANSWER_WITHIN)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return WorkflowSeen(ended="deleted")
            raise self._unavailable(error) from error
        if described.status is not WorkflowExecutionStatus.RUNNING:
            return WorkflowSeen(ended=described.status.name.lower() if described.status is not None else "deleted")
        raw = described.raw_description
        asking = [each for each in raw.pending_activities if each.activity_type.name == "advance"]
        failing = raw.pending_workflow_task.attempt >= TASK_FAILING_AFTER or any(
            each.attempt >= FAILING_AFTER for each in asking
        )
        return WorkflowSeen(failing=failing, busy=bool(raw.pending_activities))

    async def start_again(self, run_id: str) -> bool:
        """Starts the run's workflow if it does not run, and returns whether it did. One that runs is not disturbed.
        Raises `EngineUnavailable`."""
        try:
            await self._start(run_id, ANSWER_WITHIN, conflict=WorkflowIDConflictPolicy.FAIL)
        except WorkflowAlreadyStartedError:
            return False
        except RPCError as error:
            raise self._unavailable(error) from error
        return True

    async def _start(
        self,
        run_id: str,
        within: timedelta,
        nudge: Nudge | None = None,
        conflict: WorkflowIDConflictPolicy = WorkflowIDConflictPolicy.USE_EXISTING,
    ) -> None:
        await self.client.start_workflow(
            Offboarding.run,
            RunRef(run_id=run_id),
            id=workflow_id(run_id),
            task_queue=self.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=conflict,
            rpc_timeout=within,
            start_signal=None if nudge is None else "nudge",
            start_signal_args=[] if nudge is None else [nudge],
        )

    async def inquire(self, inquiry_id: str, *, within: timedelta = ANSWER_WITHIN) -> None:
        """Has a worker answer a question into its row. Raises `EngineUnavailable`, at the latest after `within` or
        `ANSWER_WITHIN`, whichever is shorter."""
        try:
            # The client repeats a call that found no one, each time with the whole of its own time-out.
            async with asyncio.timeout(min(within, ANSWER_WITHIN).total_seconds()):
                await self.client.start_workflow(
                    InquiryWorkflow.run,
                    InquiryRef(inquiry_id=inquiry_id),
                    id=inquiry_workflow_id(inquiry_id),
                    task_queue=self.task_queue,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    execution_timeout=INQUIRY_GIVEN_UP,
                    rpc_timeout=ANSWER_WITHIN,
                )
        except RPCError as error:
            raise self._unavailable(error) from error
        except TimeoutError as error:
            raise self._silent() from error

    async def nudge_notices(self) -> None:
        """There may be an open item that was not mailed yet. Raises `EngineUnavailable`."""
        try:
            await self.client.start_workflow(
                Notices.run,
                id=notices_id(self.task_queue),
                task_queue=self.task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                start_signal="nudge",
                rpc_timeout=ANSWER_WITHIN,
            )
        except RPCError as error:
            raise self._unavailable(error) from error

    async def ledger_mark(self) -> str | None:
        """The mark of the ledger's last event that is kept here, `POSITION:HASH`; None if there is none. Raises
        `EngineUnavailable`."""
        try:
            described = await self.client.get_workflow_handle(ledger_mark_id(self.task_queue)).describe(
                rpc_timeout=ANSWER_WITHIN
            )
            kept = (await described.memo()).get(MARK)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return None
            raise self._unavailable(error) from error
        return kept if isinstance(kept, str) and is_mark(kept) else None

    async def keep_ledger_mark(self, mark: str) -> None:
        """Raises `EngineUnavailable`."""
        try:
            await self.client.start_workflow(
                LedgerMark.run,
                mark,
                id=ledger_mark_id(self.task_queue),
                task_queue=self.task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                start_signal="keep",
                start_signal_args=[mark],
                memo={MARK: mark},
                rpc_timeout=ANSWER_WITHIN,
            )
        except RPCError as error:
            raise self._unavailable(error) from error

    async def deliver(self, hook_id: str, position: int) -> None:
        """Sends one event on its way to one webhook, unless it is or was. Raises `EngineUnavailable`."""
        try:
            await self.client.start_workflow(
                DeliverWebhook.run,
                Delivery(hook_id=hook_id, position=position),
                id=delivery_id(hook_id, position),
                task_queue=self.task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                rpc_timeout=ANSWER_WITHIN,
            )
        except WorkflowAlreadyStartedError:
            return  # and ended: started before, by a process that could not record that
        except RPCError as error:
            raise self._unavailable(error) from error

    def _silent(self) -> EngineUnavailable:
        return EngineUnavailable(self.client.service_client.config.target_host, "it did not respond")

    def _unavailable(self, error: RPCError) -> EngineUnavailable:
        kind = EngineRefused if error.status == RPCStatusCode.INVALID_ARGUMENT else EngineUnavailable
        return kind(self.client.service_client.config.target_host, error.status.name)


def _tls(address: EngineAddress) -> TLSConfig | bool:
    # An API key never goes out in the clear.
    if not (address.tls or address.certificate or address.authority or address.api_key):
        return False
    return TLSConfig(
        server_root_ca_cert=address.authority.read_bytes() if address.authority else None,
        client_cert=address.certificate.read_bytes() if address.certificate else None,
        client_private_key=address.key.read_bytes() if address.key else None,
    )
