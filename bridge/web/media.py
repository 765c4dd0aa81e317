"""Our own media door: what is kept for others, and nothing else, in a way that no browser runs.

Activitypub.md 1.9, matrix.md S9 (CVE-2023-41318: a script in a picture, served from a bridge's own name). An answer never redirects, is never
a document, and says its type as we found it.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import hdrs, web

from bridge.errors import StorageError
from bridge.logs import logger
from bridge.media.inspection import ENDINGS
from bridge.relay.keeping import Keeper

__all__ = ["MediaDoor"]

SOON: Final = 60
"""Seconds others may keep a file without asking again: what is taken back is gone within a minute."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = logger("web.media")


class MediaDoor:
    """`routes()` where files share the node's own name, `application()` for a name of their own."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/media/{id:[a-z2-7]{26}}.{ending:[a-z0-9]{2,5}}", _answering(self.file))]

    def application(self) -> web.Application:
        """Everything else under that name is not there: no document of ours is ever served beside somebody's file."""
        application = web.Application(client_max_size=1)
        application.add_routes(self.routes())
        application.router.add_route("*", "/{rest:.*}", _nothing)
        return application

    async def file(self, request: web.Request) -> web.StreamResponse:
        """GET and HEAD, whole or in ranges, as recordings and films need them."""
        found = await self._keeper.find(request.match_info["id"])
        if found is None or ENDINGS[found[0].media_type] != request.match_info["ending"]:
            return _sentence(404, "There is no such file.")
        kept, path = found
        if kept.removed_at is not None:
            return _sentence(410, "This file was taken down.")
        if path is None:
            return _sentence(503, "This file cannot be fetched just now; please come back.")
        headers = {
            **_HEADERS,
            hdrs.CONTENT_TYPE: kept.media_type,
            hdrs.CONTENT_DISPOSITION: f'inline; filename="{kept.id}.{ENDINGS[kept.media_type]}"',
            hdrs.CACHE_CONTROL: f"public, max-age={SOON}, must-revalidate",
        }
        return web.FileResponse(path, headers=headers)


async def _nothing(_: web.Request) -> web.Response:
    return _sentence(404, "Here are only files that belong to a conversation.")


def _sentence(status: int, text: str) -> web.Response:
    kept = "no-store" if status == 503 else f"public, max-age={SOON}"
    return web.Response(status=status, text=f"{text}\n", headers={**_HEADERS, hdrs.CACHE_CONTROL: kept})


def _answering(handle: _Handler) -> _Handler:
    @functools.wraps(handle)
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handle(request)
        except StorageError as error:
            _log.warning("request.failed", code=error.code, reason=error.private)
            return _sentence(503, "The database does not answer just now; please come back.")

    return answer
