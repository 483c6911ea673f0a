"""What proves that an empty list about one user means that there is nothing.

AWS refuses a list to a credential without the permission, and never shows a part of it. So the permission, as the
policy simulator of IAM computes it, is a proof where no other user shows such entries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import SAMPLE_SIZE
from connectors.http.flows import found_for_another
from connectors.http.list_evidence import left_on_list
from connectors.http.requests import Flow
from connectors.vendors.aws.caller import identity
from connectors.vendors.aws.identity_center.permissions import store_arn
from connectors.vendors.aws.identity_center.settings import IdentityCenterSettings
from connectors.vendors.aws.identity_center.users import DirectoryUser, users
from connectors.vendors.aws.policy_simulator import allows, principal_of

OfCenterUser = Callable[[IdentityCenterSettings, str], Flow[Collection[Any]]]
"""The entries of the user with this ID."""


def may(settings: IdentityCenterSettings, action: str) -> Flow[bool]:
    """Whether IAM's policy simulator says that the credential has this permission. False where it may not ask."""
    try:
        own = yield from identity(settings.sts_url)
        principal = yield from principal_of(own, settings.iam_url)
        of_store = action.startswith("identitystore:")
        resource = store_arn(settings, own.account) if of_store else settings.instance_arn
        return (yield from allows(principal, [action], resource, settings.iam_url))
    except (ActionRequiredError, RefusedError):
        return False


def none_on_list(
    settings: IdentityCenterSettings,
    user: DirectoryUser,
    effect: Effect,
    left: Collection[Any],
    evidence: Mapping[str, Any],
    *,
    removed: str,
    query: OfCenterUser,
    action: str,
    shows_more: bool = False,
) -> Flow[ReadBack]:
    """Whether nothing is left on a list of the user. `removed` is the key of what was removed in the reply to the
    attempt; `action` is the one that `query` needs; `shows_more`: whether the list has other entries of the user."""
    return (
        yield from left_on_list(
            left,
            evidence,
            effect,
            removed=removed,
            others=_found_for_another(settings, user, query),
            permitted=may(settings, action),
            shows_more=shows_more,
        )
    )


def _found_for_another(settings: IdentityCenterSettings, user: DirectoryUser, query: OfCenterUser) -> Flow[bool | None]:
    """None, and not False, if no other user has entries: none is known to have any."""
    others = [one.id for one in (yield from users(settings, at_most=int(SAMPLE_SIZE))) if one.id != user.id]
    return (yield from found_for_another(others, lambda one: query(settings, one))) or None
