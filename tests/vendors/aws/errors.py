"""AWS's error answers: docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html, and each action's page."""

from __future__ import annotations

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import VendorRefusal, answer


def error(status: int, code: str, message: str) -> Response:
    kind = "Receiver" if status >= 500 else "Sender"
    return answer({"Error": {"Type": kind, "Code": code, "Message": message}}, status)


def refusal(status: int, code: str, message: str) -> VendorRefusal:
    return VendorRefusal(error(status, code, message))


def missing(what: str) -> VendorRefusal:
    return refusal(404, "NoSuchEntity", f"{what} cannot be found.")
