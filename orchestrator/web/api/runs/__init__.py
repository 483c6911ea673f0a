"""API: runs, decisions, exceptions, tasks and outcomes."""
