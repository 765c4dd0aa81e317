"""What other servers say of themselves is asked once, signed, within bounds, and believed only about their own origin.

Activitypub.md 2.8 (O2 to O5), 2.9, 2.10, 1.10; FEP-fe34. All asking is done in the name of the instance actor: GoToSocial 0.20 answers
401 to a GET without a signature. What could not be had is remembered for a short while, so that a peer who names it again and again costs
nothing; what could be had is not: whoever needs it keeps it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import msgspec

from bridge.errors import BridgeError, Gone, Malformed, PeerError, Refused, Unreachable
from bridge.logs import logger
from bridge.metrics import Metrics
from bridge.model.actor import Actor
from bridge.model.ids import ACTIVITYPUB
from bridge.net.client import MEGABYTE, Answer, Client
from bridge.net.guard import origin
from bridge.ports import Clock, Node
from bridge.refs import Absent
from protocols.activitypub.ids import host_of, instance_url, is_ours, native
from protocols.activitypub.knocking import Knocking
from protocols.activitypub.parsing import parse
from protocols.activitypub.recent import Recent
from protocols.activitypub.signers import Signers
from protocols.activitypub.translate.actor import actor_from_document, reads_rfc9421
from protocols.activitypub.translate.thing import Thing, decode
from protocols.activitypub.wire import ACTIVITY_STREAMS, is_activity_type

__all__ = ["Fetcher", "Missing"]

ACCEPT = f'application/activity+json, application/ld+json; profile="{ACTIVITY_STREAMS}"'
PER_HOST = 2
"""Fetches under way to one server; deliveries to it have connections left (the client opens four)."""

MOST_REMEMBERED = 4_096
_FINAL = timedelta(minutes=5)
_SOON = timedelta(seconds=60)
_DOWN = timedelta(seconds=30)

_log = logger()


class Missing(Refused):
    """404: its server does not have it, or does not show it to us. No proof that it is gone (rule O15)."""

    code = "missing"
    status = 404


class _Failure(msgspec.Struct, frozen=True):
    kind: type[BridgeError]
    why: str
    until: datetime


class Fetcher:
    """Guarded GETs of ActivityPub JSON. `plain`: development origins that may be asked by http, as settings name them. `knocking`: shared
    with what sends, so that both learn once which signature a server believes."""

    def __init__(
        self,
        client: Client,
        signers: Signers,
        me: Node,
        clock: Clock,
        *,
        most_bytes: int = MEGABYTE,
        plain: Collection[str] = (),
        metrics: Metrics | None = None,
        knocking: Knocking | None = None,
    ) -> None:
        self._client = client
        self._knocking = knocking or Knocking(client, clock)
        self._signers = signers
        self._me = me
        self._clock = clock
        self._most_bytes = most_bytes
        self._metrics = metrics or Metrics()
        self._plain = frozenset(plain)
        self._failures: Recent[_Failure] = Recent(MOST_REMEMBERED)
        self._under_way: dict[str, asyncio.Task[bytes]] = {}
        self._hosts: dict[str, tuple[asyncio.Semaphore, int]] = {}

    async def document(self, url: str) -> bytes:
        """The JSON at `url` (its fragment set aside), with an `id` that is the address it came from at last.

        A document that names another id on the same origin is asked for there, once (rule O2). Raises Gone (410), Missing (404), Refused
        (our own address, one that may not be reached, any other no), Malformed (no ActivityPub, or of another origin), TooLarge, Unreachable.
        """
        where = url.partition("#")[0]
        if is_ours(self._me, where):
            raise Refused("our own addresses are never asked of ourselves")  # rule O5: what we do not have is forged
        self._recall(where)
        task = self._under_way.get(where)
        if task is None:
            task = self._under_way[where] = asyncio.create_task(self._fetch(where), name="activitypub.fetch")
            task.add_done_callback(lambda done: self._ended(where, done))
        return await asyncio.shield(task)

    async def actor(self, url: str) -> Actor | Absent:
        """Somebody as their own server shows them now. Raises Unreachable."""
        try:
            found = decode(await self.document(url))
        except PeerError as refusal:
            return Absent(refusal.public)
        if found is None or found.id != url:
            return Absent("its address shows an actor with another id")
        if found.type == "Tombstone":
            return Absent("its server says that the account has ended")
        if reads_rfc9421(found):
            self._knocking.tells(url)
        return actor_from_document(found.members) or Absent("what is there is no actor: it lacks a type, an inbox or a name")

    async def discovery(self, url: str) -> Thing:
        """A JSON document about names (a JRD, RFC 7033), unsigned. Raises as `document` does."""
        host = host_of(url)
        async with self._turn(host):
            answer = await self._client.get(url, {"Accept": "application/jrd+json, application/json"}, accept_limit=self._most_bytes)
        _require_found(answer, host)
        return Thing(parse(answer.body))

    def origin_of(self, server: str) -> str:
        """`https://server`, in development maybe `http://server:port`; names in their ASCII form. Raises Refused when it is no name."""
        plain = origin(f"http://{server}")
        return plain if plain in self._plain else origin(f"https://{server}")

    async def close(self) -> None:
        """Give up what is still being asked."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, url: str) -> bytes:
        host = host_of(url)
        try:
            async with self._turn(host):
                body, found, came_from = await self._read(url)
                if found != came_from:
                    if not _same_origin(found, came_from):
                        raise Malformed(f"{host} showed a document that is not its own", path="$.id")
                    body, again, came_from = await self._read(found)
                    if again != came_from:
                        raise Malformed(f"{host} names one document by several ids", path="$.id")
        except (PeerError, Unreachable) as problem:
            self._remember(url, problem)
            self._count(problem.code)
            _log.info("document.refused", peer=host, code=problem.code, reason=problem.public)
            raise
        self._count("fetched")
        _log.debug("document.fetched", peer=host, size=len(body))
        return body

    async def _read(self, url: str) -> tuple[bytes, str, str]:
        """Body, the id it claims, and the address it came from, after redirects."""
        answer = await self._get(url)
        host = host_of(answer.url)
        if is_ours(self._me, answer.url):
            raise Refused("it leads back to our own address")
        _require_found(answer, host)
        if not is_activity_type(answer.headers.get("Content-Type", "")):
            # Mastodon CVE-2024-25623, Misskey CVE-2024-25636: uploads of other people were taken for documents of the server.
            raise Malformed(f"{host} answered with something else than ActivityPub")
        named = Thing(parse(answer.body)).id.partition("#")[0]
        if not named:
            raise Malformed(f"{host} showed a document without an id", path="$.id")
        return answer.body, named, answer.url

    async def _get(self, url: str) -> Answer:
        signer = await self._signers.signer(native(instance_url(self._me)))
        return await self._knocking.get(url, {"Accept": ACCEPT}, signer, accept_limit=self._most_bytes)

    @asynccontextmanager
    async def _turn(self, host: str) -> AsyncIterator[None]:
        """At most `PER_HOST` at once; what is kept per host is dropped with the last one."""
        gate, users = self._hosts.get(host, (asyncio.Semaphore(PER_HOST), 0))
        self._hosts[host] = (gate, users + 1)
        try:
            async with gate:
                yield
        finally:
            users = self._hosts[host][1] - 1
            if users:
                self._hosts[host] = (gate, users)
            else:
                del self._hosts[host]

    def _count(self, outcome: str) -> None:
        self._metrics.fetches.labels(ACTIVITYPUB, outcome).inc()

    def _ended(self, url: str, task: asyncio.Task[bytes]) -> None:
        self._under_way.pop(url, None)
        if not task.cancelled():
            task.exception()  # whoever asked has it, or has gone away

    def _recall(self, url: str) -> None:
        failure = self._failures.get(url)
        if failure is None:
            return
        left = (failure.until - self._clock.now()).total_seconds()
        if left <= 0:
            self._failures.forget(url)
        elif issubclass(failure.kind, Unreachable):
            raise failure.kind(failure.why, retry_after=left)
        else:
            raise failure.kind(failure.why)

    def _remember(self, url: str, problem: BridgeError) -> None:
        lasts = _DOWN if isinstance(problem, Unreachable) else _SOON if isinstance(problem, Missing) else _FINAL
        self._failures.put(url, _Failure(type(problem), problem.public, self._clock.now() + lasts))


def _require_found(answer: Answer, host: str) -> None:
    match answer.status:
        case 200:
            return
        case 404:
            raise Missing(f"{host} does not have it")
        case 410:
            raise Gone(f"{host} says that it is gone")
        case status:
            raise Refused(f"{host} answered {status}")


def _same_origin(one: str, other: str) -> bool:
    """Rule O1: compared by their parts, never by prefix."""
    try:
        return origin(one) == origin(other)
    except Refused:
        return False
