"""Amazon Web Services, one package for each service."""
