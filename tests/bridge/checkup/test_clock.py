"""A clock that is off is told of before every signature made by it is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bridge.checkup.clock import Moments, clock_findings
from bridge.checkup.finding import Level

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("off", "level", "says"),
    [
        (timedelta(seconds=3), Level.OK, "agrees with that of hs.example"),
        (timedelta(seconds=40), Level.WARNING, "40 s ahead of that of hs.example"),
        (timedelta(minutes=-6), Level.ERROR, "360 s behind that of hs.example"),
    ],
)
def test_a_clock_that_is_off_is_told_of_with_by_how_much(off: timedelta, level: Level, says: str) -> None:
    moments = Moments(NOON)
    moments.note("hs.example", {"Date": format_datetime(NOON, usegmt=True)}, NOON + off)

    (finding,) = clock_findings(moments)

    assert (finding.level, says in finding.said) == (level, True)
    assert bool(finding.remedy) is (level is not Level.OK)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Nov 2026 12:00:00 GMT"])
def test_an_answer_without_a_readable_date_is_no_proof_of_anything(date: str) -> None:
    moments = Moments(NOON)
    moments.note("hs.example", {"Date": date}, NOON)

    (finding,) = clock_findings(moments)

    assert (finding.level, "compared with none" in finding.said) == (Level.WARNING, True)
