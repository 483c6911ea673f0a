"""Settings of an LDAP directory, and the parts of its address."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connectors.errors import ActionRequiredError


class DirectorySettings(BaseModel):
    """How to reach a directory over LDAP. The fields that every dialect has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="ldaps://host:port, or ldap://host:port with start_tls or on this machine")
    start_tls: bool = Field(default=False, description="begin TLS on an ldap:// connection (RFC 4511 section 4.14)")
    bind_dn: str = Field(description="entry that we sign in as")
    password: SecretStr = Field(description="its password")
    privileged: str = Field(
        default="", description="names of groups, separated by commas, whose members are privileged"
    )
    ca_file: str = Field(default="", description="certificates to trust instead of the public ones (PEM file)")
    max_entries: int = Field(default=5000, gt=0, description="limit of entries per search")

    @property
    def encrypted(self) -> bool:
        """Raises `ActionRequiredError("setting_invalid")`."""
        return address(self.url)[2] or self.start_tls

    @property
    def privileged_names(self) -> frozenset[str]:
        """Without case."""
        return frozenset(name.strip().casefold() for name in self.privileged.split(",") if name.strip())


class LdapSettings(DirectorySettings):
    """Where in the directory people and groups are, and what is particular to its schema."""

    people_base: str = Field(description="entry below which people are")
    groups_base: str = Field(description="entry below which groups are")
    person_class: str = Field(default="person", description="object class of people")
    placeholder_member: str = Field(
        default="",
        description="entry that is added to a group that would become empty, if the schema forbids empty groups",
    )
    lock: Literal["", "ppolicy", "ns_account_lock", "shadow_expire", "none"] = Field(
        default="",
        description="how accounts are locked: ppolicy, ns_account_lock, shadow_expire or none; by the server if empty",
    )
    password_policy: str = Field(
        default="", description="entry of the default password policy, if the directory has policies that differ"
    )


def address(url: str) -> tuple[str, int, bool]:
    """Host, port, and whether the connection begins with TLS."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or parts.scheme not in ("ldap", "ldaps") or parts.username or parts.path.strip("/"):
        raise ActionRequiredError(
            "setting_invalid",
            "The setting url is not of the form ldaps://host:port.",
            remedy="Set url without user name, password or base.",
            happened="no",
        )
    return host, port or (636 if parts.scheme == "ldaps" else 389), parts.scheme == "ldaps"
