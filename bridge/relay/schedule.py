"""When to try again, and when to stop: pure, so that a week can be tested in a millisecond.

Engine.md section 9 ("A dead destination"): first wait doubling to the longest, ±20 % jitter, from the first failure. Jitter is derived from
what is tried and how often, not drawn: the same state gives the same answer.
"""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from bridge.model.capability import Patience

MOST_WAIT = timedelta(hours=24)
"""The longest `Retry-After` we believe (activitypub.md 5.3.6)."""

ORDINARY_DAYS = 7
"""How long what is not urgent is kept for a server that does not answer (design section 5)."""

READ_TRIES = 8
"""How often something that could not be fetched is asked for again (activitypub.md 5.4)."""

READ_FOR = timedelta(hours=2)
"""And for how long at least: eight tries from a minute on, doubling. The operator's own homeserver is asked more often, not given up sooner."""

LOOKS = 5
"""How often something is looked at again that points at what nobody knows here, which may still be on its way."""

SOON = Patience(first=3.0, longest=60.0)
"""Between two such looks: a minute and a half together."""


def next_attempt(now: datetime, fails: int, patience: Patience, seed: str, after: float | None = None) -> datetime:
    """The time of the next attempt after the `fails`-th failure (1 for the first). A peer's own wish (`after` seconds) is honoured."""
    wait = min(patience.first * 2.0 ** min(fails - 1, 30), patience.longest)
    jitter = (zlib.crc32(f"{seed}:{fails}".encode()) % 4001 - 2000) / 10_000
    due = now + timedelta(seconds=wait * (1 + jitter))
    if after is not None:
        due = max(due, now + min(timedelta(seconds=after), MOST_WAIT))
    return due


def is_given_up(now: datetime, first_failure_at: datetime | None, keep_days: int) -> bool:
    """Has nothing worked for as long as the item is kept?"""
    return first_failure_at is not None and now - first_failure_at >= timedelta(days=keep_days)


def is_unreadable(now: datetime, received_at: datetime, tries: int) -> bool:
    """Has it been asked for often enough, and for long enough, that a person should look at it?"""
    return tries >= READ_TRIES and now - received_at >= READ_FOR
