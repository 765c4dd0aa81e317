"""One post to a thousand followers on one, ten, a hundred and a thousand servers: what a delivery costs, and what it leaves in the store."""

from __future__ import annotations

from pathlib import Path

from tests.bench.crossing import ANNOUNCED
from tests.bench.founding import Founded, found
from tests.bench.homes import Home
from tests.bench.programs import Program
from tests.bench.running import running
from tests.bench.sizes import Sizes
from tests.bench.table import Bound, Row
from tests.bench.words import matrix_event, transaction
from tests.bench.yardstick import Yardstick

__all__ = ["fanout"]

ROWS = "rows a post leaves"


async def fanout(folder: Path, homeserver: Program, sink: Program, yardstick: Yardstick, sizes: Sizes, home: Home) -> list[Row]:
    rows: list[Row] = []
    fewest: float | None = None
    for servers in sizes.servers:
        inside = folder / str(servers)
        inside.mkdir()
        url, origins = homeserver.ready["url"], sink.ready["origins"][:servers]
        founded = await found(inside, homeserver=url, sinks=origins, followers=sizes.followers, home=home)
        row = await _to(founded, sink, yardstick, sizes, fewest)
        fewest = row.more[ROWS] if fewest is None else fewest
        rows.append(row)
    return rows


async def _to(founded: Founded, sink: Program, yardstick: Yardstick, sizes: Sizes, fewest: float | None) -> Row:
    """`fewest`: the rows that a post left where there was one server."""
    origins = founded.sinks
    servers = len(origins)
    posts = max(2, sizes.deliveries // servers // ANNOUNCED)
    deliveries = posts * servers * ANNOUNCED
    async with running(founded) as node:
        await node.until_arrived([(sink, servers * ANNOUNCED)], founded.door, _posts(founded, 1, 1))
        before = founded.rows()
        spent = await node.until_arrived([(sink, deliveries)], founded.door, _posts(founded, 2, posts))
        after = founded.rows()
    best = await yardstick.delivery(origins, posts * ANNOUNCED)
    every = (after.every - before.every) / posts
    more = {
        "at best a second": best.rate,
        ROWS: every,
        "of them for what leaves": (after.out - before.out) / posts,
        "bytes on disk a post": spent.usage.written / posts,
        "CPU ms a post": spent.usage.cpu / posts * 1000,
    }
    bounds = () if fewest is None else (Bound("rows a post, as for 1 server", fewest, every, "rows"),)
    cpu = spent.usage.cpu / deliveries * 1000
    return Row(f"{sizes.followers:,} followers on {servers:,} servers", deliveries / spent.seconds, cpu, best.cpu, bounds, more)


def _posts(founded: Founded, start: int, many: int) -> list[bytes]:
    return [transaction(founded, number, [matrix_event(str(number))]) for number in range(start, start + many)]
