"""People from HR's CSV files, for companies whose HR system has no interface."""
