"""Google's error answers: https://developers.google.com/workspace/admin/directory/v1/limits and
https://developers.google.com/identity/protocols/oauth2/service-account#error-codes."""

from __future__ import annotations

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import VendorRefusal, answer


def error(status: int, reason: str, message: str, domain: str = "global") -> Response:
    inner = {"message": message, "domain": domain, "reason": reason}
    return answer({"error": {"code": status, "message": message, "errors": [inner]}}, status)


def not_found(what: str) -> VendorRefusal:
    return VendorRefusal(error(404, "notFound", f"Resource Not Found: {what}"))


def invalid(message: str) -> VendorRefusal:
    return VendorRefusal(error(400, "invalid", message))


def denied(message: str = "Not Authorized to access this resource/api") -> VendorRefusal:
    return VendorRefusal(error(403, "forbidden", message))


def token_error(status: int, code: str, description: str) -> VendorRefusal:
    return VendorRefusal(answer({"error": code, "error_description": description}, status))
