"""HTTP for connectors: one client, which hosts it may reach, and how answers are read."""
