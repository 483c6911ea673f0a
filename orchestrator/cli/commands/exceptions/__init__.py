"""Exceptions: list them, resolve them, and record what is known about them."""
