"""Accounts of a PostgreSQL server: roles that can sign in."""
