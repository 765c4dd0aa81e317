"""Files of members: kept for those who said yes, looked at, freed of what they tell, and gone with what they belong to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from bridge.changes import PutObject, RemoveMedia, Retract
from bridge.errors import StoreDown, TooLarge, Unreachable
from bridge.model.content.message import Attachment
from bridge.model.ids import MATRIX, ObjectId
from bridge.relay.keeping import PATIENCE, SETTLED, Bounds, Keeper
from storage import SqlStore, open_memory
from storage.files import FolderFiles
from tests.bridge.media.pictures import FILM, jpeg, png
from tests.bridge.relay.house import NODE, Hand
from tests.conformance.samples import ANA, event, known

SAID = event("said")
OWNER = ObjectId(SAID.id)
PHOTO = Attachment("mxc://hs.example/photo", "image/png", description="A bench", blurhash="LEHV6nWB2yk8")


class Homeserver:
    """Has the files it was given; counts what it was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {PHOTO.url: jpeg(located=True)}
        self.silent = False
        self.asked: list[str] = []

    async def download(self, address: str, most: int) -> bytes:
        self.asked.append(address)
        if self.silent:
            raise Unreachable("The homeserver does not answer.")
        if len(self.files[address]) > most:
            raise TooLarge(f"It has more than {most} bytes.")
        return self.files[address]


class Cupboard:
    """A keeper over a real store and a real folder. The hand's clock starts now, since the disk has a clock of its own."""

    def __init__(self, store: SqlStore, folder: Path, clock: Hand, **bounds: int) -> None:
        self.store, self.clock = store, clock
        self.homeserver = Homeserver()
        self.files = FolderFiles(folder / "media")
        self.folder = folder / "media"
        limits = Bounds("https://media.moot.example", **bounds)
        self.keeper = Keeper(NODE, store, self.files, {MATRIX: self.homeserver}, clock, bounds=limits)  # type: ignore[dict-item]

    async def kept(self, *attachments: Attachment, owner: ObjectId = OWNER) -> str:
        """Writes it down; the end of the first address."""
        keeping = await self.keeper.keep(owner, attachments)
        await self.store.journal.commit(list(keeping.changes))
        return next(iter(keeping.shown.values())).url.rpartition("/")[2].partition(".")[0]

    def on_disk(self) -> list[Path]:
        return [path for path in self.folder.glob("??/*") if path.is_file()]


@pytest.fixture
async def cupboard(tmp_path: Path) -> AsyncIterator[Cupboard]:
    clock = Hand()
    clock.at = datetime.now(UTC)
    store = open_memory(clock=clock)
    await store.journal.commit([PutObject(known(SAID), SAID)])
    yield Cupboard(store, tmp_path, clock, most_bytes=100_000, most_pixels=10_000)
    await store.close()


async def test_a_kept_file_is_what_its_bytes_say_and_keeps_what_its_sender_said_of_it(cupboard: Cupboard) -> None:
    keeping = await cupboard.keeper.keep(OWNER, [PHOTO])
    [shown] = keeping.shown.values()
    assert (shown.media_type, shown.width, shown.height) == ("image/jpeg", 8, 6)
    assert (shown.description, shown.blurhash) == ("A bench", "LEHV6nWB2yk8")
    assert shown.url.startswith("https://media.moot.example/media/")
    assert shown.url.endswith(".jpg")
    await cupboard.store.journal.commit(list(keeping.changes))
    found = await cupboard.keeper.find(shown.url.rpartition("/")[2].partition(".")[0])
    assert found is not None
    assert found[1] is not None
    body = found[1].read_bytes()
    assert len(body) == shown.size
    assert b"A camera" not in body


async def test_an_address_cannot_be_guessed_from_the_file_or_from_another_address(cupboard: Cupboard) -> None:
    one, two = await cupboard.kept(PHOTO), await cupboard.kept(PHOTO, owner=ObjectId("another"))
    assert one != two
    assert "photo" not in one
    assert len(cupboard.on_disk()) == 1, "the same bytes are one file"


async def test_keeping_again_asks_nobody_again(cupboard: Cupboard) -> None:
    assert await cupboard.kept(PHOTO) == await cupboard.kept(PHOTO)
    assert cupboard.homeserver.asked == [PHOTO.url]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "It is no picture, film or recording."),
        (b"%PDF-1.7 and so on", "It is no picture, film or recording."),
        (png(200, 200), "The picture has more than 0.01 million pixels."),
        (bytes(100_001), "It has more than 100000 bytes."),
        (jpeg()[:30], "The picture is damaged."),
    ],
)
async def test_what_cannot_be_served_stays_with_its_reason(cupboard: Cupboard, body: bytes, why: str) -> None:
    cupboard.homeserver.files[PHOTO.url] = body
    keeping = await cupboard.keeper.keep(OWNER, [PHOTO])
    assert keeping.left == {PHOTO.url: why}
    assert not keeping.shown
    assert not keeping.changes
    assert not cupboard.on_disk()


async def test_an_encrypted_file_and_one_from_nowhere_stay(cupboard: Cupboard) -> None:
    keeping = await cupboard.keeper.keep(OWNER, [Attachment("", "image/png"), Attachment("file:///etc/passwd", "image/png")])
    assert set(keeping.left.values()) == {"It has no address that others could fetch it from."}


async def test_a_silent_homeserver_is_waited_for_but_not_for_ever(cupboard: Cupboard) -> None:
    cupboard.homeserver.silent = True
    with pytest.raises(StoreDown):
        await cupboard.keeper.keep(OWNER, [PHOTO])
    cupboard.clock.forward(PATIENCE.total_seconds() + 1)
    assert (await cupboard.keeper.keep(OWNER, [PHOTO])).left == {PHOTO.url: "It could not be fetched."}
    cupboard.homeserver.silent = False
    assert (await cupboard.keeper.keep(OWNER, [PHOTO])).shown


async def test_what_was_taken_back_is_off_the_disk_within_a_minute(cupboard: Cupboard) -> None:
    name = await cupboard.kept(PHOTO)
    await cupboard.store.journal.commit([Retract(OWNER, SAID.provenance.native, cupboard.clock.now())])
    assert await cupboard.keeper.find(name) is None, "at once for whoever asks"
    cupboard.clock.forward(SETTLED.total_seconds() + 10)
    assert await cupboard.keeper.prune() == 1
    assert cupboard.on_disk() == []
    assert await cupboard.store.media.unserved(10) == ()


async def test_bytes_that_another_message_shows_stay(cupboard: Cupboard) -> None:
    await cupboard.kept(PHOTO)
    other = await cupboard.kept(PHOTO, owner=ObjectId("another"))
    await cupboard.store.journal.commit([Retract(OWNER, SAID.provenance.native, cupboard.clock.now())])
    cupboard.clock.forward(3_600)
    assert await cupboard.keeper.prune() == 0
    found = await cupboard.keeper.find(other)
    assert found is not None
    assert found[1] is not None


async def test_bytes_of_a_message_that_is_just_being_written_down_are_left_alone(cupboard: Cupboard) -> None:
    await cupboard.keeper.keep(OWNER, [PHOTO])
    await cupboard.keeper.survey()
    assert len(cupboard.on_disk()) == 1
    cupboard.clock.forward(3_600)
    await cupboard.keeper.survey()
    assert cupboard.on_disk() == [], "it never came to be"


async def test_an_edit_without_the_picture_ends_the_picture(cupboard: Cupboard) -> None:
    name = await cupboard.kept(PHOTO)
    keeping = await cupboard.keeper.keep(OWNER, [])
    await cupboard.store.journal.commit(list(keeping.changes))
    assert await cupboard.keeper.find(name) is None


async def test_what_was_taken_down_stays_down(cupboard: Cupboard) -> None:
    name = await cupboard.kept(PHOTO)
    await cupboard.store.journal.commit([RemoveMedia(name, cupboard.clock.now(), "asked")])
    found = await cupboard.keeper.find(name)
    assert found is not None
    assert found[1] is None
    cupboard.clock.forward(3_600)
    assert await cupboard.keeper.prune() == 1
    again = await cupboard.keeper.keep(OWNER, [PHOTO])
    other = await cupboard.keeper.keep(ObjectId("another"), [PHOTO])
    assert list(again.left.values()) == list(other.left.values()) == ["It was taken down by this bridge's operator."]


async def test_when_the_folder_is_full_the_least_recently_asked_for_makes_room_and_comes_back_when_asked(tmp_path: Path) -> None:
    clock = Hand()
    clock.at = datetime.now(UTC) + timedelta(hours=1)
    store = open_memory(clock=clock)
    small, large = png(30, 30, "red"), png(40, 40)
    cupboard = Cupboard(store, tmp_path, clock, quota=len(small) + len(large) - 1)
    sources = [msgspec.structs.replace(PHOTO, url=f"mxc://hs.example/{number}") for number in range(2)]
    cupboard.homeserver.files = {sources[0].url: small, sources[1].url: large}
    names = [await cupboard.kept(source, owner=ObjectId(source.url)) for source in sources]
    assert await cupboard.keeper.survey() == len(large)
    assert len(cupboard.on_disk()) == 1
    asked = await asyncio.gather(*(cupboard.keeper.find(name) for name in names * 3))
    assert all(found is not None and found[1] is not None for found in asked)
    assert len(cupboard.homeserver.asked) == 3, "once for all who ask"
    await store.close()


async def test_a_file_that_changed_at_home_is_not_served_in_place_of_what_was_looked_at(cupboard: Cupboard) -> None:
    name = await cupboard.kept(PHOTO)
    for path in cupboard.on_disk():
        path.unlink()
    cupboard.homeserver.files[PHOTO.url] = png()
    found = await cupboard.keeper.find(name)
    assert found is not None
    assert found[1] is None


@pytest.fixture
def dripping(cupboard: Cupboard, monkeypatch: pytest.MonkeyPatch) -> Cupboard:
    """Its homeserver never comes to an end."""
    monkeypatch.setattr("bridge.relay.keeping.LONGEST", 0.05)

    async def drips(address: str, most: int) -> bytes:
        del most
        cupboard.homeserver.asked.append(address)
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(cupboard.homeserver, "download", drips)
    return cupboard


async def test_a_file_that_drips_is_left_and_the_words_cross_without_it(dripping: Cupboard) -> None:
    assert (await dripping.keeper.keep(OWNER, [PHOTO])).left == {PHOTO.url: "It could not be fetched in time."}


async def test_many_files_that_drip_hold_up_nobody_else_for_long(dripping: Cupboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.relay.keeping.ALTOGETHER", 0.12)
    many = [msgspec.structs.replace(PHOTO, url=f"mxc://hs.example/{number}") for number in range(40)]
    began = asyncio.get_running_loop().time()
    keeping = await dripping.keeper.keep(OWNER, many)
    assert asyncio.get_running_loop().time() - began < 1.5, "forty times the patience with one would be two seconds"
    assert set(keeping.left.values()) == {"It could not be fetched in time."}
    assert len(keeping.left) == 40


async def test_a_picture_of_somebody_is_a_picture(cupboard: Cupboard) -> None:
    address, changes = await cupboard.keeper.picture(ANA, PHOTO.url)
    assert address is not None
    await cupboard.store.journal.commit(list(changes))
    assert len(await cupboard.store.media.of(str(ANA))) == 1
    cupboard.homeserver.files["mxc://hs.example/film"] = FILM
    address, changes = await cupboard.keeper.picture(ANA, "mxc://hs.example/film")
    await cupboard.store.journal.commit(list(changes))
    assert address is None
    assert await cupboard.store.media.of(str(ANA)) == ()
