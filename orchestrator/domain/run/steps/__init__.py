"""The steps of a run: which are ready, and how one is attempted, done by hand or repeated."""
