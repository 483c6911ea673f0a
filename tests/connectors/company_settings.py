"""How a test reaches the company's systems: the settings of each connector kind, and what is changed in them."""

from __future__ import annotations

from connectors.abilities import Connector
from connectors.registry import connect
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.directory import PLACEHOLDER_DN

SYSTEM_OF = {
    "scim": "identity",
    "ldap": "directory",
    "hr": "hr",
    "code_hosting": "code",
    "cards": "cards",
    "mail": "mail",
}
KINDS = sorted(SYSTEM_OF)
SECRETS = dict.fromkeys(SYSTEM_OF, ("token",)) | {"ldap": ("password",), "mail": ("password", "admin_token")}
ADDRESS = dict.fromkeys(SYSTEM_OF, "url") | {"mail": "admin_url"}
ALLOWED = ("127.0.0.1", "localhost")


def settings_for(company: Company, kind: str) -> dict[str, str]:
    given = company.connections
    if kind == "ldap":
        return {
            "url": given["DIRECTORY_URL"],
            "bind_dn": given["DIRECTORY_BIND_DN"],
            "password": given["DIRECTORY_PASSWORD"],
            "people_base": f"ou=people,{given['DIRECTORY_BASE_DN']}",
            "groups_base": f"ou=groups,{given['DIRECTORY_BASE_DN']}",
            "privileged": "global-admins,payroll-admins",
            "placeholder_member": PLACEHOLDER_DN,
        }
    if kind == "mail":
        return {
            "smtp_host": "localhost",
            "smtp_port": given["MAIL_PORT"],
            "username": given["MAIL_USER"],
            "password": given["MAIL_PASSWORD"],
            "ca_file": given["MAIL_CA_FILE"],
            "sender": "offboard@wolkenmuehle.example",
            "admin_url": given["MAIL_ADMIN_URL"],
            "admin_token": given["MAIL_ADMIN_TOKEN"],
        }
    prefix = SYSTEM_OF[kind].upper()
    settings = {"url": given[f"{prefix}_URL"], "token": given[f"{prefix}_TOKEN"]}
    return settings | ({"privileged": "global-admins"} if kind == "scim" else {})


def connect_to(company: Company, kind: str, **changed: str) -> Connector:
    settings = {**settings_for(company, kind), **changed}
    return connect(kind, settings, allowed_hosts=ALLOWED, system=SYSTEM_OF[kind])
