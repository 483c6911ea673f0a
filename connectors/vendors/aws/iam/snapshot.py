"""What a user can reach and has, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.flows import Fields
from connectors.http.requests import Flow
from connectors.read_backs import seen
from connectors.vendors.aws.iam.console import login_profile
from connectors.vendors.aws.iam.credentials import ACCESS_KEYS, SORTS, CredentialSort, credentials_of
from connectors.vendors.aws.iam.mfa import devices_of
from connectors.vendors.aws.iam.policies import attached_policies, groups_of, inline_policies, is_administrator
from connectors.vendors.aws.iam.sessions import inline_policy
from connectors.vendors.aws.iam.settings import AwsSettings
from connectors.vendors.aws.iam.users import IamUser, with_user
from connectors.vendors.aws.query import ask, reading


class _LastUsed(Fields):
    at: str = Field(default="", alias="LastUsedDate")
    service: str = Field(default="", alias="ServiceName")
    region: str = Field(default="", alias="Region")


class _LastUsedResult(Fields):
    last_used: _LastUsed | None = Field(default=None, alias="AccessKeyLastUsed")


_AwsItems = Flow[Sequence[Mapping[str, Any]]]


def _groups(user: IamUser) -> _AwsItems:
    return [group.shown() for group in (yield from groups_of(user.name))]


def _policies(user: IamUser) -> _AwsItems:
    attached: list[dict[str, str]] = [policy.shown() for policy in (yield from attached_policies(user.name))]
    return attached + (yield from _inline(user))


def _inline(user: IamUser) -> Flow[list[dict[str, str]]]:
    """With their texts, from which a restore puts them, if the credential may read these."""
    found = [{"id": name, "name": name} for name in (yield from inline_policies(user.name))]
    try:
        for one in found:
            policy = yield from inline_policy(user.name, one["name"])
            one["document"] = policy.document if policy is not None else ""
    except (ActionRequiredError, RefusedError):
        return [{"id": one["id"], "name": one["name"]} for one in found]
    return found


def _console(user: IamUser) -> _AwsItems:
    profile = yield from login_profile(user)
    return [profile.shown(user)] if profile else []


def _devices(user: IamUser) -> _AwsItems:
    return [device.shown() for device in (yield from devices_of(user.name))]


def _credentials(sort: CredentialSort, user: IamUser) -> _AwsItems:
    return [one.shown() for one in (yield from credentials_of(sort, user.name))]


def _access_keys(user: IamUser) -> _AwsItems:
    """With the last use, which says whether a program still uses the key."""
    found = []
    for key in (yield from credentials_of(ACCESS_KEYS, user.name)):
        result = yield from ask(reading("GetAccessKeyLastUsed", AccessKeyId=key.id), _LastUsedResult)
        last = (result.last_used if result else None) or _LastUsed()
        found.append({**key.shown(), "last_used": last.at, "last_service": last.service, "last_region": last.region})
    return found


_SECTIONS: Mapping[str, Callable[[IamUser], _AwsItems]] = {
    "groups": _groups,
    "policies": _policies,
    "console_access": _console,
    "mfa_devices": _devices,
    "access_keys": _access_keys,
    **{sort.key: partial(_credentials, sort) for sort in SORTS if sort is not ACCESS_KEYS},
}


@with_user
def look_at_access(settings: AwsSettings, user: IamUser, effect: Effect) -> Flow[ReadBack]:
    """`not_shown` names what the credential may not read."""
    evidence: dict[str, Any] = {
        **user.evidence(),
        "arn": user.arn,
        "path": user.path,
        "created": user.created,
        "password_last_used": user.password_last_used,
        "tags": [{"name": tag.key, "value": tag.value} for tag in user.tags],
        "boundary": user.boundary.arn if user.boundary else "",
    }
    not_shown = []
    try:
        evidence["admin"] = yield from is_administrator(user.name)
    except (ActionRequiredError, RefusedError):
        not_shown.append("admin")
    for name, read in _SECTIONS.items():
        try:
            evidence[name] = yield from read(user)
        except (ActionRequiredError, RefusedError):
            not_shown.append(name)
    return seen(True, {**evidence, "not_shown": not_shown})
