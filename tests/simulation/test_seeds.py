"""Nothing is lost, shown twice, out of order, brought back or shown to more people than it was meant for, whatever goes wrong when."""

from __future__ import annotations

import os

import pytest

from tests.simulation.run import Plan
from tests.simulation.seeds import Tally, sweep

JOBS = os.cpu_count() or 1
LARGE = Plan(nodes=3, servers=3, acts=200)


def require_kept(seeds: range, plan: Plan) -> None:
    """Says how fast it went, and of each seed that violates a promise how to replay it."""
    tally = Tally()
    for outcome in sweep(seeds, plan, jobs=JOBS):
        tally.add(outcome)
    print(tally.text)

    assert [outcome.report for outcome in tally.violated] == []


@pytest.mark.timeout(600)
def test_two_hundred_seeds_keep_every_promise(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print()
        require_kept(range(1, 181), Plan())
        require_kept(range(181, 201), Plan(nodes=2, servers=3, acts=60))


@pytest.mark.by_hand
@pytest.mark.timeout(4 * 3600)
def test_a_thousand_seeds_of_three_nodes_and_two_hundred_events_keep_every_promise(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print()
        require_kept(range(1000, 2000), LARGE)
