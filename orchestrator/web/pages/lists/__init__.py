"""Pages: inbox, runs, exceptions and outcomes."""
