"""Reads what a run removed again: while the run is open, and after it closed."""
