"""How Active Directory is connected: a user with the least permissions."""

from __future__ import annotations

from connectors.setup import LeastRights, MatchBy, Setup, SystemCredential
from connectors.vendors.active_directory.rights import NEEDED

SETUP = Setup(
    "Active Directory",
    (
        SystemCredential(
            "user of the domain",
            (),
            (
                "Create a user for Offboard in the domain, and keep its password as a file.",
                "Delegate to it the permissions of the abilities that the packet uses, on the OUs of people and "
                "groups.",
                "For members of privileged groups (`adminCount` 1), grant the same permissions on "
                "`CN=AdminSDHolder,CN=System`: the directory replaces those of the OU with them. Or add a task for "
                "these accounts.",
            ),
            (
                LeastRights(
                    "permission",
                    "read all properties of users and groups",
                    {
                        "snapshot_access": "",
                        **{ability: f"write `{attribute}` of users" for ability, attribute in NEEDED.items()},
                        "remove_from_groups": "write `member` of groups; for a primary group other than Domain Users "
                        "also `primaryGroupID` of users",
                        "add_to_groups": "write `member` of groups",
                        "scramble_password": "the extended right Reset Password on users",
                        "move_to_ou": "create users in the new OU, delete users in the old one, write `name` and `cn` "
                        "of users",
                        "move_back": "create users in the former OU, delete users in the present one, write `name` and "
                        "`cn` of users",
                    },
                ),
            ),
        ),
    ),
    (
        MatchBy("employee_number", "employeeID"),
        MatchBy("email", "userPrincipalName"),
        MatchBy("email", "proxyAddresses"),
    ),
    page="active-directory.md",
)
