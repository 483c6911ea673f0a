"""Around every request: limits, headers, errors as responses, and answers that are given once for one key."""
