"""Slack. The kind is `slack`; its entry in the registry is `connector.SLACK`."""
