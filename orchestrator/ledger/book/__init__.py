"""The append-only book of events: appending, reading, following and rebuilding read tables."""
