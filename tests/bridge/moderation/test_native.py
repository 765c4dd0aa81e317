"""A native button means one word of the vocabulary, and says itself how far its place vouches for who pressed it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from bridge.model.act import Deed, Via
from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content import Appointment, Content, Lock, Message, Restoration, Retraction, Sanction
from bridge.model.event import Event, Provenance
from bridge.model.ids import ACTIVITYPUB, MATRIX, ChannelId, CommunityId, EventId, Native, ObjectId
from bridge.model.place import Place, PlaceKind
from bridge.model.restriction import Measure, server
from bridge.model.richtext import from_plain
from bridge.moderation.native import act_of, is_vouched
from tests.strategies import events

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DEE = Actor(Native(ACTIVITYPUB, "https://lemmy.example/u/dee"), "@dee@lemmy.example", "lemmy.example")
SAM = Native(ACTIVITYPUB, "https://a.example/u/sam")
POST = ObjectId("post")
ROOM = Place(Native(MATRIX, "!commons"), PlaceKind.ROOM)
GROUP = Place(Native(ACTIVITYPUB, "https://moot.example/c/commons"), PlaceKind.GROUP)


def done(content: Content, place: Place = GROUP) -> Event:
    return Event(
        id=EventId("act"),
        community=CommunityId("commons"),
        channel=ChannelId("channel"),
        place=place.native,
        author=DEE,
        content=content,
        audience=Audience.PUBLIC,
        at=NOW - timedelta(minutes=3),
        received_at=NOW,
        provenance=Provenance(Native(ACTIVITYPUB, "https://lemmy.example/a/1")),
    )


@pytest.mark.parametrize(
    ("content", "deed"),
    [
        (Retraction(POST, reason="why", moderator=True), Deed.REMOVE),
        (Restoration(POST, reason="why"), Deed.RESTORE),
        (Lock(POST, reason="why"), Deed.LOCK),
        (Lock(POST, locked=False, reason="why"), Deed.UNLOCK),
    ],
)
def test_an_act_about_a_thing_keeps_the_thing_and_the_reason(content: Content, deed: Deed) -> None:
    act = act_of(done(content))
    assert act is not None
    assert (act.deed, act.object, act.reason, act.by, act.via) == (deed, POST, "why", DEE.native, Via.NATIVE)


@pytest.mark.parametrize(
    ("content", "deed"),
    [
        (Sanction(SAM, Measure.BAN), Deed.BAN),
        (Sanction(SAM, Measure.REST), Deed.REST),
        (Sanction(SAM, Measure.LIMIT), Deed.LIMIT),
        (Sanction(SAM, Measure.BAN, lifted=True), Deed.LIFT),
        (Appointment(SAM), Deed.GRANT),
        (Appointment(SAM, ended=True), Deed.END),
    ],
)
def test_an_act_about_a_person_keeps_the_person(content: Content, deed: Deed) -> None:
    act = act_of(done(content))
    assert act is not None
    assert (act.deed, act.person, act.server) == (deed, SAM, "")


@pytest.mark.parametrize(
    ("content", "deed"),
    [
        (Sanction(server("bad.example"), Measure.BLOCK), Deed.SERVER_BLOCK),
        (Sanction(server("bad.example"), Measure.LIMIT), Deed.SERVER_LIMIT),
        (Sanction(server("bad.example"), Measure.BLOCK, lifted=True), Deed.SERVER_LIFT),
    ],
)
def test_an_act_about_a_server_names_its_host(content: Content, deed: Deed) -> None:
    act = act_of(done(content))
    assert act is not None
    assert (act.deed, act.person, act.server) == (deed, None, "bad.example")


def test_a_ban_lasts_from_now_until_its_end_and_without_one_as_long_as_is_usual() -> None:
    week = act_of(done(Sanction(SAM, Measure.BAN, until=NOW + timedelta(days=7), tidy=True)))
    unsaid = act_of(done(Sanction(SAM, Measure.BAN)))
    assert week is not None
    assert unsaid is not None
    assert (week.span, week.tidy, week.forever) == (timedelta(days=7), True, False)
    assert (unsaid.span, unsaid.forever) == (None, False)


@pytest.mark.parametrize("content", [Retraction(POST), Message(from_plain("remove this"))])
def test_what_people_say_or_take_back_themselves_is_no_act(content: Content) -> None:
    assert act_of(done(content)) is None


@given(events())
def test_every_event_is_an_act_or_none(event: Event) -> None:
    act = act_of(event)
    assert act is None or (act.id == event.id and act.by == event.author.native)


def test_a_room_vouches_for_who_holds_power_in_it_and_a_group_for_nobody() -> None:
    for content in (Sanction(SAM, Measure.BAN), Lock(POST)):
        assert is_vouched(done(content, ROOM), ROOM)
        assert not is_vouched(done(content), GROUP)
    assert is_vouched(done(Retraction(POST, moderator=True)), GROUP), "by the author's own server"
    assert not is_vouched(done(Retraction(POST, moderator=True, claimed=True)), GROUP)
