"""Decisions on the streams of starts: limits on them, and batches."""
