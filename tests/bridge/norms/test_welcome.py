"""N05, first contact: a person looks first when somebody new writes (ADR 0010)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.model.content.membership import Change
from bridge.model.content.release import Ending
from bridge.norms.context import Rank
from bridge.norms.decision import Rung, Verdict
from bridge.norms.judge import judge
from tests.bridge.norms.town import (
    ABROAD,
    COMMONS,
    GROUP,
    SAM,
    T0,
    at,
    boost,
    coming,
    crossed,
    edit,
    follower,
    member,
    post,
    reaction,
    reply,
    retraction,
    verdicts,
)  # fmt: skip

PASS, DELAY, HOLD, STAY = Verdict.PASS, Verdict.DELAY, Verdict.HOLD, Verdict.STAY
NEW = [follower(Rank.VISITOR), follower(Rank.READER)]


@pytest.mark.parametrize("facts", NEW, ids=["visitor", "reader"])
def test_the_first_post_of_somebody_new_waits_a_day_for_a_person_and_comes_back(facts: object) -> None:
    """A reader is somebody who follows and posts at once."""
    for what in (post(author=SAM, place=GROUP), reply(SAM, GROUP)):
        decision = judge(what, at(GROUP, COMMONS, GROUP, author=facts))
        assert [(r.verdict, r.until, r.on_expiry) for _, r in decision.rulings] == [(HOLD, T0 + timedelta(hours=24), Ending.RETURN)] * 2
        assert decision.rung is Rung.HOLD
        assert decision.explanation is not None
        assert decision.explanation.code == "N05.first_contact"
        assert dict(decision.explanation.args)["until"] == (T0 + timedelta(hours=24)).isoformat()


@pytest.mark.parametrize("facts", NEW, ids=["visitor", "reader"])
def test_what_was_let_in_passes(facts: object) -> None:
    context = at(GROUP, COMMONS, GROUP, author=facts, released=Ending.RELEASE, waits=frozenset({"N05.first_contact"}))
    assert verdicts(post(author=SAM, place=GROUP), context) == (PASS, PASS)


def test_time_alone_lets_nobody_in() -> None:
    """A reply that waited for its parent only was not looked at by anybody."""
    context = at(GROUP, COMMONS, author=follower(Rank.READER), released=Ending.RELEASE, waits=frozenset({"grace.parent"}))
    assert judge(reply(SAM, GROUP), context).strictest is HOLD


def test_after_one_item_was_let_in_the_next_passes() -> None:
    assert judge(post(author=SAM, place=GROUP), at(GROUP, COMMONS, author=follower(Rank.READER, released=1))).strictest is PASS
    assert judge(post(author=SAM, place=GROUP), at(GROUP, COMMONS, author=follower(Rank.NEWCOMER))).strictest is PASS


def test_what_was_given_back_stays_without_a_second_word() -> None:
    context = at(GROUP, COMMONS, GROUP, author=follower(Rank.READER), released=Ending.RETURN, waits=frozenset({"N05.first_contact"}))
    decision = judge(post(author=SAM, place=GROUP), context)
    assert decision.strictest is decision.mildest is STAY
    assert decision.explanation is None


@pytest.mark.parametrize("what", [reaction(SAM, GROUP), boost(SAM, GROUP)], ids=["reaction", "boost"])
def test_signs_of_somebody_new_are_counted_and_not_shown(what: object) -> None:
    decision = judge(what, at(GROUP, COMMONS, GROUP, author=follower(Rank.VISITOR), target=crossed()))
    assert decision.strictest is decision.mildest is STAY
    assert decision.reasons[0].code == "N05.counted"
    assert decision.explanation is None


def test_following_and_taking_back_need_nobody() -> None:
    new = follower(Rank.VISITOR)
    assert judge(coming(Change.FOLLOW), at(GROUP, COMMONS, GROUP, author=new)).strictest is PASS
    assert judge(coming(Change.UNFOLLOW), at(GROUP, COMMONS, GROUP, author=new)).strictest is PASS
    assert judge(retraction(SAM, GROUP), at(GROUP, COMMONS, GROUP, author=new, released=Ending.RETURN)).strictest is PASS


def test_an_edit_follows_its_post() -> None:
    new = follower(Rank.READER)
    held = crossed(SAM, crossed=False, crossed_at=None, held_until=T0 + timedelta(hours=3), held_for_review=True)
    assert verdicts(edit(author=SAM, place=GROUP), at(GROUP, COMMONS, author=new, target=held)) == (DELAY,)
    returned = crossed(SAM, crossed=False, crossed_at=None)
    assert verdicts(edit(author=SAM, place=GROUP), at(GROUP, COMMONS, author=new, target=returned)) == (STAY,)


def test_what_another_group_announces_was_let_in_there() -> None:
    assert judge(post(author=SAM, place=ABROAD), at(ABROAD, COMMONS, author=follower(Rank.VISITOR))).strictest is PASS


def test_the_same_rule_holds_for_somebody_new_on_matrix() -> None:
    assert judge(post(), at(COMMONS, GROUP, author=member(rank=Rank.VISITOR))).strictest is HOLD
