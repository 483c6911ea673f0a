"""Deciding about runs: load the streams, fold them, decide, append. The only such loop."""
