"""Deletion of a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.errors import RefusedError
from connectors.http.requests import Flow
from connectors.read_backs import deletion
from connectors.vendors.aws.identity_center.applications import application_assignments
from connectors.vendors.aws.identity_center.assignments import direct
from connectors.vendors.aws.identity_center.calls import remove, to_store
from connectors.vendors.aws.identity_center.evidence import may
from connectors.vendors.aws.identity_center.settings import IdentityCenterSettings
from connectors.vendors.aws.identity_center.users import DirectoryUser, require_other, user_of, users


def delete_user(settings: IdentityCenterSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    """Refused for a user whom an identity provider provisions, and while the user has assignments: AWS does not say
    that it deletes them with the user. AWS refuses the deletion if the user was changed after it was read."""
    user = yield from user_of(settings, effect)
    if user is None:
        return {"deleted": True, "already_gone": True}
    yield from require_other(settings, user)
    if user.provisioned_by and effect.parameters.get("also_provisioned") is not True:
        raise RefusedError(
            "provisioned_account",
            f"{user.name} comes from an identity provider ({', '.join(user.provisioned_by)}), which creates the user "
            "again when it provisions it.",
            remedy="End the account at the identity provider, which then disables or deletes the user here; or set "
            "also_provisioned: true in the step's parameters in workflow.yaml.",
            happened="no",
        )
    yield from _require_no_assignments(settings, user)
    revision = {"Revision": user.revision} if user.revision else {}
    yield from remove(to_store(settings, "DeleteUser", UserId=user.id, **revision), "USER")
    return {"deleted": True, "already_gone": False, "before": user.evidence()}


def _require_no_assignments(settings: IdentityCenterSettings, user: DirectoryUser) -> Flow[None]:
    """Raises `RefusedError("account_in_use")`."""
    accounts = [one.account for one in (yield from direct(settings, user.id))]
    applications = [one.application for one in (yield from application_assignments(settings, user.id))]
    left = {"AWS accounts": accounts, "applications": applications}
    named = "; ".join(f"{name}: {', '.join(sorted(items))}" for name, items in left.items() if items)
    if named:
        raise RefusedError(
            "account_in_use",
            f"{user.name} is still assigned to {named}.",
            remedy="Run remove_account_assignments and remove_application_assignments before delete_account.",
            happened="no",
        )


def look_at_deletion(settings: IdentityCenterSettings, effect: Effect) -> Flow[ReadBack]:
    """Done if AWS itself says that there is no such user, and shows another one or may list all."""
    user = yield from user_of(settings, effect)
    if user is not None:
        return deletion(user.evidence(), confirmed=False)
    shows_users = bool((yield from users(settings, at_most=1))) or (yield from may(settings, "identitystore:ListUsers"))
    return deletion(None, confirmed=shows_users)
