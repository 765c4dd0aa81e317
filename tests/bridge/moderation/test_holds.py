"""Waiting as a row, and who may end it: a person for what waits for people, the author for what waits for them, time for the rest."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given

from bridge.changes import LetIn
from bridge.model.content.release import Ending, Release
from bridge.model.event import Event, decode
from bridge.moderation.acts import Acts
from bridge.moderation.holds import LONGEST_REASON, Action, Refused, decide, due, hold_of
from bridge.norms.context import Context, Crossing, Rank
from bridge.norms.decision import Verdict
from bridge.norms.judge import judge
from tests.bridge.norms.town import COMMONS, ELI, GROUP, GUS, SAM, T0, at, crossed, follower, member, post, reply, said
from tests.strategies import cases

DAY = timedelta(hours=24)


def held(what: Event, context: Context) -> object:
    row = hold_of(what, judge(what, context), context.now)
    assert row is not None
    return row


REVIEW = held(post(author=SAM, place=GROUP), at(GROUP, COMMONS, GROUP, author=follower(Rank.READER)))
ASKED = held(post(), at(COMMONS, GROUP, author=member(Crossing.ASK)))
GRACE = held(post(), at(COMMONS, GROUP, author=member(consent=said(Crossing.ON, grace=15))))
PARENT = held(reply(), at(COMMONS, GROUP, target=crossed(ELI, crossed=False, held_until=T0 + DAY)))


@pytest.mark.parametrize(
    ("row", "kind", "code", "wait", "ending"),
    [
        (REVIEW, "review", "N05.first_contact", DAY, Ending.RETURN),
        (ASKED, "ask", "N01.ask", DAY, Ending.LOCAL),
        (GRACE, "grace", "grace.own", timedelta(seconds=15), Ending.RELEASE),
        (PARENT, "parent", "grace.parent", DAY, Ending.RELEASE),
    ],
    ids=["review", "ask", "grace", "parent"],
)
def test_a_wait_is_a_row_with_an_end(row: object, kind: str, code: str, wait: timedelta, ending: Ending) -> None:
    assert (row.kind, row.code, row.since, row.due_at - row.since, row.on_expiry) == (kind, code, T0, wait, ending)
    assert code in row.waited
    assert decode(row.body).id == row.event_id


def test_what_does_not_wait_is_no_row() -> None:
    for what, context in ((post(), at(COMMONS, GROUP)), (post(), at(COMMONS, GROUP, author=member(Crossing.OFF)))):
        assert hold_of(what, judge(what, context), T0) is None


def test_what_it_waited_for_before_is_kept() -> None:
    decision = judge(post(), at(COMMONS, GROUP, author=member(Crossing.ASK)))
    row = hold_of(post(), decision, T0, waited=("grace.parent",))
    assert row is not None
    assert row.waited == ("grace.parent", "N01.ask")


@given(cases())
def test_every_wait_of_any_decision_is_a_row(case: tuple[Event, Context]) -> None:
    event, context = case
    decision = judge(event, context)
    row = hold_of(event, decision, context.now)
    waits = [ruling for _, ruling in decision.rulings if ruling.verdict in (Verdict.DELAY, Verdict.HOLD)]
    assert (row is not None) == bool(waits)
    if row is not None:
        assert row.due_at == max(ruling.until for ruling in waits if ruling.verdict is max(one.verdict for one in waits))
        assert row.kind in ("review", "ask", "parent", "grace")
        again = msgspec.structs.replace(context, waits=frozenset(row.waited), released=row.on_expiry, now=row.due_at)
        assert all(ruling.verdict is not Verdict.HOLD for _, ruling in judge(event, again).rulings)


def test_a_person_lets_somebody_in() -> None:
    acts = decide(REVIEW, Action.RELEASE, "host ana")
    assert isinstance(acts, Acts)
    assert acts.releases == (Release(REVIEW.event_id, Ending.RELEASE, "host ana"),)
    assert acts.changes == (LetIn(SAM.native, REVIEW.community, REVIEW.event_id),)
    assert [notice.to for notice in acts.notices] == [SAM.native]
    assert "appears at once" in acts.notices[0].text.plain


def test_a_person_gives_it_back_and_says_why() -> None:
    acts = decide(REVIEW, Action.RETURN, "host ana", "We talk about\nteams here, \u202enot crypto. " + "x" * 999)
    assert isinstance(acts, Acts)
    assert acts.changes == ()
    assert acts.releases[0].ending is Ending.RETURN
    assert len(acts.releases[0].reason) <= LONGEST_REASON
    text = acts.notices[0].text.plain
    assert "We talk about teams here, not crypto." in text
    assert "ana" not in text.split("We talk")[0]


def test_without_a_reason_it_still_says_what_one_can_do() -> None:
    acts = decide(REVIEW, Action.RETURN, "host")
    assert isinstance(acts, Acts)
    assert "write again" in acts.notices[0].text.plain


@pytest.mark.parametrize("row", [ASKED, GRACE, PARENT], ids=["ask", "grace", "parent"])
@pytest.mark.parametrize("action", list(Action))
def test_nobody_decides_for_the_author_or_for_the_clock(row: object, action: Action) -> None:
    refused = decide(row, action, "admin")
    assert isinstance(refused, Refused)
    assert ("never decided by anybody else" in refused.text) == (row is ASKED)


def test_what_nobody_looked_at_comes_back_with_a_word() -> None:
    acts = due(REVIEW)
    assert acts.releases == (Release(REVIEW.event_id, Ending.RETURN),)
    assert acts.changes == ()
    assert "Nobody had time" in acts.notices[0].text.plain


@pytest.mark.parametrize(("row", "ending"), [(ASKED, Ending.LOCAL), (GRACE, Ending.RELEASE), (PARENT, Ending.RELEASE)])
def test_other_waits_end_without_a_word(row: object, ending: Ending) -> None:
    assert due(row) == Acts(releases=(Release(row.event_id, ending),))


def test_a_wait_of_somebody_known_is_theirs() -> None:
    row = held(reply(GUS, GROUP), at(GROUP, COMMONS, target=crossed(ELI, crossed=False, held_until=T0 + DAY)))
    assert (row.author, row.handle) == (GUS.native, GUS.handle)
