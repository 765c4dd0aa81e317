"""The adapter as the loops use it: actors are made once, fetched things are what their servers say, and a restart changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from bridge.changes import EndGhost, PutActor, PutGhost
from bridge.errors import Conflict, OperatorError, Unreachable
from bridge.model.actor import Actor, ActorKind, Ghost
from bridge.model.content import Message, Profile
from bridge.model.event import Event
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, MATRIX, OURS, CommunityId, Native
from bridge.model.item import Destination, Item, Omission
from bridge.model.place import OPEN, Community, Place, PlaceKind
from bridge.ports import Adapter
from bridge.refs import Absent, Need, Needs, Read, Refs, Wire
from bridge.streams import Intake
from protocols.activitypub.adapter import OBJECT, ActivityPubAdapter
from protocols.activitypub.ids import native
from protocols.activitypub.translate.actor import actor_from_document
from tests.bridge.net.street import Street
from tests.protocols.activitypub.house import House, open_house
from tests.protocols.activitypub.peers import Peer
from tests.protocols.activitypub.world import ANA, ANA_GHOST, CHANNEL, COMMUNITY, ELI, FAR_GROUP, GROUP, NOW, PUBLIC, SAM, item, only


@pytest.fixture
async def peer(street: Street) -> Peer:
    return await Peer.open(street)


@pytest.fixture
async def house(street: Street, peer: Peer) -> AsyncIterator[House]:
    """It may reach the peer."""
    assert peer.origin
    opened = await open_house(street)
    yield opened
    await opened.close()


def as_port(adapter: ActivityPubAdapter) -> Adapter:
    """Type-checked: the adapter is one."""
    return adapter


async def made(house: House, of: Native, *, handle: str | None = None, actor: Actor | None = None) -> Ghost:
    """Embodied and committed, as the relay does."""
    changes = await house.adapter.embody(of, COMMUNITY, handle=handle, actor=actor)
    await house.commit(*changes)
    ghost = await house.store.directory.ghost_of(ACTIVITYPUB, of)
    assert ghost is not None
    return ghost


# ------------------------------------------------------------------------------------------------------------- embodying


async def test_a_person_gets_an_actor_once(house: House) -> None:
    ghost = await made(house, ELI.native, actor=ELI)
    assert (ghost.handle, ghost.name, ghost.kind, ghost.community, ghost.since) == (
        "eli_hs.test",
        "Eli",
        ActorKind.PERSON,
        COMMUNITY.id,
        NOW,
    )
    assert ghost.native.id.startswith("https://moot.example/u/")
    assert "eli" not in ghost.native.id, "the address tells nothing"
    assert await house.adapter.embody(ELI.native, COMMUNITY, actor=ELI) == ()
    assert await house.adapter.embody(ELI.native, COMMUNITY, handle="ELI_hs.test", actor=ELI) == ()
    shown = actor_from_document(await house.document(ghost.native.id))
    assert shown is not None
    assert shown.handle == "@eli_hs.test@moot.example"


async def test_the_address_is_the_same_whenever_it_is_made(house: House) -> None:
    """A crash between the keys and the commit leaves nothing that the next try does not find again."""
    first = await house.adapter.embody(ELI.native, COMMUNITY, actor=ELI)
    again = await house.adapter.embody(ELI.native, COMMUNITY, actor=ELI)
    assert first == again
    (change,) = first
    assert isinstance(change, PutGhost)
    assert await house.store.keys.private_key(change.ghost.native, "rsa") is not None, "keys are kept before anybody hears the name"


async def test_a_chosen_name_is_kept_and_a_new_face_is_one_change(house: House) -> None:
    ghost = await made(house, ELI.native, handle="Eli.smith", actor=ELI)
    assert ghost.handle == "eli.smith"
    renamed = await made(house, ELI.native, actor=msgspec.structs.replace(ELI, name="Eli S."))
    assert (renamed.native, renamed.handle, renamed.name, renamed.since) == (ghost.native, "eli.smith", "Eli S.", ghost.since)
    with pytest.raises(OperatorError, match="here already"):
        await house.adapter.embody(ELI.native, COMMUNITY, handle="other", actor=ELI)


async def test_nobody_gets_a_name_that_somebody_has_or_had(house: House) -> None:
    for taken in ("commons", "COMMONS", "ana_hs.test"):
        with pytest.raises(Conflict, match="belongs to somebody else"):
            await house.adapter.embody(ELI.native, COMMUNITY, handle=taken, actor=ELI)
    await house.commit(EndGhost(ANA_GHOST.native, NOW))
    with pytest.raises(Conflict):
        await house.adapter.embody(ELI.native, COMMUNITY, handle="ana_hs.test", actor=ELI)


@pytest.mark.parametrize("handle", ["admin", "moot.example", "a b", "é", "x" * 65, ".x"])
async def test_what_cannot_be_a_name_is_said(house: House, handle: str) -> None:
    with pytest.raises(OperatorError, match="cannot be a name") as caught:
        await house.adapter.embody(ELI.native, COMMUNITY, handle=handle, actor=ELI)
    assert caught.value.remedy


async def test_a_name_that_two_ids_suggest_is_numbered(house: House) -> None:
    first = await made(house, Native(LOOPBACK, "lena"))
    second = await made(house, Native(MATRIX, "@lena"))
    assert (first.handle, second.handle) == ("lena", "lena_2")


async def test_who_comes_back_after_their_actor_was_deleted_is_somebody_new(house: House) -> None:
    """A deleted id stays deleted at every peer (activitypub.md 6.4)."""
    first = await made(house, ELI.native, actor=ELI)
    await house.commit(EndGhost(first.native, NOW))
    house.clock.forward(60)
    second = await made(house, ELI.native, actor=ELI)
    assert second.native != first.native
    assert (first.handle, second.handle) == ("eli_hs.test", "eli_hs.test_2")
    assert (await house.ask(first.native.id)).status == 410
    assert (await house.document(second.native.id))["preferredUsername"] == "eli_hs.test_2"
    keys = [await house.adapter.signers.public(ghost.native) for ghost in (first, second)]
    assert keys[0] != keys[1]


async def test_a_community_gets_its_group_and_a_retired_one_none(house: House) -> None:
    porch = Community(CommunityId("porch"), "porch", "The Porch", "Tea.")
    (change,) = await house.adapter.embody(Native(OURS, "porch"), porch)
    assert isinstance(change, PutGhost)
    ghost = change.ghost
    assert (ghost.native.id, ghost.handle, ghost.kind, ghost.name) == (
        "https://moot.example/c/porch",
        "porch",
        ActorKind.GROUP,
        "The Porch",
    )
    (named,) = await house.adapter.embody(Native(OURS, "porch"), porch, handle="veranda")
    assert isinstance(named, PutGhost)
    assert named.ghost.handle == "veranda"
    assert await house.adapter.embody(Native(OURS, "commons"), COMMUNITY) == ()
    (renamed,) = await house.adapter.embody(Native(OURS, "commons"), msgspec.structs.replace(COMMUNITY, name="Common Ground"))
    assert isinstance(renamed, PutGhost)
    assert (renamed.ghost.native, renamed.ghost.name) == (GROUP, "Common Ground")
    await house.commit(EndGhost(GROUP, NOW))
    with pytest.raises(OperatorError, match="was retired"):
        await house.adapter.embody(Native(OURS, "commons"), COMMUNITY)


async def test_who_lives_on_the_fediverse_needs_no_actor_here(house: House) -> None:
    assert await house.adapter.embody(SAM.native, COMMUNITY, actor=SAM) == ()


async def test_automated_accounts_say_so(house: House) -> None:
    ghost = await made(house, ELI.native, actor=msgspec.structs.replace(ELI, kind=ActorKind.SERVICE))
    assert (await house.document(ghost.native.id))["type"] == "Service"


# -------------------------------------------------------------------------------------------------------------- fetching


async def test_what_is_asked_of_others_comes_as_the_reader_wants_it(house: House, peer: Peer) -> None:
    adapter = house.adapter
    url = peer.person("sam")
    found = await adapter.fetch(Need("actor", (ACTIVITYPUB, url)))
    assert isinstance(found, Actor)
    assert found.native == native(url)
    note = peer.serve("/o/1", {"id": f"{peer.origin}/o/1", "type": "Note"})
    assert await adapter.fetch(Need("document", (note,))) == peer.documents["/o/1"][1]
    gone, secret = peer.serve("/gone", b"", status=410), peer.serve("/secret", b"", status=403)
    assert await adapter.fetch(Need("document", (gone,))) == b""
    assert await adapter.fetch(Need("document", (f"{peer.origin}/missing",))) == b""
    for need in (
        Need("document", (secret,)),
        Need("actor", (ACTIVITYPUB, gone)),
        Need("actor", (MATRIX, "@ana:hs.test")),
        Need("object", ("x",)),
    ):
        assert isinstance(await adapter.fetch(need), Absent), need
    down = peer.serve("/down", b"", status=502)
    for need in (Need("document", (down,)), Need("actor", (ACTIVITYPUB, down))):
        with pytest.raises(Unreachable):
            await adapter.fetch(need)


async def test_our_own_addresses_are_answered_without_the_network(house: House, connections: list[tuple[object, ...]]) -> None:
    """`Update{Person}` embeds the actor as it is served."""
    served = await (await house.ask("/u/ana")).read()
    connections.clear()
    assert await house.adapter.fetch(Need("document", (ANA_GHOST.native.id,))) == served
    assert isinstance(await house.adapter.fetch(Need("document", ("https://moot.example/u/nobody",))), Absent)
    assert isinstance(await house.adapter.fetch(Need("actor", (ACTIVITYPUB, ANA_GHOST.native.id))), Absent)
    assert connections == []
    profile = item(Profile(msgspec.structs.replace(ANA, name="Ana B.")), "update")
    wire = await written(house, profile)
    assert isinstance(wire, Wire)
    assert b'"object":' + served in wire.body


async def written(house: House, what: Item) -> Wire | Omission:
    refs = Refs()
    for _ in range(20):
        writing = house.adapter.write(what, refs)
        if not isinstance(writing, Needs):
            return writing
        await house.loader.fill(refs, writing.needs, ACTIVITYPUB)
    raise AssertionError("it never stops asking")


async def test_what_is_sent_is_what_is_served(house: House) -> None:
    """Receivers that fetch the object to make sure find the same one (FEP-fe34)."""
    known = await house.said("hello")
    event = await house.store.objects.current(known.id)
    assert event is not None
    direct = msgspec.structs.replace(item(event.content, "direct"), event=event)
    wire = await written(house, direct)
    assert isinstance(wire, Wire)
    activity = msgspec.json.decode(wire.body)
    note = await house.document(f"/o/{known.id}")
    assert {name: value for name, value in note.items() if name != "@context"} == activity["object"]
    assert await house.document(f"/a/{known.id}") == activity


async def test_a_post_that_is_asked_for_again_is_read_as_its_author_said_it(house: House, peer: Peer) -> None:
    url = peer.person("sam")
    said = {"id": f"{peer.origin}/o/1", "type": "Note", "attributedTo": url, "to": [PUBLIC], "cc": [GROUP.id], "content": "<p>Hello</p>"}
    address = peer.serve("/o/1", said)
    entry = await house.adapter.recall(GROUP, address)
    assert entry is not None
    assert (entry.kind, entry.signer, entry.protocol) == (OBJECT, None, ACTIVITYPUB)
    event = await read(house, entry)
    assert isinstance(event.content, Message)
    assert (event.content.text.plain, event.author.native.id, event.wire) == ("Hello", url, None)
    assert await house.adapter.recall(GROUP, f"{peer.origin}/missing") is None
    moved = peer.serve("/o/2", said)
    assert await house.adapter.recall(GROUP, moved) is None
    forged = peer.serve("/o/3", {**said, "id": f"{peer.origin}/o/3", "attributedTo": "https://a.example/u/sam"})
    entry = await house.adapter.recall(GROUP, forged)
    assert entry is not None
    reading = house.adapter.read(entry, Refs())
    assert not isinstance(reading, Read)


async def read(house: House, entry: Intake) -> Event:
    refs = Refs()
    for _ in range(20):
        reading = house.adapter.read(entry, refs)
        if not isinstance(reading, Needs):
            return only(reading)
        await house.loader.fill(refs, reading.needs, ACTIVITYPUB)
    raise AssertionError("it never stops asking")


# --------------------------------------------------------------------------------------------------------- destinations


async def test_a_group_of_ours_is_heard_by_its_followers_and_one_elsewhere_at_its_inbox(house: House, peer: Peer) -> None:
    url = peer.person("guild", "Group", name="Guild", endpoints={"sharedInbox": f"{peer.origin}/inbox"})
    assert await house.adapter.destinations(CHANNEL.places[1]) == ()
    place = await house.adapter.prepare(f"@guild@{peer.host}")
    assert place == Place(native(url), PlaceKind.FOREIGN_GROUP, "Guild", OPEN)
    there = Destination(ACTIVITYPUB, f"{peer.origin}/inbox", peer.host)
    assert await house.adapter.destinations(place) == (there,)
    assert await house.store.directory.actor(place.native) is not None
    assert await house.adapter.prepare(url) == place
    another_process = house.again()
    assert await another_process.destinations(place) == (there,)


async def test_a_group_elsewhere_that_is_not_known_any_more_has_no_address(house: House) -> None:
    assert await house.adapter.destinations(Place(FAR_GROUP, PlaceKind.FOREIGN_GROUP)) == ()


async def test_a_new_inbox_of_a_group_is_used_once_it_was_seen(house: House, peer: Peer) -> None:
    url = peer.person("guild", "Group")
    place = await house.adapter.prepare(url)
    peer.person("guild", "Group", inbox=f"{peer.origin}/new-inbox")
    seen = await house.adapter.fetch(Need("actor", (ACTIVITYPUB, url)))
    await house.commit(PutActor(seen, house.clock.now() + timedelta(minutes=1)))
    assert (await house.adapter.destinations(place))[0].address == f"{peer.origin}/new-inbox"


async def test_only_groups_that_can_be_found_are_linked(house: House, peer: Peer) -> None:
    person = peer.person("sam")
    for name, why in (
        (f"@sam@{peer.host}", "is not a group"),
        (person, "is not a group"),
        (f"@nobody@{peer.host}", "cannot be found"),
        (f"{peer.origin}/u/nobody", "cannot be linked"),
        ("@guild@10.0.0.1", "cannot be found"),
        ("guild", "not a fediverse address"),
        ("https://moot.example/c/commons", "cannot be linked"),
    ):
        with pytest.raises(OperatorError, match=why) as caught:
            await house.adapter.prepare(name)
        assert caught.value.remedy, name


async def test_followers_of_a_server_that_is_known_hear_us_at_its_door(house: House) -> None:
    adapter = as_port(house.adapter)
    assert adapter.protocol == ACTIVITYPUB
    assert (adapter.patience.first, adapter.patience.longest) == (60.0, 21_600.0)
    assert adapter.destination_of(SAM, alone=True) == Destination(ACTIVITYPUB, "https://a.example/u/sam/inbox", "a.example")
    assert adapter.destination_of(ANA, alone=True) is None, "Ana lives on Matrix"
    known = await house.said()
    for place in CHANNEL.places:
        assert adapter.name_copy(known.id, place) == f"https://moot.example/o/{known.id}"
    assert set(adapter.capabilities(CHANNEL.places[1]).carries) >= {"message", "edit", "retraction", "reaction"}


async def test_the_instance_actor_has_its_keys_before_anybody_asks(house: House) -> None:
    assert await house.store.keys.private_key(native("https://moot.example/actor"), "rsa") is not None


async def test_inboxes_are_at_the_same_address_as_the_documents(house: House) -> None:
    """PieFed 1.6 sends group traffic to `/inbox` at the root of the domain whatever the actor says."""
    for path in ("/inbox", "/c/commons/inbox", "/u/ana/inbox"):
        answer = await house.ask(path, {"Content-Type": "application/activity+json"}, method="POST")
        assert answer.status == 401, path
        assert (await house.ask(path)).status == 405


async def test_bodies_over_the_bound_are_refused(house: House) -> None:
    answer = await house.web.post("/inbox", data=b" " * 1_000_001, headers={"Content-Type": "application/activity+json"})
    assert answer.status == 413
