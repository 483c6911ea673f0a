"""Error answers of Microsoft Graph (https://learn.microsoft.com/graph/errors) and of the token endpoint
(https://learn.microsoft.com/entra/identity-platform/reference-error-codes)."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import VendorRefusal, answer

ON_PREMISES = (
    "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently "
    "undergoing migration."
)


def error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    inner = {
        "date": "2026-01-01T00:00:00",
        "request-id": "00000000-0000-0000-0000-000000000001",
        "client-request-id": "00000000-0000-0000-0000-000000000002",
    }
    return answer({"error": {"code": code, "message": message, "innerError": inner}}, status, headers)


def not_found(id: str) -> VendorRefusal:
    message = f"Resource '{id}' does not exist or one of its queried reference-property objects are not present."
    return VendorRefusal(error(404, "Request_ResourceNotFound", message))


def bad_request(message: str) -> VendorRefusal:
    return VendorRefusal(error(400, "Request_BadRequest", message))


def unsupported_query(message: str) -> VendorRefusal:
    return VendorRefusal(error(400, "Request_UnsupportedQuery", message))


def denied() -> VendorRefusal:
    return VendorRefusal(
        error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    )


def token_error(status: int, code: str, number: int, text: str) -> VendorRefusal:
    """`number` is that of the AADSTS code."""
    body = {
        "error": code,
        "error_description": f"AADSTS{number}: {text}",
        "error_codes": [number],
        "timestamp": "2026-01-01 00:00:00Z",
        "trace_id": "00000000-0000-0000-0000-000000000001",
        "correlation_id": "00000000-0000-0000-0000-000000000002",
    }
    return VendorRefusal(answer(body, status))
