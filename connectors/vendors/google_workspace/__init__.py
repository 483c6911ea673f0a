"""Google Workspace by the Admin SDK. The kind is `google_workspace`; its entry in the registry is
`connector.GOOGLE_WORKSPACE`."""
