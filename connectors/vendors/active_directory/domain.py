"""One Active Directory domain, as a conversation with one of its controllers sees it.

The root entry of the server ("rootDSE", MS-ADTS section 3.1.1.3.2) names the domain and what the server can do.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.errors import ActionRequiredError
from connectors.protocols.ldap_entries import ACTIVE_DIRECTORY_CAPABILITY
from connectors.protocols.ldap_session import LdapEntry, LdapRefusedError, LdapSession

# MS-ADTS section 3.1.1.3.4.3
_LIGHTWEIGHT_CAPABILITY = "1.2.840.113556.1.4.1851"
_READ_ONLY_CAPABILITY = "1.2.840.113556.1.4.1920"
DOMAIN_SCOPE = "1.2.840.113556.1.4.1339"
"""A search ends at the borders of the domain, and the response has no references to other ones (MS-ADTS section
3.1.1.3.4.1.4). Without it, a search from the domain's root refers to the forest's configuration and its DNS zones."""
IN_CHAIN = "1.2.840.113556.1.4.1941"
"""The matching rule that follows memberships through groups (MS-ADTS section 3.1.1.3.4.4.3)."""

_NO_SUCH_OBJECT = 32  # RFC 4511 appendix A.1
_DOMAIN = 2  # in systemFlags of a crossRef: the naming context is a domain (MS-ADTS section 2.2.10)


@dataclass(frozen=True, slots=True)
class Domain:
    """`root` and `configuration` are the DNs of the domain and of the forest's configuration."""

    session: LdapSession
    root: str
    configuration: str
    read_only: bool
    server: str

    @property
    def dns_name(self) -> str:
        """Such as `corp.example`, from the parts of its DN."""
        return ".".join(part.partition("=")[2] for part in self.root.split(","))

    def entry(self, base: str, attributes: Sequence[str]) -> LdapEntry | None:
        """One entry by its DN, or by `<GUID=…>` or `<SID=…>` (MS-ADTS section 3.1.1.3.1.2.4)."""
        try:
            return next(iter(self.session.search(base, "(objectClass=*)", attributes, scope="BASE")), None)
        except LdapRefusedError as error:
            if error.result_code != _NO_SUCH_OBJECT:
                raise
            return None

    def entry_of_guid(self, text: str, attributes: Sequence[str]) -> LdapEntry | None:
        """None also for a text that is no GUID."""
        try:
            return self.entry(f"<GUID={uuid.UUID(text)}>", attributes)
        except ValueError:
            return None

    def other_domains(self) -> list[str]:
        """The DNS names of the forest's other domains; none where they are not shown."""
        if not self.configuration:
            return []
        found = self.session.search(
            f"CN=Partitions,{self.configuration}",
            f"(&(objectClass=crossRef)(systemFlags:1.2.840.113556.1.4.803:={_DOMAIN}))",
            ["nCName", "dnsRoot"],
        )
        return sorted(
            entry.first("dnsRoot") or entry.first("nCName") or entry.dn
            for entry in found
            if (entry.first("nCName") or "").casefold() != self.root.casefold()
        )


def read_domain(session: LdapSession) -> Domain:
    """Raises `ActionRequiredError("not_active_directory")`."""
    names = ("supportedCapabilities", "defaultNamingContext", "configurationNamingContext", "dnsHostName")
    root = next(iter(session.search("", "(objectClass=*)", names, scope="BASE", controlled=False)), None)
    capabilities = root.values.get("supportedcapabilities", ()) if root is not None else ()
    if root is None or ACTIVE_DIRECTORY_CAPABILITY not in capabilities:
        raise ActionRequiredError(
            "not_active_directory",
            "The server does not say that it is a domain controller of Active Directory (supportedCapabilities).",
            remedy="Set connector to ldap for OpenLDAP, 389 Directory Server or FreeIPA. AD LDS is not supported."
            if _LIGHTWEIGHT_CAPABILITY not in capabilities
            else "AD LDS is not supported. Add a task for the accounts in it.",
            happened="no",
        )
    return Domain(
        session,
        root=root.first("defaultNamingContext") or "",
        configuration=root.first("configurationNamingContext") or "",
        read_only=_READ_ONLY_CAPABILITY in capabilities,
        server=root.first("dnsHostName") or "",
    )
