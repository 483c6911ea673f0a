"""`install` as the integration tests have it."""

from tests.integration.conftest import install

__all__ = ["install"]
