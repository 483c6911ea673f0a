"""Connectors for the interfaces that only the embedded company serves. They show how a connector is written."""
