"""BambooHR's error answers, https://documentation.bamboohr.com/docs/api-details: the reason is in a header. Only newer
operations have a body."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import VendorRefusal, answer

REASON = "x-bamboohr-error-message"


def error(status: int, reason: str) -> Response:
    return Response(status_code=status, headers={REASON: reason})


def refusal(status: int, reason: str) -> VendorRefusal:
    return VendorRefusal(error(status, reason))


def coded(status: int, code: str, message: str) -> VendorRefusal:
    """Of the list of employees."""
    return VendorRefusal(answer({"error": {"code": code, "message": message}}, status))


def of_webhooks(status: int, errors: list[dict[str, Any]]) -> VendorRefusal:
    return VendorRefusal(answer({"errors": errors}, status))
