"""Active Directory over LDAP. The kind is `active_directory`; its entry in the registry is `connector.ACTS`."""
