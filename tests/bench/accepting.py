"""What it costs to take something in: signed activities from the fediverse, transactions from the homeserver; durable when answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from tests.bench.founding import Founded, found
from tests.bench.homes import Home
from tests.bench.limits import Parts
from tests.bench.load import Load, as_fast_as_answered, at_a_rate
from tests.bench.programs import MEASURED, Program
from tests.bench.sizes import Sizes
from tests.bench.table import Bound, Row
from tests.bench.words import badly_signed, matrix_event, post, signed, transaction
from tests.bench.yardstick import CONNECTIONS, Yardstick

__all__ = ["appservice", "inbox"]

FEDIVERSE_ANSWERS = 50.0
HOMESERVER_ANSWERS = 20.0
"""Milliseconds, p99 (issue "A first conversation", bounds)."""

PER_SECOND = 100.0


class _Measured:
    """Loads against one door, the first of which does not count, and what the node spent on the others."""

    def __init__(self, node: Program, founded: Founded, door: tuple[str, int], connections: int = CONNECTIONS) -> None:
        self._node = node
        self._founded = founded
        self._door = door
        self._connections = connections

    async def row(self, what: str, runs: Sequence[Sequence[bytes]], status: int, *, each: int = 1) -> Row:
        """`each`: how many events are in one request."""
        cpu, rates = [], []
        before, written, count = self._founded.rows(), self._node.usage().written, 0
        for requests in runs:
            begun = self._node.usage()
            load = await as_fast_as_answered(self._door, requests, self._connections)
            load.require(status)
            cpu.append(self._node.usage().since(begun).cpu / (load.count * each) * 1000)
            rates.append(load.rate * each)
            count += load.count * each
        rows = (self._founded.rows().every - before.every) / count
        more = {"rows each": rows, "bytes each on disk": (self._node.usage().written - written) / count}
        return Row(what, median(rates[1:]), median(cpu[1:]), more=more if rows else {})

    async def paced(self, requests: Sequence[bytes], status: int) -> Load:
        load = await at_a_rate(self._door, requests, PER_SECOND)
        load.require(status)
        return load


def _split(whole: Sequence[bytes], runs: int) -> list[Sequence[bytes]]:
    """Equal parts; what is left over is not used."""
    many = len(whole) // runs
    return [whole[many * run : many * (run + 1)] for run in range(runs)]


async def inbox(folder: Path, homeserver: str, sinks: Sequence[str], yardstick: Yardstick, sizes: Sizes, home: Home) -> list[Row]:
    """Distinct, duplicate and badly signed posts, and how long an answer takes at a hundred a second."""
    founded = await found(folder, homeserver=homeserver, sinks=sinks, home=home)
    runs = sizes.runs + 1
    async with Program("tests.bench.doors", str(founded.path), cores=MEASURED) as node:
        measured = _Measured(node, founded, founded.inbox)
        bodies = [post(founded, f"d{n}") for n in range(sizes.accepted * runs)]
        distinct = signed(founded, bodies)
        rows = [await measured.row("a distinct post", _split(distinct, runs), 202)]
        rows.append(await measured.row("a duplicate", [distinct[-sizes.accepted :]] * runs, 202))
        bad = badly_signed(founded, [post(founded, f"b{n}") for n in range(sizes.accepted * runs)])
        rows.append(await measured.row("a bad signature", _split(bad, runs), 401))
        paced = await measured.paced(signed(founded, [post(founded, f"p{n}") for n in range(sizes.paced)]), 202)
    parts = await yardstick.parts(bodies[0])
    handler = await yardstick.handler(len(bodies[0]))
    unavoidable = {
        "a distinct post": handler + parts.verify + parts.digest + parts.decode + parts.insert,
        "a duplicate": handler + parts.verify + parts.digest + parts.decode,
        "a bad signature": handler + parts.verify + parts.digest,
    }
    return [
        *(_beside(row, unavoidable[row.what]) for row in rows),
        _paced("a distinct post, 100 a second", paced, FEDIVERSE_ANSWERS),
        *_parts(parts, handler),
    ]


async def appservice(folder: Path, homeserver: str, sinks: Sequence[str], yardstick: Yardstick, sizes: Sizes) -> list[Row]:
    """Transactions of one event and of a hundred, and how long the answer takes at a hundred a second."""
    founded = await found(folder, homeserver=homeserver, sinks=sinks)
    runs = sizes.runs + 1
    numbers = iter(range(1, 1_000_000))
    async with Program("tests.bench.doors", str(founded.path), cores=MEASURED) as node:
        # A homeserver sends the next transaction when the last one was answered; numbers in another order would mean that it was restarted.
        measured = _Measured(node, founded, founded.door, connections=1)
        ones = list(_transactions(founded, numbers, sizes.accepted * runs, 1))
        rows = [await measured.row("an event, alone", _split(ones, runs), 200)]
        hundreds = list(_transactions(founded, numbers, max(1, sizes.accepted // 100) * runs, 100))
        rows.append(await measured.row("an event, among 100", _split(hundreds, runs), 200, each=100))
        paced = await measured.paced(list(_transactions(founded, numbers, sizes.paced, 1)), 200)
    parts = await yardstick.parts(ones[0].partition(b"\r\n\r\n")[2])
    alone = await yardstick.handler(len(ones[0])) + parts.decode + parts.insert
    among = await yardstick.handler(len(hundreds[0])) / 100 + parts.decode + parts.insert
    return [_beside(rows[0], alone), _beside(rows[1], among), _paced("an event, alone, 100 a second", paced, HOMESERVER_ANSWERS)]


def _transactions(founded: Founded, numbers: Iterator[int], many: int, events: int) -> Iterator[bytes]:
    for _ in range(many):
        number = next(numbers)
        yield transaction(founded, number, [matrix_event(f"t{number}.{at}") for at in range(events)])


def _beside(row: Row, limit: float) -> Row:
    return Row(row.what, row.rate, row.cpu, limit, row.bounds, row.more)


def _paced(what: str, load: Load, most: float) -> Row:
    bound = Bound("p99 of answers", most, load.wait(0.99), "ms")
    return Row(what, load.rate, bounds=(bound,), more={"ms p50": load.wait(0.5), "ms longest": load.wait(1.0)})


def _parts(parts: Parts, handler: float) -> list[Row]:
    """What "at best" is made of."""
    made = {
        "an empty aiohttp handler": handler,
        "one RSA-2048 verification": parts.verify,
        "one RSA-2048 signature": parts.sign,
        "sha256": parts.digest,
        "decoding": parts.decode,
        "a row in a commit of 32": parts.insert,
    }
    return [Row(f"at best: {what}", 1000 / cpu if cpu else None, cpu) for what, cpu in made.items()]
