"""A conversation goes on while the bridge is killed, its homeserver and its database too: nothing is lost, nothing is there twice.

Engine.md sections 9, 10 and 12; Matrix findings F1 to F7. `FOLKMOOT_SEED=7 pytest tests/faults/test_kills.py` writes the same script again; where the
kills fall depends on the machine all the same.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import pytest

from bridge.app import id_secret
from bridge.errors import BridgeError
from bridge.keyfiles import read_secrets
from bridge.model.ids import ACTIVITYPUB, MATRIX, Native, event_id
from tests.faults.ledger import Inbox, Problem, RoomHistory
from tests.faults.players import Players, Unseen
from tests.faults.script import FAR, PEOPLE, ROOM, write_script
from tests.live.commons import Commons
from tests.live.fediverse import FediverseServer
from tests.live.homes import Home, home
from tests.live.node import NodeFailed

pytestmark = pytest.mark.faults

ARRIVES_WITHIN: Final = 120.0
"""Seconds after the last kill."""

TROUBLE: Final = 0.02
"""How often a server elsewhere fails after it has kept what came, and how often it hangs up."""


AT_ONCE: Final = 50
"""Acts that people may be about at the same time."""

FROZEN: Final = 14.0
"""Seconds for which a process hangs: by then the others have its part, and it does not know."""


class Plan(msgspec.Struct, frozen=True):
    """So many acts by people of each side, and kills; the acts are spread over all of them.

    `of_node`: of one of its processes, or two at once. `of_database`: restarts of the server. `freezes`: of one process, while the others go on.
    """

    each_way: int
    of_node: int
    of_homeserver: int
    of_database: int = 0
    freezes: int = 0


Step = Callable[[float], Awaitable[None]]
"""One trouble; the share of the acts that may have begun by then."""


class Ordeal:
    """One run."""

    def __init__(self, seed: int, plan: Plan, home: Home, commons: Commons, players: Players, servers: list[FediverseServer]) -> None:
        self.random = Random(seed)
        self.plan = plan
        self.home = home
        self.commons = commons
        self.players = players
        self.servers = servers
        self.allowed = 0
        self.waiting: list[int] = []
        """Acts that had not arrived when the homeserver was killed, for each time."""

    async def run(self) -> None:
        steps = list(self._steps())
        whole, passed = sum(seconds for _, seconds in steps), 0.0
        async with asyncio.TaskGroup() as group:
            group.create_task(self.players.play())
            group.create_task(self._pace())
            for step, seconds in steps:
                # Each has as many acts as its time allows, and this machine.
                await self._until_few_wait()
                passed += seconds
                await step(passed / whole)
            self._allow(1.0)
        await self.commons.node.until_ready()

    def _steps(self) -> Iterator[tuple[Step, float]]:
        """And about how many seconds each takes: what happens to the database and to single processes falls among the kills."""
        plan = self.plan
        middle: list[tuple[Step, float]] = [(self._restart_database, 2.0)] * plan.of_database + [
            (self._freeze_process, FROZEN)
        ] * plan.freezes
        self.random.shuffle(middle)
        places = [(number + 1) * plan.of_node // (len(middle) + 1) for number in range(len(middle))]
        for number in range(plan.of_node):
            yield self._kill_process, 2.0
            yield from (step for step, place in zip(middle, places, strict=True) if place == number)
        for number in range(plan.of_homeserver):
            yield (self._kill_and_freeze if number % 2 else self._kill_homeserver), 5.0

    def _allow(self, share: float) -> None:
        self.allowed = round(share * len(self.players.script))

    async def _pace(self) -> None:
        """Where the machine is slow, somebody would wait in vain for what is in a long line, and that says nothing of what is lost."""
        while len(self.players.done) < len(self.players.script):
            self.players.allow(min(self.allowed, len(self.players.done) + AT_ONCE))
            await asyncio.sleep(0.05)

    async def _until_few_wait(self) -> None:
        while len(self.players.done) < self.allowed - AT_ONCE:
            await asyncio.sleep(0.05)

    async def _kill_process(self, share: float) -> None:
        """At any moment of its life; every fourth time before it has opened its doors, however long that takes on this machine."""
        self._allow(share)
        processes = self.commons.node.processes
        victims = self.random.sample(processes, 2 if len(processes) > 2 and self.random.random() < 0.25 else 1)
        if self.random.random() > 0.25:
            for victim in victims:
                await victim.until("live")
        await asyncio.sleep(self.random.uniform(0.0, 1.5))
        for victim in victims:
            victim.kill()
        await asyncio.sleep(self.random.uniform(0.0, 0.4))
        for victim in victims:
            victim.launch()

    async def _freeze_process(self, share: float) -> None:
        """It wakes up after others have had its part, and knows nothing of that."""
        victim = self.random.choice(self.commons.node.processes)
        await victim.until("live")
        self._allow(share)
        victim.signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(FROZEN)
        finally:
            victim.signal(signal.SIGCONT)

    async def _restart_database(self, share: float) -> None:
        # One that starts while there is no database ends with a word to its operator, and a service manager starts it again.
        await self.commons.node.until_live()
        self._allow(share)
        await asyncio.sleep(self.random.uniform(0.0, 1.0))
        self.home.restart_database()

    async def _kill_and_freeze(self, share: float) -> None:
        await self._kill_homeserver(share, freeze=True)

    async def _kill_homeserver(self, share: float, *, freeze: bool = False) -> None:
        """`freeze`: the node hangs meanwhile, so that the homeserver has a transaction under way and more behind it (F1, F2)."""
        node, homeserver = self.commons.node, self.commons.homeserver
        await node.until_ready()
        before = len(self.players.done)
        if freeze:
            node.pause()
        self._allow(share)
        # All at once: most of them will wait for a node that hangs.
        self.players.allow(self.allowed)
        async with asyncio.timeout(30):
            while len(self.players.done) < before + 4:
                await asyncio.sleep(0.01)
        homeserver.kill()
        self.waiting.append(len(self.players.done) - before)
        await asyncio.sleep(self.random.uniform(0.0, 0.5))
        await homeserver.start()
        if freeze:
            node.resume()

    # ------------------------------------------------------------------------------------------------------ what came of it

    async def accounts(self) -> tuple[RoomHistory, list[Inbox]]:
        ghosts = {
            name: f"@_moot_{name}=40{server.host.replace(':', '=3a')}:{self.commons.homeserver.name}"
            for server in self.servers
            for name in server.people
        }
        history = await self.commons.steward.history(self.commons.room)
        room = RoomHistory(history, self.players, ghosts)
        return room, [Inbox(server.received, self.players, self.actors, room) for server in self.servers]

    async def find_actors(self) -> None:
        domain, name = self.commons.node.settings.domain, self.commons.homeserver.name
        self.actors = {person.name: person.id for server in self.servers for person in server.people.values()}
        for who in PEOPLE[ROOM]:
            self.actors[who] = await self.servers[0].find(f"@{who}_{name}@{domain}")

    async def until_arrived(self) -> list[Problem]:
        """Waits until nothing is missing and the node has nothing more to do, or until it is too late: what is missing then."""
        deadline = time.monotonic() + ARRIVES_WITHIN
        while True:
            room, inboxes = await self.accounts()
            missing = [*room.missing(), *(problem for inbox in inboxes for problem in inbox.missing())]
            if (not missing and await self._is_idle()) or time.monotonic() > deadline:
                return missing
            await asyncio.sleep(0.5)

    async def _is_idle(self) -> bool:
        async with self.commons.node.operations() as operations:
            backlog = (await operations.status()).backlog
        return not any(backlog.rows.values())

    async def explain(self, problems: list[Problem]) -> str:
        """What the node says of the first few."""
        secret = id_secret(read_secrets(self.commons.node.settings.secrets, matrix=True).key)
        told = []
        for problem in problems[:5]:
            if problem.act is None:
                continue
            for protocol, side in ((MATRIX, ROOM), (ACTIVITYPUB, FAR)):
                number = problem.act.number if problem.act.side == side else problem.act.about
                native = self.players.names[side].get(number if number is not None else -1) or self.players.acts.get(number or -1)
                if native is None:
                    continue
                try:
                    told.append(await self.commons.node.command("events", "show", event_id(secret, Native(protocol, native))))
                except NodeFailed as failure:
                    told.append(f"{native}: {failure}")
        async with self.commons.node.operations() as operations:
            try:
                told.append(repr(await operations.deliveries(limit=20)))
            except BridgeError as error:
                told.append(repr(error))
        return "\n".join(told)


@pytest.mark.timeout(400)
async def test_twenty_kills_of_the_node_and_five_of_the_homeserver_lose_nothing(tmp_path: Path) -> None:
    """Issue "A first conversation", what it must show, 4."""
    await endure(tmp_path, "sqlite", Plan(each_way=300, of_node=20, of_homeserver=5))


@pytest.mark.timeout(400)
async def test_kills_and_a_freeze_of_three_processes_and_a_crash_of_their_database_lose_nothing(tmp_path: Path) -> None:
    """The same on PostgreSQL, in the size that continuous integration has time for."""
    await endure(tmp_path, "postgresql", Plan(each_way=120, of_node=8, of_homeserver=1, of_database=1, freezes=1))


@pytest.mark.by_hand
@pytest.mark.timeout(2400)
@pytest.mark.parametrize(
    ("where", "plan"),
    [
        ("sqlite", Plan(each_way=1000, of_node=50, of_homeserver=5)),
        ("postgresql", Plan(each_way=1000, of_node=50, of_homeserver=5, of_database=3, freezes=3)),
    ],
    ids=["sqlite", "postgresql"],
)
async def test_fifty_kills_under_two_thousand_acts_lose_nothing(tmp_path: Path, where: str, plan: Plan) -> None:
    """Issue "The whole conversation", what it must show, 4."""
    await endure(tmp_path, where, plan)


async def endure(folder: Path, where: str, plan: Plan) -> None:
    """Fails with what is missing, twice there or in the wrong place, and with what the node says of it."""
    seed = int(os.environ.get("FOLKMOOT_SEED") or Random().randrange(10**6))
    trouble = Random(seed)
    is_over = False

    def answer() -> int:
        fate = trouble.random()
        return 202 if is_over or fate > 2 * TROUBLE else 503 if fate > TROUBLE else 0

    begun = time.monotonic()
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(FediverseServer(answer)) for _ in range(2)]
        lives = stack.enter_context(home(where))
        commons = await stack.enter_async_context(Commons(folder, [one, two], database=lives.database, roles=lives.roles))
        members = {who: await commons.member(who, who.title()) for who in PEOPLE[ROOM]}
        neighbours = {who: await commons.neighbour(server, who) for who, server in zip(PEOPLE[FAR], (one, one, two, two), strict=True)}
        players = Players(write_script(seed, plan.each_way), commons, members, neighbours)
        ordeal = Ordeal(seed, plan, lives, commons, players, [one, two])
        await ordeal.find_actors()
        clock = [time.monotonic()]
        problems: list[Problem] = []
        try:
            await ordeal.run()
        except* Unseen as unseen:
            problems += [Problem(error.act, "did not arrive, and somebody waited for it") for error in _each(unseen)]
        is_over = True
        clock.append(time.monotonic())
        problems = problems or await ordeal.until_arrived()
        clock.append(time.monotonic())
        if not problems:
            # Once more from the beginning, in peace: what a restart would bring twice comes now.
            await commons.node.restart()
            problems = await ordeal.until_arrived()
        room, inboxes = await ordeal.accounts()
        problems = problems or [*room.wrong(), *(problem for inbox in inboxes for problem in inbox.wrong())]
        told = (
            f"seed {seed}, {where}: {2 * plan.each_way} acts, {plan.of_node} kills of the node, {plan.of_homeserver} of the homeserver "
            f"and {plan.of_database} of the database server, {plan.freezes} freezes "
            f"({ordeal.waiting} acts waiting then), {sum(len(server.received) for server in (one, two))} deliveries, "
            f"{sum(inbox.repeats for inbox in inboxes)} of them repeats; set up in {clock[0] - begun:.0f} s, acted for "
            f"{clock[1] - clock[0]:.0f} s, all had arrived {clock[2] - clock[1]:.1f} s later; {time.monotonic() - begun:.0f} s in all"
        )
        print(told)
        if problems:
            listed = "\n".join(map(str, problems[:40]))
            pytest.fail(f"{told}\n{len(problems)} problems:\n{listed}\n\n{await ordeal.explain(problems)}", pytrace=False)
        assert all(ordeal.waiting)


def _each(group: BaseExceptionGroup[Unseen]) -> Iterator[Unseen]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _each(error)
        else:
            yield error
