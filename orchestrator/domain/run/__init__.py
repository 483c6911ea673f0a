"""A run: its state as a fold over events, and what follows from it."""
