"""`python -m tests.simulation SEED` replays one seed and shows what happened; `--seeds A..B` tries many and names those that violate a promise."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from tests.simulation.plants import PLANTS
from tests.simulation.run import LAST_STEPS, Plan, simulate
from tests.simulation.seeds import Tally, sweep

EVERY = 10
"""Seeds between two words about how far it is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 every promise held, 1 one was violated."""
    usual = Plan()
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, metavar="SEED", help="the one to replay")
    parser.add_argument("--seeds", type=_span, metavar="A..B", help="try all of these, B included, instead of replaying one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes for --seeds (default: %(default)s)")
    for name, kind, about in (
        ("nodes", int, "whole nodes, each with a hall and a community"),
        ("servers", int, "fediverse servers, at most 4"),
        ("acts", int, "things that people do"),
        ("troubles", float, "things that go wrong, per hundred acts"),
    ):
        parser.add_argument(f"--{name}", type=kind, default=getattr(usual, name), metavar="N", help=f"{about} (default: %(default)s)")
    parser.add_argument("--plant", choices=sorted(PLANTS), default="", metavar="BUG", help=f"on purpose: {', '.join(sorted(PLANTS))}")
    asked = parser.parse_args(arguments)
    if (asked.seed is None) == (asked.seeds is None):
        parser.error("give one SEED, or --seeds A..B")
    plan = Plan(asked.nodes, asked.servers, asked.acts, asked.troubles)
    if asked.seeds is not None:
        return _try(asked.seeds, plan, asked.plant, asked.jobs)
    return _replay(asked.seed, plan, asked.plant)


def _span(text: str) -> range:
    first, dots, last = text.partition("..")
    if not (dots and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 1..200")
    return range(int(first), int(last) + 1)


def _replay(seed: int, plan: Plan, plant: str) -> int:
    outcome = simulate(seed, plan, plant)
    print("\n".join(outcome.steps))
    print(
        f"\nseed {seed}: {outcome.seconds:.0f} s of their time, {outcome.asked} requests, {outcome.lives} lives of nodes, {outcome.cpu:.1f} s"
    )
    print(f"log {outcome.digest}")
    if not outcome.wrong:
        print("every promise held")
        return 0
    print(f"\nviolated, after the last {min(LAST_STEPS, len(outcome.steps))} steps:\n\n{outcome.report}")
    return 1


def _try(seeds: range, plan: Plan, plant: str, jobs: int) -> int:
    tally = Tally()
    for outcome in sweep(seeds, plan, plant=plant, jobs=jobs):
        tally.add(outcome)
        if outcome.wrong:
            print(f"{outcome.wrong}\nto replay this: {outcome.command}\n", flush=True)
        if tally.seeds % EVERY == 0 and tally.seeds < len(seeds):
            print(f"seed {outcome.seed}: {tally.text}", file=sys.stderr, flush=True)
    print(tally.text)
    return 1 if tally.violated else 0


if __name__ == "__main__":
    raise SystemExit(main())
