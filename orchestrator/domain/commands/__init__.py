"""What people ask of a run, decided: events or a refusal."""
