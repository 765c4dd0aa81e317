"""The audience lattice: crossing never shows words to more people than their author chose (I1, norms.md 3.1)."""

from __future__ import annotations

import pytest

from bridge.model.audience import Audience
from bridge.model.ids import MATRIX, Native
from bridge.model.place import History, Join, Openness, Place, PlaceKind
from bridge.norms.audience import closed
from bridge.norms.context import Crossing
from bridge.norms.decision import Verdict
from bridge.norms.judge import judge
from tests.bridge.norms.town import (
    BO,
    CELLAR,
    COMMONS,
    ELI,
    GROUP,
    GUS,
    PORCH,
    STUDIO,
    at,
    boost,
    crossed,
    edit,
    member,
    post,
    reaction,
    reply,
    ruled,
    verdicts,
)  # fmt: skip

PASS, STAY = Verdict.PASS, Verdict.STAY


@pytest.mark.parametrize(("room", "audience"), [(COMMONS, Audience.PUBLIC), (PORCH, Audience.UNLISTED), (STUDIO, Audience.COMMUNITY)])
def test_a_room_is_the_ceiling_of_what_is_said_in_it(room: Place, audience: Audience) -> None:
    assert ruled(post(place=room), at(room, GROUP), GROUP).audience is audience


def test_a_followers_only_post_enters_only_closed_rooms() -> None:
    whisper = post(author=GUS, place=GROUP, audience=Audience.COMMUNITY)
    decision = judge(whisper, at(GROUP, COMMONS, PORCH, STUDIO, GROUP))
    assert [ruling.verdict for _, ruling in decision.rulings] == [STAY, STAY, PASS, PASS]
    assert decision.explanation is not None
    assert decision.explanation.code == "audience.not_carried"
    assert ruled(whisper, at(GROUP, COMMONS), COMMONS).reason == "audience.not_carried"


@pytest.mark.parametrize("place", [COMMONS, STUDIO, GROUP])
def test_private_words_enter_no_room_and_no_group(place: Place) -> None:
    for level in (Audience.DIRECT, Audience.LOCAL):
        assert judge(post(author=GUS, place=GROUP, audience=level), at(GROUP, place)).strictest is STAY
        assert closed(place, level)


def test_nothing_said_in_an_encrypted_room_crosses_and_a_willing_author_hears_why() -> None:
    decision = judge(post(place=CELLAR), at(CELLAR, GROUP))
    assert decision.strictest is STAY
    assert decision.explanation is not None
    assert decision.explanation.code == "audience.encrypted"
    assert decision.tells[0].sign == "🏠"


def test_who_is_off_hears_nothing_about_rooms() -> None:
    assert judge(post(place=CELLAR), at(CELLAR, GROUP, author=member(Crossing.OFF))).explanation is None


def test_what_we_do_not_know_of_a_room_counts_as_closed() -> None:
    room = Place(Native(MATRIX, "!new:hs.example"), PlaceKind.ROOM)
    assert room.openness == Openness(Join.INVITE, History.JOINED)
    assert ruled(post(place=room), at(room, GROUP), GROUP).audience is Audience.COMMUNITY


def test_an_edit_or_a_sign_is_seen_by_no_more_people_than_its_target() -> None:
    for what in (edit(), reaction()):
        assert ruled(what, at(COMMONS, GROUP, target=crossed(audience=Audience.COMMUNITY)), GROUP).audience is Audience.COMMUNITY


def test_a_sign_on_what_stayed_stays_and_so_does_a_boost_and_an_edit() -> None:
    stayed = crossed(ELI, crossed=False, crossed_at=None)
    for what, context in (
        (reaction(), at(COMMONS, GROUP, target=stayed)),
        (boost(), at(GROUP, COMMONS, target=stayed)),
        (edit(author=ELI), at(COMMONS, GROUP, target=stayed)),
        (reaction(), at(COMMONS, GROUP)),
    ):
        decision = judge(what, context)
        assert decision.strictest is STAY
        assert decision.explanation is None


def test_an_answer_to_what_stayed_crosses() -> None:
    assert verdicts(reply(), at(COMMONS, GROUP, target=crossed(ELI, crossed=False, crossed_at=None))) == (PASS,)


def test_what_was_taken_back_gets_no_more_edits_and_signs() -> None:
    for what in (edit(), reaction()):
        assert judge(what, at(COMMONS, GROUP, target=crossed(retracted=True))).strictest is STAY
    assert judge(reply(), at(COMMONS, GROUP, target=crossed(retracted=True))).strictest is PASS


def test_only_the_author_changes_words() -> None:
    assert judge(edit(author=BO), at(COMMONS, GROUP, target=crossed(ELI))).strictest is STAY
    assert judge(edit(author=BO), at(COMMONS, GROUP, target=crossed(BO))).strictest is PASS
