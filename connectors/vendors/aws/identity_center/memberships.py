"""The groups of a user. The directory has no groups in groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from connectors.http.flows import Fields, parse, unexpected
from connectors.http.requests import Flow
from connectors.vendors.aws.identity_center.calls import ListOrNull, ask, listed, to_store
from connectors.vendors.aws.identity_center.settings import IdentityCenterSettings


class _GroupMember(Fields):
    user: str = Field(default="", alias="UserId")


class _Membership(Fields):
    id: str = Field(alias="MembershipId", min_length=1)
    group: str = Field(alias="GroupId", min_length=1)
    member: _GroupMember = Field(alias="MemberId")


class _DirectoryGroup(Fields):
    id: str = Field(alias="GroupId")
    name: str | None = Field(default="", alias="DisplayName")
    external_ids: ListOrNull[dict[str, Any]] = Field(default=[], alias="ExternalIds")


@dataclass(frozen=True, slots=True)
class GroupMembership:
    """`name` is the group's, its ID where AWS shows none. `provisioned`: the group comes from an identity provider."""

    id: str
    group: str
    name: str
    provisioned: bool

    def shown(self) -> dict[str, Any]:
        return {"id": self.group, "name": self.name, "provisioned": self.provisioned}


def group_ids(settings: IdentityCenterSettings, user: str) -> Flow[list[str]]:
    """Of the user with this ID."""
    return [one.group for one in (yield from _memberships(settings, user))]


def memberships(settings: IdentityCenterSettings, user: str) -> Flow[list[GroupMembership]]:
    """Of the user with this ID, with the names of the groups."""
    found = []
    for one in (yield from _memberships(settings, user)):
        group = yield from ask(to_store(settings, "DescribeGroup", GroupId=one.group), _DirectoryGroup, "GROUP")
        if group is None:
            continue  # it was deleted after the list was read
        if group.id != one.group:
            unexpected("The response shows another group than the one that was requested.")
        found.append(GroupMembership(one.id, one.group, group.name or one.group, bool(group.external_ids)))
    return found


def _memberships(settings: IdentityCenterSettings, user: str) -> Flow[list[_Membership]]:
    request = to_store(settings, "ListGroupMembershipsForMember", MemberId={"UserId": user})
    found = [parse(item, _Membership) for item in (yield from listed(request, "GroupMemberships"))]
    if any(one.member.user != user for one in found):
        unexpected("A membership is of another user than the one that was requested.")
    return found
