"""Compares this machine's clock with the `Date` of every answer: a signature made by a clock that is off is refused everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from bridge.checkup.finding import Finding, failure, fine, warning

__all__ = ["Moments", "clock_findings"]

NOTABLE: Final = timedelta(seconds=10)
"""A Date has whole seconds, and an answer takes a few."""

TOO_MUCH: Final = timedelta(minutes=5)
"""The window of RFC 9421 signatures at most servers; draft-cavage ones have an hour at GoToSocial and twelve at Mastodon."""

_REMEDY = "Switch time synchronisation on: timedatectl set-ntp true."


class Moments:
    """What others said the time is. `now` is this machine's clock when the first was asked."""

    def __init__(self, now: datetime) -> None:
        self._began = now
        self.off: dict[str, timedelta] = {}

    def note(self, who: str, headers: Mapping[str, str], now: datetime) -> None:
        """An answer without a readable `Date` says nothing."""
        try:
            said = parsedate_to_datetime(headers.get("Date", ""))
        except (ValueError, TypeError, IndexError):
            return
        self.off[who] = now - (said if said.tzinfo is not None else said.replace(tzinfo=UTC))


def clock_findings(moments: Moments) -> Iterator[Finding]:
    if not moments.off:
        yield warning("clock", "Nobody who answered said what time it is, so the clock was compared with none.", _REMEDY)
    for who, off in moments.off.items():
        ahead = "ahead of" if off > timedelta() else "behind"
        said = f"This machine's clock is {abs(off).total_seconds():.0f} s {ahead} that of {who}."
        if abs(off) > TOO_MUCH:
            yield failure("clock", said, f"Other servers refuse what is signed by it. {_REMEDY}")
        elif abs(off) > NOTABLE:
            yield warning("clock", said, _REMEDY)
        else:
            yield fine("clock", f"This machine's clock agrees with that of {who}.")
