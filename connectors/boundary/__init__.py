"""The checks around every connector."""
