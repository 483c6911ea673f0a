"""Exceptions: a table with one row for each kind, and when they open and close."""
