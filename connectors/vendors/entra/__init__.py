"""Microsoft Entra ID by Microsoft Graph. The kind is `entra`; its entry in the registry is `connector.ENTRA`."""
