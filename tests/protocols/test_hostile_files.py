"""Files of servers that mean harm, over real sockets: bounded in bytes and time, never from inside, and shown for what they are or as a link."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import msgspec
import pytest
from aiohttp import web

from bridge.model.content.message import Attachment, Message
from bridge.model.item import Delivered
from bridge.model.richtext import from_plain
from tests.bridge.media.pictures import jpeg, png
from tests.bridge.net.street import Street, Visitors, drip
from tests.protocols.activitypub.house import House as Fediverse
from tests.protocols.matrix.house import House, house
from tests.protocols.matrix.world import item

__all__ = ["house"]


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    async with AsyncExitStack() as stack:
        yield Street(stack)


async def shown(house: House, street: Street, *urls: str, name: str = "new") -> list[dict[str, object]]:
    """What the room sees of a post with files at these addresses, after its words."""
    fediverse = Fediverse(await street.client())
    house.download = fediverse.adapter.download
    message = Message(from_plain("Look"), attachments=tuple(Attachment(url, "image/png", description="A bench") for url in urls))
    before = len(house.homeserver.asked)
    try:
        assert isinstance(await house.send(msgspec.structs.replace(item(message), id=name)), Delivered)
    finally:
        await fediverse.close()
    return [asked.body for asked in house.homeserver.asked[before:] if "/send/" in asked.path][1:]


def serving(body: bytes, kind: str = "image/png", **headers: str) -> web.RouteDef:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, headers=headers)

    return web.get("/{rest:.*}", answer)


def as_link(content: dict[str, object], url: str) -> bool:
    return content["msgtype"] == "m.text" and content["body"] == f"🖼 A bench ({url}) (a picture)"


async def test_a_stream_without_end_is_left_at_the_bound(house: House, street: Street) -> None:
    written = 0

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + png())
        while True:
            writer.write(bytes(10_000))
            written += 10_000
            await writer.drain()

    url = f"{await street.open_rude(talk)}/a.png"
    [file] = await shown(house, street, url)
    assert as_link(file, url)
    assert not house.homeserver.media
    assert written < 20_000_000, "what the sockets hold, and no more"


async def test_a_stream_that_drips_is_left_at_the_deadline_and_its_server_is_not_asked_for_the_rest(house: House, street: Street) -> None:
    asked = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 50000\r\n\r\n")
        await drip(reader, writer)

    origin = await street.open_rude(talk)
    urls = [f"{origin}/{number}.png" for number in range(5)]
    files = await shown(house, street, *urls)
    assert all(as_link(file, url) for file, url in zip(files, urls, strict=True))
    assert asked == 1
    await house.clock.sleep(61)
    await shown(house, street, f"{origin}/other.png", name="later")
    assert asked == 2, "a minute later it has another chance"


async def test_a_redirect_to_an_inner_address_is_not_followed(house: House, street: Street) -> None:
    inner = Visitors()
    secret = await street.open(inner.route())
    street.origins.remove(secret)
    url = f"{await street.open(Visitors(a=f'{secret}/secret.png').route())}/a"
    [file] = await shown(house, street, url)
    assert as_link(file, url)
    assert inner.paths == []


async def test_a_file_that_changes_between_two_fetches_is_fetched_once(house: House, street: Street) -> None:
    given = [png(), png(9, 9)]

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=given.pop(0), content_type="image/png")

    url = f"{await street.open(web.get('/{rest:.*}', answer))}/a.png"
    [first] = await shown(house, street, url)
    [second] = await shown(house, street, url, name="again")
    assert first["url"] == second["url"]
    assert len(given) == 1
    assert list(house.homeserver.media.values()) == [png()]


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/octet-stream"])
async def test_a_picture_under_another_name_is_a_picture(house: House, street: Street, kind: str) -> None:
    [file] = await shown(house, street, f"{await street.open(serving(png(), kind))}/a.html")
    assert (file["msgtype"], file["info"]["mimetype"]) == ("m.image", "image/png")  # type: ignore[index]
    [upload] = [asked for asked in house.homeserver.asked if asked.path.endswith("/upload")]
    assert upload.query["filename"] == "file.png"


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><script>alert(1)</script>",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"GIF89a/*<script>alert(1)</script>*/=1;" + bytes(32),
        b'{"@context":"https://www.w3.org/ns/activitystreams","type":"Note"}',
    ],
    ids=["html", "svg", "script", "activity"],
)
async def test_what_could_run_in_a_browser_is_no_picture_whatever_it_is_called(house: House, street: Street, body: bytes) -> None:
    url = f"{await street.open(serving(body))}/a.png"
    [file] = await shown(house, street, url)
    assert as_link(file, url)
    assert not house.homeserver.media


async def test_a_file_that_is_two_things_arrives_as_one(house: House, street: Street) -> None:
    archive = b"PK\x03\x04" + bytes(26) + b"index.html<script>alert(1)</script>"
    await shown(house, street, f"{await street.open(serving(png() + archive))}/a.png")
    assert list(house.homeserver.media.values()) == [png()]


async def test_where_it_was_taken_does_not_arrive(house: House, street: Street) -> None:
    await shown(house, street, f"{await street.open(serving(jpeg(located=True), 'image/jpeg'))}/a.jpg")
    [body] = house.homeserver.media.values()
    assert b"A camera" not in body
    assert b"Exif" not in body


async def test_a_picture_that_swells_is_refused_before_it_is_opened(house: House, street: Street) -> None:
    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(5_001)) for _ in range(5_000)) + rows.flush()
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 5_000, 5_000, 8, 0, 0, 0, 0)), (b"IDAT", packed), (b"IEND", b""))
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    assert len(bomb) < 100_000
    url = f"{await street.open(serving(bomb))}/a.png"
    [file] = await shown(house, street, url)
    assert as_link(file, url)


async def test_an_answer_that_swells_is_left_at_the_bound(house: House, street: Street) -> None:
    made = zlib.compressobj(9, wbits=31)
    packed = made.compress(png() + bytes(50_000_000)) + made.flush()
    assert len(packed) < 100_000
    url = f"{await street.open(serving(packed, **{'Content-Encoding': 'gzip'}))}/a.png"
    [file] = await shown(house, street, url)
    assert as_link(file, url)
    assert not house.homeserver.media
