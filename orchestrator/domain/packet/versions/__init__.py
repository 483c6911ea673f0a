"""Two versions of a packet beside each other: what differs, and whose change it is."""
