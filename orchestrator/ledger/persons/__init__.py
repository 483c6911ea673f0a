"""Keys per person, sealed fields, files and uploads."""
