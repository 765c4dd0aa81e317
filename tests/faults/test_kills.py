"""A conversation goes on while the bridge is killed twenty times and its homeserver five times: nothing is lost, nothing is there twice.

Engine.md sections 9, 10 and 12; Matrix findings F1 to F7. `FOLKMOOT_SEED=7 pytest tests/faults/test_kills.py` writes the same script again; where the
kills fall depends on the machine all the same.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
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
from tests.live.node import NodeFailed

pytestmark = pytest.mark.faults

ARRIVES_WITHIN: Final = 120.0
"""Seconds after the last kill."""

TROUBLE: Final = 0.02
"""How often a server elsewhere fails after it has kept what came, and how often it hangs up."""


class Plan(msgspec.Struct, frozen=True):
    """So many acts by people of each side, and kills; the acts are spread over all of them."""

    each_way: int
    of_node: int
    of_homeserver: int


class Ordeal:
    """One run."""

    def __init__(self, seed: int, plan: Plan, commons: Commons, players: Players, servers: list[FediverseServer]) -> None:
        self.random = Random(seed)
        self.plan = plan
        self.commons = commons
        self.players = players
        self.servers = servers
        self.allowed = 0
        self.waiting: list[int] = []
        """Acts that had not arrived when the homeserver was killed, for each time."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.players.play())
            # Two kills of the homeserver take as long as five of the node: each has as many acts as its time allows.
            share = self.plan.of_node * 2 + self.plan.of_homeserver * 5
            for number in range(self.plan.of_node):
                self._allow((number + 1) * 2 / share)
                await self._kill_node()
            for number in range(self.plan.of_homeserver):
                await self._kill_homeserver((self.plan.of_node * 2 + (number + 1) * 5) / share, freeze=number % 2 == 1)
            self._allow(1.0)

    def _allow(self, share: float) -> None:
        self.players.allow(round(share * len(self.players.script)))

    async def _kill_node(self) -> None:
        """At any moment of its life; every fourth time before it has opened its doors, however long that takes on this machine."""
        if self.random.random() > 0.25:
            await self.commons.node.until_live()
        await asyncio.sleep(self.random.uniform(0.0, 1.5))
        self.commons.node.kill()
        await asyncio.sleep(self.random.uniform(0.0, 0.4))
        self.commons.node.launch()

    async def _kill_homeserver(self, share: float, *, freeze: bool) -> None:
        """`freeze`: the node hangs meanwhile, so that the homeserver has a transaction under way and more behind it (F1, F2)."""
        node, homeserver = self.commons.node, self.commons.homeserver
        await node.until_ready()
        before = len(self.players.done)
        if freeze:
            node.pause()
        self._allow(share)
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
    seed = int(os.environ.get("FOLKMOOT_SEED") or Random().randrange(10**6))
    plan = Plan(each_way=300, of_node=20, of_homeserver=5)
    trouble = Random(seed)
    is_over = False

    def answer() -> int:
        fate = trouble.random()
        return 202 if is_over or fate > 2 * TROUBLE else 503 if fate > TROUBLE else 0

    begun = time.monotonic()
    async with FediverseServer(answer) as one, FediverseServer(answer) as two, Commons(tmp_path, [one, two]) as commons:
        members = {who: await commons.member(who, who.title()) for who in PEOPLE[ROOM]}
        neighbours = {who: await commons.neighbour(server, who) for who, server in zip(PEOPLE[FAR], (one, one, two, two), strict=True)}
        players = Players(write_script(seed, plan.each_way), commons, members, neighbours)
        ordeal = Ordeal(seed, plan, commons, players, [one, two])
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
        # Once more from the beginning, in peace: what a restart would bring twice comes now.
        await commons.node.restart()
        problems = problems or await ordeal.until_arrived()
        room, inboxes = await ordeal.accounts()
        problems = problems or [*room.wrong(), *(problem for inbox in inboxes for problem in inbox.wrong())]
        told = (
            f"seed {seed}: {2 * plan.each_way} acts, {plan.of_node} kills of the node, {plan.of_homeserver} of the homeserver "
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
