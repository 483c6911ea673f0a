"""The packet: its three files, their checks, phases and expressions."""
