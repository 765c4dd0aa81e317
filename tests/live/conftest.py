"""When a live test fails, the nodes it ran are heard."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.live.node import RUNNING


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for node in RUNNING:
            report.sections.append((f"log of {node.origin}", node.tail()))
    return report
