"""Other nodes of our kind in a room of ours: they are seen by their marks, and what they carry already is not carried twice."""

from __future__ import annotations

import msgspec

from bridge.changes import AppendEvent, PutChannel
from bridge.model.actor import Actor, ActorKind
from bridge.model.audience import Audience
from bridge.model.content import Message
from bridge.model.event import Event, Provenance
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, Native, event_id
from bridge.model.place import OPEN, Channel, Place, PlaceKind
from bridge.model.richtext import from_plain
from tests.bridge.relay.house import HALL, NODE, House

GHOST = Actor(Native(LOOPBACK, "_sam"), "_sam", "hall", "Sam", ActorKind.SERVICE)


async def channel_of(house: House) -> Channel:
    (channel,) = await house.store.directory.channels((await house.community()).id)
    return channel


async def said(house: House, name: str, author: Actor, *, node: str = "", place: Native = HALL) -> Event:
    """Words in a place of the channel, as its reader would append them."""
    channel, native = await channel_of(house), Native(place.protocol, name)
    event = Event(
        id=event_id(NODE.secret, native),
        community=channel.community,
        channel=channel.id,
        place=place,
        author=author,
        content=Message(from_plain(f"words of {name}")),
        audience=Audience.PUBLIC,
        at=house.clock.now(),
        received_at=house.clock.now(),
        provenance=Provenance(native, node=node, hops=1 if node else 0),
    )
    await house.store.journal.commit([AppendEvent(event)])
    await house.settle()
    return event


async def bridges(house: House) -> tuple[str, ...]:
    place = (await channel_of(house)).place(HALL)
    assert place is not None
    return place.bridges


async def test_another_node_is_seen_by_what_its_accounts_say_in_the_room(house: House) -> None:
    for name in ("one", "two"):
        await said(house, name, GHOST, node="b2.example")
    assert await bridges(house) == ("b2.example",)
    assert await house.endings("message") == ["kept local", "kept local"], "what it carried here goes no further"


async def test_a_person_shuts_nothing_with_a_mark_and_neither_does_our_own(house: House) -> None:
    await said(house, "forged", msgspec.structs.replace(GHOST, kind=ActorKind.PERSON), node="b.example")
    await said(house, "ours", GHOST, node=NODE.domain)
    assert await bridges(house) == ()


async def test_what_another_node_brings_to_the_room_itself_is_not_brought_by_us(house: House) -> None:
    """Scenario S08, forced: the room and the group we follow are both carried by that node."""
    sam = await house.stranger("sam")
    guild = await house.stranger("guild", "b2.example", kind=ActorKind.GROUP)
    channel = await channel_of(house)
    rooms = tuple(place for place in channel.places if place.kind is PlaceKind.ROOM)
    places = (*rooms, Place(guild.native, PlaceKind.FOREIGN_GROUP, "Guild", OPEN))
    await house.store.journal.commit([PutChannel(msgspec.structs.replace(channel, places=places))])
    await said(house, "https://a.example/o/before", sam, place=guild.native)
    assert await house.forms("hall") == ["send:message"]

    await said(house, "one", GHOST, node="b2.example")
    event = await said(house, "https://a.example/o/after", sam, place=guild.native)
    assert await house.forms("hall") == ["send:message"]
    assert [reason for reason in (await house.record(event.id)).reasons if "Another bridge" in reason]
    assert guild.native.protocol == ACTIVITYPUB
