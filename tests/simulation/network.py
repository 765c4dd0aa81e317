"""A network that a seed makes late, lossy, doubled or cut; over it, the outbound client of a node with the same answers and the same errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy

from bridge.errors import Refused, Unreachable
from bridge.net.client import MEGABYTE, Answer, Client, Sign, retry_after
from bridge.net.guard import Policy
from tests.simulation.life import Life

__all__ = ["Ask", "Network", "Post", "Reply", "Weather"]

FOREVER = 86_400.0


class Ask(msgspec.Struct, frozen=True):
    """One request as it is on the wire."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def path(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


class Reply(msgspec.Struct, frozen=True):
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Host(Protocol):
    """Whoever has a name on the network."""

    @property
    def is_up(self) -> bool: ...

    def answer(self, ask: Ask) -> asyncio.Task[Reply]:
        """Begun in the host's own process, which may end before it is done."""
        ...


class Weather(msgspec.Struct):
    """What goes wrong now. Chances from 0 to 1, delays in seconds; `cuts`: pairs of names between which nothing passes."""

    delay: float = 0.05
    lost: float = 0.0
    unanswered: float = 0.0
    doubled: float = 0.0
    cuts: set[frozenset[str]] = msgspec.field(default_factory=set)
    slow: dict[str, float] = msgspec.field(default_factory=dict)
    sick: dict[str, int] = msgspec.field(default_factory=dict)
    """Hosts that answer everything with this status."""


class Network:
    """`hosts` by name. Requests arrive within the patience of who asks or never: nobody is asked by somebody who has hung up."""

    def __init__(self, random: Random, note: Callable[[str], None]) -> None:
        self.weather = Weather()
        self.hosts: dict[str, Host] = {}
        self.asked = 0
        self._note = note
        self._random = random

    async def ask(self, source: str, ask: Ask) -> Reply:
        """Waits for ever when nothing comes back. Raises OSError when the other side is down or goes down."""
        self.asked += 1
        number = self.asked
        self._note(f"{source} asks {number}: {ask.method} {ask.url}")
        reply = await self._carry(source, ask)
        self._note(f"{source} is answered {number}: {reply.status}")
        return reply

    async def _carry(self, source: str, ask: Ask) -> Reply:
        await self._travel()
        target = ask.host
        if self._is_cut(source, target) or self._happens(self.weather.lost):
            await asyncio.sleep(FOREVER)
        host = self.hosts.get(target)
        if host is None or not host.is_up:
            raise ConnectionRefusedError(f"{target} is down")
        if (status := self.weather.sick.get(target)) is not None:
            return Reply(status)
        working = host.answer(ask)
        if self._happens(self.weather.doubled):
            late = self._random.random() * self._random.choice((0.2, 5.0, 60.0))
            asyncio.get_running_loop().call_later(late, self._again, source, ask)
        try:
            await asyncio.wait({working})
        except asyncio.CancelledError:
            if self._happens(0.5):
                working.cancel()  # it noticed that nobody listens any more
            raise
        if working.cancelled():
            raise ConnectionResetError(f"{target} went down")
        reply = working.result()
        if self._is_cut(source, target) or self._happens(self.weather.unanswered):
            await asyncio.sleep(FOREVER)
        await asyncio.sleep(self.weather.slow.get(target, 0.0) * self._random.random())
        await self._travel()
        return reply

    async def _travel(self) -> None:
        await asyncio.sleep(self._random.expovariate(1.0 / self.weather.delay) if self.weather.delay else 0.0)

    def _again(self, source: str, ask: Ask) -> None:
        """The same bytes once more: nobody waits for the answer."""
        host = self.hosts.get(ask.host)
        if ask.method == "POST" and host is not None and host.is_up and not self._is_cut(source, ask.host):
            host.answer(ask)

    def _is_cut(self, one: str, other: str) -> bool:
        return frozenset((one, other)) in self.weather.cuts

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self._random.random() < chance


class Post(Client):
    """What `Client` promises, over a `Network`. `seconds`: as `Limits.total`."""

    def __init__(self, network: Network, source: str, life: Life, *, seconds: float) -> None:
        super().__init__(Policy(), "folkmoot/0 (simulation)")
        self._network = network
        self._source = source
        self._life = life
        self._seconds = seconds

    async def get(
        self, url: str, headers: Mapping[str, str], *, accept_limit: int = MEGABYTE, redirects: int = 3, sign: Sign | None = None
    ) -> Answer:
        asked = url.partition("#")[0]
        for _ in range(redirects + 1):
            answer = await self._once("GET", asked, b"", headers, sign)
            where = answer.headers.get("Location")
            if answer.status not in {301, 302, 303, 307, 308} or where is None:
                return answer
            asked = urljoin(asked, where)
        raise Refused(f"it redirects more than {redirects} times")

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], sign: Sign | None = None) -> Answer:
        return await self._once("POST", url, body, headers, sign)

    async def _once(self, method: str, url: str, body: bytes, headers: Mapping[str, str], sign: Sign | None) -> Answer:
        host = urlsplit(url).netloc
        sent = {"Accept-Encoding": "gzip", "User-Agent": "folkmoot/0", **headers}
        if sign is not None:
            sent.update(sign(method, url, sent, body))
        self._life.require()
        try:
            async with asyncio.timeout(self._seconds):
                reply = await self._network.ask(self._source, Ask(method, url, tuple(sent.items()), body))
        except TimeoutError as error:
            raise Unreachable(f"{host} did not answer in time") from error
        except OSError as error:
            raise Unreachable(f"{host} cannot be reached") from error
        self._life.require()
        told = CIMultiDictProxy(CIMultiDict(reply.headers))
        if reply.status in {408, 425, 429} or (reply.status >= 500 and reply.status != 501):
            raise Unreachable(f"{host} answered {reply.status}", retry_after=retry_after(told), answered=reply.status)
        return Answer(reply.status, told, reply.body, url)
