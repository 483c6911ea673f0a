"""Settings of an Active Directory domain."""

from __future__ import annotations

from pydantic import Field

from connectors.errors import ActionRequiredError
from connectors.protocols.ldap_settings import DirectorySettings, address

_GLOBAL_CATALOGUE = frozenset({3268, 3269})


class ActiveDirectorySettings(DirectorySettings):
    """How to reach one domain, at one writable domain controller."""

    bind_dn: str = Field(description="user that we sign in as: a DN, or a name such as offboard@example.com")
    people_base: str = Field(default="", description="entry below which people are searched; the whole domain if empty")


def require_domain_port(settings: ActiveDirectorySettings) -> None:
    """Raises `ActionRequiredError("setting_invalid")` for the ports of the global catalogue."""
    if address(settings.url)[1] in _GLOBAL_CATALOGUE:
        raise ActionRequiredError(
            "setting_invalid",
            "The setting url names a port of the global catalogue, which is read-only and has a part of each entry.",
            remedy="Use port 636 (ldaps://), or 389 with start_tls.",
            happened="no",
        )
