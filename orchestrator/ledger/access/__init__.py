"""Sessions, tokens, device sign-ins, idempotent answers and quotas."""
