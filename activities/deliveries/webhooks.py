"""Sends events to webhooks: one attempt, to an address that was checked.

The host's name is resolved here, and the connection is made to the address that was checked, so that a name that
resolves to another address later has no effect. Redirects are not followed; only the status of a response is used.
Delivery is at least once, in no promised order: receivers tell repeats by `webhook-id`, which is the event's `id`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from temporalio import activity

from activities.failures import redacted
from connectors.elapsed import Deadline
from connectors.errors import ConnectorError
from connectors.http.sending import NotReceived, new_client, send
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.ledger.engine.webhooks import Happening, Webhook, Webhooks
from orchestrator.notifications.hook_addresses import Target, require_reachable, target_of
from orchestrator.notifications.hook_events import MEDIA_TYPE, cloud_event, event_id, signature
from orchestrator.workflows.activity_stubs import Attempted, Delivery

log = logging.getLogger("offboard.webhooks")

DEADLINE_SECONDS = 10.0  # for name lookup, connection, request and answer together
MAX_RESPONSE_BYTES = 1024
GONE = "410"
OVER = Attempted(over=True)


@dataclass(frozen=True, slots=True)
class Outside:
    """What the installation says of the world: `source` is its own address, `hosts` the list of
    `orchestrator.notifications.hook_addresses`, `ca_file` certificates to trust instead of the public ones."""

    source: str
    hosts: tuple[str, ...] = ()
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class _Sent:
    """`status` is that of the answer, or a code for there being none; `final` where another attempt has no sense."""

    status: str
    final: bool = False

    @property
    def accepted(self) -> bool:
        return len(self.status) == 3 and self.status.startswith("2")


class WebhookActivities:
    def __init__(self, webhooks: Webhooks, outside: Outside) -> None:
        self._webhooks = webhooks
        self._outside = outside

    @activity.defn(name="deliver_webhook")
    @redacted
    async def deliver_webhook(self, delivery: Delivery) -> Attempted:
        """Delivers one event. A failure outside the ledger is a result, and is recorded with the webhook."""
        try:
            hook = await self._webhooks.get(delivery.hook_id)
        except Invalid:
            return OVER
        happening = await self._webhooks.happening(delivery.position)
        if hook.disabled_at is not None or happening is None:
            return OVER
        if happening.waits > 0:
            return Attempted(over=False, wait_seconds=happening.waits)
        sent = await self._send(hook, happening)
        gone = sent.status == GONE
        gave_up = not sent.accepted and (delivery.last or sent.final)
        await self._webhooks.record(hook.hook_id, sent.status, disable=gone, gave_up=gave_up)
        if not sent.accepted:
            log.warning("webhook %s: %s%s", hook.hook_id, sent.status, ", given up" if gave_up else "")
        return Attempted(over=sent.accepted or gave_up)

    async def _send(self, hook: Webhook, happening: Happening) -> _Sent:
        recorded = happening.recorded
        message_id = event_id(happening.run_id, recorded.version)
        body = cloud_event(
            happening.run_id, recorded.version, recorded.event, recorded.recorded_at, self._outside.source
        )
        timestamp = int(time.time())  # the receiver compares it with its own clock
        headers = {
            "Content-Type": MEDIA_TYPE,
            "User-Agent": "Offboard",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(await self._webhooks.secrets_of(hook.hook_id), message_id, timestamp, body),
        }
        deadline = Deadline(DEADLINE_SECONDS)
        try:
            async with deadline.timeout():
                target = target_of(hook.url, self._outside.hosts)
                address = await _lead(target, self._outside.hosts)
            status = str(await self._post(target, address, headers, body, deadline))
        except Refusal as refusal:
            # The host was taken off the list, or its name leads to an address that is not allowed: not tried again.
            return _Sent(refusal.code, final=True)
        except (ConnectorError, NotReceived) as error:
            return _Sent(error.code)
        except TimeoutError:
            return _Sent("deadline_over")
        except socket.gaierror:
            return _Sent("name_unknown")
        except OSError:
            return _Sent("connection_lost")
        return _Sent(status, final=status == GONE)

    async def _post(
        self, target: Target, address: str, headers: dict[str, str], body: bytes, deadline: Deadline
    ) -> int:
        """To the address itself; certificate and Host are those of the name. Raises `NotReceived`."""
        host = f"[{address}]" if ":" in address else address
        scheme = "https" if target.encrypted else "http"
        # Only the status of the answer is read, so the body need not be packed.
        plain = {"Accept-Encoding": "identity"}
        async with new_client(encrypted=target.encrypted, ca_file=self._outside.ca_file, headers=plain) as client:
            received = await send(
                client,
                "POST",
                f"{scheme}://{host}:{target.port}{target.path}",
                deadline=deadline,
                max_bytes=MAX_RESPONSE_BYTES,
                headers=headers | {"Host": target.authority},
                content=body,
                server_name=target.host,
            )
        return received.status


async def _lead(target: Target, hosts: Sequence[str]) -> str:
    """The address to connect to. Every address that the name leads to has to be allowed: one that is not says that the
    name is not what it seems."""
    found = await asyncio.get_running_loop().getaddrinfo(
        target.host, target.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    addresses = [ipaddress.ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found]
    for address in addresses:
        require_reachable(target, address, hosts)
    return str(next((a for a in addresses if a.version == 4), addresses[0]))
