"""What workers and the workflow engine keep in PostgreSQL beside the events."""
