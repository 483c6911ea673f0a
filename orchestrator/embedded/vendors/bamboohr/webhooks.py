"""Webhooks that a credential made, and their deliveries: https://documentation.bamboohr.com/docs/permissioned-webhooks."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from starlette.responses import Response

from orchestrator.embedded.vendors.bamboohr.errors import of_webhooks
from orchestrator.embedded.vendors.bamboohr.fields import FIELDS, hidden, name_of
from orchestrator.embedded.vendors.bamboohr.records import BambooDelivery, BambooWebhook
from orchestrator.embedded.vendors.simulator import Call, VendorEffect, answer

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.bamboohr.simulator import BambooSimulator

RETRIES = (5, 10, 20, 40, 80)
"""Minutes between attempts after an answer of 500 and more, https://documentation.bamboohr.com/docs/webhooks."""
BY_FIELD = ["employee_with_fields.updated", "employee_with_fields.deleted", "employee_with_fields.created"]


def _written(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else None


def _shown(one: BambooWebhook) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "name": one.name,
        "created": _written(one.created),
        "lastSent": _written(one.sent),
        "monitorFields": one.monitored or None,
        "postFields": one.posted,
        "url": one.url,
        "format": one.format,
        "includeCompanyDomain": one.company_domain,
        "events": one.events,
    }


def _mine(bamboo: BambooSimulator, call: Call) -> BambooWebhook:
    id = call.given["id"]
    webhook = bamboo.state.webhooks.get(int(id) if id.isdigit() else 0)
    if webhook is None:
        raise of_webhooks(404, [{"error": f"No webhook was found with ID: {id}."}])
    if webhook.user != call.caller.user.id:
        raise of_webhooks(403, [{"error": f"You do not have access to webhook ID: {id}"}])
    return webhook


def create(bamboo: BambooSimulator, call: Call) -> Response:
    """https://documentation.bamboohr.com/reference/create-webhook. The private key is in this answer only."""
    body, company, not_shown = call.body, bamboo.state, call.caller.user.hidden
    events = body.get("events") or BY_FIELD
    monitored, posted = list(body.get("monitorFields") or []), dict(body.get("postFields") or {})
    if not body["url"].startswith("https://"):
        raise of_webhooks(400, [{"error": "The url must begin with https://"}])
    if len({one.partition(".")[0] for one in events} & {"employee", "employee_with_fields"}) > 1:
        raise of_webhooks(400, [{"error": "Events of both kinds cannot be mixed"}])
    if not monitored and any(one.endswith(".updated") for one in events):
        raise of_webhooks(400, [{"error": "monitorFields is required"}])
    fault: dict[str, Any] = {}
    for key, names in (("monitorFields", monitored), ("postFields", list(posted))):
        refused = [{"id": one, "name": name_of(one)} for one in names if one in FIELDS and hidden(one, not_shown)]
        if refused:
            fault[key] = refused
    if unknown := [{"id": one, "name": one} for one in (*monitored, *posted) if one not in FIELDS]:
        fault["unknownFields"] = unknown
    if fault:
        raise of_webhooks(403, [{"error": "You do not have access to these fields", **fault}])
    id = company.new_number()
    webhook = BambooWebhook(
        id,
        call.caller.user.id,
        body["name"],
        body["url"],
        monitored,
        posted,
        body["format"],
        list(events),
        hashlib.sha256(f"private {id}".encode()).hexdigest()[:32],
        company.now,
        bool(body.get("includeCompanyDomain")),
    )
    company.webhooks[webhook.id] = webhook
    company.effects.append(VendorEffect("webhook_created", str(webhook.id)))
    return answer({**_shown(webhook), "privateKey": webhook.private_key}, 201)


def list_webhooks(bamboo: BambooSimulator, call: Call) -> Response:
    """https://documentation.bamboohr.com/reference/list-webhooks: those that the same credential's user made."""
    kept = ("id", "name", "created", "lastSent", "url")
    mine = [one for one in bamboo.state.webhooks.values() if one.user == call.caller.user.id]
    return answer({"webhooks": [{name: _shown(one)[name] for name in kept} for one in mine]})


def get(bamboo: BambooSimulator, call: Call) -> Response:
    return answer(_shown(_mine(bamboo, call)))


def delete(bamboo: BambooSimulator, call: Call) -> Response:
    webhook = _mine(bamboo, call)
    del bamboo.state.webhooks[webhook.id]
    bamboo.state.effects.append(VendorEffect("webhook_deleted", str(webhook.id)))
    call.noted["text"] = "Web hook has been deleted."
    return Response(status_code=200)


def signature(key: str, body: bytes, timestamp: str) -> str:
    """HMAC with SHA-256 of the body followed by the timestamp, https://documentation.bamboohr.com/docs/webhooks."""
    return hmac.new(key.encode(), body + timestamp.encode(), hashlib.sha256).hexdigest()


async def deliver(bamboo: BambooSimulator, base: str) -> list[int]:
    """Sends what is due to `base` instead of the host of each webhook, which must speak TLS; the answers' statuses. An
    answer of 500 and more is tried again later, another one is not."""
    statuses = []
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:  # noqa: S501 - HTTP only
        for one in [each for each in bamboo.state.deliveries if each.due and each.due <= bamboo.now()]:
            webhook = bamboo.state.webhooks.get(one.webhook)
            if webhook is None or not bamboo.state.users[webhook.user].enabled:
                one.due = None
                continue
            statuses.append(await _attempt(bamboo, client, base, webhook, one))
    return statuses


async def _attempt(
    bamboo: BambooSimulator, client: httpx.AsyncClient, base: str, webhook: BambooWebhook, one: BambooDelivery
) -> int:
    parts = urlsplit(webhook.url)
    timestamp = str(int(bamboo.now().timestamp()))
    kind = "json" if webhook.format == "json" else "x-www-form-urlencoded"
    headers = {
        "Content-Type": f"application/{kind}",
        "X-BambooHR-Timestamp": timestamp,
        "X-BambooHR-Signature": signature(webhook.private_key, one.body, timestamp),
    }
    if webhook.company_domain:
        headers["Company-Domain"] = bamboo.state.domain
    target = f"{base}{parts.path}{f'?{parts.query}' if parts.query else ''}"
    response = await client.post(target, content=one.body, headers=headers)
    one.attempts, one.status, webhook.sent = one.attempts + 1, response.status_code, bamboo.state.now
    again = response.status_code >= 500 and one.attempts <= len(RETRIES)
    one.due = bamboo.now() + timedelta(minutes=RETRIES[one.attempts - 1]) if again else None
    return response.status_code
