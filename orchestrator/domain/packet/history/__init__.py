"""What happened to the versions of a packet: its events, the state that they lead to, and what its owners do."""
