"""The way to Temporal: a client that lets nothing about a person through, and the one message it carries for us.

Payloads are models of ids, versions and times. Failures keep their type and lose message and stack: what went wrong
with whom is in the ledger, encrypted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import temporalio.api.failure.v1
import temporalio.converter
from temporalio.api.workflowservice.v1 import GetClusterInfoRequest
from temporalio.client import Client, Interceptor, TLSConfig
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from orchestrator.domain.run.progress import Progress
from orchestrator.workflows.activity_stubs import Delivery, InquiryRef, RunRef
from orchestrator.workflows.inquiry import InquiryWorkflow, inquiry_workflow_id
from orchestrator.workflows.notices import Notices, notices_id
from orchestrator.workflows.offboarding import Nudge, Offboarding, workflow_id
from orchestrator.workflows.retry_policies import INQUIRY_GIVEN_UP
from orchestrator.workflows.webhooks import DeliverWebhook, delivery_id

ANSWER_WITHIN = timedelta(seconds=5)
"""Whoever gives a command does not wait longer for a nudge; the relay makes good what did not come through."""


class EngineUnavailable(Exception):
    """Temporal cannot be reached or refused; what was appended stands, and the relay nudges once it is back."""

    def __init__(self, place: str, cause: str) -> None:
        super().__init__(f"Temporal at {place}: {cause}. Check the address, the namespace and the certificates.")
        self.place = place


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

    async def look_at_cluster(self) -> str:
        """Asks which cluster it is now. Raises `EngineUnavailable`."""
        try:
            info = await self.client.workflow_service.get_cluster_info(GetClusterInfoRequest(), timeout=ANSWER_WITHIN)
        except RPCError as error:
            raise self._unavailable(error) from error
        self.cluster = info.cluster_id
        return self.cluster

    async def nudge(self, run_id: str, hint: Progress | None = None) -> None:
        """Wakes the run's workflow, starting it if it is not there. Raises `EngineUnavailable`."""
        try:
            await self.client.start_workflow(
                Offboarding.run,
                RunRef(run_id=run_id),
                id=workflow_id(run_id),
                task_queue=self.task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                start_signal="nudge",
                start_signal_args=[Nudge(hint=hint)],
                rpc_timeout=ANSWER_WITHIN,
            )
        except RPCError as error:
            raise self._unavailable(error) from error

    async def inquire(self, inquiry_id: str, *, within: timedelta = ANSWER_WITHIN) -> None:
        """Has a worker answer a question into its row. Raises `EngineUnavailable`, at the latest after `within` or
        `ANSWER_WITHIN`, whichever is shorter."""
        try:
            # The client repeats a call that found nobody, each time with the whole of its own time-out.
            async with asyncio.timeout(min(within, ANSWER_WITHIN).total_seconds()):
                await self.client.start_workflow(
                    InquiryWorkflow.run,
                    InquiryRef(inquiry_id=inquiry_id),
                    id=inquiry_workflow_id(inquiry_id),
                    task_queue=self.task_queue,
                    execution_timeout=INQUIRY_GIVEN_UP,
                    rpc_timeout=ANSWER_WITHIN,
                )
        except RPCError as error:
            raise self._unavailable(error) from error
        except TimeoutError as error:
            raise EngineUnavailable(self.client.service_client.config.target_host, "it did not respond") from error

    async def nudge_notices(self) -> None:
        """Something may wait for somebody who was not told yet. Raises `EngineUnavailable`."""
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
            return  # and ended: started before, by somebody who could not note that
        except RPCError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: RPCError) -> EngineUnavailable:
        return EngineUnavailable(self.client.service_client.config.target_host, error.status.name)


def _tls(address: EngineAddress) -> TLSConfig | bool:
    # An API key never goes out in the clear.
    if not (address.tls or address.certificate or address.authority or address.api_key):
        return False
    return TLSConfig(
        server_root_ca_cert=address.authority.read_bytes() if address.authority else None,
        client_cert=address.certificate.read_bytes() if address.certificate else None,
        client_private_key=address.key.read_bytes() if address.key else None,
    )
