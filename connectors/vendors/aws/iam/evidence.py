"""What proves that an empty list of IAM about one user means that there is nothing.

IAM refuses a list to a credential without the permission, and never shows a part of it
(docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html).
So the permission, as the policy simulator of IAM computes it, is a proof where no other user shows such entries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.http.connector import SAMPLE_SIZE
from connectors.http.flows import found_for_another
from connectors.http.list_evidence import left_on_list
from connectors.http.requests import Flow
from connectors.vendors.aws.iam.permissions import may
from connectors.vendors.aws.iam.settings import AwsSettings
from connectors.vendors.aws.iam.users import IamUser, users

OfUser = Callable[[str], Flow[Collection[Any]]]
"""The entries of the user with this name."""


def none_on_list(
    settings: AwsSettings,
    user: IamUser,
    effect: Effect,
    left: Collection[Any],
    evidence: Mapping[str, Any],
    *,
    removed: str,
    query: OfUser,
    actions: Sequence[str],
    shows_more: bool = False,
) -> Flow[ReadBack]:
    """Whether nothing is left on a list of the user. `removed` is the key of what was removed in the reply to the
    attempt; `actions` are those that `query` needs; `shows_more`: whether the list has other entries of the user."""
    return (
        yield from left_on_list(
            left,
            evidence,
            effect,
            removed=removed,
            others=_found_for_another(settings, user, query),
            permitted=may(settings, actions, user.arn),
            shows_more=shows_more,
        )
    )


def _found_for_another(settings: AwsSettings, user: IamUser, query: OfUser) -> Flow[bool | None]:
    """None, and not False, if no other user has entries: none is known to have any."""
    others = yield from users(settings, at_most=int(SAMPLE_SIZE))
    return (yield from found_for_another((one.name for one in others if one.id != user.id), query)) or None
