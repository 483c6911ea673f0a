"""From accounts that were found to a plan."""
