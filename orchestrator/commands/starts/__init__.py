"""Commands that start runs: one, a batch of many, and what holds starts back."""
