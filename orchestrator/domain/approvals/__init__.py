"""Gates, who may decide at them, and delegation."""
