"""How much is measured: enough for figures one can compare, or a handful to see that it still runs."""

from __future__ import annotations

import msgspec

__all__ = ["FEW", "FULL", "Sizes"]


class Sizes(msgspec.Struct, frozen=True):
    """`accepted`: requests in one run of a closed loop; `runs` count after one that warms up; `paced`: requests at a hundred a second.

    `judged`: judgements; `crossing`: events at fifty a second; `flood`: events before memory is looked at again; `deliveries`: of each
    fan-out; `servers`: the sizes of fan-outs; `followers` of the one community; `parts`: repeats of each unavoidable part; `idle`: seconds
    in which nothing happens.
    """

    accepted: int
    runs: int
    paced: int
    judged: int
    crossing: int
    flood: int
    deliveries: int
    servers: tuple[int, ...]
    followers: int
    parts: int
    idle: float


FULL = Sizes(
    accepted=1_500,
    runs=3,
    paced=1_000,
    judged=20_000,
    crossing=500,
    flood=10_000,
    deliveries=2_000,
    servers=(1, 10, 100, 1_000),
    followers=1_000,
    parts=4_000,
    idle=5.0,
)
FEW = Sizes(
    accepted=20, runs=1, paced=10, judged=50, crossing=10, flood=40, deliveries=10, servers=(1, 3), followers=6, parts=200, idle=0.2
)
