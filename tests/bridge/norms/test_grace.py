"""A moment to change one's mind, and nothing overtakes what it answers (norms.md 3.1, grace period)."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from bridge.model.content.release import Ending
from bridge.norms.context import Crossing, Keep
from bridge.norms.decision import Rung, Verdict
from bridge.norms.judge import judge
from tests.bridge.norms.town import (
    BO,
    COMMONS,
    ELI,
    GROUP,
    GUS,
    STUDIO,
    T0,
    at,
    crossed,
    edit,
    member,
    post,
    reaction,
    reply,
    retraction,
    ruled,
    said,
    verdicts,
)  # fmt: skip

PASS, DELAY, HOLD, STAY = Verdict.PASS, Verdict.DELAY, Verdict.HOLD, Verdict.STAY
CAREFUL = member(consent=said(Crossing.ON, grace=15))


@pytest.mark.parametrize("seconds", [2, 15, 60])
def test_new_words_wait_as_long_as_their_author_chose(seconds: int) -> None:
    ruling = ruled(post(), at(COMMONS, GROUP, author=member(consent=said(Crossing.ON, grace=seconds))), GROUP)
    assert (ruling.verdict, ruling.until, ruling.on_expiry) == (DELAY, T0 + timedelta(seconds=seconds), Ending.RELEASE)


def test_no_grace_is_no_wait() -> None:
    assert judge(post(), at(COMMONS, GROUP, author=member(consent=said(Crossing.ON, grace=0)))).strictest is PASS


def test_a_wait_of_seconds_is_recorded_and_not_announced() -> None:
    decision = judge(post(), at(COMMONS, GROUP, author=CAREFUL))
    assert [reason.code for reason in decision.reasons] == ["grace.own"]
    assert (decision.rung, decision.explanation, decision.tells) == (Rung.ALLOW, None, ())


def test_grace_is_asked_for_once() -> None:
    context = at(COMMONS, GROUP, author=CAREFUL, released=Ending.RELEASE, waits=frozenset({"grace.own"}))
    assert judge(post(), context).strictest is PASS


def test_after_an_outage_the_wait_begins_when_it_is_judged() -> None:
    later = msgspec.structs.replace(at(COMMONS, GROUP, author=CAREFUL), now=T0 + timedelta(hours=6))
    assert ruled(post(), later, GROUP).until == T0 + timedelta(hours=6, seconds=15)


def test_the_first_message_by_megaphone_has_the_usual_wait() -> None:
    context = at(COMMONS, GROUP, author=member(None), keep=Keep.CROSS)
    assert ruled(post(), context, GROUP).until == T0 + timedelta(seconds=15)


def test_edits_signs_and_taking_back_of_what_crossed_wait_for_nothing() -> None:
    for what in (edit(), reaction(), retraction()):
        assert verdicts(what, at(COMMONS, GROUP, author=CAREFUL, target=crossed())) == (PASS,)


def test_people_who_addressed_the_group_have_no_grace() -> None:
    assert judge(post(author=GUS, place=GROUP), at(GROUP, COMMONS)).strictest is PASS


def test_a_reply_waits_with_its_parent() -> None:
    until = T0 + timedelta(seconds=50)
    parent = crossed(ELI, crossed=False, crossed_at=None, held_until=until)
    assert ruled(reply(), at(COMMONS, GROUP, author=CAREFUL, target=parent), GROUP).until == until
    assert ruled(reply(GUS, GROUP), at(GROUP, COMMONS, target=parent), COMMONS).until == until
    again = at(COMMONS, GROUP, author=CAREFUL, target=parent, released=Ending.RELEASE, waits=frozenset({"grace.own"}))
    assert ruled(reply(), again, GROUP).until == until


def test_a_reply_whose_parent_waits_shorter_has_its_own_grace() -> None:
    parent = crossed(ELI, crossed=False, held_until=T0 + timedelta(seconds=3))
    assert ruled(reply(), at(COMMONS, GROUP, author=CAREFUL, target=parent), GROUP).until == T0 + timedelta(seconds=15)


def test_a_parent_whose_time_has_come_keeps_nobody_waiting() -> None:
    parent = crossed(ELI, crossed=False, held_until=T0)
    assert judge(reply(), at(COMMONS, GROUP, target=parent)).strictest is PASS


@pytest.mark.parametrize("what", [reaction(), edit(author=BO)], ids=["reaction", "edit"])
def test_signs_and_edits_wait_with_what_they_are_about(what: object) -> None:
    target = crossed(BO, crossed=False, crossed_at=None, held_until=T0 + timedelta(seconds=9))
    ruling = ruled(what, at(COMMONS, GROUP, target=target), GROUP)
    assert (ruling.verdict, ruling.until, ruling.reason) == (DELAY, T0 + timedelta(seconds=9), "grace.target")


def test_the_longest_wait_wins_and_the_heaviest_names_it() -> None:
    parent = crossed(ELI, crossed=False, held_until=T0 + timedelta(hours=25))
    ruling = ruled(reply(), at(STUDIO, GROUP, author=member(Crossing.ASK), target=parent), GROUP)
    assert (ruling.verdict, ruling.until, ruling.on_expiry) == (HOLD, T0 + timedelta(hours=25), Ending.LOCAL)
    assert ruling.reason == "N01.ask"
