"""What it costs to carry one event across a whole node: reader, relay and courier, with real sockets on both sides; and its memory."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

from tests.bench.founding import Founded, found
from tests.bench.homes import Home
from tests.bench.programs import Program
from tests.bench.running import Running, Spent, running
from tests.bench.sizes import Sizes
from tests.bench.table import Bound, Row
from tests.bench.words import matrix_event, post, signed, transaction
from tests.bench.yardstick import Yardstick

__all__ = ["crossing", "memory"]

PER_SECOND = 50.0
MOST_CPU = 3.0
"""Milliseconds of the bridge per event, end to end at fifty a second and more (issue "A first conversation", bounds)."""

MOST_IDLE = 150.0
"""Megabytes."""

GRACE = 2
WARM = 10
"""Events that do not count; the first of them is what the answers answer."""

ANNOUNCED = 2
"""Deliveries of a new thread to each server: the post, and the boost of it."""

WELCOME = 1
"""Whoever writes to the group for the first time is told once what it is."""

_KINDS = (("new threads", False, ANNOUNCED), ("answers", True, 1))
"""What is said, whether it answers something, and how often each server hears of it."""


class _Numbers:
    """Names that are used once, and the numbers of transactions."""

    def __init__(self) -> None:
        self._names: Iterator[int] = itertools.count(1)
        self._transactions: Iterator[int] = itertools.count(1)

    def posts(self, node: Founded, many: int, *, answers: bool = False) -> list[bytes]:
        """Of Sam, signed now; `answers`: to the one that was made first of all."""
        root = "1" if answers else None
        return signed(node, [post(node, str(next(self._names)), answers=root) for _ in range(many)])

    def transactions(self, node: Founded, many: int, *, answers: bool = False) -> list[bytes]:
        """Of Ana's events, one in each."""
        root = "1" if answers else None
        return [transaction(node, next(self._transactions), [matrix_event(str(next(self._names)), answers=root)]) for _ in range(many)]


async def crossing(folder: Path, homeserver: Program, sink: Program, yardstick: Yardstick, sizes: Sizes, home: Home) -> list[Row]:
    """Both directions at fifty a second: new threads, and answers; and with a moment of grace, which is judged twice."""
    rows = await _in(folder / "in", homeserver, sink, yardstick, sizes.crossing, home)
    rows += await _out(folder / "out", homeserver, sink, yardstick, sizes.crossing, home)
    rows += await _out(folder / "grace", homeserver, sink, yardstick, sizes.crossing, home, grace=GRACE)
    return rows


async def _in(folder: Path, homeserver: Program, sink: Program, yardstick: Yardstick, many: int, home: Home) -> list[Row]:
    """Into the room; and the group announces to Sam's server what Sam has written to it, twice where that begins a thread."""
    folder.mkdir()
    founded = await found(folder, homeserver=homeserver.ready["url"], sinks=sink.ready["origins"], home=home)
    numbers = _Numbers()
    body = post(founded, "0")
    best = await yardstick.inbox(body) + 2 * (await yardstick.parts(body)).insert
    sent, said = [(await yardstick.delivery(founded.sinks[:1], many, sign=sign)).cpu for sign in (True, False)]
    rows = []
    async with running(founded) as node:
        warm = [(homeserver, WARM), (sink, WARM * ANNOUNCED + WELCOME)]
        await node.until_arrived(warm, founded.inbox, numbers.posts(founded, WARM))
        for kind, answers, times in _KINDS:
            requests = numbers.posts(founded, many, answers=answers)
            spent = await node.until_arrived([(homeserver, many), (sink, many * times)], founded.inbox, requests, rate=PER_SECOND)
            rows.append(_row(f"fediverse → room, {kind}", spent, many, best + said + times * sent))
    return rows


async def _out(
    folder: Path, homeserver: Program, sink: Program, yardstick: Yardstick, many: int, home: Home, *, grace: int = 0
) -> list[Row]:
    """To one server with one follower: a new thread is announced twice there (as a post and as a boost), an answer once."""
    folder.mkdir()
    origins = sink.ready["origins"]
    founded = await found(folder, homeserver=homeserver.ready["url"], sinks=origins, followers=1, grace=grace, home=home)
    numbers = _Numbers()
    event = transaction(founded, 1, [matrix_event("0")]).partition(b"\r\n\r\n")[2]
    best = await yardstick.door(event) + 2 * (await yardstick.parts(event)).insert
    sent = (await yardstick.delivery(founded.sinks[:1], many)).cpu
    what = f"room → fediverse, {f'{grace} s of grace, ' if grace else ''}"
    rows = []
    async with running(founded) as node:
        await node.until_arrived([(sink, WARM * ANNOUNCED)], founded.door, numbers.transactions(founded, WARM))
        for kind, answers, times in _KINDS if not grace else _KINDS[:1]:
            requests = numbers.transactions(founded, many, answers=answers)
            spent = await node.until_arrived([(sink, many * times)], founded.door, requests, rate=PER_SECOND)
            rows.append(_row(f"{what}{kind}", spent, many, best + times * sent))
    return rows


def _row(what: str, spent: Spent, many: int, best: float) -> Row:
    cpu = spent.usage.cpu / many * 1000
    bound = Bound("CPU an event", MOST_CPU, cpu, "ms")
    return Row(what, many / spent.seconds, cpu, best, (bound,), {"s later the last had arrived": spent.late})


async def memory(folder: Path, homeserver: Program, sink: Program, sizes: Sizes) -> list[Row]:
    """A node that has just started, and after thousands of events that came as fast as they were taken, half from each side."""
    founded = await found(folder, homeserver=homeserver.ready["url"], sinks=sink.ready["origins"], followers=1)
    numbers, half = _Numbers(), sizes.flood // 2
    async with running(founded) as node:
        before = node.node.usage()
        await asyncio.sleep(sizes.idle)
        idle = node.node.usage()
        await _flood(node, homeserver, sink, numbers, max(1, half // 10), besides=WELCOME)
        warm = node.node.usage()
        spent = await _flood(node, homeserver, sink, numbers, half - half // 10)
        after = node.node.usage()
    many = 2 * (half - half // 10)
    megabyte = 1_000_000
    bound = Bound("memory when idle", MOST_IDLE, idle.rss / megabyte, "MB")
    resting = Row("an idle node", bounds=(bound,), more={"CPU ms a second": (idle.cpu - before.cpu) / sizes.idle * 1000})
    more = {
        "MB then": after.rss / megabyte,
        "MB grown since it began": (after.rss - idle.rss) / megabyte,
        f"MB grown since event {2 * max(1, half // 10):,}": (after.rss - warm.rss) / megabyte,
        "bytes an event on disk": spent.usage.written / many,
    }
    cpu = spent.usage.cpu / many * 1000
    return [resting, Row(f"after {sizes.flood:,} events at full speed", many / spent.seconds, cpu, more=more)]


async def _flood(node: Running, homeserver: Program, sink: Program, numbers: _Numbers, many: int, *, besides: int = 0) -> Spent:
    """So many from each side: Sam's go to the room and, twice, to the one server; Ana's, twice, to the same. `besides`: what else arrives there."""
    founded = node.founded
    posts, events = numbers.posts(founded, many), numbers.transactions(founded, many)
    sending = asyncio.create_task(node.send(founded.inbox, posts))
    arrivals = [(homeserver, many), (sink, 2 * many * ANNOUNCED + besides)]
    spent = await node.until_arrived(arrivals, founded.door, events)
    assert (await sending).count == many
    return spent
