"""API: parameters, answers and the description of the whole."""
