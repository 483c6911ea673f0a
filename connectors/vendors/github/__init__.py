"""GitHub organisations, on github.com, GitHub Enterprise Cloud and GitHub Enterprise Server."""
