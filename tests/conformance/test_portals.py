"""The `Portals` port: direct conversations are found from every side, and forgotten from both."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from bridge.changes import DropPortal, EraseTraces, PutDoor, PutPortal
from bridge.errors import Conflict
from bridge.model.ids import MATRIX, Native
from bridge.model.place import PlaceKind
from bridge.model.portal import Callers, Door, Portal, Stance, portal_id
from storage import SqlStore
from tests.conformance.homes import SECRET
from tests.conformance.samples import ANA, MAKERS, NOW, actor, follower, later

SAM = follower("sam", "a.example")
ROOM = Native(MATRIX, "!two:hs.example")


def portal(correspondent: Native = SAM, **more: object) -> Portal:
    one = Portal(portal_id(SECRET, ANA, correspondent), MAKERS, ANA, correspondent, Stance.KNOCKS, NOW)
    return msgspec.structs.replace(one, **more)


async def test_a_conversation_is_found_by_its_id_its_room_and_both_people(store: SqlStore) -> None:
    opened = portal(stance=Stance.OPEN, room=ROOM)
    await store.journal.commit([PutPortal(opened), PutPortal(opened)])
    assert await store.portals.portal(opened.id) == opened
    assert await store.portals.portal_at(ROOM) == opened
    assert await store.portals.of(ANA, 10) == await store.portals.of(SAM, 10) == (opened,)
    assert await store.portals.rooms("", 10) == (opened,)
    assert await store.portals.rooms(opened.id, 10) == ()


async def test_a_conversation_is_a_channel_of_two_places_and_of_no_community(store: SqlStore) -> None:
    opened = portal(stance=Stance.OPEN, room=ROOM)
    await store.journal.commit([PutPortal(opened)])
    channel = await store.directory.channel_of(ROOM)
    assert channel is not None
    assert channel == await store.directory.channel(opened.id)
    assert [(place.kind, place.person) for place in channel.places] == [(PlaceKind.PERSON, SAM), (PlaceKind.ROOM, ANA)]
    assert [await store.directory.channel_of(place.native) for place in channel.places] == [channel, channel]
    assert await store.directory.channels(MAKERS) == ()


async def test_a_room_carries_one_conversation_only(store: SqlStore) -> None:
    await store.journal.commit([PutPortal(portal(room=ROOM))])
    with pytest.raises(Conflict, match="another direct conversation"):
        await store.journal.commit([PutPortal(portal(follower("kim", "b.example"), room=ROOM))])


async def test_knocks_are_counted_from_a_moment_on_and_what_a_member_began_is_none(store: SqlStore) -> None:
    others = [follower(f"mal{n}", "n1.example") for n in range(3)]
    await store.journal.commit([PutPortal(portal(one, since=later(60 * n))) for n, one in enumerate(others)])
    await store.journal.commit([PutPortal(portal(begun=True, since=later(60)))])
    await store.journal.commit([PutPortal(portal(others[2], since=later(120), stance=Stance.CLOSED))])
    assert await store.portals.knocks(ANA, NOW) == (3, 2)
    assert await store.portals.knocks(ANA, NOW + timedelta(seconds=1)) == (2, 1)
    assert await store.portals.knocks(others[0], NOW) == (1, 1)
    assert await store.portals.knocks(SAM, NOW) == (0, 0)


async def test_a_conversation_that_is_dropped_was_never_there(store: SqlStore) -> None:
    opened = portal(room=ROOM)
    await store.journal.commit([PutPortal(opened)])
    await store.journal.commit([DropPortal(opened.id), DropPortal(opened.id)])
    assert await store.portals.portal(opened.id) is None
    assert await store.directory.channel_of(ROOM) is None


async def test_a_door_is_as_it_was_last_set(store: SqlStore) -> None:
    assert await store.portals.door(ANA) is None
    for door in (Door(ANA), Door(ANA, Callers.NOBODY, strangers_after=later(60), warned=NOW)):
        await store.journal.commit([PutDoor(door)])
        assert await store.portals.door(ANA) == door


async def test_whoever_is_forgotten_is_named_by_no_conversation_and_no_door(store: SqlStore) -> None:
    await store.journal.commit([PutPortal(portal(room=ROOM)), PutDoor(Door(ANA))])
    await store.journal.commit([EraseTraces(actor(), Native(ANA.protocol, "nobody"), NOW)])
    assert await store.portals.of(SAM, 10) == ()
    assert await store.portals.door(ANA) is None
