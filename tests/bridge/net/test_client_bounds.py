"""Peers that send too much, too slowly, too little or nonsense; real sockets on loopback."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib

import pytest
from aiohttp import web

from bridge.errors import Malformed, TooLarge, Unreachable
from bridge.net.client import Limits
from tests.bridge.net.street import JSON, Street, answering, drip, saying

# --- bounds on bytes -------------------------------------------------------------------------------------------------


async def test_a_body_over_the_limit_is_too_large_however_it_is_sent(street: Street) -> None:
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(200):
            await response.write(b"x" * 1000)
        return response

    peer = await street.open(web.get("/stream", stream), answering("x" * 200_000))
    client = await street.client()
    for path in ("/stream", "/whole"):
        with pytest.raises(TooLarge, match="more than 100000 bytes"):
            await client.get(peer + path, JSON, accept_limit=100_000)
        assert len((await client.get(peer + path, JSON, accept_limit=200_000)).body) == 200_000


async def test_a_length_over_the_limit_is_refused_before_the_body_is_read(street: Street) -> None:
    async def boast(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        await asyncio.Event().wait()

    with pytest.raises(TooLarge):
        await street.ask(await street.open_rude(boast))


async def test_a_compressed_body_is_inflated(street: Street) -> None:
    document = b'{"a": 1}' * 1000
    for coding in ("gzip", "x-gzip", "GZIP"):
        peer = await street.open(_sending(gzip.compress(document), coding))
        assert (await (await street.client()).get(peer, JSON)).body == document


async def test_a_compression_bomb_is_cut_at_the_limit(street: Street) -> None:
    squeeze = zlib.compressobj(9, wbits=31)
    bomb = b"".join(squeeze.compress(bytes(1_000_000)) for _ in range(300)) + squeeze.flush()
    assert len(bomb) < 300_000
    peer = await street.open(_sending(bomb, "gzip"))
    client = await street.client()
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            await client.get(peer, JSON)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (b"not gzip at all", "gzip"),
        (gzip.compress(b"x" * 5000)[:-9], "gzip"),
        (gzip.compress(b"x") + b"more", "gzip"),
        (b"x", "br"),
        (b"x", "gzip, gzip"),
        (b"x", "deflate"),
    ],
)
async def test_compression_that_cannot_be_read_is_malformed(street: Street, body: bytes, coding: str) -> None:
    peer = await street.open(_sending(body, coding))
    with pytest.raises(Malformed):
        await (await street.client()).get(peer, JSON)


async def test_an_empty_body_said_to_be_compressed_is_empty(street: Street) -> None:
    assert (await street.ask(await street.open(_sending(b"", "gzip")))).body == b""


def _sending(body: bytes, coding: str) -> web.RouteDef:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": coding})

    return web.get("/", answer)


@pytest.mark.parametrize("head", [b"X-Long: " + b"x" * 100_000 + b"\r\n", b"".join(b"X-%d: y\r\n" % i for i in range(5000))])
async def test_a_huge_header_is_refused(street: Street, head: bytes) -> None:
    async def shout(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: 0\r\n\r\n")

    with pytest.raises((TooLarge, Unreachable)):
        await street.ask(await street.open_rude(shout))


async def test_a_header_line_that_is_too_long_is_named_as_such(street: Street) -> None:
    async def shout(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 9000 + b"\r\nContent-Length: 0\r\n\r\n")

    with pytest.raises(TooLarge, match="header"):
        await street.ask(await street.open_rude(shout))


# --- bounds on time, and peers that break off ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "waits", "reason"),
    [
        (b"", True, "in time"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", True, "in time"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", True, "in time"),
        (b"", False, "broke the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", False, "broke the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", False, "cut its answer short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", False, "cut its answer short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhe", False, "cut its answer short|does not speak HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", False, "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", False, "does not speak HTTP"),
    ],
)
async def test_a_peer_that_is_slow_or_breaks_off_is_unreachable(street: Street, said: bytes, waits: bool, reason: str) -> None:
    peer = await street.open_rude(saying(said, then_wait=waits))
    with pytest.raises(Unreachable, match=reason):
        await (await street.client()).get(peer, JSON)


async def test_a_body_that_drips_is_cut_at_the_absolute_deadline(street: Street) -> None:
    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        await drip(reader, writer)

    peer = await street.open_rude(begin)
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(Unreachable, match="in time"):
        await (await street.client()).get(peer, JSON)
    assert 0.7 < loop.time() - began < 2


async def test_redirects_share_one_deadline(street: Street) -> None:
    async def dawdle(request: web.Request) -> web.Response:
        with_time = asyncio.Event()
        asyncio.get_running_loop().call_later(0.25, with_time.set)
        await with_time.wait()
        return web.Response(status=302, headers={"Location": f"{request.path}x"})

    peer = await street.open(web.get("/{rest:.*}", dawdle))
    with pytest.raises(Unreachable, match="in time"):
        await (await street.client()).get(f"{peer}/a", JSON, redirects=20)


async def test_nobody_at_home_is_unreachable(street: Street) -> None:
    street.origins.append("http://127.0.0.1:1")
    with pytest.raises(Unreachable, match="cannot be reached"):
        await (await street.client()).get("http://127.0.0.1:1/", JSON)


async def test_a_caller_that_gives_up_is_not_answered_with_an_error_of_ours(street: Street) -> None:
    peer = await street.open_rude(saying(b"", then_wait=True))
    client = await street.client(limits=Limits())
    task = asyncio.create_task(client.get(peer, JSON))
    await asyncio.wait([task], timeout=0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
