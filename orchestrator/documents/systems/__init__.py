"""Systems of a packet as documents: how they respond, and who supports them."""
