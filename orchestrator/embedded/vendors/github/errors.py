"""GitHub's error answers: https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import VendorRefusal, answer

DOCUMENTATION = "https://docs.github.com/rest"


def error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return answer({"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}, status, headers)


def not_found() -> VendorRefusal:
    """Also for what the caller may not see."""
    return VendorRefusal(error(404, "Not Found"))


def forbidden(message: str, headers: Mapping[str, str] | None = None) -> VendorRefusal:
    return VendorRefusal(error(403, message, headers))


def unprocessable(message: str) -> VendorRefusal:
    return VendorRefusal(answer({"message": message, "documentation_url": DOCUMENTATION}, 422))
