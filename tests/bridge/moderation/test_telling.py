"""Whoever is held back hears it once, in words where we may write, else with a sign (norms.md 3.7)."""

from __future__ import annotations

from bridge.model.actor import Mark
from bridge.moderation.telling import tell
from bridge.norms.context import Crossing, Rank
from bridge.norms.judge import judge
from tests.bridge.norms.town import CELLAR, COMMONS, GROUP, SAM, at, follower, member, post

FIRST = post(author=SAM, place=GROUP)
HELD = judge(FIRST, at(GROUP, COMMONS, author=follower(Rank.READER)))


def test_a_stranger_is_told_what_waits_until_when_and_how_to_withdraw() -> None:
    (notice,) = tell(FIRST, HELD, Rank.READER, may_write=True, told_recently=False)
    assert notice.to == SAM.native
    for part in ("waits for a person", "23 November, 18:40 UTC", "Deleting it withdraws it"):
        assert part in notice.text.plain


def test_a_stranger_is_told_once_a_day_and_a_member_each_time() -> None:
    assert tell(FIRST, HELD, Rank.READER, may_write=True, told_recently=True) == ()
    assert tell(FIRST, HELD, Rank.VISITOR, may_write=True, told_recently=True) == ()
    assert len(tell(FIRST, HELD, Rank.KNOWN, may_write=True, told_recently=True)) == 1


def test_whoever_never_wrote_to_us_sees_a_neutral_sign() -> None:
    what = post()
    (waits,) = tell(what, judge(what, at(COMMONS, GROUP, author=member(Crossing.ASK))), Rank.KNOWN, may_write=False, told_recently=False)
    assert (waits.sign, waits.about, waits.text.plain) == ("⏳", what.id, "")
    what = post(place=CELLAR)
    (stays,) = tell(what, judge(what, at(CELLAR, GROUP)), Rank.KNOWN, may_write=False, told_recently=False)
    assert stays.sign == "🏠"


def test_who_chose_it_themselves_hears_nothing() -> None:
    for author in (member(Crossing.OFF), member(None), follower(marks=frozenset({Mark.NOBRIDGE}))):
        what = post()
        assert tell(what, judge(what, at(COMMONS, GROUP, author=author)), Rank.KNOWN, may_write=True, told_recently=False) == ()
