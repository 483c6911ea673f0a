"""The credentials of a user for programs: access keys, SSH keys, service-specific credentials, signing certificates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable
from connectors.http.flows import unexpected
from connectors.http.requests import Flow
from connectors.read_backs import seen
from connectors.removals import Removals
from connectors.vendors.aws.iam.evidence import none_on_list
from connectors.vendors.aws.iam.settings import AwsSettings
from connectors.vendors.aws.iam.users import IamUser, user_to_change, with_user
from connectors.vendors.aws.query import changing, listed, reading, remove

_ACTIVE = "Active"


@dataclass(frozen=True, slots=True)
class CredentialSort:
    """One sort of credential: the actions that list, update and delete one, where the list is, and the field with the
    ID. `name_at` is a field that says more about one. `key` is its name in the evidence."""

    key: str
    lists: str
    items_at: str
    updates: str
    deletes: str
    id_at: str
    name_at: str = ""

    @property
    def deleted(self) -> str:
        return f"deleted_{self.key}"

    @property
    def deactivated(self) -> str:
        return f"deactivated_{self.key}"


ACCESS_KEYS = CredentialSort(
    "access_keys", "ListAccessKeys", "AccessKeyMetadata", "UpdateAccessKey", "DeleteAccessKey", "AccessKeyId"
)
SSH_KEYS = CredentialSort(
    "ssh_keys", "ListSSHPublicKeys", "SSHPublicKeys", "UpdateSSHPublicKey", "DeleteSSHPublicKey", "SSHPublicKeyId"
)
SERVICE_CREDENTIALS = CredentialSort(
    "service_credentials",
    "ListServiceSpecificCredentials",
    "ServiceSpecificCredentials",
    "UpdateServiceSpecificCredential",
    "DeleteServiceSpecificCredential",
    "ServiceSpecificCredentialId",
    "ServiceName",
)
CERTIFICATES = CredentialSort(
    "signing_certificates",
    "ListSigningCertificates",
    "Certificates",
    "UpdateSigningCertificate",
    "DeleteSigningCertificate",
    "CertificateId",
)
SORTS = (ACCESS_KEYS, SSH_KEYS, SERVICE_CREDENTIALS, CERTIFICATES)
_DoCredential = Callable[[AwsSettings, Effect], Flow[Mapping[str, Any]]]
_CheckCredential = Callable[[AwsSettings, Effect], Flow[ReadBack]]


@dataclass(frozen=True, slots=True)
class IamCredential:
    """`created` is an instant as IAM writes it."""

    id: str
    name: str
    status: str
    created: str

    @property
    def is_active(self) -> bool:
        return self.status == _ACTIVE

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name, "status": self.status, "created": self.created}


def credentials_of(sort: CredentialSort, name: str) -> Flow[list[IamCredential]]:
    """Those of the user with this name."""
    return [_read(sort, item, name) for item in (yield from listed(reading(sort.lists, UserName=name), sort.items_at))]


def _read(sort: CredentialSort, item: Any, user: str) -> IamCredential:
    fields: Mapping[str, str] = item if isinstance(item, dict) else {}
    id_, status = fields.get(sort.id_at, ""), fields.get("Status", "")
    if not id_ or not status:
        unexpected(f"An entry of {sort.lists} has no {sort.id_at} or no Status.")
    if comparable(fields.get("UserName", "")) != comparable(user):
        unexpected(f"An entry of {sort.lists} is of another user than the one that was requested.")
    more = f"{fields[sort.name_at]} " if fields.get(sort.name_at) else ""
    return IamCredential(id_, f"{more}{id_}", status, fields.get("CreateDate") or fields.get("UploadDate") or "")


def delete(sort: CredentialSort) -> _DoCredential:
    """The act that deletes all credentials of a sort."""

    def act(settings: AwsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
        user = yield from user_to_change(settings, effect)
        removals = Removals(sort.deleted, verb="deleted")
        for credential in (yield from credentials_of(sort, user.name)):
            with removals.removing(credential.shown()):
                yield from remove(changing(sort.deletes, **{"UserName": user.name, sort.id_at: credential.id}))
        return removals.reply("unknown")

    return act


def look_at_deleted(sort: CredentialSort) -> _CheckCredential:
    """The read-back of `delete`."""

    @with_user
    def read_back(settings: AwsSettings, user: IamUser, effect: Effect) -> Flow[ReadBack]:
        left = [one.shown() for one in (yield from credentials_of(sort, user.name))]
        evidence = {**user.evidence(), sort.key: left}
        return (yield from _none_left(settings, user, effect, sort, left, evidence, removed=sort.deleted))

    return read_back


def deactivate(*sorts: CredentialSort) -> _DoCredential:
    """The act that makes all active credentials of some sorts inactive."""

    def act(settings: AwsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
        user = yield from user_to_change(settings, effect)
        removals = Removals("deactivated", verb="deactivated")
        found: dict[str, list[dict[str, str]]] = {}
        for sort in sorts:
            active = [one for one in (yield from credentials_of(sort, user.name)) if one.is_active]
            found[sort.deactivated] = [one.shown() for one in active]
            for credential in active:
                with removals.removing(credential.shown()):
                    fields = {"UserName": user.name, sort.id_at: credential.id, "Status": "Inactive"}
                    yield from remove(changing(sort.updates, **fields))
        removals.reply("unknown")
        return found

    return act


def look_at_deactivated(*sorts: CredentialSort) -> _CheckCredential:
    """The read-back of `deactivate`. Done where all credentials are listed as inactive, or where it is proven of a sort
    that there is none. The evidence has `active`, `inactive` and `list_proven_by` for each sort."""

    @with_user
    def read_back(settings: AwsSettings, user: IamUser, effect: Effect) -> Flow[ReadBack]:
        evidence = user.evidence()
        outcomes = set()
        for sort in sorts:
            every = yield from credentials_of(sort, user.name)
            active = [one.shown() for one in every if one.is_active]
            inactive = [one.shown() for one in every if not one.is_active]
            shown = {"active": active, "inactive": inactive}
            look = yield from _none_left(
                settings, user, effect, sort, active, shown, removed=sort.deactivated, shows_more=bool(inactive)
            )
            outcomes.add(look.outcome)
            evidence[sort.key] = dict(look.evidence)
        return seen(False if "not_done" in outcomes else None if "unknown" in outcomes else True, evidence)

    return read_back


def _none_left(
    settings: AwsSettings,
    user: IamUser,
    effect: Effect,
    sort: CredentialSort,
    left: list[dict[str, str]],
    evidence: Mapping[str, Any],
    *,
    removed: str,
    shows_more: bool = False,
) -> Flow[ReadBack]:
    return (
        yield from none_on_list(
            settings,
            user,
            effect,
            left,
            evidence,
            removed=removed,
            query=lambda name: credentials_of(sort, name),
            actions=(f"iam:{sort.lists}",),
            shows_more=shows_more,
        )
    )
