"""Many seeds, side by side in as many processes as wanted; what comes of each is the same in any of them, and is told in the order of the seeds."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import msgspec

from tests.simulation.run import Outcome, Plan, simulate

__all__ = ["Tally", "sweep"]


def sweep(seeds: Iterable[int], plan: Plan, *, plant: str = "", jobs: int = 2) -> Iterator[Outcome]:
    """One outcome for each seed; the steps of those in which every promise held are left out."""
    run = partial(_brief, plan=plan, plant=plant)
    if jobs == 1:
        yield from map(run, seeds)
        return
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=warnings.simplefilter, initargs=("error",))
    try:
        yield from pool.map(run, seeds)
    finally:
        # What nobody wants to know any more is not begun.
        pool.shutdown(cancel_futures=True)


def _brief(seed: int, *, plan: Plan, plant: str) -> Outcome:
    outcome = simulate(seed, plan, plant)
    return outcome if outcome.wrong else msgspec.structs.replace(outcome, steps=())


class Tally:
    """How many there were, what was violated, and how fast it went by the clock of the wall."""

    def __init__(self) -> None:
        self.seeds = 0
        self.asked = 0
        self.lives = 0
        self.violated: list[Outcome] = []
        self._began = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.asked += outcome.asked
        self.lives += outcome.lives
        if outcome.wrong:
            self.violated.append(outcome)

    @property
    def text(self) -> str:
        """One line for people."""
        seconds = time.monotonic() - self._began
        found = f"{len(self.violated)} violated a promise" if self.violated else "every promise held"
        rate = self.seeds / seconds
        return f"{self.seeds} seeds in {seconds:.0f} s, {rate:.2f} seeds/s, {self.asked} requests, {self.lives} lives of nodes: {found}"
