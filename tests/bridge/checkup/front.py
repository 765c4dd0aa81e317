"""A reverse proxy in front of a node, with the mistakes that operators make: what it does wrong is switched on one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

__all__ = ["Front", "standing"]

_OWN = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "content-encoding"}


class Front:
    """Passes what comes on to `behind`. Each fault is a word in `faults`."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.faults: set[str] = set()
        self._kept: dict[str, tuple[int, dict[str, str], bytes]] = {}

    async def answer(self, request: web.Request, session: aiohttp.ClientSession) -> web.Response:
        body = await request.read()
        if "small" in self.faults and len(body) > 100_000:
            return web.Response(status=413, text="<html>too large</html>")
        if "well-known" in self.faults and request.path.startswith("/.well-known/"):
            return web.Response(status=404, text="<html>not found</html>")
        if "numbers" in self.faults and request.path == "/metrics":
            return web.Response(text="folkmoot_queue_depth 7")
        if "files" in self.faults and request.path.startswith("/media/"):
            return web.Response(status=404, text="<html>not found</html>")
        if "keeps" in self.faults and request.path == "/" and request.path in self._kept:
            status, headers, said = self._kept[request.path]
            return web.Response(status=status, headers=headers, body=said)
        target = self.behind + request.raw_path
        sent = {name: value for name, value in request.headers.items() if name.lower() not in _OWN}
        try:
            async with session.request(request.method, target, data=body or None, headers={**sent, "Host": request.host}) as found:
                said = await found.read()
                headers = {name: value for name, value in found.headers.items() if name.lower() not in _OWN}
        except aiohttp.ClientError:
            return web.Response(status=502, text="<html>bad gateway</html>")
        if "headers" in self.faults:
            headers.pop("Vary", None)
            headers.pop("X-Content-Type-Options", None)
        if "type" in self.faults and "json" in headers.get("Content-Type", ""):
            headers["Content-Type"] = "application/json"
        self._kept[request.path] = found.status, headers, said
        return web.Response(status=found.status, headers=headers, body=said)


@asynccontextmanager
async def standing(port: int, behind: str) -> AsyncIterator[Front]:
    """A proxy on that port of this machine."""
    front = Front(behind)
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def handle(request: web.Request) -> web.Response:
            return await front.answer(request, session)

        application = web.Application(client_max_size=50_000_000)
        application.router.add_route("*", "/{rest:.*}", handle)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield front
        finally:
            await runner.cleanup()
