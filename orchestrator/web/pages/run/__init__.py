"""Pages: one run and what can be done with it."""
