"""The answers to questions of pages and the API."""
