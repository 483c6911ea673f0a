"""Who may read, prepare, stage and change, and who may see a run."""
