"""Pages: starting a run."""
