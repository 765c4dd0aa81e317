"""When one of these fails, the nodes it ran are heard."""

from tests.live.conftest import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]
