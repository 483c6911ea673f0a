"""Commands of administrators and owners of packets."""
