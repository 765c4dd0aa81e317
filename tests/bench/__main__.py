"""`python -m tests.bench`: measures everything, says what it is doing, and prints the table."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from bridge.logs import configure
from tests.bench.accepting import appservice, inbox
from tests.bench.crossing import crossing, memory
from tests.bench.fanout import fanout
from tests.bench.homes import FILE, Home, server_home
from tests.bench.judging import judging
from tests.bench.programs import MEASURED, OTHERS, Program
from tests.bench.sizes import FEW, FULL, Sizes
from tests.bench.table import Row, as_json, as_text, machine
from tests.bench.yardstick import Yardstick

BODY = 2_000
"""Bytes of what the bare loop posts: about an Announce of ours."""


Measure = Callable[[Path], Awaitable[list[Row]]]
Sections = dict[str, tuple[str, Measure]]
"""By name: the heading, and what measures in a folder of its own."""


class _Bench:
    """The programs that all measurements share."""

    def __init__(self, sizes: Sizes, folder: Path) -> None:
        self._sizes = sizes
        self._folder = folder

    async def run(self, names: Sequence[str], databases: Sequence[str]) -> list[tuple[str, list[Row]]]:
        """`databases`: of `DATABASES`; one that is not installed here is passed over, and said so."""
        sizes = self._sizes
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            sink = await enter(Program("tests.bench.sink", str(max(sizes.servers))))
            homeserver = await enter(Program("tests.bench.homeserver"))
            limits = await enter(Program("tests.bench.limits", str(BODY), str(sizes.parts), cores=MEASURED))
            yardstick = Yardstick(limits, sizes.parts)
            url, few = homeserver.ready["url"], sink.ready["origins"][:2]

            def on(home: Home) -> Sections:
                """What is measured on every database."""
                by = Yardstick(limits, sizes.parts, home.scratch)
                return {
                    "inbox": ("Signed posts taken in", lambda folder: inbox(folder, url, few, by, sizes, home)),
                    "crossing": ("One event across, at 50 a second", lambda folder: crossing(folder, homeserver, sink, by, sizes, home)),
                    "fanout": ("One post to many servers", lambda folder: fanout(folder, homeserver, sink, by, sizes, home)),
                }

            sections: Sections = {
                **on(FILE),
                "appservice": ("Matrix events taken in", lambda folder: appservice(folder, url, few, yardstick, sizes)),
                "judging": ("Judging", lambda _folder: judging(sizes)),
                "memory": ("Memory", lambda folder: memory(folder, homeserver, sink, sizes)),
            }
            found = [await self._measured(name, *sections[name]) for name in names if FILE.key in databases]
            server = server_home() if "postgresql" in databases else None
            if server is None and "postgresql" in databases:
                _tell("PostgreSQL is not installed here: nothing is measured on it.")
            if server is not None:
                there = on(server)
                named = [(name, f"{there[name][0]}, on {server.name}", there[name][1]) for name in names if name in there]
                found += [await self._measured(f"{name}-{server.key}", heading, measure) for name, heading, measure in named]
        return found

    async def _measured(self, name: str, heading: str, measure: Measure) -> tuple[str, list[Row]]:
        folder = self._folder / name
        folder.mkdir()
        begun = time.monotonic()
        _tell(f"{heading} …")
        rows = await measure(folder)
        _tell(f"{heading}: {time.monotonic() - begun:.0f} s")
        return heading, rows


DATABASES = ("sqlite", "postgresql")
NAMES = ("inbox", "appservice", "judging", "crossing", "memory", "fanout")


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="The benchmark table; tests/bench/README.md says how to read it."
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--few", action="store_true", help="a handful of everything: shows that it runs, and nothing else")
    parser.add_argument(
        "--on", choices=DATABASES, action="append", metavar="DATABASE", help=f"{' or '.join(DATABASES)}; both when left out"
    )
    parser.add_argument("only", nargs="*", choices=(*NAMES, []), metavar="PART", help=f"of {', '.join(NAMES)}; all of them when left out")
    asked = parser.parse_args()
    configure("error", form="text")
    where = machine()
    os.sched_setaffinity(0, OTHERS)
    with tempfile.TemporaryDirectory(prefix="folkmoot-bench-") as folder:
        sections = asyncio.run(_Bench(FEW if asked.few else FULL, Path(folder)).run(asked.only or NAMES, asked.on or DATABASES))
    if asked.json is not None:
        asked.json.write_bytes(as_json(sections, where))
    described = ", ".join(f"{name} {value}" for name, value in where.items())
    sys.stdout.write(f"{described}\n\n{as_text(sections)}")


if __name__ == "__main__":
    main()
