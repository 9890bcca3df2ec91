"""The system's endpoints and an event source of the test's own, as the integration tests have them."""

from tests.integration.conftest import aws, source

__all__ = ["aws", "source"]
