"""Batches as documents: rows that are sent, and a batch as a viewer reads it."""
