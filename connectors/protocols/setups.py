"""How systems that speak a protocol are connected: an LDAP directory, a SCIM service, and a mail server."""

from __future__ import annotations

from connectors.setup import LeastRights, MatchBy, Setup, SystemCredential

LDAP_SETUP = Setup(
    "LDAP directory",
    (
        SystemCredential(
            "entry with a password",
            (),
            (
                "Create an entry for Offboard that belongs to no person, such as "
                "`cn=offboard,ou=services,dc=example,dc=org`, and keep its password as a file.",
                "Give it the permissions of the abilities that the packet uses, in the access control of the server.",
            ),
            (
                LeastRights(
                    "permission",
                    "read people and groups, with operational attributes (`entryUUID`, or `nsUniqueId` in 389 "
                    "Directory Server)",
                    {
                        "snapshot_access": "",
                        "lock_account": "write `pwdAccountLockedTime` (in OpenLDAP `manage`), `nsAccountLock` or "
                        "`shadowExpire`; read policies (`pwdPolicy`)",
                        "unlock_account": "write and compare `pwdAccountLockedTime` (in OpenLDAP `manage`), "
                        "`nsAccountLock` or `shadowExpire`",
                        "remove_from_groups": "write `member`, `uniqueMember`, `memberUid` of groups",
                        "add_to_groups": "write `member`, `uniqueMember`, `memberUid` of groups",
                        "remove_ssh_keys": "write and compare `sshPublicKey` and `ipaSshPubKey` of people",
                        "add_ssh_keys": "write and compare `sshPublicKey` and `ipaSshPubKey` of people",
                        "scramble_password": "write and compare `userPassword`; set hashed passwords "
                        "(`pwdCheckQuality` 0 or 1; in 389 Directory Server the account of the directory manager, or "
                        "`nsslapd-allow-hashed-passwords`)",
                    },
                ),
            ),
        ),
    ),
    (MatchBy("employee_number", "employeeNumber"), MatchBy("email", "mail")),
    page="ldap.md",
)

SCIM_SETUP = Setup(
    "SCIM service",
    (
        SystemCredential(
            "bearer token",
            (),
            (
                "Create a token for SCIM provisioning in the system's administration, and keep it as a file. `url` is "
                "the base address that it shows, often ending in /v2.",
                "If the system can limit the token, give it the permissions of the abilities that the packet uses.",
            ),
            (
                LeastRights(
                    "permission",
                    "read users and groups",
                    {
                        "snapshot_access": "",
                        "disable_account": "change users",
                        "enable_account": "change users",
                        "remove_from_groups": "change groups",
                        "add_to_groups": "change groups",
                        "delete_account": "delete users",
                    },
                    "read users",
                ),
            ),
        ),
    ),
    (MatchBy("employee_number", "externalId"), MatchBy("email", "userName")),
    page="scim.md",
)

MAIL_SETUP = Setup(
    "Mail server",
    (
        SystemCredential(
            "user of the mail server",
            ("username", "password"),
            (
                "Create a user on the mail server that may send as the address `sender`, and keep its password as a "
                "file. A server that takes mail from this machine without a user needs none.",
            ),
        ),
    ),
    (),
)
