"""A seed is one run: whoever tries it again sees the same, and whoever sees it fail is told how to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.simulation.__main__ import main
from tests.simulation.run import Outcome, Plan, simulate

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.timeout(300)

SMALL = Plan(nodes=2, acts=25)
SIZES = ("--nodes", "2", "--acts", "25")

BUG = "cursor-before-effect"
ROUGH = Plan(acts=60, troubles=25)
ARGUMENTS = ("--acts", "60", "--troubles", "25", "--plant", BUG)


@pytest.fixture(scope="module")
def failing() -> Outcome:
    """A seed that finds a planted bug."""
    return next(outcome for seed in range(1, 31) if (outcome := simulate(seed, ROUGH, BUG)).wrong)


def test_a_seed_twice_gives_the_same_log_byte_for_byte() -> None:
    first, second = simulate(3, SMALL), simulate(3, SMALL)

    assert first.steps == second.steps
    assert len(first.steps) > 200
    assert msgspec.structs.replace(first, cpu=0.0) == msgspec.structs.replace(second, cpu=0.0)


def test_another_seed_is_another_run() -> None:
    assert simulate(3, SMALL).digest != simulate(4, SMALL).digest


@pytest.mark.parametrize("hash_seed", ["0", "1", "2"])
def test_a_seed_is_the_same_in_every_process(hash_seed: str) -> None:
    """Nothing depends on the order in which a set is gone through, which is another in every process."""
    outcome = simulate(3, SMALL)

    shown = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "3", *SIZES],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert shown.startswith("\n".join(outcome.steps))
    assert f"log {outcome.digest}" in shown


def test_a_seed_that_fails_says_the_command_that_replays_it(failing: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    command = failing.report.splitlines()[-1].removeprefix("to replay this: python -m tests.simulation ")
    assert command.split() == [str(failing.seed), *ARGUMENTS]

    assert main(command.split()) == 1

    shown = capsys.readouterr().out
    assert shown.startswith("\n".join(failing.steps))
    assert shown.rstrip().endswith(failing.report)


def test_trying_many_seeds_names_those_that_fail_and_counts_them(failing: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    after = simulate(failing.seed + 1, ROUGH, BUG)

    assert main(["--seeds", f"{failing.seed}..{after.seed}", "--jobs", "2", *ARGUMENTS]) == 1

    shown = capsys.readouterr().out
    assert f"{failing.wrong}\nto replay this: {failing.command}\n" in shown
    assert "2 seeds in" in shown
    assert f"{1 + bool(after.wrong)} violated a promise" in shown


@pytest.mark.parametrize("arguments", [[], ["1", "--seeds", "1..2"], ["--seeds", "2..1"], ["--seeds", "many"], ["1", "--plant", "weed"]])
def test_what_cannot_be_asked_is_refused_in_words(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(arguments)

    assert refusal.value.code == 2
    assert "usage: python -m tests.simulation" in capsys.readouterr().err
