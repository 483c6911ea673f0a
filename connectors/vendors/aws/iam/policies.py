"""The policies of a user: managed ones that are attached, and inline ones. Those of its groups end with the
memberships; the permissions boundary stays, since it only limits what other policies allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.errors import RefusedError
from connectors.http.flows import Fields, parse
from connectors.http.requests import Flow
from connectors.read_backs import seen
from connectors.removals import Removals
from connectors.vendors.aws.iam.evidence import none_on_list
from connectors.vendors.aws.iam.sessions import POLICY_NAME, inline_policy
from connectors.vendors.aws.iam.settings import AwsSettings
from connectors.vendors.aws.iam.users import IamUser, user_to_change, with_user
from connectors.vendors.aws.query import apply, ask, changing, listed, reading, remove

_ADMINISTRATORS = ("AdministratorAccess", "IAMFullAccess")


class AttachedPolicy(Fields):
    name: str = Field(alias="PolicyName", min_length=1)
    arn: str = Field(alias="PolicyArn", min_length=1)

    @property
    def is_of_administrators(self) -> bool:
        """One of AWS's own policies, with which a user can give themselves every permission."""
        return any(self.arn.endswith(f":iam::aws:policy/{name}") for name in _ADMINISTRATORS)

    def shown(self) -> dict[str, str]:
        return {"id": self.arn, "name": self.name}


class IamGroup(Fields):
    id: str = Field(alias="GroupId", min_length=1)
    name: str = Field(alias="GroupName", min_length=1)

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name}


def groups_of(name: str) -> Flow[list[IamGroup]]:
    return [
        parse(item, IamGroup) for item in (yield from listed(reading("ListGroupsForUser", UserName=name), "Groups"))
    ]


def attached_policies(name: str) -> Flow[list[AttachedPolicy]]:
    items = yield from listed(reading("ListAttachedUserPolicies", UserName=name), "AttachedPolicies")
    return [parse(item, AttachedPolicy) for item in items]


def inline_policies(name: str) -> Flow[list[str]]:
    return [str(item) for item in (yield from listed(reading("ListUserPolicies", UserName=name), "PolicyNames"))]


def is_administrator(name: str) -> Flow[bool]:
    """By AWS's own policies, attached to the user or to one of its groups; other policies can give as much."""
    if any(policy.is_of_administrators for policy in (yield from attached_policies(name))):
        return True
    for group in (yield from groups_of(name)):
        request = reading("ListAttachedGroupPolicies", GroupName=group.name)
        attached = [parse(item, AttachedPolicy) for item in (yield from listed(request, "AttachedPolicies"))]
        if any(policy.is_of_administrators for policy in attached):
            return True
    return False


def policies_to_remove(name: str) -> Flow[list[dict[str, str]]]:
    """Without the one of `revoke_sessions`, which takes permissions away."""
    attached = [policy.shown() for policy in (yield from attached_policies(name))]
    inline = [{"id": one, "name": one} for one in (yield from inline_policies(name)) if one != POLICY_NAME]
    return attached + inline


def remove_policies(settings: AwsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    """The reply has the text of each inline policy that was deleted."""
    user = yield from user_to_change(settings, effect)
    removals = Removals("removed_policies")
    for policy in (yield from attached_policies(user.name)):
        with removals.removing(policy.shown()):
            yield from remove(changing("DetachUserPolicy", UserName=user.name, PolicyArn=policy.arn))
    for name in (yield from inline_policies(user.name)):
        if name == POLICY_NAME:
            continue
        item = {"id": name, "name": name}
        with removals.removing(item):
            policy_text = yield from inline_policy(user.name, name)
            item["document"] = policy_text.document if policy_text else ""
            yield from remove(changing("DeleteUserPolicy", UserName=user.name, PolicyName=name))
    return removals.reply("unknown")


@with_user
def look_at_policies(settings: AwsSettings, user: IamUser, effect: Effect) -> Flow[ReadBack]:
    left = yield from policies_to_remove(user.name)
    evidence = {**user.evidence(), "policies": left, "boundary": user.boundary.arn if user.boundary else ""}
    return (
        yield from none_on_list(
            settings,
            user,
            effect,
            left,
            evidence,
            removed="removed_policies",
            query=policies_to_remove,
            actions=("iam:ListAttachedUserPolicies", "iam:ListUserPolicies"),
        )
    )


class _ManagedPolicy(Fields):
    """Of the response to GetPolicy; only whether there is one counts."""


def _is_managed(taken: Mapping[str, Any]) -> bool:
    """The ID of a managed policy is its ARN, that of an inline one its name, which has no colon."""
    return str(taken["id"]).startswith("arn:")


def _lacking_policies(
    user: IamUser, taken: Sequence[Mapping[str, Any]]
) -> Flow[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """The policies that the user has not, and managed ones that IAM does not have any more. Without the policy of
    `revoke_sessions`, which takes permissions away."""
    had = {policy.arn for policy in (yield from attached_policies(user.name))}
    had |= set((yield from inline_policies(user.name)))
    lacking: list[dict[str, Any]] = []
    deleted: list[dict[str, Any]] = []
    for one in taken:
        if one["id"] in had or one["id"] == POLICY_NAME:
            continue
        there = True
        if _is_managed(one):
            request = reading("GetPolicy", PolicyArn=str(one["id"]), missing_ok=True)
            there = (yield from ask(request, _ManagedPolicy)) is not None
        (lacking if there else deleted).append(dict(one))
    return lacking, deleted


def add_policies(settings: AwsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    lacking, deleted = yield from _lacking_policies(user, effect.taken)
    given = Removals("added_policies", "policies_not_added", verb="added")
    for policy in lacking:
        with given.removing(policy):
            if _is_managed(policy):
                request = changing("AttachUserPolicy", UserName=user.name, PolicyArn=policy["id"])
            else:
                text = _recorded(policy)
                request = changing("PutUserPolicy", UserName=user.name, PolicyName=policy["id"], PolicyDocument=text)
            yield from apply(request, effect)
    return {**given.reply("unknown"), "deleted_policies": deleted}


def _recorded(policy: Mapping[str, Any]) -> str:
    """Raises `RefusedError("policy_not_recorded")` where the run recorded no text of an inline policy."""
    text = policy.get("document")
    if not isinstance(text, str) or not text:
        raise RefusedError(
            "policy_not_recorded",
            "The run did not record the text of the inline policy.",
            remedy="Put the policy in IAM, then retry the step; or skip it. The snapshot records the text if the "
            "credential may use iam:GetUserPolicy.",
            happened="no",
        )
    return text


@with_user
def look_at_adding(settings: AwsSettings, user: IamUser, effect: Effect) -> Flow[ReadBack]:
    lacking, deleted = yield from _lacking_policies(user, effect.taken)
    not_added = [{"id": one["id"], "name": one["name"]} for one in lacking]
    return seen(not not_added, {**user.evidence(), "not_added": not_added, "deleted_policies": deleted})
