"""Who works on what: buckets shared out among processes by session locks of PostgreSQL, with an epoch that fences whoever lost one.

Engine.md sections 7 and 9. The server knows who is alive: it sees a killed process's socket close, and ends the session of one that has been
silent for `SILENT` seconds; the locks go with the session.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import socket
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Set
from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import Connection, text

from bridge.changes import AdvanceLane, Change, EndDestination, FailLane, GiveUp, SnoozeLane
from bridge.errors import Fenced, StoreDown
from bridge.logs import logger
from bridge.streams import Share, Stream
from storage.buckets import BUCKETS, bucket_of
from storage.lines import LOCKS
from storage.postgres import Server

if TYPE_CHECKING:
    import asyncpg

__all__ = ["Everything", "Fence", "Held", "SharedClaims", "require"]

BEAT: Final = 1.0
"""Seconds between two signs of life, each of which also looks what is free."""

SILENT: Final = 10
"""Seconds of silence after which the server ends a process's session. One that is frozen is replaced within this and a beat."""

SURE: Final = 0.75 * SILENT
"""Seconds for which a process believes its last sign of life; then it stops sending, before anybody else begins."""

_MEMBERS: Final = LOCKS
_CLASSES: Final = {stream: LOCKS + 1 + at for at, stream in enumerate(Stream)}
_SEATS: Final = {stream: 16 + at for at, stream in enumerate(Stream)}
_HERE: Final = 15
"""Advisory locks have two halves. Buckets: a class per stream, the bucket. Members: our class, a number per stream and one for being there at
all, held by all together."""

_LOOK = """
SELECT classid::bigint AS class, pid = pg_backend_pid() AS mine, array_agg(objid::int) AS numbers, array_agg(pid) AS sessions FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid::bigint = ANY($1)
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY 1, 2
"""
_SIT = "SELECT pg_advisory_lock_shared($1, $2)"
_TRY = "SELECT bucket FROM unnest($2::int[]) AS bucket WHERE pg_try_advisory_lock($1, bucket)"
_LET_GO = "SELECT pg_advisory_unlock($1, bucket) FROM unnest($2::int[]) AS bucket"
_OWNERS = "SELECT bucket FROM claims WHERE stream = $1 AND bucket = ANY($2) AND owner = $3"
_TAKE = """
INSERT INTO claims (stream, bucket, epoch, owner) SELECT $1, bucket, 1, $3 FROM unnest($2::int[]) AS bucket
ON CONFLICT (stream, bucket) DO UPDATE
SET epoch = claims.epoch + CASE WHEN claims.owner = excluded.owner THEN 0 ELSE 1 END, owner = excluded.owner
RETURNING bucket, epoch
"""

_HELD = text(
    "SELECT claims.stream, claims.bucket, claims.epoch FROM claims"
    " JOIN unnest(CAST(:streams AS text[]), CAST(:buckets AS bigint[])) AS held (stream, bucket) USING (stream, bucket)"
    " ORDER BY claims.stream, claims.bucket FOR SHARE OF claims"
)

_log = logger()


class Held(msgspec.Struct, frozen=True):
    """A bucket as it was when its work was done."""

    stream: Stream
    bucket: int
    epoch: int


Fence = tuple[Held, ...]


def require(connection: Connection, fence: Fence) -> None:
    """Raises Fenced when one of these has changed hands. Nobody can take one of them before the transaction has ended."""
    if not fence:
        return
    ask = {"streams": [str(held.stream) for held in fence], "buckets": [held.bucket for held in fence]}
    now = {(row.stream, row.bucket): row.epoch for row in connection.execute(_HELD, ask)}
    if any(now.get((str(held.stream), held.bucket)) != held.epoch for held in fence):
        raise Fenced("Another process works on this now.")


class Everything:
    """The `Claims` of a database that only one process can open."""

    def keeps(self, stream: Stream, name: str) -> bool:  # noqa: ARG002
        return True

    def share(self, stream: Stream) -> Share:  # noqa: ARG002
        return None

    def owns(self, stream: Stream, name: str) -> bool:  # noqa: ARG002
        return True

    def begin(self, stream: Stream, name: str) -> None: ...

    def end(self, stream: Stream, name: str) -> None: ...

    def losses(self) -> int:
        return 0

    def fence(self, changes: Iterable[Change], stream: Stream | None, lane: str) -> Fence:  # noqa: ARG002
        return ()

    def doubt(self) -> None: ...

    async def start(self, streams: Iterable[Stream]) -> None: ...

    async def stop(self) -> None: ...


class SharedClaims:
    """The `Claims` of one process among several. `changed` is called when a share has grown."""

    def __init__(self, server: Server, changed: Callable[[Iterable[Stream]], None]) -> None:
        self._server = server
        self._changed = changed
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._streams: tuple[Stream, ...] = ()
        self._epochs: dict[Stream, dict[int, int]] = {stream: {} for stream in Stream}
        """Buckets that are ours, as far as we know, under these epochs."""
        self._leaving: dict[Stream, set[int]] = {stream: set() for stream in Stream}
        self._busy: Counter[tuple[Stream, int]] = Counter()
        self._alive = -math.inf
        self._there: frozenset[int] = frozenset()
        """Sessions of the others."""
        self._losses = 0
        self._stir = asyncio.Event()
        self._first = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------------------------------------------ what loops ask

    def share(self, stream: Stream) -> Share:
        return frozenset(self._epochs[stream].keys() - self._leaving[stream]) if self._is_sure else frozenset()

    def owns(self, stream: Stream, name: str) -> bool:
        bucket = bucket_of(stream, name)
        return self._is_sure and bucket in self._epochs[stream] and bucket not in self._leaving[stream]

    def keeps(self, stream: Stream, name: str) -> bool:
        return bucket_of(stream, name) in self._epochs[stream]

    def begin(self, stream: Stream, name: str) -> None:
        self._busy[stream, bucket_of(stream, name)] += 1

    def end(self, stream: Stream, name: str) -> None:
        bucket = bucket_of(stream, name)
        self._busy[stream, bucket] -= 1
        if not self._busy[stream, bucket]:
            del self._busy[stream, bucket]
            if bucket in self._leaving[stream]:
                self._stir.set()

    def losses(self) -> int:
        return self._losses

    @property
    def _is_sure(self) -> bool:
        return time.monotonic() - self._alive < SURE

    # ------------------------------------------------------------------------------------------------------ what commits ask

    def fence(self, changes: Iterable[Change], stream: Stream | None, lane: str) -> Fence:
        """The buckets that these are about, as they were taken. Raises Fenced when one of them is none of ours."""
        about = {
            (Stream.OUT, bucket_of(Stream.OUT, change.destination.host))
            for change in changes
            if isinstance(change, AdvanceLane | FailLane | SnoozeLane | GiveUp | EndDestination)
        }
        if stream is not None:
            about.add((stream, bucket_of(stream, lane)))
        found = [Held(which, bucket, self._epochs[which].get(bucket, 0)) for which, bucket in sorted(about)]
        if any(not held.epoch for held in found):
            raise Fenced("Another process works on this now.")
        return tuple(found)

    def doubt(self) -> None:
        """A commit was fenced, so the server has ended our session: nothing begins until that is settled."""
        self._alive = -math.inf
        self._stir.set()

    # ------------------------------------------------------------------------------------------------------ life

    async def start(self, streams: Iterable[Stream]) -> None:
        """Takes part in these, and is seen to be there. Returns after the first look, or after a beat where the server is silent."""
        self._streams = tuple(streams)
        self._first.clear()
        self._task = asyncio.create_task(self._keep(), name="storage-claims")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._first.wait(), BEAT)

    async def stop(self) -> None:
        """Everything is free for others at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._alive = -math.inf

    async def _keep(self) -> None:
        while True:
            try:
                session = await self._server.connect(idle_session_timeout=f"{SILENT}s", lock_timeout="2s")
            except StoreDown as error:
                _log.warning("store.failed", code=error.code, reason=error.private)
            else:
                try:
                    await self._hold(session)
                except self._server.errors as error:
                    _log.warning("lane.lost", reason=str(error) or type(error).__name__)
                finally:
                    # What is under way may still be written down: the epochs say whether somebody else has begun.
                    self._alive = -math.inf
                    self._losses += 1
                    session.terminate()
            await asyncio.sleep(BEAT)

    async def _hold(self, session: asyncpg.Connection[asyncpg.Record]) -> None:
        """Until the session ends."""
        for seat in (_HERE, *(_SEATS[stream] for stream in self._streams)):
            await session.execute(_SIT, _MEMBERS, seat)
        while True:
            self._stir.clear()
            began = time.monotonic()
            has_grown = await self._beat(session)
            self._alive = began
            self._first.set()
            if has_grown:
                self._changed(self._streams)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stir.wait(), BEAT)

    async def _beat(self, session: asyncpg.Connection[asyncpg.Record]) -> bool:
        """A sign of life; takes what is missing from our fair share and gives what is over. True when there is more to do than before."""
        rows = await session.fetch(_LOOK, [_MEMBERS, *_CLASSES.values()])
        locked: dict[tuple[int, bool], list[int]] = {(row["class"], row["mine"]): row["numbers"] for row in rows}
        sitting = [zip(row["numbers"], row["sessions"], strict=True) for row in rows if row["class"] == _MEMBERS and not row["mine"]]
        self._see(frozenset(who for seats in sitting for seat, who in seats if seat == _HERE))
        has_grown = False
        for stream in self._streams:
            mine = set(locked.get((_CLASSES[stream], True), ()))
            others = locked.get((_CLASSES[stream], False), ())
            members = 1 + locked.get((_MEMBERS, False), []).count(_SEATS[stream])
            fair = math.ceil(BUCKETS[stream] / members)
            free = set(range(BUCKETS[stream])) - mine - set(others)
            taken = await self._take(session, stream, free, fair - len(mine))
            epochs = self._epochs[stream]
            self._epochs[stream] = {bucket: epoch for bucket, epoch in epochs.items() if bucket in mine or bucket in taken}
            stayed = self._leaving[stream]
            await self._hand_over(session, stream, len(mine) - fair)
            has_grown = has_grown or bool(taken) or bool(stayed - self._leaving[stream])
        return has_grown

    def _see(self, there: frozenset[int]) -> None:
        gone = self._there - there
        self._there = there
        self._losses += len(gone)
        if gone:
            _log.info("node.missed", count=len(gone))

    async def _take(self, session: asyncpg.Connection[asyncpg.Record], stream: Stream, free: Set[int], most: int) -> frozenset[int]:
        """First what was ours before a session ended: nobody was there in between, so what is under way goes on."""
        if most <= 0 or not free:
            return frozenset()
        before = sorted(free & self._epochs[stream].keys())
        others = list(free - self._epochs[stream].keys())
        random.shuffle(others)
        got = {found["bucket"] for found in await session.fetch(_TRY, _CLASSES[stream], [*before, *others][:most])}
        busy = [bucket for bucket in got if self._busy[stream, bucket]]
        if busy:
            ours = {found["bucket"] for found in await session.fetch(_OWNERS, stream, busy, self.name)}
            await self._let_go(session, stream, set(busy) - ours)
            got -= set(busy) - ours
        try:
            taken = {found["bucket"]: found["epoch"] for found in await session.fetch(_TAKE, stream, sorted(got), self.name)}
        except self._server.lock_timeout:
            # Its last owner is inside a transaction: the next beat tries again.
            await self._let_go(session, stream, got)
            return frozenset()
        self._epochs[stream].update(taken)
        _log.info("lane.claimed", stream=stream, count=len(taken))
        return frozenset(taken)

    async def _hand_over(self, session: asyncpg.Connection[asyncpg.Record], stream: Stream, over: int) -> None:
        """What nobody is at work on goes at once, the rest when its work has ended."""
        mine, leaving = self._epochs[stream], self._leaving[stream]
        staying = sorted(mine.keys() - leaving, key=lambda bucket: bool(self._busy[stream, bucket]))
        chosen = [*(leaving & mine.keys()), *staying][: max(0, over)]
        going = {bucket for bucket in chosen if not self._busy[stream, bucket]}
        self._leaving[stream] = set(chosen) - going
        for bucket in going:
            del mine[bucket]
        await self._let_go(session, stream, going)

    async def _let_go(self, session: asyncpg.Connection[asyncpg.Record], stream: Stream, buckets: Set[int]) -> None:
        if buckets:
            await session.execute(_LET_GO, _CLASSES[stream], sorted(buckets))
