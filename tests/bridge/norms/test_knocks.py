"""N17: private messages knock first."""

from __future__ import annotations

import msgspec
import pytest

from bridge.model.audience import Audience
from bridge.model.content.release import Ending
from bridge.model.event import Event
from bridge.model.ids import ChannelId
from bridge.model.place import Place, PlaceKind
from bridge.model.portal import Callers, Stance, far_side
from bridge.norms import NORMS
from bridge.norms.context import Context, Keep, Knock, Rank
from bridge.norms.decision import CounterOp, Finding, Reason, Rung, Verdict
from bridge.norms.judge import judge
from bridge.norms.knocks import Knocks, is_stranger, may_knock, may_show
from bridge.norms.norm import Norm
from bridge.norms.normset import plain
from tests.bridge.norms.town import BO, COMMONS, GROUP, SAM, at, crossed, edit, follower, member, post, retraction, verdicts

ID = ChannelId("two")
FAR = Place(far_side(ID, SAM.native), PlaceKind.PERSON, person=SAM.native)
ROOM = Place(far_side(ID, BO.native), PlaceKind.ROOM, person=BO.native)

PASS, HOLD, STAY, DECLINE = Verdict.PASS, Verdict.HOLD, Verdict.STAY, Verdict.DECLINE


def written(text: str = "Hello Bo") -> Event:
    return post(text, SAM, FAR, audience=Audience.DIRECT)


def door(knock: Knock | None = None, rank: Rank = Rank.VISITOR, **more: object) -> Context:
    """Sam's words at Bo's door."""
    return at(FAR, ROOM, author=follower(rank), knock=knock or Knock(), **more)


def test_a_first_message_waits_seven_days_and_its_author_is_told_nothing() -> None:
    decision = judge(written(), door())
    ((_, ruling),) = decision.rulings
    assert (ruling.verdict, ruling.on_expiry, ruling.audience) == (HOLD, Ending.RETURN, Audience.DIRECT)
    assert ruling.until is not None
    assert (ruling.until - door().now).days == 7
    assert decision.explanation is None


def test_vector_1_a_stranger_knocks_without_text_and_after_never_hears_no_more_than_not_delivered() -> None:
    assert not may_show(Knock(), Rank.VISITOR)
    decision = judge(written(), door(Knock(stance=Stance.CLOSED)))
    assert [ruling.verdict for _, ruling in decision.rulings] == [DECLINE]
    assert decision.explanation is not None
    assert decision.explanation.code == "N17.not_delivered"


def test_vector_2_a_member_in_dialogue_shows_the_beginning_of_their_words() -> None:
    assert may_show(Knock(familiar=True), Rank.KNOWN)


def test_vector_3_the_sixth_knock_by_one_actor_in_a_day_is_declined() -> None:
    assert verdicts(written(), door(Knock(sent=4))) == (HOLD,)
    assert verdicts(written(), door(Knock(sent=5))) == (DECLINE,)


def test_three_strangers_a_day_knock_at_one_door_and_an_answered_knock_leaves_room_for_who_is_known() -> None:
    full = Knock(received=3, received_open=2)
    assert not may_knock(full, Rank.VISITOR, Knocks())
    assert may_knock(full, Rank.KNOWN, Knocks())
    assert not may_knock(msgspec.structs.replace(full, received_open=3), Rank.KNOWN, Knocks())


@pytest.mark.parametrize("callers", list(Callers))
@pytest.mark.parametrize("rank", list(Rank))
@pytest.mark.parametrize("familiar", [False, True])
def test_who_shows_words_is_who_the_member_named_and_never_a_stranger(callers: Callers, rank: Rank, familiar: bool) -> None:
    knock = Knock(callers=callers, familiar=familiar)
    shows = may_show(knock, rank)
    if rank is Rank.VISITOR and not familiar:
        assert not shows
    if familiar:
        assert shows
    if callers is Callers.PEOPLE:
        assert shows is familiar
    assert may_knock(knock, rank, Knocks()) is (callers is not Callers.NOBODY)


@pytest.mark.parametrize("rank", list(Rank))
def test_without_strangers_members_and_who_one_talks_with_still_knock(rank: Rank) -> None:
    shut = Knock(strangers_shut=True)
    assert may_knock(shut, rank, Knocks()) is not is_stranger(shut, rank)
    assert may_knock(msgspec.structs.replace(shut, familiar=True), rank, Knocks())


def test_an_open_conversation_goes_both_ways_without_another_word() -> None:
    assert verdicts(written(), door(Knock(stance=Stance.OPEN))) == (PASS,)
    said = post("Hello Sam", BO, ROOM, audience=Audience.DIRECT)
    assert verdicts(said, at(ROOM, FAR, author=member(None), keep=Keep.CROSS, released=Ending.RELEASE)) == (PASS,)


def test_what_waited_is_gone_when_its_time_is_over_and_crosses_only_into_an_open_conversation() -> None:
    ended = judge(written(), door(Knock(stance=Stance.KNOCKS), released=Ending.RETURN))
    assert [ruling.verdict for _, ruling in ended.rulings] == [STAY]
    assert ended.explanation is not None
    assert verdicts(written(), door(Knock(stance=Stance.OPEN), released=Ending.RELEASE)) == (PASS,)


def test_taking_back_always_passes() -> None:
    back = msgspec.structs.replace(retraction(SAM, FAR), audience=Audience.DIRECT)
    assert verdicts(back, door(Knock(stance=Stance.CLOSED))) == (PASS,)


def test_a_change_of_what_was_never_let_in_is_no_second_knock() -> None:
    changed = msgspec.structs.replace(edit("Hello again", SAM, FAR), audience=Audience.DIRECT)
    assert verdicts(changed, door(Knock(), target=None)) == (DECLINE,)
    assert verdicts(changed, door(Knock(stance=Stance.OPEN), target=crossed(SAM, audience=Audience.DIRECT))) == (PASS,)


def test_private_words_enter_no_room_and_no_group_and_public_words_no_conversation_of_two() -> None:
    said = post("Hello Sam", BO, ROOM, audience=Audience.DIRECT)
    assert verdicts(said, at(ROOM, COMMONS, GROUP, keep=Keep.CROSS)) == (STAY, STAY)
    assert verdicts(post("Hello all", SAM, GROUP), at(GROUP, ROOM, FAR)) == (STAY, STAY)


def test_nobody_but_the_two_looks_at_private_words_first_whatever_a_community_norms() -> None:
    """A norm that holds everything for moderators, as a community may have one, has nothing to say here, and counts nothing."""

    def hold(_event: object, _context: object, _params: object) -> tuple[Finding, ...]:
        return (Finding(reason=Reason("X", "N05.first_contact", Rung.HOLD), verdict=HOLD),)

    def count(_event: object, _context: object, _params: object) -> tuple[CounterOp, ...]:
        raise AssertionError("private words are counted")

    curious = Norm(id="X", title="Look first", rule="Everything waits.", stage=4, judge=hold, counts=count)
    norms = plain("test", (*NORMS, curious))
    opened = door(Knock(stance=Stance.OPEN))
    assert [ruling.verdict for _, ruling in judge(written(), opened, norms).rulings] == [PASS]
    assert norms.counts(written(), opened) == ()
    assert [ruling.verdict for _, ruling in judge(post("Hello", SAM, GROUP), at(GROUP, COMMONS), norms).rulings] == [HOLD]
