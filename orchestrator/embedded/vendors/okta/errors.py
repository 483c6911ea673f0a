"""Okta's error answers: https://developer.okta.com/docs/reference/error-codes/."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import VendorRefusal, answer


def error(status: int, code: str, summary: str, *causes: str, headers: Mapping[str, str] | None = None) -> Response:
    body = {
        "errorCode": code,
        "errorSummary": summary,
        "errorLink": code,
        "errorId": f"oae{code}simulated",
        "errorCauses": [{"errorSummary": cause} for cause in causes],
    }
    return answer(body, status, headers)


def not_found(id: str, kind: str) -> VendorRefusal:
    return VendorRefusal(error(404, "E0000007", f"Not found: Resource not found: {id} ({kind})"))


def denied() -> VendorRefusal:
    return VendorRefusal(error(403, "E0000006", "You do not have permission to perform the requested action"))


def invalid(field: str, cause: str) -> VendorRefusal:
    return VendorRefusal(error(400, "E0000001", f"Api validation failed: {field}", cause))


def wrong_status() -> VendorRefusal:
    return VendorRefusal(error(403, "E0000038", "This operation is not allowed in the user's current status."))


def oauth_error(status: int, code: str, description: str) -> VendorRefusal:
    """Of the authorization server, in the form of RFC 6749."""
    return VendorRefusal(answer({"error": code, "error_description": description}, status))
