"""Bad input, a thousand times each kind: the answer that was promised, nothing stored that was not accepted, and no memory gone.

The door is the node's own, on a real socket with a real SQLite file; keys come from a peer on loopback, through the guarded client.
"""

from __future__ import annotations

import asyncio
import gc
import io
import ipaddress
import logging
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import psutil
import pytest
import structlog
from aiohttp import web

from bridge import logs
from bridge.changes import PutChannel, PutCommunity, PutGhost
from bridge.model.content import Message
from bridge.model.ids import ACTIVITYPUB
from bridge.net.client import Limits
from bridge.net.server import Server
from bridge.refs import Need, Refs
from bridge.relay.loading import Loader
from bridge.relay.reader import Reader
from bridge.settings import Settings
from protocols.activitypub.adapter import ActivityPubAdapter
from protocols.activitypub.cavage import sign
from protocols.activitypub.keys import Signer
from protocols.activitypub.request import Request
from storage import SqlStore, open_store
from storage.hints import WallClock
from tests.bridge.net import conftest as net
from tests.bridge.net.street import Names, Street
from tests.protocols.activitypub.correspondents import ACTIVITY_JSON, face, having, rsa, shown, without
from tests.protocols.activitypub.world import CHANNEL, COMMUNITY, GROUP, GROUP_GHOST, ME, PUBLIC

pytestmark = pytest.mark.faults
connections = net.connections

MANY = 1_000
WARM = 200
"""Before memory is measured: caches, pools and the allocator's own stock have their size by then."""
AT_ONCE = 16
MOST_GROWTH = 10_000_000
"""Bytes, over a thousand."""

KEY = rsa("the one key of these tests").private


class Peers:
    """One server elsewhere, with as many people as anybody asks for, all with one key; and all that is wrong with servers."""

    def __init__(self) -> None:
        self.origin = ""
        self.asked: Counter[str] = Counter()

    @classmethod
    async def open(cls, street: Street) -> Peers:
        peers = cls()
        peers.origin = await street.open(web.get("/{kind}/{name}", peers._answer))
        return peers

    def person(self, name: str = "sam", kind: str = "u") -> str:
        return f"{self.origin}/{kind}/{name}"

    def signer(self, name: str = "sam", kind: str = "u") -> Signer:
        return Signer(f"{self.person(name, kind)}#main-key", KEY)

    async def _answer(self, request: web.Request) -> web.Response:
        kind, name = request.match_info["kind"], request.match_info["name"]
        self.asked[kind] += 1
        url = self.person(name, kind)
        if kind == "circle":
            return web.Response(status=302, headers={"Location": f"/circle/{name}"})
        if kind == "away":
            return web.Response(status=302, headers={"Location": f"/away/{name}x"})
        document = face(url, Signer(f"{url}#main-key", KEY))
        if kind == "borrowed":
            document |= {"publicKey": shown(self.signer(name, kind), self.person())}
        return web.Response(body=msgspec.json.encode(document), content_type="application/activity+json")


class House:
    """The node: its store, its door, its reader, and somebody who knocks with a kept connection."""

    def __init__(self, store: SqlStore, path: Path, peers: Peers, adapter: ActivityPubAdapter, loader: Loader) -> None:
        self.store = store
        self.path = path
        self.peers = peers
        self.adapter = adapter
        self.reader = Reader(store, {ACTIVITYPUB: adapter}, loader, WallClock())
        self.server = Server(adapter.application(), "127.0.0.1", 0)
        self.visitor: aiohttp.ClientSession

    @property
    def url(self) -> str:
        host, port = self.server.address
        return f"http://{host}:{port}"

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        with sqlite3.connect(self.path) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}

    def refused(self) -> dict[str, int]:
        """The reasons that were recorded for what was accepted and refused by name."""
        with sqlite3.connect(self.path) as connection:
            return dict(connection.execute("SELECT substr(why, 1, 3), count(*) FROM intake WHERE refused GROUP BY 1"))

    async def post(self, request: Request, **more: Any) -> int:
        answer = await self.visitor.post(
            self.url + request.target, data=request.body, headers=list(request.headers), skip_auto_headers=("Accept", "User-Agent"), **more
        )
        await answer.read()
        return answer.status

    async def settle(self) -> None:
        while await self.reader.step():
            pass


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Of thousands of refusals the log says thousands of lines; here they would only be kept."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    logs.configure("error", strict=True, stream=io.StringIO())  # the strict form leaves nothing of itself in the loggers
    yield
    root.handlers[:] = before
    root.setLevel(level)
    logging.getLogger("nio.responses").setLevel(logging.NOTSET)
    structlog.reset_defaults()


async def open_house(stack: AsyncExitStack, folder: Path, **client: Any) -> House:
    """`client`: how the outbound client differs from one that may reach loopback."""
    street = Street(stack)
    peers = await Peers.open(street)
    path = folder / "folkmoot.db"
    store = open_store(path, b"s" * 32, min_free_percent=0.0)
    stack.push_async_callback(store.close)
    outbound = await street.client(**{"limits": Limits(), **client})
    loaders: list[Loader] = []

    async def fill(refs: Refs, needs: Sequence[Need]) -> None:
        await loaders[0].fill(refs, needs, ACTIVITYPUB, outside=False)

    settings = Settings(domain=ME.domain, data_dir="unused")
    adapter = ActivityPubAdapter(ME, settings, store=store, clock=WallClock(), client=outbound, fill=fill, pages=None, version="0")
    stack.push_async_callback(adapter.stop)
    loaders.append(Loader(store, {ACTIVITYPUB: adapter}, WallClock()))
    await store.journal.commit([PutCommunity(COMMUNITY), PutChannel(CHANNEL), PutGhost(GROUP_GHOST)])
    await adapter.start()
    opened = House(store, path, peers, adapter, loaders[0])
    await opened.server.start()
    stack.push_async_callback(opened.server.drain, 0)
    opened.visitor = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)))
    return opened


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        yield await open_house(stack, tmp_path)


# -------------------------------------------------------------------------------------------------------- what is sent


def post_of(author: str, name: object, **more: object) -> dict[str, Any]:
    host = author.partition("/u/")[0]
    said = {
        "id": f"{host}/o/{name}",
        "type": "Note",
        "attributedTo": author,
        "to": [PUBLIC],
        "cc": [GROUP.id],
        "content": "<p>Hello</p>",
        **more,
    }
    return {"id": f"{host}/a/{name}", "type": "Create", "actor": author, "to": [PUBLIC], "cc": [GROUP.id], "object": said}


def signed(body: bytes | dict[str, Any], signer: Signer) -> Request:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    added = sign(Request("POST", "/inbox", ME.domain, body=data), signer, datetime.now(UTC))
    return Request("POST", "/inbox", ME.domain, tuple({**ACTIVITY_JSON, **added}.items()), data)


def covering(request: Request, names: str) -> Request:
    """Its signature says that it covers these headers and no others."""
    return having(request, "signature", request.lines("signature")[0].replace("(request-target) host date digest", names))


Kind = Callable[[House, int], Request]


def good(house: House, number: int) -> Request:
    return signed(post_of(house.peers.person(), f"good{number}"), house.peers.signer())


def of_body(make: Callable[[int], bytes]) -> Kind:
    return lambda house, number: signed(make(number), house.peers.signer())


UNVERIFIED: dict[str, Kind] = {
    "unsigned": lambda house, number: without(good(house, number), "signature"),
    "wrong digest": lambda house, number: msgspec.structs.replace(good(house, number), body=b'{"another":"body"}'),
    "wrong key": lambda house, number: signed(post_of(house.peers.person(), number), Signer(house.peers.signer().id, rsa("eve").private)),
    "wrong key owner": lambda house, number: signed(post_of(house.peers.person(), number), house.peers.signer(f"k{number}", "borrowed")),
    "date not covered": lambda house, number: covering(good(house, number), "(request-target) host digest"),
    "digest not covered": lambda house, number: covering(good(house, number), "(request-target) host date"),
}
MALFORMED: dict[str, Kind] = {
    "not JSON": of_body(lambda number: b"%d, not JSON" % number),
    "duplicate keys": of_body(lambda number: b'{"id":"https://a.example/%d","id":"https://b.example/%d"}' % (number, number)),
    "depth 10,000": of_body(lambda number: b'{"a":' * 10_000 + b"%d" % number + b"}" * 10_000),
    "lone surrogates": of_body(lambda number: b'{"a":"%d \\ud800"}' % number),
}
ANSWERS = {**dict.fromkeys(UNVERIFIED, 401), **dict.fromkeys(MALFORMED, 400)}


async def knock(count: int, knocked: Callable[[int], Awaitable[int]]) -> Counter[int]:
    """So many times, several at once; how often each answer came."""
    numbers = iter(range(count))
    answers: Counter[int] = Counter()

    async def one_after_the_other() -> None:
        for number in numbers:
            answers[await knocked(number)] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_after_the_other())
    return answers


def memory() -> int:
    gc.collect()
    size: int = psutil.Process().memory_info().rss
    return size


async def growth_over_a_thousand(knocked: Callable[[int], Awaitable[int]], answer: int, *, warm: int = WARM) -> int:
    assert await knock(warm, lambda number: knocked(-1 - number)) == {answer: warm}
    before = memory()
    assert await knock(MANY, knocked) == {answer: MANY}
    return memory() - before


async def still_takes_what_is_good(house: House) -> None:
    number = sum(house.rows().values())
    before = house.rows()["intake"]
    assert await house.post(good(house, number)) == 202
    assert house.rows()["intake"] == before + 1


# ---------------------------------------------------------------------------------------------------------- and answered


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_thousand_that_are_refused_leave_nothing_behind(house: House, name: str) -> None:
    kind = (UNVERIFIED | MALFORMED)[name]
    await still_takes_what_is_good(house)
    before = house.rows()
    assert await growth_over_a_thousand(lambda number: house.post(kind(house, number)), ANSWERS[name]) < MOST_GROWTH
    assert house.rows() == before
    await still_takes_what_is_good(house)


async def test_a_thousand_over_a_megabyte_are_refused_unread_and_leave_nothing_behind(house: House) -> None:
    """Half of them say how long they are, half do not."""
    megabyte = bytes(1_000_000)
    host, port = house.server.address

    async def knocked(number: int) -> int:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(b"POST /inbox HTTP/1.1\r\nHost: moot.example\r\nContent-Type: application/activity+json\r\n")
            if number % 2:
                writer.write(b"Content-Length: 1000001\r\n\r\n")
            else:
                writer.write(b"Transfer-Encoding: chunked\r\n\r\nF4241\r\n")
                writer.write(megabyte)
                writer.write(b"x\r\n")
                await writer.drain()
            return int((await reader.readuntil(b"\r\n")).split(b" ")[1])
        finally:
            writer.close()

    await still_takes_what_is_good(house)
    before = house.rows()
    assert await growth_over_a_thousand(knocked, 413) < MOST_GROWTH
    assert house.rows() == before
    await still_takes_what_is_good(house)


async def test_a_thousand_that_say_what_is_not_theirs_are_accepted_refused_and_recorded(house: House) -> None:
    """Author and origin: the signer is who it is, so it is stored; that it may not say this is recorded with the rule it broke."""
    peers = house.peers

    def author(number: int) -> dict[str, Any]:
        activity = post_of(peers.person(), f"author{number}")
        return activity | {"object": activity["object"] | {"attributedTo": peers.person("kim")}}

    async def knocked(number: int) -> int:
        if number % 2:
            return await house.post(signed(author(number), peers.signer()))
        return await house.post(signed(post_of(peers.person(), number) | {"id": f"https://b.example/a/{number}"}, peers.signer()))

    async def twice(number: int) -> int:
        answers = {await knocked(2 * number), await knocked(2 * number + 1)}
        return answers.pop() if len(answers) == 1 else 0

    assert await growth_over_a_thousand(twice, 202) < MOST_GROWTH
    assert house.rows()["intake"] == 2 * (MANY + WARM)
    await house.settle()
    assert house.refused() == {"O8:": MANY + WARM, "O6:": MANY + WARM}
    assert house.rows()["events"] == 0
    await still_takes_what_is_good(house)


BOMBS: dict[str, Callable[[int], str]] = {
    "nested": lambda number: f"{number}" + "<div><b>" * 1_500 + "deep",
    "attributes": lambda number: f"<p {'a=b ' * 2_000} onclick='evil()'>{number}</p><script>evil()</script>",
    "entities": lambda number: f"<p>{number}{'&amp;lt;' * 2_000}</p>",
    "open tags": lambda number: f"{number}" + "<" * 3_000,
    "links": lambda number: f"{number}" + "<a href='javascript:evil()'>x</a>" * 100,
}


async def test_a_thousand_bombs_of_html_are_cut(house: House) -> None:
    peers = house.peers
    makers = list(BOMBS.values())

    async def knocked(number: int) -> int:
        bomb = makers[number % len(makers)](number)
        return await house.post(signed(post_of(peers.person(), f"bomb{number}", content=bomb), peers.signer()))

    async def whole_way(number: int) -> int:
        answer = await knocked(number)
        if number % 100 == 0:
            await house.settle()
        return answer

    # The database's own page cache fills first.
    assert await growth_over_a_thousand(whole_way, 202, warm=500) < MOST_GROWTH
    await house.settle()
    found = await house.store.journal.read_events(COMMUNITY.id, 3 * MANY)
    assert len(found) == MANY + 500
    for _, event in found:
        assert isinstance(event.content, Message)
        text = event.content.text
        assert len(text.html) < 70_000
        assert not any(word in text.html for word in ("<script", "<div", "onclick", "javascript:"))
        assert text.html.count("<b>") <= 30


@pytest.mark.parametrize(("kind", "most"), [("circle", 1), ("away", 4)])
async def test_a_thousand_keys_that_are_redirected_without_end_are_given_up_and_leave_nothing_behind(
    house: House, kind: str, most: int
) -> None:
    peers = house.peers

    async def knocked(number: int) -> int:
        return await house.post(signed(post_of(peers.person(), number), peers.signer(f"r{number}", kind)))

    await still_takes_what_is_good(house)
    before = house.rows()
    assert await growth_over_a_thousand(knocked, 401) < MOST_GROWTH
    assert house.rows() == before
    assert MANY + WARM <= peers.asked[kind] <= most * (MANY + WARM)
    assert await knock(50, lambda _: knocked(1)) == {401: 50}
    assert peers.asked[kind] <= most * (MANY + WARM)
    await still_takes_what_is_good(house)


# ------------------------------------------------------------------------------------------------------ special addresses

SPECIAL = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"),
    *("192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24"),
    *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "::7f00:0/104", "::ffff:0:0/96", "64:ff9b::/96"),
    *(
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/32",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ),
)


def special(number: int) -> str:
    """An address of one special range after the other, each time another one."""
    network = ipaddress.ip_network(SPECIAL[number % len(SPECIAL)])
    address = network[(number // len(SPECIAL) * 2_654_435_761) % network.num_addresses]
    if network == ipaddress.ip_network("::ffff:0:0/96"):
        address = ipaddress.ip_address(f"::ffff:10.{number % 256}.0.1")
    return f"[{address}]" if address.version == 6 else str(address)


async def test_a_thousand_keys_at_special_addresses_are_never_fetched(tmp_path: Path, connections: list[tuple[Any, ...]]) -> None:
    """Written out, or behind a name that leads there."""
    names = Names(**{f"n{number}_example": [[special(number).strip("[]")]] for number in range(len(SPECIAL))})
    async with AsyncExitStack() as stack:
        house = await open_house(stack, tmp_path, networks=(), names=names)

        async def knocked(number: int) -> int:
            host = special(number) if number % 4 else f"n{number % len(SPECIAL)}.example"
            return await house.post(signed(post_of(house.peers.person(), number), Signer(f"https://{host}/u/k{number}#main-key", KEY)))

        assert await knock(1, knocked) == {401: 1}
        before = house.rows()
        assert await growth_over_a_thousand(knocked, 401) < MOST_GROWTH
        assert house.rows() == before
        assert {address for what, address, *_ in connections if what == "socket.connect"} == {house.server.address}
    assert set(names.asked) == {f"n{number}.example" for number in range(len(SPECIAL))}
