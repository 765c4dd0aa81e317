"""What norms count: within windows, without names, bounded, and never more than there was (norms.md 3.9 and 3.11)."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.norms import counters
from bridge.norms.counters import BUCKETS, Counter, Crowd, Ring
from bridge.norms.decision import CounterOp, Tally
from tests.bridge.norms.town import BO, GUS, T0, post

HOUR = timedelta(hours=1)
OPS = {kind: CounterOp(kind, "k", 3600, cap=5) for kind in Tally}


def after(op: CounterOp, *moments: datetime) -> Counter | None:
    """One more at each of these moments, each time by somebody else."""
    counter = None
    for number, moment in enumerate(moments):
        counter = counters.add(counter, msgspec.structs.replace(op, member=str(number)), moment)
    return counter


@pytest.mark.parametrize("kind", Tally)
def test_every_counter_returns_to_nothing_by_itself(kind: Tally) -> None:
    counter = after(OPS[kind], T0, T0, T0)
    assert counters.value(counter, OPS[kind], T0) == 3
    assert counters.value(counter, OPS[kind], T0 + HOUR + timedelta(seconds=61)) == 0


def test_what_left_the_window_is_not_counted_and_what_is_in_it_is() -> None:
    counter = after(OPS[Tally.COUNT], T0, T0 + timedelta(minutes=40), T0 + timedelta(minutes=50))
    assert counters.value(counter, OPS[Tally.COUNT], T0 + timedelta(minutes=59)) == 3
    assert counters.value(counter, OPS[Tally.COUNT], T0 + timedelta(minutes=61)) == 2
    assert counters.value(counter, OPS[Tally.COUNT], T0 + timedelta(minutes=111)) == 0


@given(st.lists(st.integers(0, 7200), max_size=40))
def test_a_ring_never_counts_more_than_there_was_in_its_window_and_stays_bounded(seconds: list[int]) -> None:
    op, moments = OPS[Tally.COUNT], [T0 + timedelta(seconds=one) for one in sorted(seconds)]
    counter = after(op, *moments)
    for now in moments:
        seen = counters.value(after(op, *(one for one in moments if one <= now)), op, now)
        assert sum(now - HOUR + timedelta(seconds=60) < one <= now for one in moments) <= seen
        assert seen <= sum(now - HOUR < one <= now for one in moments)
    assert counter is None or (isinstance(counter, Ring) and len(counter.buckets) <= BUCKETS and counter.total == sum(counter.buckets))


def test_the_same_person_is_one_of_a_crowd_however_often_they_come() -> None:
    op = msgspec.structs.replace(OPS[Tally.DISTINCT], member="sam")
    counter = counters.add(counters.add(None, op, T0), op, T0 + timedelta(minutes=1))
    assert counters.value(counter, op, T0 + timedelta(minutes=1)) == 1
    assert counters.value(counter, op, T0 + timedelta(minutes=60, seconds=30)) == 1


def test_a_crowd_is_counted_as_far_as_it_matters_and_keeps_the_latest() -> None:
    counter = after(OPS[Tally.DISTINCT], *(T0 + timedelta(seconds=n) for n in range(9)))
    assert isinstance(counter, Crowd)
    assert [who for who, _ in counter.members] == ["4", "5", "6", "7", "8"]


def test_a_leak_runs_out_evenly_and_holds_no_more_than_its_measure() -> None:
    counter = after(OPS[Tally.LEAKY], *(T0,) * 9)
    assert counters.value(counter, OPS[Tally.LEAKY], T0) == 5
    assert counters.value(counter, OPS[Tally.LEAKY], T0 + timedelta(minutes=12)) == 4
    assert counters.value(counter, OPS[Tally.LEAKY], T0 + timedelta(minutes=59)) == 1


@pytest.mark.parametrize("kind", Tally)
@pytest.mark.parametrize("was", Tally)
def test_a_counter_that_a_former_version_left_begins_again(kind: Tally, was: Tally) -> None:
    if kind is not was:
        counter = counters.add(after(OPS[was], T0, T0), OPS[kind], T0)
        assert counters.value(counter, OPS[kind], T0) == 1
        assert counters.value(after(OPS[was], T0), OPS[kind], T0) == 0


@pytest.mark.parametrize("kind", Tally)
def test_a_clock_that_goes_back_loses_nothing(kind: Tally) -> None:
    counter = after(OPS[kind], T0, T0 - timedelta(minutes=5), T0 - timedelta(days=3))
    assert counters.value(counter, OPS[kind], T0) >= 2


def test_no_name_is_in_a_key_and_tomorrow_nobody_can_tell_who_it_was() -> None:
    today, tomorrow = (counters.secret_of(b"s" * 32, T0 + timedelta(days=days), 1) for days in (0, 1))
    one = counters.key(today, "N10", 3600, str(BO.native))
    assert one == counters.key(today, "N10", 3600, str(BO.native))
    assert len({one, counters.key(tomorrow, "N10", 3600, str(BO.native)), counters.key(today, "N10", 3600, str(GUS.native))}) == 3
    assert "bo" not in one
    assert today == counters.secret_of(b"s" * 32, T0 + timedelta(minutes=5), 1)


def test_whoever_withdraws_is_found_among_the_counters_of_today_and_of_yesterday() -> None:
    yesterday = counters.about(counters.secret_of(b"s" * 32, T0 - timedelta(days=1), 1), BO.native)
    week = counters.about(counters.secret_of(b"s" * 32, T0, 7), BO.native)
    found = counters.all_about(b"s" * 32, BO.native, T0)
    assert {yesterday, week} < set(found)
    assert len(set(found)) == 4


@pytest.mark.parametrize(("minutes", "late"), [(0, False), (10, False), (11, True)])
def test_catching_up_is_no_raid(minutes: int, late: bool) -> None:
    assert counters.is_late(post(received_at=T0 + timedelta(minutes=minutes))) is late
