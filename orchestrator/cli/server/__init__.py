"""The server that a command talks to, and signing in there."""
