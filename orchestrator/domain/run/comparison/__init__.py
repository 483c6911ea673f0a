"""Compares the plan of a dry run with what people do in the systems."""
