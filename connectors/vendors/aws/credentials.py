"""The credentials of a user for programs: access keys, SSH keys, service-specific credentials, signing certificates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable
from connectors.http.flows import unexpected
from connectors.http.requests import Flow
from connectors.removals import Removals
from connectors.vendors.aws.evidence import none_on_list
from connectors.vendors.aws.query import changing, listed, reading, remove
from connectors.vendors.aws.settings import AwsSettings
from connectors.vendors.aws.users import IamUser, user_to_change, with_user

_ACTIVE = "Active"


@dataclass(frozen=True, slots=True)
class CredentialSort:
    """One sort of credential: the action that lists it and where the list is, the action that deletes one, and the
    field with its ID. `name_at` is a field that says more about one. `key` is its name in the evidence."""

    key: str
    lists: str
    items_at: str
    deletes: str
    id_at: str
    name_at: str = ""

    @property
    def removed(self) -> str:
        return f"deleted_{self.key}"


ACCESS_KEYS = CredentialSort("access_keys", "ListAccessKeys", "AccessKeyMetadata", "DeleteAccessKey", "AccessKeyId")
SSH_KEYS = CredentialSort("ssh_keys", "ListSSHPublicKeys", "SSHPublicKeys", "DeleteSSHPublicKey", "SSHPublicKeyId")
SERVICE_CREDENTIALS = CredentialSort(
    "service_credentials",
    "ListServiceSpecificCredentials",
    "ServiceSpecificCredentials",
    "DeleteServiceSpecificCredential",
    "ServiceSpecificCredentialId",
    "ServiceName",
)
CERTIFICATES = CredentialSort(
    "signing_certificates", "ListSigningCertificates", "Certificates", "DeleteSigningCertificate", "CertificateId"
)
SORTS = (ACCESS_KEYS, SSH_KEYS, SERVICE_CREDENTIALS, CERTIFICATES)


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


def delete(sort: CredentialSort) -> Callable[[AwsSettings, Effect], Flow[Mapping[str, Any]]]:
    """The act that deletes all credentials of a sort."""

    def act(settings: AwsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
        user = yield from user_to_change(settings, effect)
        removals = Removals(sort.removed, verb="deleted")
        for credential in (yield from credentials_of(sort, user.name)):
            with removals.removing(credential.shown()):
                yield from remove(changing(sort.deletes, **{"UserName": user.name, sort.id_at: credential.id}))
        return removals.reply("unknown")

    return act


def look_at(sort: CredentialSort) -> Callable[[AwsSettings, Effect], Flow[ReadBack]]:
    """The read-back of `delete`."""

    @with_user
    def read_back(settings: AwsSettings, user: IamUser, effect: Effect) -> Flow[ReadBack]:
        left = [one.shown() for one in (yield from credentials_of(sort, user.name))]
        return (yield from _none_left(settings, user, effect, sort, left, removed=sort.removed))

    return read_back


def deactivate_access_keys(settings: AwsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    removals = Removals("deactivated_access_keys", verb="deactivated")
    for key in (yield from credentials_of(ACCESS_KEYS, user.name)):
        if key.is_active:
            with removals.removing(key.shown()):
                yield from remove(
                    changing("UpdateAccessKey", UserName=user.name, AccessKeyId=key.id, Status="Inactive")
                )
    return removals.reply("unknown")


@with_user
def look_at_deactivated_keys(settings: AwsSettings, user: IamUser, effect: Effect) -> Flow[ReadBack]:
    """Done where all keys are listed as inactive, or where it is proven that there is none."""
    keys = yield from credentials_of(ACCESS_KEYS, user.name)
    active = [key.shown() for key in keys if key.is_active]
    inactive = [key.shown() for key in keys if not key.is_active]
    return (
        yield from _none_left(
            settings, user, effect, ACCESS_KEYS, active, removed="deactivated_access_keys", inactive=inactive
        )
    )


def _none_left(
    settings: AwsSettings,
    user: IamUser,
    effect: Effect,
    sort: CredentialSort,
    left: list[dict[str, str]],
    *,
    removed: str,
    inactive: list[dict[str, str]] | None = None,
) -> Flow[ReadBack]:
    shown = {} if inactive is None else {"inactive": inactive}
    return (
        yield from none_on_list(
            settings,
            user,
            effect,
            left,
            {**user.evidence(), sort.key: left, **shown},
            removed=removed,
            query=lambda name: credentials_of(sort, name),
            actions=(f"iam:{sort.lists}",),
            shows_more=bool(inactive),
        )
    )
