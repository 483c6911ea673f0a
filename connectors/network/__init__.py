"""The network between connectors and systems: allowed hosts, TLS, and tries of a connection."""
