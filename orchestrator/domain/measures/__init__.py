"""Figures about runs: exposure and outcomes."""
