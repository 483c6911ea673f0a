"""Batches: many runs that are proposed, confirmed and started as one."""
