"""API: the open items of people, decisions at gates, and tasks with their files."""
