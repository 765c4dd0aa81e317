"""A simulation that finds no bugs proves nothing: five that others have made are put in on purpose, and each is found."""

from __future__ import annotations

import re

import pytest

from tests.simulation.plants import PLANTS
from tests.simulation.run import Plan, simulate

ROUGH = Plan(acts=60, troubles=25)

FOUND_WITHIN = 30
"""Seeds, from the first on."""

SIGNS = {
    "cursor-before-effect": r"instead of|does not show|did not hear|ended with 'waiting'",
    "no-dedupe": r"twice|still shows|after it was taken back",
    "naive-sequence": r"does not show|did not hear|nobody accepted|never heard",
    "delete-in-the-ordinary-lane": r"did not hear that w\d+ was taken back",
    "grace-ignored-on-restart": r"s after it was said; its author has 15 s",
}
"""Of which promise each bug breaks."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", sorted(PLANTS))
def test_a_planted_bug_is_found(bug: str) -> None:
    found = next(outcome for seed in range(1, FOUND_WITHIN + 1) if (outcome := simulate(seed, ROUGH, bug)).wrong)

    assert re.search(SIGNS[bug], found.wrong), found.report
    assert simulate(found.seed, ROUGH).wrong == "", "found without the bug as well"
