"""Pages: packets, systems, tokens, webhooks, delegation and the ledger."""
