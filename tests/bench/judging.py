"""How long one judgement takes: an ordinary message of somebody who said yes, judged for the group. A program that measures and ends."""

from __future__ import annotations

import sys
import time

from bridge.norms.judge import judge
from tests.bench.programs import MEASURED, Program, say
from tests.bench.sizes import Sizes
from tests.bench.table import Row
from tests.bridge.norms.town import COMMONS, GROUP, at, post

__all__ = ["judging"]


async def judging(sizes: Sizes) -> list[Row]:
    async with Program("tests.bench.judging", str(sizes.judged), cores=MEASURED) as program:
        found = program.ready
    return [Row("an ordinary message", 1000 / found["cpu"], found["cpu"], more={"µs p50": found["p50"], "µs p99": found["p99"]})]


def _measure(times: int) -> None:
    said, context = post("We meet on Thursday, bring the saw that needs sharpening."), at(COMMONS, GROUP)
    for _ in range(times // 10):
        judge(said, context)
    taken = []
    cpu = time.process_time()
    for _ in range(times):
        begun = time.perf_counter_ns()
        judge(said, context)
        taken.append(time.perf_counter_ns() - begun)
    cpu = time.process_time() - cpu
    taken.sort()
    say(p50=taken[times // 2] / 1000, p99=taken[times * 99 // 100] / 1000, cpu=cpu / times * 1000)


if __name__ == "__main__":
    _measure(int(sys.argv[1]))
