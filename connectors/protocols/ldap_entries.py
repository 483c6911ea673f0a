"""Other credentials of an LDAP entry besides its password, and signs of Active Directory."""

from __future__ import annotations

from connectors.errors import ActionRequiredError
from connectors.protocols.ldap_session import LdapEntry, LdapSession

# OpenSSH's LPK schema, FreeIPA, RFC 4523 section 2, RFC 2798 section 2.8
CREDENTIALS = ("sshPublicKey", "ipaSshPubKey", "userCertificate", "userPKCS12")
ACTIVE_DIRECTORY = ("objectGUID", "userAccountControl")


def other_credentials(entry: LdapEntry) -> dict[str, int]:
    """By attribute, how many keys and certificates the entry has. With these a person may sign in where the password
    is not used, such as by SSH."""
    counted = {}
    for name in CREDENTIALS:
        found = [values for key, values in entry.values.items() if key.partition(";")[0] == name.lower()]
        if found:
            counted[name] = sum(len(values) for values in found)
    return counted


def require_supported(entry: LdapEntry) -> None:
    """Raises `ActionRequiredError("active_directory_unsupported")` for an entry of Active Directory."""
    if any(name.lower() in entry.values for name in ACTIVE_DIRECTORY):
        raise active_directory_unsupported()


def require_supported_people(session: LdapSession, people_base: str) -> None:
    """The same where any entry below `people_base` is one of Active Directory."""
    if session.any_entry(people_base, f"(|{''.join(f'({name}=*)' for name in ACTIVE_DIRECTORY)})"):
        raise active_directory_unsupported()


def active_directory_unsupported() -> ActionRequiredError:
    return ActionRequiredError(
        "active_directory_unsupported",
        "The directory is Active Directory: its entries have objectGUID or userAccountControl. Logins there use "
        "neither userPassword nor pwdAccountLockedTime, which the connector ldap changes.",
        remedy="The connector ldap does not support Active Directory. Remove this system from the packet, and add a "
        "task for the accounts in it.",
        happened="no",
    )
