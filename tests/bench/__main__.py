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
from tests.bench.judging import judging
from tests.bench.programs import MEASURED, OTHERS, Program
from tests.bench.sizes import FEW, FULL, Sizes
from tests.bench.table import Row, as_json, as_text, machine
from tests.bench.yardstick import Yardstick

BODY = 2_000
"""Bytes of what the bare loop posts: about an Announce of ours."""


class _Bench:
    """The programs that all measurements share."""

    def __init__(self, sizes: Sizes, folder: Path) -> None:
        self._sizes = sizes
        self._folder = folder

    async def run(self, names: Sequence[str]) -> list[tuple[str, list[Row]]]:
        sizes = self._sizes
        found: list[tuple[str, list[Row]]] = []
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            sink = await enter(Program("tests.bench.sink", str(max(sizes.servers))))
            homeserver = await enter(Program("tests.bench.homeserver"))
            limits = await enter(Program("tests.bench.limits", str(BODY), str(sizes.parts), cores=MEASURED))
            yardstick = Yardstick(limits, sizes.parts)
            url, few = homeserver.ready["url"], sink.ready["origins"][:2]
            sections: dict[str, tuple[str, Callable[[Path], Awaitable[list[Row]]]]] = {
                "inbox": ("Signed posts taken in", lambda folder: inbox(folder, url, few, yardstick, sizes)),
                "appservice": ("Matrix events taken in", lambda folder: appservice(folder, url, few, yardstick, sizes)),
                "judging": ("Judging", lambda _folder: judging(sizes)),
                "crossing": ("One event across, at 50 a second", lambda folder: crossing(folder, homeserver, sink, yardstick, sizes)),
                "memory": ("Memory", lambda folder: memory(folder, homeserver, sink, sizes)),
                "fanout": ("One post to many servers", lambda folder: fanout(folder, homeserver, sink, yardstick, sizes)),
            }
            for name in names:
                heading, measure = sections[name]
                folder = self._folder / name
                folder.mkdir()
                begun = time.monotonic()
                _tell(f"{heading} …")
                found.append((heading, await measure(folder)))
                _tell(f"{heading}: {time.monotonic() - begun:.0f} s")
        return found


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
    parser.add_argument("only", nargs="*", choices=(*NAMES, []), metavar="PART", help=f"of {', '.join(NAMES)}; all of them when left out")
    asked = parser.parse_args()
    configure("error", form="text")
    where = machine()
    os.sched_setaffinity(0, OTHERS)
    with tempfile.TemporaryDirectory(prefix="folkmoot-bench-") as folder:
        sections = asyncio.run(_Bench(FEW if asked.few else FULL, Path(folder)).run(asked.only or NAMES))
    if asked.json is not None:
        asked.json.write_bytes(as_json(sections, where))
    described = ", ".join(f"{name} {value}" for name, value in where.items())
    sys.stdout.write(f"{described}\n\n{as_text(sections)}")


if __name__ == "__main__":
    main()
