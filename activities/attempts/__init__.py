"""One attempt at a step: its lease, its pace, the calls to the system, the result."""
