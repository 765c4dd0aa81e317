"""Every event ends with a word for it, nothing waits for ever, and what was taken back is served to nobody: each of these can be found broken."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec
import pytest

from bridge.changes import AppendItem, Change, EndEvent, EraseEvent, PutDead, PutHold, Retract
from bridge.model.ids import ACTIVITYPUB
from bridge.model.item import Dead, Destination
from bridge.streams import Stream
from storage import SqlStore
from tests.simulation.node import Plant, SimulatedNode
from tests.simulation.run import Outcome, Plan, simulate

CALM = Plan(acts=40, troubles=0)
SEED = 2
A_YEAR = timedelta(days=365)
A = Destination(ACTIVITYPUB, "https://a.example/inbox", "a.example")

Changed = Callable[[Change], Sequence[Change]]


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Plant], Outcome]:
    def run(plant: Plant) -> Outcome:
        monkeypatch.setattr("tests.simulation.run.PLANTS", {"bug": plant})
        return simulate(SEED, CALM, "bug")

    return run


def committing(changed: Changed) -> Plant:
    """A node that writes something else than it means to."""

    def plant(store: SqlStore, node: SimulatedNode) -> None:
        real = store.journal.commit

        async def commit(changes: Sequence[Change], *, stream: Stream | None = None, lane: str = "", upto: int | None = None) -> None:
            await real([other for change in changes for other in changed(change)], stream=stream, lane=lane, upto=upto)

        store.journal.commit = commit  # type: ignore[method-assign]

    return plant


def test_without_any_bug_nothing_is_found() -> None:
    assert simulate(SEED, CALM).wrong == ""


def test_an_event_that_ends_without_a_word_is_found(planted: Callable[[Plant], Outcome]) -> None:
    outcome = planted(committing(lambda change: [] if isinstance(change, EndEvent | EraseEvent) else [change]))

    assert "ended with 'waiting'" in outcome.wrong, outcome.report


def test_what_is_served_after_it_was_taken_back_is_found(planted: Callable[[Plant], Outcome]) -> None:
    outcome = planted(committing(lambda change: [] if isinstance(change, Retract) else [change]))

    assert "https://n0.example/" in outcome.wrong, outcome.report
    assert "taken back at" in outcome.wrong


def test_a_wait_that_never_ends_is_found(planted: Callable[[Plant], Outcome]) -> None:
    def longer(change: Change) -> Sequence[Change]:
        if not isinstance(change, PutHold):
            return [change]
        return [PutHold(msgspec.structs.replace(change.hold, due_at=change.hold.due_at + A_YEAR))]

    assert re.search("n0.example: .* still waits", planted(committing(longer)).wrong)


def test_what_was_given_up_though_everybody_was_well_is_found(planted: Callable[[Plant], Outcome]) -> None:
    def given_up(change: Change) -> Sequence[Change]:
        if not isinstance(change, AppendItem) or change.item.place.protocol != ACTIVITYPUB:
            return [change]
        return [change, PutDead(change.item, A, Dead("for no reason"), 1, change.at)]

    assert re.search("n0.example gave up .*: for no reason", planted(committing(given_up)).wrong)
