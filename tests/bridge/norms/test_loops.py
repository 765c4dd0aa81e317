"""What a bridge made is not bridged on, and no automated voice is relayed (norms.md 3.2, S08)."""

from __future__ import annotations

import msgspec
import pytest

from bridge.model.content.command import Command
from bridge.model.content.message import Manner, Message
from bridge.model.content.notice import Notice
from bridge.model.content.release import Ending, Release
from bridge.model.content.setting import Setting
from bridge.model.content.sighting import Sighting
from bridge.model.event import Provenance
from bridge.model.ids import EventId
from bridge.model.richtext import from_plain
from bridge.norms.decision import Verdict
from bridge.norms.judge import judge
from bridge.norms.wording import TRANSPORT
from tests.bridge.norms.town import (
    ABROAD,
    BO,
    COMMONS,
    GROUP,
    GUS,
    LOOP,
    MARKED,
    NODE,
    ROOT,
    SAM,
    STUDIO,
    T0,
    at,
    crossed,
    edit,
    event,
    follower,
    member,
    post,
    reaction,
    retraction,
    verdicts,
)  # fmt: skip

PASS, STAY = Verdict.PASS, Verdict.STAY


def test_what_carries_our_own_mark_goes_nowhere() -> None:
    ours = msgspec.structs.replace(MARKED, node=NODE)
    for what in (post(author=SAM, place=ABROAD, provenance=ours), post(provenance=ours)):
        assert judge(what, at(COMMONS, GROUP, STUDIO, ABROAD)).mildest is STAY


def test_a_marked_object_may_land_in_one_more_room_and_no_group() -> None:
    marked = post(author=SAM, place=ABROAD, provenance=MARKED)
    assert verdicts(marked, at(ABROAD, LOOP, COMMONS, GROUP, ABROAD, author=follower())) == (PASS, PASS, STAY, STAY)


def test_a_face_of_another_bridge_may_land_with_its_mark_and_not_without() -> None:
    ghost = follower(ghost_of_other=True)
    assert verdicts(post(author=SAM, place=ABROAD, provenance=MARKED), at(ABROAD, LOOP, author=ghost)) == (PASS,)
    assert verdicts(post(author=SAM, place=GROUP), at(GROUP, LOOP, GROUP, author=ghost)) == (STAY, STAY)


def test_a_marked_object_does_not_land_where_its_bridge_is_present() -> None:
    present = ((COMMONS.native, frozenset({"b2.example"})), (STUDIO.native, frozenset({"c.example"})))
    marked = post(author=SAM, place=ABROAD, provenance=MARKED)
    assert verdicts(marked, at(ABROAD, COMMONS, STUDIO, author=follower(), others=present)) == (STAY, PASS)


def test_after_two_bridges_it_is_final() -> None:
    twice = msgspec.structs.replace(MARKED, hops=2)
    assert judge(post(author=SAM, place=ABROAD, provenance=twice), at(ABROAD, LOOP, COMMONS, GROUP, author=follower())).mildest is STAY


def test_a_mark_without_a_name_is_a_mark() -> None:
    nameless = Provenance(MARKED.native, hops=1)
    assert verdicts(post(author=SAM, place=GROUP, provenance=nameless), at(GROUP, GROUP, author=follower())) == (STAY,)


def test_two_bridges_in_one_room_do_not_relay_each_other() -> None:
    """S08: the other node's copy in our room carries its mark; our copy carries ours; the third bridge has none and is known as a ghost."""
    theirs = post(author=SAM, provenance=MARKED)
    assert verdicts(theirs, at(COMMONS, GROUP, author=member(ghost_of_other=True))) == (STAY,)
    own = post(author=GUS, provenance=msgspec.structs.replace(MARKED, node=NODE))
    assert verdicts(own, at(COMMONS, GROUP, author=member(ghost_of_ours=True))) == (STAY,)
    foreign = post(author=SAM)
    assert verdicts(foreign, at(COMMONS, GROUP, author=member(ghost_of_other=True))) == (STAY,)
    assert verdicts(foreign, at(COMMONS, GROUP, relayed_before=True)) == (STAY,)


def test_what_another_node_carries_between_two_places_is_not_carried_again() -> None:
    """S08, forced: the room is a.example's as well as ours, and the group we follow is a.example's own."""
    shared = ((COMMONS.native, frozenset({"a.example"})), (ABROAD.native, frozenset({"a.example"})))
    assert verdicts(post(), at(COMMONS, ABROAD, STUDIO, others=shared)) == (STAY, PASS)
    assert verdicts(post(author=SAM, place=ABROAD), at(ABROAD, COMMONS, STUDIO, author=follower(), others=shared)) == (STAY, PASS)
    assert verdicts(post(), at(COMMONS, GROUP, others=shared)) == (PASS,), "our own group is nobody else's"
    assert verdicts(retraction(), at(COMMONS, ABROAD, others=shared)) == (PASS,)


def test_edits_and_signs_of_marked_things_follow_the_same_rule() -> None:
    for what in (edit(author=SAM, place=ABROAD), reaction(SAM, ABROAD)):
        marked = msgspec.structs.replace(what, provenance=MARKED)
        assert verdicts(marked, at(ABROAD, LOOP, GROUP, author=follower(), target=crossed(SAM))) == (PASS, STAY)


def test_taking_back_travels_through_every_guard() -> None:
    gone = msgspec.structs.replace(retraction(SAM, ABROAD), provenance=msgspec.structs.replace(MARKED, node=NODE, hops=9))
    assert verdicts(gone, at(ABROAD, LOOP, GROUP, author=follower(ghost_of_ours=True, automated=True))) == (PASS, PASS)


@pytest.mark.parametrize(
    ("what", "context", "code"),
    [
        (post(), at(COMMONS, GROUP, author=member(automated=True)), "loop.automated"),
        (event(Message(from_plain("42"), manner=Manner.NOTICE)), at(COMMONS, GROUP), "loop.notice"),
        (post(), at(COMMONS, GROUP, author=member(ghost_of_ours=True)), "loop.ghost"),
    ],
    ids=["automated", "notice", "ghost"],
)
def test_no_automated_voice_is_relayed(what: object, context: object, code: str) -> None:
    decision = judge(what, context)
    assert decision.mildest is STAY
    assert code in {reason.code for reason in decision.reasons}
    assert decision.explanation is None


def test_a_persons_repeated_words_are_kept_and_explained() -> None:
    decision = judge(post(), at(COMMONS, GROUP, relayed_before=True))
    assert decision.explanation is not None
    assert decision.explanation.code == "loop.repeated"
    assert judge(edit(), at(COMMONS, GROUP, relayed_before=True, target=crossed())).strictest is PASS


@pytest.mark.parametrize(
    "content",
    [
        Command("!who"),
        Release(EventId("x"), Ending.RELEASE),
        Setting(name="New"),
        Sighting(ROOT, "$c"),
        Notice(BO.native, from_plain("Hi")),
    ],
    ids=lambda content: type(content).__name__,
)
def test_what_is_said_to_the_bridge_stays_with_it(content: object) -> None:
    decision = judge(event(content), at(COMMONS, GROUP, STUDIO))
    assert decision.mildest is STAY
    assert {reason.code for reason in decision.reasons} <= TRANSPORT
    assert (decision.explanation, decision.tells) == (None, ())


def test_nothing_is_decided_where_nothing_hears_it() -> None:
    decision = judge(post(), at(COMMONS))
    assert (decision.rulings, decision.reasons, decision.explanation) == ((), (), None)
    assert post().at == T0
