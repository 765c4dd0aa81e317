"""Files of our people that other servers may fetch: kept for those who said yes, as long as what they belong to stands, and no longer.

Design section 4 (media host), activitypub.md 1.9, norms.md N08. A file is fetched when its message crosses and at no other time, looked at,
freed of what it tells of its maker, and kept under an address that nobody can guess. The rows say what is served; bytes follow them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from bridge.changes import Change, DropBytes, DropMedia, PutMedia
from bridge.errors import PeerError, StoreDown, Unreachable
from bridge.logs import logger
from bridge.media.inspection import ENDINGS, SHOWN, Found, inspect
from bridge.media.metadata import stripped
from bridge.model.content.message import Attachment
from bridge.model.ids import MATRIX, Native, ObjectId, Protocol, derive
from bridge.model.record import Kept
from bridge.ports import Adapter, Clock, Files, Node, Store

__all__ = ["Bounds", "Keeper", "Keeping"]

PATIENCE: Final = timedelta(seconds=60)
"""How long a homeserver that does not answer at all is waited for; after that the words cross without the file."""

LONGEST: Final = 15.0
"""Seconds for one file; the homeserver may have to ask another one."""

ALTOGETHER: Final = 30.0
"""Seconds for all files and emoji of one message: whatever else crosses waits behind it."""

SETTLED: Final = timedelta(seconds=30)
"""Younger bytes may belong to a message that is being written down just now."""

ROOM: Final = 0.9
"""How full of what is allowed the folder is after it was too full."""

_MOST_AT_ONCE = 500

_log = logger()


class Bounds(msgspec.Struct, frozen=True):
    """`most_bytes` and `most_pixels` of one file, `quota` in bytes for all; `origin` is where they are served."""

    origin: str
    most_bytes: int = 16_000_000
    most_pixels: int = 40_000_000
    quota: int = 10_000_000_000


class Keeping(msgspec.Struct, frozen=True):
    """What became of the files of one message: `shown` by their source as others may fetch them, `left` why not, and what to write down."""

    shown: Mapping[str, Attachment] = {}
    left: Mapping[str, str] = {}
    changes: tuple[Change, ...] = ()


class Keeper:
    """`keep` when something crosses, `find` when somebody asks, `prune` every few seconds and `survey` now and then."""

    def __init__(
        self, node: Node, store: Store, files: Files, adapters: Mapping[Protocol, Adapter], clock: Clock, *, bounds: Bounds
    ) -> None:
        self._node = node
        self._store = store
        self._files = files
        self._adapters = adapters
        self._clock = clock
        self._bounds = bounds
        self._silent: dict[str, datetime] = {}
        self._fetching: dict[str, asyncio.Task[Path | None]] = {}

    def address(self, kept: Kept) -> str:
        return f"{self._bounds.origin}/media/{kept.id}.{ENDINGS[kept.media_type]}"

    # ------------------------------------------------------------------------------------------------------ keeping

    async def keep(self, owner: ObjectId, attachments: Iterable[Attachment]) -> Keeping:
        """Those that have no address on the web. What the owner had besides goes. Raises StorageError, also while a homeserver is silent."""
        shown, left = {}, {}
        changes: list[Change] = []
        until = asyncio.get_running_loop().time() + ALTOGETHER
        for attachment in attachments:
            kept = await self._keep(owner, attachment.url, until)
            if isinstance(kept, str):
                left[attachment.url] = kept
                _log.info("media.refused", reason=kept)
            else:
                shown[attachment.url] = self._shown(kept, attachment)
                changes.append(PutMedia(kept))
        ids = tuple(change.kept.id for change in changes if isinstance(change, PutMedia))
        if any(kept.id not in ids for kept in await self._store.media.of(owner)):
            changes.append(DropMedia(owner, ids))
        return Keeping(shown, left, tuple(changes))

    async def picture(self, of: Native, source: str | None) -> tuple[str | None, tuple[Change, ...]]:
        """Somebody's picture: its address, None when there is none that can be shown. Raises StorageError."""
        kept = await self._keep(str(of), source) if source else ""
        if isinstance(kept, str) or not kept.media_type.startswith("image/"):
            return None, (DropMedia(str(of)),)
        return self.address(kept), (PutMedia(kept), DropMedia(str(of), (kept.id,)))

    def _shown(self, kept: Kept, attachment: Attachment) -> Attachment:
        """What we found counts, what its sender said fills in the rest."""
        return msgspec.structs.replace(
            attachment,
            url=self.address(kept),
            media_type=kept.media_type,
            size=kept.size,
            width=kept.width or attachment.width,
            height=kept.height or attachment.height,
        )

    async def _keep(self, owner: str, source: str, until: float | None = None) -> Kept | str:
        """Kept, or why not in a sentence for people."""
        name = derive(self._node.secret, "media", owner, source)
        known = await self._store.media.get(name)
        if known is not None and known.removed_at is not None:
            return "It was taken down by this bridge's operator."
        if known is not None and await self._files.find(known.digest) is not None:
            return known
        got = await self._get(source, until)
        if isinstance(got, str):
            return got
        body, found = got
        digest = await self._files.put(body)
        if await self._store.media.is_removed(digest):
            return "It was taken down by this bridge's operator."
        return Kept(name, owner, source, digest, found.media_type, len(body), self._clock.now(), found.width, found.height)

    async def _get(self, source: str, until: float | None = None) -> tuple[bytes, Found] | str:
        """The bytes as they are to be served, and what they are. `until`: the loop's time at which patience ends in any case."""
        adapter = self._adapters.get(MATRIX) if source.startswith("mxc://") else None
        if adapter is None:
            return "It has no address that others could fetch it from."
        try:
            soon = asyncio.get_running_loop().time() + LONGEST
            async with asyncio.timeout_at(soon if until is None else min(soon, until)):
                body = await adapter.download(source, self._bounds.most_bytes)
            found = await asyncio.to_thread(inspect, body, most_pixels=self._bounds.most_pixels)
            if found.media_type not in SHOWN:
                return "It is no picture, film or recording."
            body = await asyncio.to_thread(stripped, body, found.media_type)
        except PeerError as refusal:
            return refusal.public
        except TimeoutError:
            return "It could not be fetched in time."
        except Unreachable as error:
            now = self._clock.now()
            if error.answered is None and now - self._silent.setdefault(source, now) < PATIENCE:
                raise StoreDown("The homeserver does not give its files.", private=error.private) from error
            self._silent.pop(source, None)
            return "It could not be fetched."
        self._silent.pop(source, None)
        return body, found

    # ------------------------------------------------------------------------------------------------------ serving

    async def find(self, name: str) -> tuple[Kept, Path | None] | None:
        """A file by the end of its address; the path is None when it was taken down, or cannot be had now. Raises StorageError.

        Bytes that made room for others are fetched again from our own homeserver, once for all who ask.
        """
        kept = await self._store.media.get(name)
        if kept is None:
            return None
        if kept.removed_at is not None:
            return kept, None
        path = await self._files.find(kept.digest)
        if path is None:
            task = self._fetching.get(kept.digest)
            if task is None:
                task = self._fetching[kept.digest] = asyncio.create_task(self._again(kept), name="media.again")
                task.add_done_callback(lambda _: self._fetching.pop(kept.digest, None))
            path = await asyncio.shield(task)
        return kept, path

    async def _again(self, kept: Kept) -> Path | None:
        got = await self._get(kept.source)
        if isinstance(got, str) or await self._files.put(got[0]) != kept.digest:
            return None
        return await self._files.find(kept.digest)

    # ------------------------------------------------------------------------------------------------------ forgetting

    async def prune(self) -> int:
        """The bytes of what is not served any more; how many files went. Raises StorageError."""
        gone = 0
        before = self._clock.now() - SETTLED
        while digests := await self._store.media.unserved(_MOST_AT_ONCE):
            needed = await self._store.media.served(digests)
            done = []
            for digest in digests:
                if digest in needed or await self._files.drop(digest, before):
                    done.append(digest)
                    gone += digest not in needed
            if not done:
                break
            await self._store.journal.commit([DropBytes(tuple(done))])
        return gone

    async def survey(self) -> int:
        """Every file on the disk once: those that nothing needs go, and where there are too many the least recently asked for make room.

        How many bytes are left. Raises StorageError.
        """
        stored = await self._files.listing()
        before = self._clock.now() - SETTLED
        total = sum(file.size for file in stored)
        served: set[str] = set()
        for at in range(0, len(stored), _MOST_AT_ONCE):
            served |= await self._store.media.served([file.digest for file in stored[at : at + _MOST_AT_ONCE]])
        limit = self._bounds.quota if total <= self._bounds.quota else int(self._bounds.quota * ROOM)
        gone = 0
        for file in sorted(stored, key=lambda file: file.digest in served):
            if (file.digest not in served or total > limit) and await self._files.drop(file.digest, before):
                total -= file.size
                gone += 1
        if gone:
            _log.info("media.removed", kind="room", count=gone)
        if total > self._bounds.quota:
            _log.warning("media.filled", count=total)
        return total
