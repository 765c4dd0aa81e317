"""Files on the whole way: only of those who said yes, fetched when their words cross and not before, gone when they are taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from bridge.changes import AppendEvent
from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content import Content, Message, Profile, Reaction, Retraction
from bridge.model.content.message import Attachment, Emoji, Location
from bridge.model.event import Event, Provenance
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, MATRIX, Native, ObjectId, event_id
from bridge.model.richtext import from_plain
from bridge.relay.context import words_hash
from bridge.relay.keeping import Bounds, Keeper
from bridge.relay.losses import AGAIN
from bridge.relay.relay import Relay
from storage.files import FolderFiles
from tests.bridge.media.pictures import FILM, png
from tests.bridge.relay.house import HALL, NODE, House
from tests.bridge.relay.test_keeping import PHOTO, SAID, Homeserver

LENA = Native(LOOPBACK, "lena")
PLAN = Attachment("mxc://hs.example/plan", "application/pdf", name="plan.pdf")


class Studio(House):
    """A house whose people have files on a homeserver."""

    def keep_files(self, folder: Path) -> None:
        self.clock.at = datetime.now(UTC)
        self.homeserver = Homeserver()
        self.homeserver.files[PLAN.url] = b"%PDF-1.7 plan"
        self.folder = folder / "media"
        files = FolderFiles(self.folder)
        bounds = Bounds("https://media.moot.example")
        self.keeper = Keeper(NODE, self.store, files, {MATRIX: self.homeserver}, self.clock, bounds=bounds)  # type: ignore[dict-item]
        self.relay = Relay(NODE, self.store, self.adapters, self.loader, self.clock, keeper=self.keeper)

    async def say(self, name: str, words: str, *files: Attachment) -> ObjectId:
        """Words with files of a homeserver, as an adapter reads them: the hall itself takes web addresses only."""
        native = f"{name} says {words}"
        await self.append(name, Message(from_plain(words), attachments=files), native)
        return ObjectId(event_id(NODE.secret, Native(LOOPBACK, native)))

    async def append(self, name: str, content: Content, native: str) -> None:
        channel = (await self.store.directory.channels((await self.community()).id))[0]
        now, born = self.clock.now(), Native(LOOPBACK, native)
        author = Actor(Native(LOOPBACK, name), name, "hall", name.title())
        author = content.actor if isinstance(content, Profile) else author
        event = Event(
            event_id(NODE.secret, born), channel.community, channel.id, HALL, author, content, Audience.PUBLIC, now, now, Provenance(born)
        )
        await self.store.journal.commit([AppendEvent(event)])
        await self.settle()

    async def later(self) -> None:
        self.clock.forward(15)
        await self.settle()

    async def messages(self) -> list[Message]:
        """As the group's followers hear them."""
        found = [item.event.content for _, item in await self.out() if item.form == "wrap"]
        return [content for content in found if isinstance(content, Message)]


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    studio = await Studio.open()
    assert isinstance(studio, Studio)
    studio.keep_files(tmp_path)
    await studio.follow(await studio.stranger("sam"))
    yield studio
    await studio.store.close()


async def test_no_file_of_anybody_who_did_not_say_yes_is_ever_fetched(studio: Studio) -> None:
    await studio.say("wilma", "look", PHOTO)
    await studio.later()
    assert studio.homeserver.asked == []
    assert not studio.folder.exists()
    assert await studio.store.media.listing(10) == ()


async def test_a_file_is_fetched_when_its_words_cross_and_not_while_they_wait(studio: Studio) -> None:
    await studio.opted_in("lena")
    await studio.say("lena", "look", PHOTO)
    assert studio.homeserver.asked == []
    await studio.later()
    assert studio.homeserver.asked == [PHOTO.url]
    [message] = await studio.messages()
    [shown] = message.attachments
    assert shown.url.startswith("https://media.moot.example/media/")
    assert shown.description == "A bench"


async def test_what_is_taken_back_while_it_waits_is_never_fetched(studio: Studio) -> None:
    await studio.opted_in("lena")
    said = await studio.say("lena", "look", PHOTO)
    await studio.append("lena", Retraction(said), "never mind")
    await studio.later()
    assert studio.homeserver.asked == []


async def test_what_is_served_later_is_the_same_file_and_goes_with_its_words(studio: Studio) -> None:
    await studio.opted_in("lena")
    said = await studio.say("lena", "look", PHOTO)
    await studio.later()
    current = await studio.store.objects.current(said)
    assert current is not None
    assert isinstance(current.content, Message)
    [message] = await studio.messages()
    assert current.content.attachments == message.attachments
    found = await studio.keeper.find(message.attachments[0].url.rpartition("/")[2].partition(".")[0])
    assert found is not None
    assert found[1] is not None
    await studio.append("lena", Retraction(said), "never mind")
    assert await studio.store.media.listing(10) == ()


async def test_a_file_that_cannot_cross_is_a_line_and_its_author_is_told_once(studio: Studio) -> None:
    await studio.opted_in("lena")
    for number in range(3):
        await studio.say("lena", f"plan {number}", PLAN)
    await studio.later()
    messages = await studio.messages()
    assert [message.attachments for message in messages] == [()] * 3
    assert all("plan.pdf (a file; it stays in the room)" in message.text.plain for message in messages)
    told = [text for text in await studio.told("lena") if "A file of yours stayed in the room." in text]
    assert len(told) == 1
    assert "It is no picture, film or recording." in told[0]
    records = [record for record in await studio.records() if record.kind == "message"]
    assert [[one.code for one in record.omissions] for record in records] == [["file.not_carried"]] * 3


async def test_whoever_shows_a_picture_without_a_description_is_asked_for_one_once_in_thirty_days(studio: Studio) -> None:
    await studio.opted_in("lena")

    async def asked() -> int:
        return len([text for text in await studio.told("lena") if "crossed without a description" in text])

    await studio.say("lena", "described", PHOTO)
    await studio.later()
    assert await asked() == 0
    bare = msgspec.structs.replace(PHOTO, description="")
    for number in range(2):
        await studio.say("lena", f"bare {number}", bare)
    await studio.later()
    assert await asked() == 1
    assert len(await studio.messages()) == 3, "and nothing waited"
    studio.clock.forward(AGAIN.total_seconds())
    await studio.say("lena", "bare again", bare)
    await studio.later()
    assert await asked() == 2


async def test_whoever_asks_people_to_choose_is_told_once_that_votes_stay(studio: Studio) -> None:
    await studio.opted_in("lena")
    for number in range(3):
        await studio.append("lena", Message(from_plain(f"When? {number}"), poll=True), f"poll {number}")
    await studio.later()
    assert len(await studio.messages()) == 3
    assert len([text for text in await studio.told("lena") if "Votes in your poll stay in the room." in text]) == 1
    records = [record for record in await studio.records() if record.kind == "message"]
    assert [[one.code for one in record.omissions] for record in records] == [["poll.not_carried"]] * 3


async def test_a_custom_emoji_is_served_and_goes_with_its_words(studio: Studio) -> None:
    await studio.opted_in("lena")
    blob = Emoji("blob", "mxc://hs.example/blob")
    studio.homeserver.files[blob.url] = png()
    film = Emoji("film", "mxc://hs.example/film")
    studio.homeserver.files[film.url] = FILM
    words = Message(from_plain("well :blob: :film: :plan:"), emojis=(blob, film, Emoji("plan", PLAN.url)))
    await studio.append("lena", words, "well")
    await studio.later()
    [message] = await studio.messages()
    assert [(emoji.name, emoji.media_type) for emoji in message.emojis] == [("blob", "image/png")]
    name = message.emojis[0].url.removeprefix("https://media.moot.example/media/").removesuffix(".png")
    assert await studio.keeper.find(name) is not None
    assert not [text for text in await studio.told("lena") if "A file of yours" in text], "its name has crossed"
    await studio.append("lena", Retraction(ObjectId(event_id(NODE.secret, Native(LOOPBACK, "well")))), "never mind")
    assert await studio.keeper.find(name) is None


async def test_the_picture_of_a_sign_is_served_and_goes_with_the_sign(studio: Studio) -> None:
    await studio.opted_in("lena")
    said = await studio.say("lena", "look")
    await studio.later()
    blob = Emoji("blob", "mxc://hs.example/blob")
    studio.homeserver.files[blob.url] = png()
    await studio.append("lena", Reaction(said, ":blob:", blob), "sign")
    await studio.later()
    [shown] = [
        item.event.content.emoji for _, item in await studio.out() if isinstance(item.event.content, Reaction) and item.form == "wrap"
    ]
    assert shown is not None
    assert shown.url.startswith("https://media.moot.example/media/")
    sign = ObjectId(event_id(NODE.secret, Native(LOOPBACK, "sign")))
    assert [kept.source for kept in await studio.store.media.of(sign)] == [blob.url]
    await studio.append("lena", Retraction(sign), "no sign")
    assert await studio.store.media.of(sign) == ()


def test_the_same_words_at_another_place_or_with_another_file_are_no_echo() -> None:
    words = from_plain("We meet here")
    forms = [
        Message(words),
        Message(words, location=Location("The mill")),
        Message(words, location=Location("The barn")),
        Message(words, attachments=(PHOTO,)),
    ]
    assert len({words_hash(NODE.secret, msgspec.structs.replace(SAID, content=form)) for form in forms}) == len(forms)


async def test_a_face_is_served_and_goes_with_the_account(studio: Studio) -> None:
    await studio.opted_in("lena")
    lena = Actor(LENA, "lena", "hall", "Lena")
    other = PHOTO.url + "2"
    studio.homeserver.files[other] = studio.homeserver.files[PHOTO.url]
    for source in (PHOTO.url, other):
        await studio.append("lena", Profile(msgspec.structs.replace(lena, avatar=source)), source)
        ghost = await studio.store.directory.ghost_of(ACTIVITYPUB, LENA)
        assert ghost is not None
        assert ghost.avatar is not None
        assert ghost.avatar.startswith("https://media.moot.example/media/")
        assert [kept.source for kept in await studio.store.media.of(str(LENA))] == [source]
    await studio.append("lena", Profile(lena, ended=True), "gone")
    assert await studio.store.media.of(str(LENA)) == ()


async def test_a_face_that_is_no_picture_is_none(studio: Studio) -> None:
    await studio.opted_in("lena")
    await studio.append("lena", Profile(Actor(LENA, "lena", "hall", "Lena", avatar=PLAN.url)), "dressed")
    ghost = await studio.store.directory.ghost_of(ACTIVITYPUB, LENA)
    assert ghost is not None
    assert (ghost.name, ghost.avatar) == ("Lena", None)
