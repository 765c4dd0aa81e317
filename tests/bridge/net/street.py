"""Peers on loopback: polite ones by aiohttp, rude ones byte by byte."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from bridge.net.client import Answer, Client, Limits
from bridge.net.guard import policy_for
from bridge.settings import Development

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LOOPBACK = ("127.0.0.0/8",)
JSON = {"Accept": "application/activity+json"}
QUICK = Limits(lookup=0.3, connect=0.3, read=0.3, total=0.8)


class Names(AbstractResolver):
    """A name service with given answers; several answer lists of a name are given one after the other."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): lists for name, lists in answers.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        self.asked.append(host)
        lists = self.answers[host]
        found = lists.pop(0) if len(lists) > 1 else lists[0]
        kinds = {address: socket.AF_INET6 if ":" in address else socket.AF_INET for address in found}
        return [ResolveResult(hostname=host, host=a, port=port, family=kinds[a], proto=0, flags=0) for a in found]

    async def close(self) -> None:
        self.answers.clear()


class Street:
    """Opens peers and clients, and closes them all at the end."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.origins: list[str] = []

    async def open(self, *routes: web.RouteDef, ssl: object = None, name: str = "127.0.0.1") -> str:
        """A polite peer; its origin."""
        application = web.Application()
        application.add_routes(routes)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl).start()  # type: ignore[arg-type]
        return self._remember("https" if ssl else "http", name, runner.addresses[0][1])

    async def open_rude(self, talk: Talk) -> str:
        """A peer that says what `talk` writes after the request's head was read; its origin."""
        meetings: set[asyncio.Task[None]] = set()

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            here = asyncio.current_task()
            assert here is not None
            meetings.add(here)
            try:
                await reader.readuntil(b"\r\n\r\n")
                await talk(reader, writer)
                await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                meetings.discard(here)
                writer.close()

        server = await asyncio.start_server(meet, "127.0.0.1", 0)

        async def close() -> None:
            server.close()
            for meeting in list(meetings):
                meeting.cancel()
            await asyncio.gather(*meetings)
            await server.wait_closed()

        self._stack.push_async_callback(close)
        return self._remember("http", "127.0.0.1", server.sockets[0].getsockname()[1])

    async def client(
        self,
        *,
        names: Names | None = None,
        networks: tuple[str, ...] = LOOPBACK,
        ca_file: str = "",
        limits: Limits = QUICK,
        operator_urls: tuple[str, ...] = (),
    ) -> Client:
        """A client that may reach what was opened so far."""
        development = Development(enabled=True, networks=networks, origins=tuple(self.origins), ca_file=ca_file)
        policy = policy_for(development, operator_urls=operator_urls)
        return await self._stack.enter_async_context(Client(policy, "folkmoot/0 (+https://moot.example/)", limits=limits, resolver=names))

    async def ask(self, url: str) -> Answer:
        """What a fresh client gets for a URL."""
        return await (await self.client()).get(url, {})

    def _remember(self, scheme: str, name: str, port: int) -> str:
        self.origins.append(f"{scheme}://{name}:{port}")
        return self.origins[-1]


def answering(text: str = "{}", status: int = 200, headers: Mapping[str, str] | None = None) -> web.RouteDef:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status, headers=headers)

    return web.route("*", "/{rest:.*}", answer)


class Visitors:
    """A peer that notes who came and answers by path."""

    def __init__(self, **redirects: str) -> None:
        self.seen: list[web.BaseRequest] = []
        self.bodies: list[bytes] = []
        self.redirects = {f"/{name}": target for name, target in redirects.items()}

    def route(self, status: int = 302) -> web.RouteDef:
        async def answer(request: web.Request) -> web.Response:
            self.seen.append(request)
            self.bodies.append(await request.read())
            target = self.redirects.get(request.path)
            if target is not None:
                return web.Response(status=status, headers={"Location": target}, text="elsewhere")
            return web.Response(text=f"here is {request.path}")

        return web.route("*", "/{rest:.*}", answer)

    @property
    def paths(self) -> list[str]:
        return [request.raw_path if isinstance(request, web.Request) else request.path for request in self.seen]


def saying(*pieces: bytes, then_wait: bool = False) -> Talk:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if then_wait:
            await asyncio.Event().wait()

    return talk


async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    ticks = asyncio.Event()
    while True:
        asyncio.get_running_loop().call_later(0.02, ticks.set)
        await ticks.wait()
        ticks.clear()
        writer.write(b"x")
        await writer.drain()
