"""What the terminal shows: tables, words, prompts and errors."""
