"""What can go wrong, one kind after the other and several at a time; each ends by itself, and `end` waits until all of it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from protocols.loopback.faults import Fault
from tests.simulation.fediverse import Server
from tests.simulation.ledger import Ledger
from tests.simulation.network import Weather
from tests.simulation.node import ROOM, SimulatedNode
from tests.simulation.play import Play
from tests.simulation.world import World

__all__ = ["Trouble"]

MOST_AT_ONCE: Final = 3

CHOKES_FOR: Final = 60.0
REGRETS: Final = 3
OVERTAKES_WITHIN: Final = 15.0
"""Seconds in which taking back must reach a server that fails at everything else."""


class Trouble:
    """`begin` starts one, chosen by chance."""

    def __init__(self, world: World, play: Play, nodes: Sequence[SimulatedNode], servers: Sequence[Server], ledger: Ledger) -> None:
        self.world = world
        self.play = play
        self.nodes = nodes
        self.servers = servers
        self.ledger = ledger
        self._random = world.random
        self._running: set[asyncio.Task[None]] = set()
        self._chokes = False

    def begin(self) -> None:
        if len(self._running) >= MOST_AT_ONCE or self._chokes:
            return
        node, server = self._random.choice(self.nodes), self._random.choice(self.servers)
        kinds: list[tuple[int, Any]] = [
            (3, self._storm),
            (2, lambda: self._cut(node, server)),
            (2, lambda: self._sick(server)),
            (2, lambda: self._slow(server)),
            (2, lambda: self._down(server)),
            (4, lambda: self._crash(node)),
            (5, lambda: self._dies(node)),
            (2, lambda: self._full(node)),
            (2, lambda: self._away(node)),
            (1, lambda: self._jump(node)),
            (2, lambda: self._stumble(node)),
        ]
        if not self._running and self.play.shown(server):
            kinds.append((16, lambda: self._choke(server)))
        self._run(self._random.choices([kind for _, kind in kinds], [weight for weight, _ in kinds])[0]())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.world.begin(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def end(self) -> None:
        """All is well when this returns. Raises what went wrong here."""
        while self._running:
            await asyncio.gather(*self._running)
        self.world.network.weather = Weather()
        for node in self.nodes:
            node.clock.jump(0.0)
            while not node.is_up:
                node.come_back(0.0)
                await asyncio.sleep(1.0)
            node.disk.dies_in = None
            node.hall.faults.heal()
            self._touch(node.host)

    async def _for(self, least: float, most: float) -> None:
        await asyncio.sleep(self._random.uniform(least, most))

    def _touch(self, *hosts: str, later: float = 0.0) -> None:
        """These (all, when none is named) were in trouble until now, or feel it for so many seconds from now on."""
        everybody = [*(node.host for node in self.nodes), *(server.host for server in self.servers)]
        for host in hosts or everybody:
            self.ledger.trouble[host] = max(self.ledger.trouble[host], self.world.now + later)

    # ------------------------------------------------------------------------------------------------------ the network

    async def _storm(self) -> None:
        """Late, lost, doubled and unanswered requests, everywhere."""
        weather, calm = self.world.network.weather, Weather()
        weather.delay = self._random.choice((0.05, 0.5, 2.0))
        weather.lost, weather.unanswered, weather.doubled = (self._random.choice((0.0, 0.1, 0.3)) for _ in range(3))
        self.world.note(f"storm: {weather.delay} s, lost {weather.lost}, unanswered {weather.unanswered}, doubled {weather.doubled}")
        await self._for(5, 30)
        # As in good weather, and not as before: that may have been another storm, which ended in this one.
        weather.delay, weather.lost, weather.unanswered, weather.doubled = calm.delay, calm.lost, calm.unanswered, calm.doubled
        self._touch()
        self.world.note("the storm is over")

    async def _cut(self, node: SimulatedNode, server: Server) -> None:
        pair = frozenset((node.host, server.host))
        self.world.note(f"{node.host} and {server.host} are cut off from each other")
        self.world.network.weather.cuts.add(pair)
        await self._for(5, 60)
        self.world.network.weather.cuts.discard(pair)
        self._touch()
        self.world.note(f"{node.host} and {server.host} reach each other again")

    async def _sick(self, server: Server) -> None:
        status = self._random.choice((429, 500, 502, 503))
        self.world.note(f"{server.host} answers {status}")
        self.world.network.weather.sick[server.host] = status
        await self._for(5, 40)
        self.world.network.weather.sick.pop(server.host, None)
        self._touch()
        self.world.note(f"{server.host} is well again")

    async def _slow(self, server: Server) -> None:
        self.world.note(f"{server.host} is slow")
        self.world.network.weather.slow[server.host] = 20.0
        await self._for(5, 40)
        self.world.network.weather.slow.pop(server.host, None)
        self._touch()
        self.world.note(f"{server.host} is quick again")

    async def _down(self, server: Server) -> None:
        self.world.note(f"{server.host} is down")
        server.is_up = False
        await self._for(5, 60)
        server.is_up = True
        self._touch()
        self.world.note(f"{server.host} is up again")

    async def _choke(self, server: Server) -> None:
        """It fails at everything but what takes something back, which must not wait behind the rest; and something is taken back."""
        self._chokes = server.chokes = True
        began = self.world.now
        self.world.note(f"{server.host} chokes")
        for _ in range(REGRETS):
            await asyncio.sleep(CHOKES_FOR / (REGRETS + 1))
            await self.play.regret(server)
        await asyncio.sleep(began + CHOKES_FOR - self.world.now)
        self.ledger.must_know(server, began, self.world.now - OVERTAKES_WITHIN)
        self._chokes = server.chokes = False
        self._touch()
        self.world.note(f"{server.host} does not choke any more")

    # ------------------------------------------------------------------------------------------------------ the machines

    async def _crash(self, node: SimulatedNode) -> None:
        """At whatever it waits for just now."""
        await self._for(0, 1)
        node.crash("killed")
        await self._for(0, 10)
        node.come_back(0.0)

    async def _dies(self, node: SimulatedNode) -> None:
        """Around a transaction: before it took effect, or after that and before anybody could hear of it."""
        if node.is_up:
            node.disk.dies_after = self._random.random() < 0.5
            node.disk.dies_in = self._random.randint(1, 12)

    async def _full(self, node: SimulatedNode) -> None:
        if not node.is_up:
            return
        disk, hard = node.disk, self._random.random() < 0.5
        self.world.note(f"the disk of {node.host} is full{', to the last byte' if hard else ''}")
        disk.is_full, node.is_full = hard, True
        await self._for(2, 20)
        disk.is_full, node.is_full = False, False
        self._touch(node.host)
        self.world.note(f"there is room on the disk of {node.host}")

    async def _away(self, node: SimulatedNode) -> None:
        if not node.is_up:
            return
        disk = node.disk
        self.world.note(f"the disk of {node.host} is away")
        disk.is_away = True
        await self._for(1, 10)
        disk.is_away = False
        self._touch(node.host)
        self.world.note(f"the disk of {node.host} is back")

    async def _jump(self, node: SimulatedNode) -> None:
        seconds = self._random.choice((-1, 1)) * self._random.uniform(1, 900)
        self.world.note(f"the clock of {node.host} is set {seconds:+.0f} s")
        node.clock.jump(seconds)
        await self._for(5, 40)
        node.clock.jump(0.0)
        # What was put off by a clock that was ahead stays put off by so much (engine.md section 10, "retries early or late").
        self._touch(node.host, later=max(0.0, seconds))
        self.world.note(f"the clock of {node.host} is right again")

    async def _stumble(self, node: SimulatedNode) -> None:
        """Its hall does not answer, before or after it did what it was asked."""
        fault = Fault(TimeoutError("no answer"), after=self._random.random() < 0.5)
        self.world.note(f"the hall of {node.host} stumbles{' after it did what it was asked' if fault.after else ''}")
        node.hall.faults.add(ROOM, fault, times=self._random.randint(1, 4))
