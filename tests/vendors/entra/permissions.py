"""Who calls Graph, and what the app may do. Each operation needs one of the application permissions that its page in
https://learn.microsoft.com/graph/api names; changes to administrators need a directory role as well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.embedded.vendors.simulator import Call, VendorRefusal
from tests.vendors.entra.directory import EntraApplication, EntraUser
from tests.vendors.entra.errors import denied, error

if TYPE_CHECKING:
    from tests.vendors.entra.simulator import EntraSimulator

READ_USERS = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
WRITE_USERS = ("User.ReadWrite.All", "Directory.ReadWrite.All")
READ_GROUPS = (
    "GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All",
    "Directory.ReadWrite.All",
)  # fmt: skip
WRITE_MEMBERS = ("GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All")
WRITE_GROUPS = ("Group.ReadWrite.All", "Directory.ReadWrite.All")
READ_ROLES = ("RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "Directory.Read.All",
              "Directory.ReadWrite.All")  # fmt: skip
WRITE_ROLES = ("RoleManagement.ReadWrite.Directory",)
READ_DIRECTORY = ("Directory.Read.All", "Directory.ReadWrite.All")
READ_APPS = ("Application.Read.All", "Application.ReadWrite.All", *READ_DIRECTORY)
WRITE_APPS = ("Application.ReadWrite.All", "Directory.ReadWrite.All")
READ_METHODS = ("UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All")
RESTORE = ("User.DeleteRestore.All", "User.ReadWrite.All", "Directory.ReadWrite.All")
PRIVILEGED = frozenset({"Global Administrator", "Privileged Role Administrator", "User Administrator",
                        "Exchange Administrator", "Privileged Authentication Administrator"})  # fmt: skip
ROLE_FOR_ADMINISTRATORS = "Privileged Authentication Administrator"


@dataclass
class EntraCaller:
    """`user` is the one for whom the app acts, None if it acts for itself."""

    app: EntraApplication
    user: EntraUser | None


def caller(entra: EntraSimulator, call: Call) -> EntraCaller:
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    tenant = entra.state
    if not value:
        raise VendorRefusal(error(401, "InvalidAuthenticationToken", "Access token is empty."))
    ticket = tenant.tickets.get(value)
    if scheme != "Bearer" or ticket is None or ticket.kind != "access_token":
        raise VendorRefusal(error(401, "InvalidAuthenticationToken", "IDX14100: JWT is not well formed."))
    if not tenant.accepted(ticket):
        raise VendorRefusal(entra.expired())
    return EntraCaller(tenant.applications[ticket.app], tenant.users.get(ticket.user))


def permit(needed: tuple[str, ...], call: Call) -> None:
    """Only `/me` is open to a user's own token here."""
    who: EntraCaller = call.caller
    if who.user is not None:
        if call.operation != "GET /v1.0/me":
            raise denied()
    elif not needed or not set(needed) & who.app.permissions:
        raise denied()


def protect_administrators(entra: EntraSimulator, call: Call, target: EntraUser) -> None:
    """An app changes an administrator's account only if it has a directory role for that:
    https://learn.microsoft.com/graph/api/user-update (permissions)."""
    tenant = entra.state
    theirs = {one.role for one in tenant.roles_of(target)}
    mine = {one.role for one in tenant.role_assignments.values() if one.principal == call.caller.app.principal}
    if theirs & PRIVILEGED and not mine & {ROLE_FOR_ADMINISTRATORS, "Global Administrator"}:
        raise denied()
