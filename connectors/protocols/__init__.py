"""Connectors for open protocols: SCIM, LDAP and SMTP."""
