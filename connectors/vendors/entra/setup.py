"""How Microsoft Entra ID is connected: an app registration with the least permissions on Microsoft Graph."""

from __future__ import annotations

from connectors.setup import LeastRights, MatchBy, Setup, SystemCredential, names
from connectors.vendors.entra.permissions import PERMISSIONS

_NOTES = {
    "snapshot_access": ". What is not granted is named in `not_shown`",
    "remove_from_groups": "; for groups that roles can be assigned to also `RoleManagement.ReadWrite.Directory`",
}

_REGISTER = (
    "In the Microsoft Entra admin center, under App registrations, register an app for accounts of this tenant only. "
    "`tenant` and `client_id` are on its overview page."
)
_GRANT = (
    "Under API permissions, add the application permissions of Microsoft Graph for the abilities that the packet uses, "
    "and grant the consent of an administrator."
)
_RIGHTS = LeastRights(
    "permissions",
    "`User.Read.All`; with `RoleManagement.Read.Directory`, administrators are shown as privileged",
    {ability: names(group[0] for group in groups) + _NOTES.get(ability, "") for ability, groups in PERMISSIONS.items()},
    checking="`Application.Read.All`, to read which permissions the app has",
)

SETUP = Setup(
    "Microsoft Entra ID",
    (
        SystemCredential(
            "app registration with a certificate",
            ("certificate", "private_key"),
            (
                _REGISTER,
                "Make an RSA key and a certificate for it, for example with `openssl req -x509 -newkey rsa:3072 -nodes "
                "-days 365 -subj /CN=offboard -keyout entra.key -out entra.crt`. Keep both as files; only the "
                "certificate goes to Microsoft. `tenant` is the ID, not a domain.",
                "Under Certificates & secrets, upload the certificate. `offboard systems check` warns from 30 days "
                "before it expires.",
                _GRANT,
            ),
            (_RIGHTS,),
        ),
        SystemCredential(
            "app registration with a client secret",
            ("client_secret",),
            (
                _REGISTER,
                "Under Certificates & secrets, create a client secret, and keep its value as a file. It expires on "
                "the day that you choose: plan its renewal.",
                _GRANT,
            ),
        ),
    ),
    (MatchBy("employee_number", "employeeId"), MatchBy("email", "userPrincipalName")),
    page="entra.md",
)
