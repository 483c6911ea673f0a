"""Okta. The kind is `okta`; its entry in the registry is `connector.OKTA`."""
