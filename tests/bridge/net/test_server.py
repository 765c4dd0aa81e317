"""What the server promises while it runs and while it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest
from aiohttp import web

from bridge.errors import Invariant
from bridge.net.server import Server, health_routes, new_application


class Hall:
    """A running server with a door that can be held open, and a visitor's session."""

    def __init__(self, server: Server, visitor: aiohttp.ClientSession) -> None:
        self.server = server
        self.visitor = visitor
        self.entered = asyncio.Event()
        self.may_leave = asyncio.Event()
        self.left: list[str] = []
        self.missing: dict[str, str] = {}

    def url(self, path: str) -> str:
        host, port = self.server.address
        return f"http://{host}:{port}{path}"


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    application = new_application(max_body=1000)
    async with aiohttp.ClientSession() as visitor:
        here = Hall(Server(application, "127.0.0.1", 0), visitor)

        async def stay(_: web.Request) -> web.Response:
            here.entered.set()
            try:
                await here.may_leave.wait()
            except asyncio.CancelledError:
                here.left.append("cut")
                raise
            here.left.append("finished")
            return web.Response(text="done")

        async def echo(request: web.Request) -> web.Response:
            return web.Response(body=await request.read())

        async def fail(_: web.Request) -> web.Response:
            raise web.HTTPTeapot

        def missing() -> Mapping[str, str]:
            return here.missing

        application.add_routes([web.get("/stay", stay), web.post("/echo", echo), web.get("/fail", fail), *health_routes(missing)])
        await here.server.start()
        yield here
        await here.server.drain(0)


async def test_a_running_request_is_finished_before_the_doors_close(hall: Hall) -> None:
    asked = asyncio.create_task(hall.visitor.get(hall.url("/stay")))
    await hall.entered.wait()
    url = hall.url("/health/live")
    draining = asyncio.create_task(hall.server.drain(5))
    while True:  # until the door is shut for newcomers
        try:
            async with aiohttp.ClientSession() as newcomer, newcomer.get(url):
                pass
        except aiohttp.ClientConnectionError:
            break
    assert not draining.done()
    hall.may_leave.set()
    async with await asked as response:
        assert await response.text() == "done"
    await draining
    assert hall.left == ["finished"]


async def test_what_outlasts_the_draining_is_cut_in_time(hall: Hall) -> None:
    asked = asyncio.create_task(hall.visitor.get(hall.url("/stay")))
    await hall.entered.wait()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await hall.server.drain(0.2)
    assert 0.2 <= loop.time() - began < 0.8
    with pytest.raises(aiohttp.ClientConnectionError):
        await asked
    assert hall.left == ["cut"]


async def test_draining_without_patience_ends_at_once_and_twice_does_nothing(hall: Hall) -> None:
    asked = asyncio.create_task(hall.visitor.get(hall.url("/stay")))
    await hall.entered.wait()
    async with asyncio.timeout(1):
        await hall.server.drain(0)
        await hall.server.drain(5)
    with pytest.raises(aiohttp.ClientConnectionError):
        await asked


async def test_idle_connections_do_not_hold_up_the_draining(hall: Hall) -> None:
    async with hall.visitor.get(hall.url("/health/live")) as response:
        await response.read()
    async with asyncio.timeout(1):
        await hall.server.drain(30)


async def test_a_caller_that_hangs_up_stops_the_work_for_it(hall: Hall) -> None:
    asked = asyncio.create_task(hall.visitor.get(hall.url("/stay")))
    await hall.entered.wait()
    asked.cancel()
    async with asyncio.timeout(1):
        while not hall.left:
            await asyncio.sleep(0)
    assert hall.left == ["cut"]


async def test_a_body_over_the_bound_is_413(hall: Hall) -> None:
    async with hall.visitor.post(hall.url("/echo"), data=b"x" * 1000) as response:
        assert (response.status, len(await response.read())) == (200, 1000)
    async with hall.visitor.post(hall.url("/echo"), data=b"x" * 1001) as response:
        assert response.status == 413


async def test_a_compressed_body_is_handed_over_as_it_came(hall: Hall) -> None:
    async with hall.visitor.post(hall.url("/echo"), data=b"as signed", headers={"Content-Encoding": "gzip"}) as response:
        assert await response.read() == b"as signed"


@pytest.mark.parametrize(
    "said",
    [
        b"GET /fail HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/1.1\r\nA B\r\n\r\n",
    ],
)
async def test_no_answer_tells_versions(hall: Hall, said: bytes) -> None:
    reader, writer = await asyncio.open_connection(*hall.server.address)
    writer.write(said)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    writer.close()
    await writer.wait_closed()
    assert head.startswith(b"http/1.")
    assert b"server: folkmoot\r\n" in head
    assert b"aiohttp" not in head
    assert b"python" not in head


async def test_health_says_in_words_what_is_missing(hall: Hall) -> None:
    async with hall.visitor.get(hall.url("/health/live")) as response:
        assert (response.status, await response.json()) == (200, {"status": "alive"})
    async with hall.visitor.get(hall.url("/health/ready")) as response:
        assert (response.status, await response.json()) == (200, {"status": "ready"})
    hall.missing["homeserver"] = "does not answer at http://127.0.0.1:8008"
    async with hall.visitor.get(hall.url("/health/ready")) as response:
        assert response.status == 503
        assert await response.json() == {"status": "not ready", "waiting_for": hall.missing}
        assert response.headers["Cache-Control"] == "no-store"
    async with hall.visitor.get(hall.url("/health/live")) as response:
        assert response.status == 200


async def test_an_address_that_is_taken_is_an_error_and_leaves_nothing_open(hall: Hall) -> None:
    cleaned: list[web.Application] = []

    async def clean(application: web.Application) -> None:
        cleaned.append(application)

    application = new_application()
    application.on_cleanup.append(clean)
    second = Server(application, *hall.server.address)
    with pytest.raises(OSError, match="address already in use"):
        await second.start()
    assert cleaned == [application]
    with pytest.raises(Invariant):
        _ = second.address
    await second.drain(1)
