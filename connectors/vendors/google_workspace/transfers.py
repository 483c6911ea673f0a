"""Files in Drive and events in Calendar: another account becomes their owner.

A transfer can take days after Google accepted it. One that is in progress is not started again. A completed one counts
only if it was requested after the last sign-in of the account, since it may have made more files after an earlier one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.errors import RefusedError, TryAgainError
from connectors.http.flows import Fields, ask
from connectors.http.requests import Flow, Operation
from connectors.parameters import names_of
from connectors.read_backs import account_missing, seen
from connectors.vendors.google_workspace.admin_sdk import TRANSFERS, GoogleWorkspaceSettings, listed
from connectors.vendors.google_workspace.recipients import recipient_of, recipients
from connectors.vendors.google_workspace.users import WorkspaceUser, user_of, user_to_change

_TRANSFERS = "/admin/datatransfer/v1"
LIST_APPLICATIONS = Operation("GET", f"{_TRANSFERS}/applications", "datatransfer.applications.list", TRANSFERS)
LIST_TRANSFERS = Operation("GET", f"{_TRANSFERS}/transfers", "datatransfer.transfers.list", TRANSFERS)
START_TRANSFER = Operation("POST", f"{_TRANSFERS}/transfers", "datatransfer.transfers.insert", TRANSFERS)
# developers.google.com/workspace/admin/data-transfer/v1/parameters
_IDS: Mapping[str, str] = {"drive": "55656082996", "calendar": "435070579839"}
_PARAMETERS: Mapping[str, list[dict[str, Any]]] = {
    "drive": [{"key": "PRIVACY_LEVEL", "value": ["PRIVATE", "SHARED"]}],  # all files, and not only the shared ones
    "calendar": [],  # resources stay booked
}
_LOOK_AGAIN_SECONDS = 300.0
_EARLIEST = datetime.min.replace(tzinfo=UTC)
TransferState = Literal["needed", "in_progress", "completed"]


class _Application(Fields):
    id: str = ""


class _Part(Fields):
    id: str = Field(default="", alias="applicationId")
    status: str = Field(default="", alias="applicationTransferStatus")


class _Transfer(Fields):
    id: str = Field(min_length=1)
    recipient: str = Field(default="", alias="newOwnerUserId")
    owner: str = Field(default="", alias="oldOwnerUserId")
    status: str = Field(default="", alias="overallTransferStatusCode")
    requested: str | None = Field(default=None, alias="requestTime")
    parts: list[_Part] = Field(default=[], alias="applicationDataTransfers")

    @property
    def requested_at(self) -> datetime:
        return _instant(self.requested)

    def status_of(self, application: str) -> str:
        """Empty where the transfer is not about the application."""
        part = next((each for each in self.parts if each.id == _IDS[application]), None)
        return "" if part is None else (part.status or self.status or "inProgress").casefold()

    def is_in_progress(self) -> bool:
        return self.status.casefold() not in ("completed", "failed")

    def shown(self) -> dict[str, Any]:
        statuses = {name: self.status_of(name) for name in _IDS if self.status_of(name)}
        return {"id": self.id, "to": self.recipient, "requested": self.requested or "", "applications": statuses}


def _instant(text: str | None) -> datetime:
    try:
        instant = datetime.fromisoformat(text or "")
    except ValueError:
        return _EARLIEST
    return instant if instant.tzinfo is not None else _EARLIEST


def _wanted_applications(effect: Effect) -> list[str]:
    names = names_of(effect, "applications")
    unknown = sorted((names or frozenset()) - _IDS.keys())
    if unknown:
        raise RefusedError(
            "parameter_invalid",
            f"{effect.ability} transfers {' and '.join(_IDS)}, and not {', '.join(unknown)}.",
            remedy="Correct the parameter applications of the step in workflow.yaml.",
            happened="no",
        )
    return [name for name in _IDS if names is None or name in names]


def _transfers_of(user: WorkspaceUser) -> Flow[list[_Transfer]]:
    found = yield from listed(LIST_TRANSFERS.request(params={"oldOwnerUserId": user.id}), _Transfer, "dataTransfers")
    return [each for each in found if each.owner == user.id]


def _state(application: str, transfers: Sequence[_Transfer], user: WorkspaceUser, recipient: str) -> TransferState:
    """Of the latest transfer of the application to the recipient."""
    own = [each for each in transfers if each.recipient == recipient and each.status_of(application)]
    latest = max(own, key=lambda each: each.requested_at, default=None)
    if latest is None or latest.status_of(application) == "failed":
        return "needed"
    if latest.status_of(application) != "completed":
        return "in_progress"
    return "completed" if latest.requested_at >= _instant(user.last_login) else "needed"


def transfer_data(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    wanted = _wanted_applications(effect)
    user = yield from user_to_change(settings, effect)
    recipient = yield from recipient_of(settings, user, effect)
    transfers = yield from _transfers_of(user)
    needed = [name for name in wanted if _state(name, transfers, user, recipient.id) == "needed"]
    running = [each for each in transfers if each.is_in_progress()]
    if running:
        raise TryAgainError(
            "transfer_in_progress",
            f"Google has not completed {len(running)} transfers of the account's data yet.",
            remedy="Wait for Google; the Admin console shows the transfer's progress.",
            happened="no",
            retry_after=_LOOK_AGAIN_SECONDS,
        )
    reply = {"to": recipient.id, "already_transferred": [name for name in wanted if name not in needed]}
    if not needed:
        return {**reply, "started": []}
    yield from _require_available(needed)
    body = {
        "oldOwnerUserId": user.id,
        "newOwnerUserId": recipient.id,
        "applicationDataTransfers": [
            {"applicationId": _IDS[name], "applicationTransferParams": _PARAMETERS[name]} for name in needed
        ],
    }
    transfer = yield from ask(START_TRANSFER.request(json=body), _Transfer)
    return {**reply, "started": needed, "transfer": transfer.id}


def _require_available(needed: Sequence[str]) -> Flow[None]:
    found = yield from listed(LIST_APPLICATIONS.request(), _Application, "applications")
    missing = [name for name in needed if _IDS[name] not in {each.id for each in found}]
    if missing:
        raise RefusedError(
            "application_missing",
            f"The company has no application to transfer the data of {' and '.join(missing)}.",
            remedy="Name the other application in the parameter applications of the step.",
            happened="no",
        )


def look_at_transfers(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[ReadBack]:
    wanted = _wanted_applications(effect)
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    found = yield from recipients(settings, user, effect)
    transfers = yield from _transfers_of(user)
    # The recipient may have been suspended since.
    states = {name: _state(name, transfers, user, found[0].id) for name in wanted} if len(found) == 1 else {}
    evidence = {
        **user.evidence(),
        "to": [each.id for each in found],
        "last_sign_in": user.last_login or "",
        "applications": states,
        "transfers": [each.shown() for each in transfers],
    }
    return seen(all(state == "completed" for state in states.values()) if states else None, evidence)
