"""The `Directory` port: who and where, as last written; a name is given out once."""

from __future__ import annotations

import pytest

from bridge.changes import (
    DropFollow,
    DropPlace,
    EndGhost,
    ForgetActor,
    PutActor,
    PutChannel,
    PutCommunity,
    PutConversation,
    PutFollow,
    PutGhost,
    PutPlace,
)
from bridge.errors import Conflict
from bridge.model.actor import Actor, ActorKind, Ghost, Mark
from bridge.model.ids import ACTIVITYPUB, MATRIX, OURS, ChannelId, CommunityId, Native
from bridge.model.place import OPEN, Channel, Community, Place, PlaceKind
from bridge.model.record import Follow
from storage import SqlStore
from tests.conformance.homes import Home
from tests.conformance.samples import ANA, BENCH, GROUP, MAKERS, NOW, ROOM, actor, follower, later


def ghost(name: str = "ana", of: Native = ANA, **more: object) -> Ghost:
    fields: dict[str, object] = {"since": NOW, **more}
    return Ghost(Native(ACTIVITYPUB, f"https://moot.example/u/{name}"), of, name, ActorKind.PERSON, MAKERS, "Ana", **fields)  # type: ignore[arg-type]


async def test_a_community_and_its_channels_survive_a_restart(store: SqlStore, home: Home) -> None:
    makers = Community(MAKERS, "makers", "Makers", "We make things.")
    channel = Channel(BENCH, MAKERS, (Place(ROOM, PlaceKind.ROOM, "bench", OPEN), Place(GROUP, PlaceKind.GROUP)))
    await store.journal.commit([PutCommunity(makers), PutChannel(channel)])
    store = await home.reopen()
    assert await store.directory.communities() == (makers,)
    assert await store.directory.community(MAKERS) == makers
    assert await store.directory.channels(MAKERS) == (channel,)
    assert await store.directory.channel(BENCH) == channel
    assert await store.directory.channel_of(GROUP) == channel
    assert await store.directory.channel_of(ANA) is None
    assert await store.directory.community(CommunityId("none")) is None
    assert await store.directory.channel(ChannelId("none")) is None


async def test_a_channel_is_replaced_as_a_whole_and_keeps_the_order_of_its_places(store: SqlStore) -> None:
    room, group = Place(ROOM, PlaceKind.ROOM), Place(GROUP, PlaceKind.GROUP)
    await store.journal.commit([PutChannel(Channel(BENCH, MAKERS, (room, group)))])
    await store.journal.commit([PutChannel(Channel(BENCH, MAKERS, (group,)))])
    assert await store.directory.channel_of(ROOM) is None
    await store.journal.commit([PutChannel(Channel(BENCH, MAKERS, (group, room)))])
    channel = await store.directory.channel(BENCH)
    assert channel is not None
    assert channel.places == (group, room)


async def test_a_place_carries_one_conversation_only(store: SqlStore) -> None:
    room = Place(ROOM, PlaceKind.ROOM)
    await store.journal.commit([PutChannel(Channel(BENCH, MAKERS, (room,)))])
    with pytest.raises(Conflict, match="another conversation"):
        await store.journal.commit([PutChannel(Channel(ChannelId("lounge"), MAKERS, (room,)))])
    await store.journal.commit([DropPlace(BENCH, ROOM), PutChannel(Channel(ChannelId("lounge"), MAKERS, (room,)))])
    found = await store.directory.channel_of(ROOM)
    assert found is not None
    assert found.id == "lounge"


async def test_a_place_opens_only_where_it_is_linked(store: SqlStore) -> None:
    await store.journal.commit([PutPlace(Place(ROOM, PlaceKind.ROOM, "new name", OPEN))])
    assert await store.directory.channel_of(ROOM) is None
    await store.journal.commit([PutChannel(Channel(BENCH, MAKERS, (Place(ROOM, PlaceKind.ROOM),)))])
    seen = Place(ROOM, PlaceKind.ROOM, "new name", OPEN, ("a.example", "b.example"))
    await store.journal.commit([PutPlace(seen)])
    channel = await store.directory.channel_of(ROOM)
    assert channel is not None
    assert channel.place(ROOM) == seen


async def test_the_newest_look_at_an_account_wins(store: SqlStore) -> None:
    new = Actor(ANA, "@ana:hs.example", "hs.example", name="Ana the second", marks=frozenset({Mark.NOBOT}))
    await store.journal.commit([PutActor(new, later(10)), PutActor(actor(), NOW)])
    assert await store.directory.actor(ANA) == (new, later(10))
    await store.journal.commit([ForgetActor(ANA, later(11))])
    assert await store.directory.actor(ANA) is None


async def test_a_ghost_is_found_by_its_id_by_whom_it_stands_for_and_by_name_without_case(store: SqlStore) -> None:
    ana = ghost()
    await store.journal.commit([PutGhost(ana)])
    assert await store.directory.ghost(ana.native) == ana
    assert await store.directory.ghost_of(ACTIVITYPUB, ANA) == ana
    assert await store.directory.ghost_of(MATRIX, ANA) is None
    assert await store.directory.ghost_by_handle(ACTIVITYPUB, "ANA") == ana
    assert await store.directory.ghosts(MAKERS) == (ana,)


async def test_a_name_is_never_given_out_again_even_after_its_owner_left(store: SqlStore) -> None:
    bo = Native(MATRIX, "@bo:hs.example")
    await store.journal.commit([PutGhost(ghost()), EndGhost(ghost().native, later(5))])
    for name in ("ana", "ANA"):
        thief = Ghost(Native(ACTIVITYPUB, "https://moot.example/u/other"), bo, name, ActorKind.PERSON)
        with pytest.raises(Conflict, match="belongs to somebody else"):
            await store.journal.commit([PutGhost(thief)])
    ended = await store.directory.ghost_by_handle(ACTIVITYPUB, "ana")
    assert ended is not None
    assert (ended.ended, ended.name) == (later(5), "")
    assert await store.directory.ghosts(MAKERS) == ()


async def test_a_deleted_actor_stays_deleted_and_its_person_may_have_a_new_one(store: SqlStore) -> None:
    await store.journal.commit([PutGhost(ghost()), EndGhost(ghost().native, later(5)), EndGhost(ghost().native, later(9))])
    await store.journal.commit([PutGhost(ghost())])
    ended = await store.directory.ghost(ghost().native)
    assert ended is not None
    assert ended.ended == later(5)
    second = ghost("ana2", since=later(20))
    await store.journal.commit([PutGhost(second)])
    assert await store.directory.ghost_of(ACTIVITYPUB, ANA) == second


async def test_two_people_of_the_same_name_may_have_ghosts_on_matrix(store: SqlStore) -> None:
    for host in ("near", "far"):
        one = Ghost(Native(MATRIX, f"@_moot_sam={host}:hs"), follower("sam", host), "sam", ActorKind.PERSON)
        await store.journal.commit([PutGhost(one)])
        assert await store.directory.ghost(one.native) == one


async def test_followers_are_those_accepted_page_by_page(store: SqlStore) -> None:
    people = [follower(name, "near") for name in "abcde"]
    await store.journal.commit([PutFollow(Follow(each, GROUP, f"{each.id}#1", NOW, NOW)) for each in people])
    pending = Follow(follower("zed", "near"), GROUP, "https://near.example/z#1", NOW)
    await store.journal.commit([PutFollow(pending)])
    first = await store.directory.followers(GROUP, "", 3)
    rest = await store.directory.followers(GROUP, first[-1].actor.id, 3)
    assert [each.actor for each in (*first, *rest)] == people
    assert await store.directory.follower_count(GROUP) == 5
    assert await store.directory.follow(pending.actor, GROUP) == pending
    accepted = Follow(pending.actor, GROUP, pending.request, NOW, later(1))
    await store.journal.commit([PutFollow(accepted), DropFollow(people[0], GROUP)])
    assert await store.directory.follow(pending.actor, GROUP) == accepted
    assert await store.directory.follow(people[0], GROUP) is None
    assert await store.directory.follower_count(GROUP) == 5


async def test_the_private_room_of_a_person_is_found_both_ways_and_forgotten(store: SqlStore) -> None:
    room = Native(MATRIX, "!dm:hs.example")
    await store.journal.commit([PutConversation(ANA, room)])
    assert await store.directory.conversation(ANA) == room
    assert await store.directory.owner_of(room) == ANA
    await store.journal.commit([PutConversation(ANA, None)])
    assert await store.directory.conversation(ANA) is None
    assert await store.directory.owner_of(room) is None


async def test_a_group_is_the_ghost_of_its_community(store: SqlStore) -> None:
    group = Ghost(GROUP, Native(OURS, MAKERS), "makers", ActorKind.GROUP, MAKERS, "Makers")
    await store.journal.commit([PutGhost(group)])
    assert await store.directory.ghost_of(ACTIVITYPUB, Native(OURS, MAKERS)) == group
