"""Groups, their members and owners, and the memberships of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, answer
from tests.vendors.entra import documents
from tests.vendors.entra.directory import EntraApplication, EntraGroup
from tests.vendors.entra.errors import ON_PREMISES, bad_request, denied, not_found
from tests.vendors.entra.permissions import WRITE_ROLES, WRITE_USERS
from tests.vendors.entra.queries import listed, selected
from tests.vendors.entra.users import user_of

if TYPE_CHECKING:
    from tests.vendors.entra.simulator import EntraSimulator

FILTERED = ("id", "displayName", "mail", "mailNickname", "securityEnabled", "mailEnabled", "onPremisesSyncEnabled")


def group_of(entra: EntraSimulator, call: Call) -> EntraGroup:
    group = entra.state.groups.get(call.given["group"])
    if group is None:
        raise not_found(call.given["group"])
    return group


def list_groups(entra: EntraSimulator, call: Call) -> Response:
    """`$expand=owners` is the only one that is simulated."""
    groups = []
    for one in entra.state.groups.values():
        document = _plain(documents.group(one))
        if call.first("$expand") == "owners":
            document["owners"] = _owners(entra, one)
        groups.append(document)
    return listed(call, entra.url, groups, fields=FILTERED, expanded=("owners",))


def get_group(entra: EntraSimulator, call: Call) -> Response:
    return answer(selected(call, _plain(documents.group(group_of(entra, call)))))


def list_memberships(entra: EntraSimulator, call: Call) -> Response:
    """Groups and directory roles, direct ones."""
    return listed(call, entra.url, _memberships(entra, call, transitive=False))


def list_all_memberships(entra: EntraSimulator, call: Call) -> Response:
    return listed(call, entra.url, _memberships(entra, call, transitive=True))


def list_group_memberships(entra: EntraSimulator, call: Call) -> Response:
    """With a cast to groups."""
    found = _memberships(entra, call, transitive="transitive" in call.path)
    return listed(call, entra.url, [_plain(one) for one in found if one["@odata.type"].endswith(".group")])


def _memberships(entra: EntraSimulator, call: Call, *, transitive: bool) -> list[documents.VendorDocument]:
    user, tenant = user_of(entra, call), entra.state
    groups = tenant.all_groups_of(user.id) if transitive else tenant.groups_of(user.id)
    ids = {user.id, *(group.id for group in groups if transitive)}
    roles = {one.role for one in tenant.role_assignments.values() if one.principal in ids}
    return [documents.group(one) for one in groups] + [documents.directory_role(one) for one in sorted(roles)]


def list_members(entra: EntraSimulator, call: Call) -> Response:
    tenant, members = entra.state, group_of(entra, call).members
    shown = [
        {"@odata.type": "#microsoft.graph.user", **documents.user(tenant, one)}
        for one in tenant.live_users()
        if one.id in members
    ]
    return listed(
        call, entra.url, shown + [documents.group(one) for one in tenant.groups.values() if one.id in members]
    )


def _changeable(call: Call, group: EntraGroup) -> None:
    """Graph changes no member of a group that a rule or another system fills, nor of a mail list."""
    if group.synced:
        raise bad_request(ON_PREMISES)
    if group.rule is not None:
        raise denied()
    if group.mail_enabled and not group.unified:
        raise bad_request("Cannot Update a mail-enabled security groups and or distribution list.")
    if group.role_assignable and not set(WRITE_ROLES) & call.caller.app.permissions:
        raise denied()


def add_member(entra: EntraSimulator, call: Call) -> Response:
    group, id = group_of(entra, call), call.body["@odata.id"].rsplit("/", 1)[-1]
    _changeable(call, group)
    if id in group.members:
        raise bad_request(
            "One or more added object references already exist for the following modified properties: 'members'."
        )
    if entra.state.find_user(id) is None and id not in entra.state.groups:
        raise not_found(id)
    group.members.add(id)
    return answer(None, 204)


def remove_member(entra: EntraSimulator, call: Call) -> Response:
    group, id = group_of(entra, call), call.given["member"]
    if id not in group.members:
        raise not_found(id)
    _changeable(call, group)
    group.members.discard(id)
    return answer(None, 204)


def delete_member(entra: EntraSimulator, call: Call) -> Response:
    """Without `/$ref` the request deletes the member itself, if the app may delete users."""
    if call.given["member"] not in group_of(entra, call).members:
        raise not_found(call.given["member"])
    if not set(WRITE_USERS) & call.caller.app.permissions:
        raise denied()
    entra.state.users[call.given["member"]].deleted = entra.now()
    return answer(None, 204)


def list_owners(entra: EntraSimulator, call: Call) -> Response:
    return listed(call, entra.url, _owners(entra, group_of(entra, call)))


def _owners(entra: EntraSimulator, group: EntraGroup) -> list[documents.VendorDocument]:
    tenant = entra.state
    owners = [tenant.users[id] for id in group.owners]
    return [
        {"@odata.type": "#microsoft.graph.user", **documents.user(tenant, one)} for one in owners if one.deleted is None
    ]


def add_owner(entra: EntraSimulator, call: Call) -> Response:
    return _add_owner(entra, call, group_of(entra, call).owners)


def remove_owner(entra: EntraSimulator, call: Call) -> Response:
    """The last owner of a group stays: https://learn.microsoft.com/graph/api/group-delete-owners."""
    owners = group_of(entra, call).owners
    if owners == [call.given["owner"]]:
        raise bad_request("The group must have at least one owner, hence this owner cannot be removed.")
    return _remove_owner(call, owners)


def app_of(entra: EntraSimulator, call: Call) -> EntraApplication:
    for app in entra.state.applications.values():
        if call.given["app"] in (app.id, app.principal):
            return app
    raise not_found(call.given["app"])


def add_app_owner(entra: EntraSimulator, call: Call) -> Response:
    return _add_owner(entra, call, app_of(entra, call).owners)


def remove_app_owner(entra: EntraSimulator, call: Call) -> Response:
    return _remove_owner(call, app_of(entra, call).owners)


def _add_owner(entra: EntraSimulator, call: Call, owners: list[str]) -> Response:
    id = call.body["@odata.id"].rsplit("/", 1)[-1]
    if entra.state.find_user(id) is None:
        raise not_found(id)
    if id in owners:
        raise bad_request(
            "One or more added object references already exist for the following modified properties: 'owners'."
        )
    owners.append(id)
    return answer(None, 204)


def _remove_owner(call: Call, owners: list[str]) -> Response:
    if call.given["owner"] not in owners:
        raise not_found(call.given["owner"])
    owners.remove(call.given["owner"])
    return answer(None, 204)


def _plain(document: documents.VendorDocument) -> documents.VendorDocument:
    return {name: one for name, one in document.items() if not name.startswith("@")}
