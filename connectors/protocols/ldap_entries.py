"""Names of LDAP entries, credentials of one besides its password, and signs of Active Directory."""

from __future__ import annotations

import re

from connectors.account_set import comparable
from connectors.errors import ActionRequiredError
from connectors.protocols.ldap_session import LdapEntry, LdapRefusedError, LdapSession

SSH_KEYS = ("sshPublicKey", "ipaSshPubKey")  # OpenSSH's LPK schema, FreeIPA
CREDENTIALS = (*SSH_KEYS, "userCertificate", "userPKCS12")  # RFC 4523 section 2, RFC 2798 section 2.8
ACTIVE_DIRECTORY = ("objectGUID", "userAccountControl")
_PART = re.compile(r'(?:^|,)((?:\\.|"(?:\\.|[^"\\])*"|[^,\\])*)', re.DOTALL)
_AROUND = re.compile(r"^\s+|(?<!\\)\s+$")  # a space that is escaped belongs to the value, also at its end
_ESCAPED = re.compile(r"(?P<octets>(?:\\[0-9A-Fa-f]{2})+)|\\(?P<letter>.)", re.DOTALL)
ACTIVE_DIRECTORY_CAPABILITY = "1.2.840.113556.1.4.800"  # MS-ADTS section 3.1.1.3.4.3.1


def other_credentials(entry: LdapEntry) -> dict[str, int]:
    """By attribute, how many keys and certificates the entry has. With these a person may sign in where the password
    is not used, such as by SSH."""
    counted = {}
    for name in CREDENTIALS:
        found = [values for key, values in entry.values.items() if key.partition(";")[0] == name.lower()]
        if found:
            counted[name] = sum(len(values) for values in found)
    return counted


def rdn_of(dn: str) -> str:
    """The entry's own part of its DN (RFC 4514 section 2)."""
    return _parts(dn)[0]


def parent_of(dn: str) -> str:
    """The DN of the entry above."""
    return ",".join(_parts(dn)[1:])


def same_dn(one: str, other: str) -> bool:
    """Without case, spaces around names, and differences in what is escaped, which no attribute in a usual DN
    distinguishes."""
    return [_plain(part) for part in _parts(one)] == [_plain(part) for part in _parts(other)]


def _parts(dn: str) -> list[str]:
    """Each with its attributes, as written (RFC 4514 section 3). Servers escape what they return in several ways, so
    that nothing is refused here."""
    return [_AROUND.sub("", part) for part in _PART.findall(dn)] if dn else []


def _plain(part: str) -> str:
    """Without escapes."""
    name, _, value = part.partition("=")
    return comparable(f"{name.strip()}={_ESCAPED.sub(_unescaped, value.lstrip())}")


def _unescaped(found: re.Match[str]) -> str:
    if found["octets"]:
        return bytes.fromhex(found["octets"].replace("\\", "")).decode(errors="replace")
    return found["letter"]


def require_supported(entry: LdapEntry) -> None:
    """Raises `ActionRequiredError("active_directory_unsupported")` for an entry of Active Directory."""
    if any(name.lower() in entry.values for name in ACTIVE_DIRECTORY):
        raise active_directory_unsupported()


def require_supported_people(session: LdapSession, people_base: str) -> None:
    """The same where any entry below `people_base` is one of Active Directory."""
    if session.any_entry(people_base, f"(|{''.join(f'({name}=*)' for name in ACTIVE_DIRECTORY)})"):
        raise active_directory_unsupported()


def read_server(session: LdapSession) -> LdapEntry | None:
    """The root entry of the server, with its vendor; None where the server does not show it. Raises
    `ActionRequiredError("active_directory_unsupported")` where it says that it is a domain controller."""
    try:
        found = session.search("", "(objectClass=*)", ["supportedCapabilities", "vendorName"], scope="BASE")
    except LdapRefusedError:
        return None
    except ActionRequiredError as error:
        if error.code != "credential_refused":  # the sign-in was accepted before
            raise
        return None
    root = next(iter(found), None)
    if root is not None and ACTIVE_DIRECTORY_CAPABILITY in root.values.get("supportedcapabilities", ()):
        raise active_directory_unsupported()
    return root


def is_389(root: LdapEntry | None) -> bool:
    """Whether the server is 389 Directory Server, which FreeIPA uses too (RFC 3045, vendorName: 389 Project)."""
    return root is not None and "389" in (root.first("vendorName") or "")


def active_directory_unsupported() -> ActionRequiredError:
    return ActionRequiredError(
        "active_directory_unsupported",
        "The directory is Active Directory. Logins there use neither userPassword nor pwdAccountLockedTime, which the "
        "connector ldap changes.",
        remedy="Set connector to active_directory for this system in platform.yaml. AD LDS is not supported.",
        happened="no",
    )
