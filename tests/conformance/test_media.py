"""The `Media` port, and the parts of a copy: what is taken back or taken down is not served, and never comes again."""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.changes import DropMedia, DropPart, EndGhost, PutActor, PutGhost, PutMedia, PutObject, PutPart, PutUpload, RemoveMedia, Retract
from bridge.model.actor import ActorKind, Ghost
from bridge.model.ids import ACTIVITYPUB, Native, ObjectId
from bridge.model.record import Kept, Part, Upload
from storage import SqlStore
from tests.conformance.samples import ANA, GROUP, NOW, ROOM, actor, event, known, later

OF_ANA = "a" * 64
OTHER = "b" * 64


def kept(name: str, owner: str, digest: str = OF_ANA, **more: Any) -> Kept:
    return Kept(name, owner, f"mxc://hs.example/{name}", digest, "image/png", 123, NOW, 640, 480, **more)


async def test_what_is_kept_is_read_back_whole(store: SqlStore) -> None:
    one = kept("one", "object")
    await store.journal.commit([PutMedia(one), PutMedia(one)])
    assert await store.media.get("one") == one
    assert await store.media.of("object") == (one,)
    assert await store.media.get("two") is None


async def test_nothing_is_served_of_what_was_taken_back_and_a_late_file_stays_out(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([PutObject(known(said), said), PutMedia(kept("one", said.id))])
    await store.journal.commit([Retract(ObjectId(said.id), said.provenance.native, NOW)])
    assert await store.media.get("one") is None
    await store.journal.commit([PutMedia(kept("late", said.id))])
    assert await store.media.get("late") is None
    assert await store.media.served([OF_ANA]) == frozenset()


async def test_bytes_are_needed_as_long_as_anything_that_shows_them_stands(store: SqlStore) -> None:
    await store.journal.commit([PutMedia(kept("one", "first")), PutMedia(kept("two", "second"))])
    await store.journal.commit([DropMedia("first")])
    assert await store.media.served([OF_ANA, OTHER]) == {OF_ANA}
    await store.journal.commit([DropMedia("second")])
    assert await store.media.served([OF_ANA]) == frozenset()


async def test_an_edit_drops_what_it_does_not_show_any_more(store: SqlStore) -> None:
    await store.journal.commit([PutMedia(kept("one", "object")), PutMedia(kept("two", "object", OTHER))])
    await store.journal.commit([DropMedia("object", besides=("two",))])
    assert [one.id for one in await store.media.of("object")] == ["two"]


async def test_what_a_person_took_down_is_never_kept_again_under_any_name(store: SqlStore) -> None:
    await store.journal.commit([PutMedia(kept("one", "object")), PutMedia(kept("same", "elsewhere"))])
    await store.journal.commit([RemoveMedia("one", later(5), "the person in it asked")])
    for name in ("one", "same"):
        down = await store.media.get(name)
        assert down is not None
        assert (down.removed_at, down.why) == (later(5), "the person in it asked")
    assert await store.media.is_removed(OF_ANA)
    assert not await store.media.is_removed(OTHER)
    await store.journal.commit([PutMedia(kept("one", "object")), PutMedia(kept("third", "third"))])
    assert await store.media.of("object") == await store.media.of("third") == ()


async def test_what_was_taken_down_forgets_whose_it_was_once_its_owner_takes_it_back(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([PutObject(known(said), said), PutMedia(kept("one", said.id)), RemoveMedia("one", NOW, "")])
    await store.journal.commit([Retract(ObjectId(said.id), said.provenance.native, NOW)])
    left = await store.media.get("one")
    assert left is not None
    assert (left.owner, left.source) == ("", "")
    assert await store.media.is_removed(OF_ANA)


async def test_a_picture_goes_with_the_account_that_showed_it(store: SqlStore) -> None:
    ghost = Ghost(Native(ACTIVITYPUB, "https://moot.example/u/ana"), ANA, "ana", ActorKind.PERSON, name="Ana")
    await store.journal.commit([PutGhost(ghost), PutMedia(kept("face", str(ANA)))])
    await store.journal.commit([EndGhost(ghost.native, NOW)])
    assert await store.media.of(str(ANA)) == ()


async def test_the_newest_is_listed_first_and_what_was_taken_down_too(store: SqlStore) -> None:
    await store.journal.commit([PutMedia(kept("old", "object")), PutMedia(kept("new", "object", OTHER))])
    await store.journal.commit([RemoveMedia("old", later(9), "")])
    assert [one.id for one in await store.media.listing(10)] == ["old", "new"]
    assert [one.id for one in await store.media.listing(1)] == ["old"]


async def test_an_upload_is_found_by_its_address_and_by_its_bytes(store: SqlStore) -> None:
    upload = Upload("https://a.example/1.png", OTHER, "mxc://hs.example/one", "image/png", 9, NOW, 3, 4)
    await store.journal.commit([PutUpload(upload)])
    assert await store.media.upload(upload.source) == await store.media.uploaded(OTHER) == upload
    newer = msgspec.structs.replace(upload, digest=OF_ANA, address="mxc://hs.example/two", at=later(1))
    await store.journal.commit([PutUpload(newer)])
    assert await store.media.upload(upload.source) == newer
    assert await store.media.uploaded(OTHER) is None


async def test_a_part_is_the_object_it_belongs_to(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([PutObject(known(said), said)])
    parts = [Part(number, f"$part{number}", f"https://a.example/{number}.png", "d") for number in (2, 1)]
    await store.journal.commit([PutPart(ObjectId(said.id), ROOM, part) for part in parts])
    assert await store.objects.parts(ObjectId(said.id), ROOM) == tuple(reversed(parts))
    assert await store.objects.parts(ObjectId(said.id), GROUP) == ()
    found = await store.objects.find(Native(ROOM.protocol, "$part2"))
    assert found is not None
    assert found.id == said.id
    await store.journal.commit([DropPart(ObjectId(said.id), ROOM, 1)])
    assert [part.number for part in await store.objects.parts(ObjectId(said.id), ROOM)] == [2]


async def test_somebody_is_found_by_what_people_call_them_if_there_is_one_of_that_name(store: SqlStore) -> None:
    sam = msgspec.structs.replace(actor(Native(ACTIVITYPUB, "https://a.example/u/sam")), handle="@Sam@a.example")
    await store.journal.commit([PutActor(sam, NOW)])
    assert await store.directory.actor_called(ACTIVITYPUB, "sam@A.example") == sam.native
    assert await store.directory.actor_called(ACTIVITYPUB, "@kim@a.example") is None
    again = msgspec.structs.replace(sam, native=Native(ACTIVITYPUB, "https://a.example/users/sam"))
    await store.journal.commit([PutActor(again, NOW)])
    assert await store.directory.actor_called(ACTIVITYPUB, "@sam@a.example") is None
