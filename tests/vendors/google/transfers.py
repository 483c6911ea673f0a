"""Transfers of data to another user, and licences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, VendorRefusal, answer
from tests.vendors.google import documents
from tests.vendors.google.errors import error, invalid, not_found
from tests.vendors.google.pages import page
from tests.vendors.google.workspace import GoogleTransfer

if TYPE_CHECKING:
    from tests.vendors.google.simulator import GoogleSimulator


def list_applications(google: GoogleSimulator, call: Call) -> Response:
    shown = [
        {
            "kind": "admin#datatransfer#ApplicationResource",
            "etag": '"1"',
            "id": id,
            "name": name,
            "transferParams": [{"key": "PRIVACY_LEVEL", "value": ["PRIVATE", "SHARED"]}],
        }
        for id, name in google.state.transfer_applications.items()
    ]
    return page(call, "admin#datatransfer#applicationsList", "applications", shown, default=100, most=500)


def start_transfer(google: GoogleSimulator, call: Call) -> Response:
    """It goes on after the answer; a second one from the same owner is refused while it does."""
    workspace, body = google.state, call.body
    for name in ("oldOwnerUserId", "newOwnerUserId"):
        if workspace.users.get(body.get(name, "")) not in workspace.live_users():
            raise invalid(f"Invalid {name}")
    if any(one.old_owner == body["oldOwnerUserId"] and one.reads for one in workspace.transfers.values()):
        raise VendorRefusal(error(409, "conflict", "There is a pending transfer for this user."))
    wanted = body.get("applicationDataTransfers", [])
    if not wanted or any(one.get("applicationId") not in workspace.transfer_applications for one in wanted):
        raise invalid("Invalid applicationId")
    transfer = GoogleTransfer(
        f"transfer-{workspace.new_id()}",
        body["oldOwnerUserId"],
        body["newOwnerUserId"],
        wanted,
        google.now(),
        workspace.transfer_reads,
    )
    workspace.transfers[transfer.id] = transfer
    return answer(documents.transfer(transfer))


def get_transfer(google: GoogleSimulator, call: Call) -> Response:
    transfer = google.state.transfers.get(call.given["transfer"])
    if transfer is None:
        raise not_found("dataTransferId")
    shown = documents.transfer(transfer)
    transfer.reads = max(0, transfer.reads - 1)
    return answer(shown)


def list_transfers(google: GoogleSimulator, call: Call) -> Response:
    old_owner = call.first("oldOwnerUserId")
    found = [one for one in google.state.transfers.values() if one.old_owner == (old_owner or one.old_owner)]
    shown = [documents.transfer(one) for one in found]
    return page(call, "admin#datatransfer#dataTransfersList", "dataTransfers", shown, default=100, most=500)


def _licence(product: str, sku: str, email: str) -> documents.VendorDocument:
    return {
        "kind": "licensing#licenseAssignment",
        "etags": '"1"',
        "userId": email,
        "productId": product,
        "skuId": sku,
        "productName": product,
        "skuName": sku,
        "selfLink": f"https://licensing.googleapis.com/apps/licensing/v1/product/{product}/sku/{sku}/user/{email}",
    }


def list_licences(google: GoogleSimulator, call: Call) -> Response:
    if "customerId" not in call.query:
        raise invalid("Invalid Input: customerId")
    shown = [
        _licence(product, sku, user.email)
        for user in google.state.live_users()
        for product, sku in sorted(user.licences)
        if product == call.given["product"]
    ]
    return page(call, "licensing#licenseAssignmentList", "items", shown, default=100, most=1000)


def remove_licence(google: GoogleSimulator, call: Call) -> Response:
    user = google.state.find_user(call.given["user"])
    held = (call.given["product"], call.given["sku"])
    if user is None or held not in user.licences:
        raise not_found("userId")
    user.licences.discard(held)
    return answer({})
