"""One seed: people act, things go wrong, everything comes to rest, and every promise is checked. The same seed is the same run."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from bridge.errors import StorageError
from bridge.logs import configure
from tests.simulation.fediverse import Server
from tests.simulation.ledger import Ledger
from tests.simulation.life import count_tasks
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import Ask
from tests.simulation.node import SimulatedNode
from tests.simulation.play import Play
from tests.simulation.trouble import Trouble
from tests.simulation.truth import Truth, names_in
from tests.simulation.world import Violation, World

__all__ = ["Outcome", "Plan", "simulate"]

AT_REST_WITHIN: Final = 2_500.0
"""Seconds after the last trouble. What could not be had is asked for again for minutes (`READ_TRIES`, `ASK_AGAIN`)."""

PAUSE: Final = 1.0
"""Seconds between two acts, on average."""

HOLDS_END_WITHIN: Final = 45.0
"""Days."""

LAST_STEPS: Final = 60

_ADDRESS = re.compile(rb'https://n\d+\.example[^"\s<>]*')


class Plan(msgspec.Struct, frozen=True):
    """`acts` in all, `troubles` per hundred acts."""

    nodes: int = 1
    servers: int = 2
    acts: int = 40
    troubles: float = 15.0


class Outcome(msgspec.Struct, frozen=True):
    """`wrong` is empty when every promise held. `digest` tells two runs apart; `seconds` of virtual time, `asked` requests."""

    seed: int
    wrong: str
    steps: tuple[str, ...]
    digest: str
    seconds: float
    asked: int
    lives: int
    cpu: float


class Run:
    """One world."""

    def __init__(self, seed: int, plan: Plan, plant: Callable[..., None] | None) -> None:
        self.plan = plan
        self.world = World(seed)
        self.truth = Truth()
        self.nodes = [SimulatedNode(self.world, number, plant=plant) for number in range(plan.nodes)]
        self.servers = [Server(self.world, name, is_strict=name == "b") for name in "abcd"[: plan.servers]]
        self.ledger = Ledger(self.world, self.truth, self.nodes, self.servers)
        self.play = Play(self.world, self.truth, self.nodes, self.servers)
        self.trouble = Trouble(self.world, self.truth, self.nodes, self.servers, self.ledger)

    async def whole(self) -> None:
        """Raises Violation."""
        carrying = [self.world.begin(self._hand_over(node)) for node in self.nodes]
        await self.play.set_up()
        random = self.world.random
        for _ in range(self.plan.acts):
            if random.random() * 100 < self.plan.troubles:
                self.trouble.begin()
            await self.play.act()
            self.ledger.look()
            self.world.check()
            await asyncio.sleep(random.expovariate(1.0 / PAUSE) if random.random() < 0.8 else 0.0)
        await self.trouble.end()
        self.world.note("all is well from here on")
        await self._rest()
        await self._endings(held=True)
        self.world.check()
        await self._long_after()
        for node in self.nodes:
            await node.find_people()
        for problem in self.ledger.wrong():
            self.world.fail(problem)
        await self._endings(held=False)
        await self._served()
        self.world.check()
        for task in carrying:
            task.cancel()

    async def _hand_over(self, node: SimulatedNode) -> None:
        """What a hall could not tell its node it tells again."""
        while True:
            await asyncio.sleep(1.5)
            if node.is_up:
                with contextlib.suppress(StorageError):
                    await node.hall.hand_over()

    # ------------------------------------------------------------------------------------------------------ in the end

    async def _rest(self) -> None:
        """Until nobody has anything left to do. Raises Violation when that does not come."""
        deadline = self.world.now + AT_REST_WITHIN
        while self.world.now < deadline:
            await asyncio.sleep(2.0)
            self.ledger.look()
            self.world.check()
            if all(server.is_idle for server in self.servers) and all([await node.is_idle() for node in self.nodes]):
                return
        for node in self.nodes:
            self.world.fail(f"{node.host} does not come to rest: {await self._left(node)}")
        self.world.check()

    async def _left(self, node: SimulatedNode) -> str:
        if not node.is_up:
            return "it is down"
        backlog = await node.store.journal.backlog(node.clock.now())
        waits = await node.store.journal.waits_due(node.clock.now().replace(year=2090), 5)
        lanes = await node.store.deliveries.lanes(node.clock.now().replace(year=2090), 5)
        holds = [(hold.event_id, hold.kind, hold.due_at) for hold in await node.store.decisions.holds(None, 100)]
        busy = [person.id for server in self.servers for person in server.people.values() if not person.is_idle]
        return f"{dict(backlog.rows)}, waits {[wait for wait, _ in waits]}, lanes {list(lanes)}, holds {holds}, {busy} still send"

    async def _endings(self, *, held: bool) -> None:
        """Every event has ended with a word for it, and nothing was given up that an honest peer would have taken."""
        for node in self.nodes:
            for record in await node.store.journal.recent_events(None, 100_000):
                if record.ended in ("", "waiting", "failed") or (record.ended == "held" and not held):
                    self.world.fail(f"{node.host}: {record.kind} {record.event_id} ended with {record.ended!r}: {record.reasons}")
            for letter in await node.store.deliveries.dead_letters(100):
                self.world.fail(f"{node.host} gave up {letter.form} of {letter.event_id} to {letter.destination.address}: {letter.why}")

    async def _served(self) -> None:
        """Whatever anybody can find by following addresses shows nothing that was not meant for everybody, or was taken back."""
        for node in self.nodes:
            queue = dict.fromkeys([self.play.groups[self.nodes.index(node)], *(note for server in self.servers for note in server.notes)])
            found = [url for url in queue if url.startswith(node.origin)]
            for url in found:
                reply = await self.servers[0].ask(Ask("GET", url, (("Accept", "application/activity+json"),)))
                if reply is None:
                    self.world.fail(f"{url} does not answer")
                    continue
                for address in dict.fromkeys(_ADDRESS.findall(reply.body)):
                    text = address.decode().partition("#")[0]
                    if text.startswith(node.origin) and text not in queue and "inbox" not in text:
                        queue[text] = None
                        found.append(text)
                self._check_served(url, reply.body)

    def _check_served(self, url: str, body: bytes) -> None:
        if b"dorothea" in body:
            self.world.fail(f"{url} names somebody who never said yes")
        for name in names_in(body):
            said = self.truth.named(name)
            if said.circle == "nobody" or said.taken_back is not None:
                self.world.fail(f"{url} shows {name} of {said.who}, which was for {said.circle} and taken back at {said.taken_back}")

    async def _long_after(self) -> None:
        """Weeks later nothing waits any more, and what answered words that nobody let in has come without them."""
        for _ in range(3):
            self.world.skip(HOLDS_END_WITHIN / 3)
            await asyncio.sleep(4.0)
        await self._rest()
        for node in self.nodes:
            for hold in await node.store.decisions.holds(None, 100):
                self.world.fail(f"{node.host}: {hold.event_id} still waits ({hold.kind}, {hold.code}), due {hold.due_at}")

    async def close(self) -> None:
        for node in self.nodes:
            await node.close()


def simulate(seed: int, plan: Plan | None = None, plant: Callable[..., None] | None = None) -> Outcome:
    """Runs one seed to its end."""
    configure("error", form="json", strict=True, stream=io.StringIO())
    began = time.process_time()
    loop = VirtualLoop()
    loop.set_task_factory(count_tasks)  # type: ignore[arg-type]
    run, wrong = None, ""

    async def whole() -> None:
        nonlocal run
        run = Run(seed, plan or Plan(), plant)
        await run.whole()

    try:
        wrong = _ended(loop, whole())
        assert run is not None
        seconds, asked = loop.time(), run.world.network.asked
        lives = sum(node.lives for node in run.nodes)
        _ended(loop, run.close())
    finally:
        _close(loop)
    world = run.world
    cpu = time.process_time() - began
    return Outcome(seed, wrong, tuple(world.steps[-LAST_STEPS:]), world.digest, seconds, asked, lives, cpu)


def _ended(loop: VirtualLoop, work: Coroutine[Any, Any, None]) -> str:
    try:
        loop.run_until_complete(work)
    except (Violation, TimeoutError) as error:
        return str(error) or repr(error)
    return ""


def _close(loop: VirtualLoop) -> None:
    while tasks := asyncio.all_tasks(loop):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close()
