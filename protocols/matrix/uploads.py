"""Files from elsewhere that our ghosts show: fetched within bounds, looked at, and given to the homeserver once for all who show them.

Matrix.md sections 12.2, 13 and S22. What was fetched is never trusted to be what its server says it is.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import msgspec

from bridge.changes import PutUpload
from bridge.errors import PeerError, TooLarge, Unreachable
from bridge.logs import logger
from bridge.media.inspection import ENDINGS, inspect
from bridge.media.metadata import stripped
from bridge.model.record import Upload
from bridge.ports import Clock, Store
from protocols.matrix.client import Client

__all__ = ["Fetch", "Uploads"]

Fetch = Callable[[str, int], Awaitable[bytes]]
"""(URL, most bytes) → the bytes. Raises PeerError, Unreachable."""

AT_ONCE: Final = 4
"""Files in memory at the same time."""

AGAIN: Final = timedelta(minutes=10)
"""After this a file that could not be had is asked for once more, where somebody shows it again."""

QUIET: Final = timedelta(minutes=1)
"""A server that did not answer in time is asked for nothing more for so long: one post may show thirty files, and its room waits."""

MOST_REMEMBERED: Final = 1_000

_log = logger()


class Uploads:
    """`have` gives a file of the homeserver for an address on the web."""

    def __init__(self, client: Client, store: Store, clock: Clock, fetch: Fetch | None, *, most_bytes: int, most_pixels: int) -> None:
        """`fetch` None: nothing is fetched, and files are shown as links."""
        self._client = client
        self._store = store
        self._clock = clock
        self._fetch = fetch
        self._most_bytes = most_bytes
        self._most_pixels = most_pixels
        self._room = asyncio.Semaphore(AT_ONCE)
        self._failed: OrderedDict[str, datetime] = OrderedDict()
        self._silent: OrderedDict[str, datetime] = OrderedDict()

    async def have(self, source: str, *, by: str) -> Upload | None:
        """As the homeserver has it, given to it by the ghost `by`; None when it cannot be had, or is nothing we carry.

        Raises Unreachable when the homeserver does not answer, Rejected when it says no to the ghost, StorageError.
        """
        if source.startswith("mxc://"):
            return Upload(source, "", source, "", 0, self._clock.now())
        known = await self._store.media.upload(source)
        if known is not None:
            return known
        if self._fetch is None or self._is_hopeless(source):
            return None
        async with self._room:
            try:
                body = await self._fetch(source, self._most_bytes)
                found = await asyncio.to_thread(inspect, body, most_pixels=self._most_pixels)
                body = await asyncio.to_thread(stripped, body, found.media_type)
            except Unreachable as error:
                if error.answered is None:
                    _remember(self._silent, urlsplit(source).netloc, self._clock.now())
                self._fail(source, error.private)
                return None
            except PeerError as error:
                self._fail(source, error.private)
                return None
            digest = hashlib.blake2b(body, digest_size=32).hexdigest()
            if await self._store.media.is_removed(digest):
                self._fail(source, "its bytes were taken down here")
                return None
            same = await self._store.media.uploaded(digest)
            if same is not None:
                upload = msgspec.structs.replace(same, source=source, at=self._clock.now())
            else:
                name = f"file.{ENDINGS[found.media_type]}"
                try:
                    address = await self._client.upload(body, found.media_type, name, by=by)
                except TooLarge as error:
                    self._fail(source, error.private)
                    return None
                upload = Upload(source, digest, address, found.media_type, len(body), self._clock.now(), found.width, found.height)
        await self._store.journal.commit([PutUpload(upload)])
        return upload

    def _is_hopeless(self, source: str) -> bool:
        now = self._clock.now()
        failed, silent = self._failed.get(source), self._silent.get(urlsplit(source).netloc)
        return (failed is not None and now - failed < AGAIN) or (silent is not None and now - silent < QUIET)

    def _fail(self, source: str, why: str) -> None:
        _log.info("media.refused", reason=why)
        _remember(self._failed, source, self._clock.now())


def _remember(memory: OrderedDict[str, datetime], key: str, at: datetime) -> None:
    memory[key] = at
    memory.move_to_end(key)
    while len(memory) > MOST_REMEMBERED:
        memory.popitem(last=False)
