"""HTTP for connectors: requests, authentication, pages, and what answers mean."""
