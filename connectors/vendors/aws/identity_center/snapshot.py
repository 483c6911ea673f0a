"""What a user can reach, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.requests import Flow
from connectors.read_backs import seen
from connectors.vendors.aws.identity_center import applications, assignments
from connectors.vendors.aws.identity_center.applications import application_assignments
from connectors.vendors.aws.identity_center.memberships import memberships
from connectors.vendors.aws.identity_center.settings import IdentityCenterSettings
from connectors.vendors.aws.identity_center.users import DirectoryUser, with_user

_Items = Flow[Sequence[Mapping[str, Any]]]


def _groups(settings: IdentityCenterSettings, user: DirectoryUser) -> _Items:
    return [one.shown() for one in (yield from memberships(settings, user.id))]


def _assignments(settings: IdentityCenterSettings, user: DirectoryUser) -> _Items:
    """With the group in `by`, empty for those of the user's own."""
    own = yield from assignments.direct(settings, user.id)
    found = [{**one, "by": ""} for one in (yield from assignments.shown(settings, own))]
    for group in (yield from memberships(settings, user.id)):
        theirs = yield from assignments.assignments(settings, group.group, "GROUP")
        found += [{**one, "by": group.name} for one in (yield from assignments.shown(settings, theirs))]
    return found


def _applications(settings: IdentityCenterSettings, user: DirectoryUser) -> _Items:
    found = []
    for one in (yield from application_assignments(settings, user.id)):
        found.append({**(yield from applications.shown(settings, one)), "by": ""})
    for group in (yield from memberships(settings, user.id)):
        for one in (yield from application_assignments(settings, group.group, "GROUP")):
            found.append({**(yield from applications.shown(settings, one)), "by": group.name})
    return found


_SECTIONS: Mapping[str, Callable[[IdentityCenterSettings, DirectoryUser], _Items]] = {
    "groups": _groups,
    "account_assignments": _assignments,
    "application_assignments": _applications,
}


@with_user
def look_at_access(settings: IdentityCenterSettings, user: DirectoryUser, effect: Effect) -> Flow[ReadBack]:
    """`not_shown` names what the credential may not read."""
    created = "" if user.created is None else datetime.fromtimestamp(user.created, UTC).isoformat()
    evidence: dict[str, Any] = {
        **user.evidence(),
        "emails": user.addresses,
        "created": created,
        "provisioned_by": user.provisioned_by,
    }
    not_shown = []
    try:
        evidence["admin"] = yield from assignments.is_administrator(settings, user.id)
    except (ActionRequiredError, RefusedError):
        not_shown.append("admin")
    for name, read in _SECTIONS.items():
        try:
            evidence[name] = yield from read(settings, user)
        except (ActionRequiredError, RefusedError):
            not_shown.append(name)
    return seen(True, {**evidence, "not_shown": not_shown})
