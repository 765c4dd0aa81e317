"""One seed: people act, things go wrong, everything comes to rest, and every promise is checked. The same seed is the same run."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import time
import traceback
from typing import Final

import msgspec

from bridge.errors import StorageError
from bridge.logs import configure
from tests.simulation.fediverse import Server
from tests.simulation.ledger import Ledger
from tests.simulation.life import virtual_loop
from tests.simulation.loop import Stuck
from tests.simulation.network import Ask
from tests.simulation.node import Plant, SimulatedNode
from tests.simulation.plants import PLANTS
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
    """`wrong` is empty when every promise held. `steps` are everything that was noted; `digest` tells two runs apart.

    `seconds` of virtual time, `asked` requests, `lives` of all nodes together, `cpu` in seconds.
    """

    seed: int
    plan: Plan
    plant: str
    wrong: str
    steps: tuple[str, ...]
    digest: str
    seconds: float
    asked: int
    lives: int
    cpu: float

    @property
    def command(self) -> str:
        """What replays it."""
        sizes = [f"--{name} {value:g}" for name, value in msgspec.structs.asdict(self.plan).items() if value != getattr(Plan(), name)]
        planted = [f"--plant {self.plant}"] if self.plant else []
        return " ".join(["python -m tests.simulation", str(self.seed), *sizes, *planted])

    @property
    def report(self) -> str:
        """The last steps, what was violated, and how to see all of it; for whoever reads that a test failed."""
        return "\n".join([*self.steps[-LAST_STEPS:], "", self.wrong, "", f"to replay this: {self.command}"])


class Run:
    """One world."""

    def __init__(self, seed: int, plan: Plan, plant: Plant | None) -> None:
        self.plan = plan
        self.world = World(seed)
        self.truth = Truth()
        self.nodes = [SimulatedNode(self.world, number, plant=plant) for number in range(plan.nodes)]
        self.servers = [Server(self.world, name, is_strict=name == "b") for name in "abcd"[: plan.servers]]
        self.ledger = Ledger(self.world, self.truth, self.nodes, self.servers)
        self.play = Play(self.world, self.truth, self.nodes, self.servers)
        self.trouble = Trouble(self.world, self.play, self.nodes, self.servers, self.ledger)

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


def simulate(seed: int, plan: Plan | None = None, plant: str = "") -> Outcome:
    """Runs one seed to its end. `plant`: the name of a bug in `PLANTS` that every node has."""
    plan = plan or Plan()
    configure("error", form="json", strict=True, stream=io.StringIO())
    began = time.process_time()
    run, wrong = None, ""

    async def whole() -> None:
        nonlocal run
        run = Run(seed, plan, PLANTS[plant] if plant else None)
        await run.whole()

    with virtual_loop() as loop:
        try:
            loop.run_until_complete(whole())
        except (Violation, Stuck) as error:
            wrong = str(error)
        except Exception:  # noqa: BLE001  (whatever it is, it has a seed that repeats it)
            wrong = traceback.format_exc()
        assert run is not None
        seconds, asked = loop.time(), run.world.network.asked
        lives = sum(node.lives for node in run.nodes)
        loop.run_until_complete(run.close())
    world = run.world
    cpu = time.process_time() - began
    return Outcome(seed, plan, plant, wrong, tuple(world.steps), world.digest, seconds, asked, lives, cpu)
