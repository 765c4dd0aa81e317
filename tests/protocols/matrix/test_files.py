"""Files in a room: one event each, after the words, shown by the ghost, taken back together; and what cannot be had is a line with its link."""

from __future__ import annotations

import msgspec
import pytest

from bridge.changes import PutMedia, RemoveMedia
from bridge.errors import TooLarge
from bridge.model.content import Edit, Message, Profile, Reaction, Retraction
from bridge.model.content.message import Attachment, ContentNote
from bridge.model.content.sighting import Sighting
from bridge.model.ids import Native
from bridge.model.item import Delivered, Item, Retry
from bridge.model.record import Kept, KnownObject, Part
from bridge.model.richtext import RichText, from_plain
from protocols.matrix.client import Rejected
from tests.bridge.media.pictures import FILM, jpeg, png
from tests.protocols.matrix.homeserver import Asked
from tests.protocols.matrix.house import House, house
from tests.protocols.matrix.world import ME, ROOM, SAM, SAM_GHOST, World, item, matrix_event, only

__all__ = ["house"]

ONE = Attachment("https://a.example/one.png", "image/png", description="A bench")
TWO = Attachment("https://a.example/two.jpg", "image/png", description="A gate", name="gate.jpg", duration=1.5)


def said(*files: Attachment, words: str = "Look", note: ContentNote | None = None) -> Message:
    return Message(from_plain(words) if words else RichText(), attachments=files, note=note)


def sends(house: House) -> list[Asked]:
    return [asked for asked in house.homeserver.asked if "/send/" in asked.path]


def with_files(house: House, *, one: bytes | None = None, two: bytes | None = None) -> None:
    house.elsewhere |= {ONE.url: one or png(), TWO.url: two or jpeg(located=True)}


def edited(of: Item, message: Message) -> Item:
    """The same author's newer form of it."""
    event = msgspec.structs.replace(of.event, id="edited", content=Edit(of.object, message))
    return msgspec.structs.replace(of, id="editeditediteditediteditea", event_id=event.id, event=event)


async def test_each_file_is_an_event_after_the_words_by_the_same_ghost(house: House) -> None:
    with_files(house)
    outcome = await house.send(item(said(ONE, TWO)))
    text, one, two = sends(house)
    assert [asked.body["msgtype"] for asked in (text, one, two)] == ["m.text", "m.image", "m.image"]
    assert {asked.query["user_id"] for asked in (text, one, two)} == {SAM_GHOST.native.id}
    assert (one.body["body"], one.body["filename"]) == ("A bench", "one.png")
    assert one.body["info"] == {"mimetype": "image/png", "w": 8, "h": 6, "size": len(house.homeserver.media["mxc://hs.test/up0"])}
    assert two.body["info"]["mimetype"] == "image/jpeg", "as found, not as said"
    assert (one.body["url"], two.body["url"]) == ("mxc://hs.test/up0", "mxc://hs.test/up1")
    assert b"A camera" not in house.homeserver.media["mxc://hs.test/up1"]
    assert outcome == Delivered("$0")
    uploads = [asked for asked in house.homeserver.asked if asked.path.endswith("/upload")]
    assert {asked.query["user_id"] for asked in uploads} == {SAM_GHOST.native.id}


async def test_a_repeat_is_the_same_events_and_uploads_nothing_again(house: House) -> None:
    with_files(house)
    for _ in range(2):
        await house.send(item(said(ONE, TWO)))
    assert len(house.homeserver.sent) == 3
    assert len(house.homeserver.media) == 2
    assert [part.native for part in await house.store.objects.parts(item(said()).object, ROOM)] == ["$1", "$2"]


async def test_the_same_bytes_from_two_addresses_are_uploaded_once(house: House) -> None:
    with_files(house, one=png(), two=png())
    await house.send(item(said(ONE, TWO)))
    assert len(house.homeserver.media) == 1


async def test_without_words_the_first_file_is_the_message(house: House) -> None:
    with_files(house)
    outcome = await house.send(item(said(ONE, TWO, words="")))
    assert [asked.body["msgtype"] for asked in sends(house)] == ["m.image", "m.image"]
    assert outcome == Delivered("$0")


@pytest.mark.parametrize("body", [b"<svg/>", b"<html>", png(200, 200), bytes(100_001), None])
async def test_what_cannot_be_shown_is_a_line_with_its_link(house: House, body: bytes | None) -> None:
    if body is not None:
        house.elsewhere[ONE.url] = body
    assert isinstance(await house.send(item(said(ONE))), Delivered)
    text = sends(house)[1].body
    assert text["msgtype"] == "m.text"
    assert text["body"] == "🖼 A bench (https://a.example/one.png) (a picture)"
    assert not house.homeserver.media


async def test_what_could_not_be_had_is_not_asked_for_at_every_turn(house: House) -> None:
    for _ in range(3):
        await house.send(item(said(ONE)))
    assert house.fetched == [ONE.url]
    await house.clock.sleep(601)
    await house.send(item(said(ONE)))
    assert house.fetched == [ONE.url] * 2


async def test_a_film_and_a_document_are_what_they_are(house: House) -> None:
    with_files(house, one=FILM, two=b"%PDF-1.7 and so on")
    await house.send(item(said(ONE, TWO)))
    assert [asked.body["msgtype"] for asked in sends(house)] == ["m.text", "m.video", "m.file"]


async def test_what_the_operator_took_down_is_not_shown_by_another_way(house: House) -> None:
    with_files(house)
    await house.send(item(said(ONE)))
    upload = await house.store.media.upload(ONE.url)
    assert upload is not None
    kept = Kept("k" * 26, "owner", "mxc://hs.test/x", upload.digest, "image/png", 1, house.clock.now())
    await house.store.journal.commit([PutMedia(kept), RemoveMedia(kept.id, house.clock.now(), "asked")])
    again = Attachment("https://b.example/copy.png", "image/png", description="The same")
    house.elsewhere[again.url] = house.elsewhere[ONE.url]
    await house.send(msgspec.structs.replace(item(said(again)), id="another"))
    assert sends(house)[-1].body["msgtype"] == "m.text"


async def test_a_homeserver_that_takes_no_upload_just_now_is_asked_again(house: House) -> None:
    with_files(house)
    house.homeserver.be_rude("POST", "/upload", (502, {}, {}))
    assert isinstance(await house.send(item(said(ONE))), Retry)
    assert isinstance(await house.send(item(said(ONE))), Delivered)
    assert len(house.homeserver.sent) == 2, "the words were not said twice"


async def test_a_homeserver_that_takes_no_file_of_that_size_gets_the_link(house: House) -> None:
    with_files(house)
    house.homeserver.be_rude("POST", "/upload", (413, {"errcode": "M_TOO_LARGE", "error": "no"}, {}))
    assert isinstance(await house.send(item(said(ONE))), Delivered)
    assert sends(house)[-1].body["body"].startswith("🖼 A bench (https://a.example/one.png)")


async def test_a_content_note_hides_the_picture_and_its_description_is_marked(house: House) -> None:
    with_files(house)
    await house.send(item(said(ONE, note=ContentNote("spiders"))))
    text, picture = (asked.body for asked in sends(house))
    assert "Look" not in text["body"]
    assert picture["page.codeberg.everypizza.msc4193.spoiler"] is True
    assert picture["page.codeberg.everypizza.msc4193.spoiler.reason"] == "spiders"
    assert picture["body"] == "[spiders] A bench"


async def test_taking_it_back_takes_every_event_of_it_back(house: House) -> None:
    with_files(house)
    what = item(said(ONE, TWO))
    await house.send(what)
    house.world.add("$0", _known(what))
    await house.send(item(Retraction(what.object)))
    redacted = [asked.path.split("/")[-2] for asked in house.homeserver.asked if "/redact/" in asked.path]
    assert redacted == ["$0", "$1", "$2"]
    assert len({asked.path.split("/")[-1] for asked in house.homeserver.asked if "/redact/" in asked.path}) == 3


async def test_an_edit_replaces_what_changed_adds_what_is_new_and_takes_back_the_rest(house: House) -> None:
    with_files(house)
    three = Attachment("https://a.example/three.png", "image/png", description="A pond")
    house.elsewhere[three.url] = png(9, 9)
    what = item(said(ONE, TWO))
    await house.send(what)
    house.world.add("$0", _known(what))
    before = len(sends(house))
    better = msgspec.structs.replace(ONE, description="A bench by the gate")
    await house.send(edited(what, said(better, three, words="See")))
    words, picture, added = (asked.body for asked in sends(house)[before:])
    assert words["m.relates_to"] == {"rel_type": "m.replace", "event_id": "$0"}
    assert picture["m.relates_to"] == {"rel_type": "m.replace", "event_id": "$1"}
    assert picture["m.new_content"]["body"] == "A bench by the gate"
    assert picture["m.new_content"]["url"] == "mxc://hs.test/up0"
    assert "m.relates_to" not in added
    assert [asked.path.split("/")[-2] for asked in house.homeserver.asked if "/redact/" in asked.path] == ["$2"]
    assert [part.source for part in await house.store.objects.parts(what.object, ROOM)] == [ONE.url, three.url]


async def test_an_edit_of_the_words_alone_leaves_the_pictures_alone(house: House) -> None:
    with_files(house)
    what = item(said(ONE, TWO))
    await house.send(what)
    house.world.add("$0", _known(what))
    before = len(sends(house))
    await house.send(edited(what, said(ONE, TWO, words="See")))
    assert len(sends(house)) == before + 1


async def test_new_words_for_a_picture_that_had_none_become_its_caption(house: House) -> None:
    with_files(house)
    what = item(said(ONE, words=""))
    await house.send(what)
    house.world.add("$0", _known(what))
    await house.send(edited(what, said(ONE, words="Our bench")))
    [change] = [asked.body for asked in sends(house)[1:]]
    assert change["m.new_content"]["body"] == "Our bench\n\nA bench"
    assert change["m.relates_to"]["event_id"] == "$0"


def test_an_answer_to_a_picture_is_an_answer_to_its_message() -> None:
    world = World()
    known = world.known["$post"]
    world.parts[known.id] = (Part(1, "$picture", ONE.url),)
    world.known["$picture"] = known
    world.rooms["$picture"] = Native(ROOM.protocol, "!a part is no copy")
    reply = {"msgtype": "m.text", "body": "nice", "m.relates_to": {"m.in_reply_to": {"event_id": "$picture"}}}
    event = only(world.read(matrix_event(content=reply)))
    assert isinstance(event.content, Message)
    assert event.content.reply_to == known.id
    liked = {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$picture", "key": "👍"}}
    sign = only(world.read(matrix_event("m.reaction", liked)))
    assert isinstance(sign.content, Reaction)
    assert sign.content.target == known.id


def test_the_echo_of_a_picture_says_which_part_it_is() -> None:
    mark = {"object": "o", "node": ME.domain, "item": "i", "hops": 1, "part": 2, "source": ONE.url}
    echo = matrix_event(sender=SAM_GHOST.native.id, content={"msgtype": "m.image", "body": "x", "org.folkmoot.origin": mark})
    assert only(World().read(echo)).content == Sighting("o", "$new", "i", 2, ONE.url)  # type: ignore[arg-type]


async def test_a_ghost_wears_the_picture_of_the_one_it_stands_for_and_changes_it_with_them(house: House) -> None:
    house.elsewhere = {"https://a.example/sam.png": png(), "https://a.example/new.png": png(9, 9)}
    sam = msgspec.structs.replace(SAM, avatar="https://a.example/sam.png")
    await house.send(item(said(), sam))
    assert house.homeserver.avatars[SAM_GHOST.native.id] == "mxc://hs.test/up0"
    await house.clock.sleep(3_600)
    changed = msgspec.structs.replace(sam, avatar="https://a.example/new.png")
    await house.send(item(Profile(changed), changed, form="update"))
    assert house.homeserver.avatars[SAM_GHOST.native.id] == "mxc://hs.test/up1"
    await house.clock.sleep(3_600)
    await house.send(item(Profile(SAM), SAM, form="update"))
    assert house.homeserver.avatars[SAM_GHOST.native.id] == ""


async def test_a_picture_that_is_none_keeps_nobody_from_speaking(house: House) -> None:
    house.elsewhere = {"https://a.example/sam.svg": b"<svg/>"}
    assert isinstance(await house.send(item(said(), msgspec.structs.replace(SAM, avatar="https://a.example/sam.svg"))), Delivered)
    assert house.homeserver.avatars.get(SAM_GHOST.native.id, "") == ""


async def test_a_file_of_the_room_is_fetched_with_the_token_and_within_bounds(house: House) -> None:
    house.homeserver.media["mxc://far.example/abc"] = b"x" * 1_000
    assert await house.adapter.download("mxc://far.example/abc", 1_000) == b"x" * 1_000
    asked = house.homeserver.asked[-1]
    assert asked.path.endswith("/_matrix/client/v1/media/download/far.example/abc")
    assert asked.header.startswith("Bearer ")
    with pytest.raises(TooLarge):
        await house.adapter.download("mxc://far.example/abc", 999)
    for wrong in ("mxc://far.example/none", "mxc://far.example/../x", "https://far.example/x", "mxc://hs/a?b"):
        with pytest.raises(Rejected):
            await house.adapter.download(wrong, 1_000)


def _known(what: Item) -> KnownObject:
    known = World().known["$post"]
    return msgspec.structs.replace(known, id=what.object)
