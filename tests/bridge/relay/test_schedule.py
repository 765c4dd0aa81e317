"""When to try again and when to stop, a week at a time."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bridge.model.capability import Patience
from bridge.relay.schedule import MOST_WAIT, READ_FOR, READ_TRIES, SOON, is_given_up, is_unreadable, next_attempt
from tests.conformance.samples import NOW, later

INTERNET = Patience()


@given(fails=st.integers(1, 200), seed=st.text(max_size=40), first=st.floats(0.1, 300), longest=st.floats(0.1, 90_000))
def test_waits_double_up_to_the_longest_and_vary_by_a_fifth_at_most(fails: int, seed: str, first: float, longest: float) -> None:
    patience = Patience(first=first, longest=longest)
    wait = (next_attempt(NOW, fails, patience, seed) - NOW).total_seconds()
    expected = min(first * 2.0 ** min(fails - 1, 30), longest)
    assert 0.8 * expected - 1e-5 <= wait <= 1.2 * expected + 1e-5


def test_the_same_state_gives_the_same_time_and_destinations_do_not_all_come_back_at_once() -> None:
    times = {next_attempt(NOW, 1, INTERNET, f"https://s{n}.example/inbox") for n in range(100)}
    assert len(times) > 90
    assert next_attempt(NOW, 3, INTERNET, "here") == next_attempt(NOW, 3, INTERNET, "here")
    assert next_attempt(NOW, 3, INTERNET, "here") != next_attempt(NOW, 3, INTERNET, "there")


@given(after=st.floats(0, 10**7), fails=st.integers(1, 20))
def test_a_peers_own_wish_is_honoured_up_to_a_day_and_never_shortens_a_wait(after: float, fails: int) -> None:
    without = next_attempt(NOW, fails, INTERNET, "here")
    due = next_attempt(NOW, fails, INTERNET, "here", after)
    assert due == max(without, NOW + min(timedelta(seconds=after), MOST_WAIT))


def test_a_dead_server_is_tried_about_forty_times_in_a_week() -> None:
    now, tries = NOW, 0
    while not is_given_up(now, NOW if tries else None, 7):
        tries += 1
        now = next_attempt(now, tries, INTERNET, "https://dead.example/inbox")
    assert 30 <= tries <= 50
    assert timedelta(days=7) <= now - NOW <= timedelta(days=7, hours=8)


def test_what_has_not_failed_is_never_given_up() -> None:
    assert not is_given_up(later(10**9), None, 7)
    assert not is_given_up(later(7 * 86_400 - 1), NOW, 7)
    assert is_given_up(later(7 * 86_400), NOW, 7)
    assert not is_given_up(later(7 * 86_400), NOW, 30)


def test_a_person_is_asked_after_enough_tries_and_enough_time() -> None:
    enough = NOW + READ_FOR
    assert is_unreadable(enough, NOW, READ_TRIES)
    assert not is_unreadable(enough, NOW, READ_TRIES - 1)
    assert not is_unreadable(enough - timedelta(seconds=1), NOW, READ_TRIES + 1_000)


def test_what_came_early_is_looked_at_again_within_seconds() -> None:
    assert next_attempt(NOW, 1, SOON, "here") - NOW < timedelta(seconds=5)
