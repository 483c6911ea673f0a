"""A user of Active Directory: whether the account is disabled, expired or locked out, and its identifiers.

Times are in units of 100 nanoseconds since 1601 (FILETIME, MS-DTYP section 2.3.3).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.account_set import equals_ignoring_case
from connectors.errors import ActionRequiredError
from connectors.protocols.ldap_entries import CREDENTIALS, parent_of, same_dn
from connectors.protocols.ldap_session import LdapEntry

READ = (
    "objectGUID", "objectSid", "sAMAccountName", "userPrincipalName", "cn", "mail", "employeeID", "employeeNumber",
    "userAccountControl", "msDS-User-Account-Control-Computed", "accountExpires", "pwdLastSet", "lastLogonTimestamp",
    "primaryGroupID", "adminCount", "servicePrincipalName", "objectClass", *CREDENTIALS,
)  # fmt: skip
SHOWN = ("sAMAccountName", "userPrincipalName", "mail", "employeeID", "employeeNumber")
PERSON = "(&(objectCategory=person)(objectClass=user))"

# MS-ADTS section 2.2.16
DISABLED = 0x2
_LOCKED_OUT = 0x10
NEVER = 0x7FFF_FFFF_FFFF_FFFF
_NEVER = frozenset({0, NEVER})
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_PROXY_PREFIX = "smtp:"


@dataclass(frozen=True, slots=True)
class DomainUser:
    entry: LdapEntry

    @property
    def dn(self) -> str:
        return self.entry.dn

    @property
    def is_person(self) -> bool:
        """A computer is a user too (MS-ADSC, class computer)."""
        classes = {value.lower() for value in self.entry.values.get("objectclass", ())}
        return "user" in classes and "computer" not in classes

    @property
    def guid(self) -> str:
        """objectGUID, which never changes. Raises `ActionRequiredError("answer_not_understood")`."""
        value = self.entry.first("objectGUID")
        if value is None:
            raise _not_shown("objectGUID")
        return guid_text(value)

    @property
    def sid(self) -> str:
        value = self.entry.first("objectSid")
        if value is None:
            raise _not_shown("objectSid")
        return sid_text(value)

    @property
    def control(self) -> int:
        """userAccountControl. Raises `ActionRequiredError` where it is not shown: then nothing is known of a lock."""
        value = self.number("userAccountControl")
        if value is None:
            raise _not_shown("userAccountControl")
        return value

    @property
    def disabled(self) -> bool:
        return bool(self.control & DISABLED)

    @property
    def expires(self) -> int | None:
        """accountExpires as a FILETIME; None for never."""
        value = self.number("accountExpires")
        return None if value is None or value in _NEVER else value

    @property
    def locked_out(self) -> bool:
        """After wrong passwords, for some time or until an administrator unlocks the account."""
        return bool((self.number("msDS-User-Account-Control-Computed") or 0) & _LOCKED_OUT)

    @property
    def protected(self) -> bool:
        """AdminSDHolder replaces the permissions of its entry: it is in a privileged group, or was."""
        return (self.number("adminCount") or 0) > 0

    def active(self, now: datetime) -> bool | None:
        """None for an account that is locked out: it can sign in again without anyone enabling it."""
        if self.disabled or (self.expires is not None and self.expires <= filetime(now)):
            return False
        return None if self.locked_out else True

    def number(self, attribute: str) -> int | None:
        value = self.entry.first(attribute)
        try:
            return None if value is None else int(value)
        except ValueError:
            raise _not_shown(attribute) from None

    def values(self, attribute: str) -> Sequence[str]:
        """In the form in which people write them: an objectGUID as a UUID, proxyAddresses without `smtp:`."""
        shown = self.entry.every(attribute)
        match attribute.lower():
            case "objectguid":
                return tuple(guid_text(value) for value in shown)
            case "objectsid":
                return tuple(sid_text(value) for value in shown)
            case "proxyaddresses":
                return tuple(value[5:] if value.lower().startswith(_PROXY_PREFIX) else value for value in shown)
        return shown

    def main_values(self, attribute: str) -> Sequence[str]:
        """`SMTP:` in capitals marks the primary address among proxyAddresses."""
        if attribute.lower() != "proxyaddresses":
            return ()
        return tuple(value[5:] for value in self.entry.every(attribute) if value.startswith(_PROXY_PREFIX.upper()))

    def signs_in_as(self, name: str, dns_name: str) -> bool:
        """Whether a simple bind with `name` is one of this user (MS-ADTS section 5.1.1.1.1): its DN, its user principal
        name, `sAMAccountName@DNS-NAME`, `DOMAIN\\sAMAccountName`, or its objectGUID or objectSid."""
        short = self.entry.first("sAMAccountName") or ""
        names = [self.entry.first("userPrincipalName"), f"{short}@{dns_name}"]
        names += [f"{{{self.guid}}}", self.guid, self.entry.first("objectSid") and self.sid]
        typed = name.rpartition("\\")[2] if "=" not in name else name
        return same_dn(self.dn, name) or any(equals_ignoring_case(known, typed) for known in [*names, short] if known)

    def state(self) -> dict[str, Any]:
        """Evidence about the account, and what an administrator needs to restore it."""
        return {
            "dn": self.dn,
            "objectGUID": self.guid,
            "sAMAccountName": self.entry.first("sAMAccountName"),
            "userAccountControl": self.control,
            "disabled": self.disabled,
            "accountExpires": instant(self.expires),
            "locked_out": self.locked_out,
            "pwdLastSet": instant(self.number("pwdLastSet")),
            "parent": parent_of(self.dn),
        }


def filetime(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 10


def instant(value: int | None) -> str | None:
    """ISO 8601; None for never and for values that no calendar has."""
    if value is None or value <= 0:
        return None
    try:
        return (_EPOCH + timedelta(microseconds=value // 10)).isoformat()
    except OverflowError:
        return None


def guid_text(shown: str) -> str:
    """`shown` in hexadecimal. The first three fields are little-endian (MS-DTYP section 2.3.4)."""
    return str(uuid.UUID(bytes_le=bytes.fromhex(shown)))


def sid_text(shown: str) -> str:
    """`shown` in hexadecimal; as S-1-5-21-… (MS-DTYP sections 2.4.2.1 and 2.4.2.2)."""
    data = bytes.fromhex(shown)
    parts = [int.from_bytes(data[start : start + 4], "little") for start in range(8, 8 + 4 * data[1], 4)]
    return "-".join(["S", str(data[0]), str(int.from_bytes(data[2:8], "big")), *map(str, parts)])


def _not_shown(attribute: str) -> ActionRequiredError:
    return ActionRequiredError(
        "answer_not_understood",
        f"The directory does not return {attribute} of an account.",
        remedy=f"Allow bind_dn to read {attribute} of people.",
        happened="no",
    )
