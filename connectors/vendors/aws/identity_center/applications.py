"""The applications that a user is assigned to: read, and ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.flows import Fields, parse
from connectors.http.requests import Flow
from connectors.removals import Removals
from connectors.vendors.aws.identity_center.assignments import PrincipalType
from connectors.vendors.aws.identity_center.calls import ask, listed, of_instance, remove, to_sso
from connectors.vendors.aws.identity_center.evidence import none_on_list
from connectors.vendors.aws.identity_center.settings import IdentityCenterSettings
from connectors.vendors.aws.identity_center.users import DirectoryUser, user_to_change, with_user

_REMOVED = "removed_application_assignments"


class ApplicationAssignment(Fields):
    application: str = Field(alias="ApplicationArn", min_length=1)
    principal: str = Field(alias="PrincipalId", min_length=1)
    principal_type: str = Field(alias="PrincipalType")


class _CenterApplication(Fields):
    name: str | None = Field(default="", alias="Name")


def application_assignments(
    settings: IdentityCenterSettings, principal: str, principal_type: PrincipalType = "USER"
) -> Flow[list[ApplicationAssignment]]:
    """Those of the principal itself."""
    request = of_instance(
        settings, "ListApplicationAssignmentsForPrincipal", PrincipalId=principal, PrincipalType=principal_type
    )
    items = yield from listed(request, "ApplicationAssignments", required=False)
    found = [parse(item, ApplicationAssignment) for item in items]
    return [one for one in found if (one.principal, one.principal_type) == (principal, principal_type)]


def shown(settings: IdentityCenterSettings, one: ApplicationAssignment) -> Flow[dict[str, Any]]:
    """With the name of the application. One that cannot be read is shown by its ID."""
    try:
        request = to_sso(settings, "DescribeApplication", ApplicationArn=one.application)
        application = yield from ask(request, _CenterApplication)
    except (ActionRequiredError, RefusedError):
        application = None
    name = (application.name if application else "") or one.application.rpartition("/")[2]
    return {"id": one.application, "name": name}


def remove_application_assignments(settings: IdentityCenterSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    """What groups give is not removed."""
    user = yield from user_to_change(settings, effect)
    removals = Removals(_REMOVED)
    for one in (yield from application_assignments(settings, user.id)):
        with removals.removing((yield from shown(settings, one))):
            yield from remove(
                to_sso(
                    settings,
                    "DeleteApplicationAssignment",
                    ApplicationArn=one.application,
                    PrincipalId=user.id,
                    PrincipalType="USER",
                )
            )
    return removals.reply("unknown")


@with_user
def look_at_application_assignments(
    settings: IdentityCenterSettings, user: DirectoryUser, effect: Effect
) -> Flow[ReadBack]:
    left = []
    for one in (yield from application_assignments(settings, user.id)):
        left.append((yield from shown(settings, one)))
    return (
        yield from none_on_list(
            settings,
            user,
            effect,
            left,
            {**user.evidence(), "application_assignments": left},
            removed=_REMOVED,
            query=application_assignments,
            action="sso:ListApplicationAssignmentsForPrincipal",
        )
    )
