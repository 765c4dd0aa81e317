"""Requests are taken in within bounds and, when the node stops, finished before the doors close.

Readiness says in plain words what is missing, for the person at the terminal as much as for the probe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import msgspec
from aiohttp import web, web_response

from bridge.errors import Invariant
from bridge.metrics import EXPOSITION_TYPE

__all__ = ["Server", "health_routes", "metrics_routes", "new_application"]

MEGABYTE = 1_000_000
_LAST_WORDS = 0.05


def new_application(*, max_body: int = MEGABYTE) -> web.Application:
    """An application that answers 413 to bodies over `max_body` bytes."""
    return web.Application(client_max_size=max_body)


class Server:
    """One application on one address. `start`, then `drain`; a second `drain` does nothing."""

    def __init__(self, application: web.Application, host: str, port: int) -> None:
        """`port` 0 takes a free one; `address` tells which."""
        self._host = host
        self._port = port
        self._runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            # A caller that hung up needs no answer; what was committed stays committed.
            handler_cancellation=True,
            # The bytes that were signed are the bytes that are read; who sends a compressed body gets to hear of it.
            auto_decompress=False,
        )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port as bound. Raises `Invariant` before `start`."""
        if not self._runner.addresses:
            raise Invariant("the server was asked for its address before it was started")
        host, port = self._runner.addresses[0][:2]
        return str(host), int(port)

    async def start(self) -> None:
        """Listen. Raises `OSError` when the address is taken or not ours."""
        # aiohttp 3.14 names itself, Python and both versions in every answer; what it says of malformed requests
        # passes no signal of the application, so the name itself is replaced.
        web_response.SERVER_SOFTWARE = "folkmoot"  # type: ignore[attr-defined]
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port, reuse_address=True).start()
        except OSError:
            await self._runner.cleanup()
            raise

    async def drain(self, seconds: float) -> None:
        """Take no new connection, close idle ones, give running requests up to `seconds`, then cut what is left."""
        server = self._runner.server
        if server is None:
            return
        for site in self._runner.sites:
            await site.stop()
        await asyncio.sleep(0)  # requests that arrived already get to begin
        server.pre_shutdown()
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    # The library would wait `seconds` twice: for the handler, then for its cancellation.
                    await server.shutdown(seconds + 1)
        await server.shutdown(_LAST_WORDS)
        await self._runner.cleanup()


def health_routes(is_ready: Callable[[], Mapping[str, str]]) -> list[web.RouteDef]:
    """`/health/live` (200 while the loop turns) and `/health/ready` (503 while `is_ready` names anything).

    `is_ready` gives what is not ready: part -> reason in plain words, as `{"homeserver": "does not answer"}`; empty when
    all is well. It is asked on every probe and must not block.
    """

    async def live(_: web.Request) -> web.Response:
        return _json(200, {"status": "alive"})

    async def ready(_: web.Request) -> web.Response:
        missing = dict(is_ready())
        if missing:
            return _json(503, {"status": "not ready", "waiting_for": missing})
        return _json(200, {"status": "ready"})

    return [web.get("/health/live", live), web.get("/health/ready", ready)]


def metrics_routes(expose: Callable[[], Awaitable[bytes]]) -> list[web.RouteDef]:
    """`/metrics`, for a door that the operator alone reaches; `expose` gives the exposition."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=await expose(), headers={"Content-Type": EXPOSITION_TYPE, "Cache-Control": "no-store"})

    return [web.get("/metrics", metrics)]


def _json(status: int, document: Mapping[str, str | Mapping[str, str]]) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode(document),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
