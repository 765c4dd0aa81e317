"""A month of a community, drawn from a seed and lived through by a whole node: who says what, to whom, on which side, and what came of it.

Ordinary people in ordinary numbers (norms.md 3.10, 3.12, property 14): a few speak often and most now and then, by day more than by night,
they answer each other across both networks, name somebody, show a link, mend a word or take one back; some come new, some look in from outside.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from bridge.changes import PutActor
from bridge.model.actor import Actor
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, EventId, Native, ObjectId, event_id
from bridge.norms.decision import Decision, Rung, Verdict
from bridge.relay.courier import Courier
from protocols.loopback.people import Person
from tests.bridge.relay.house import NODE, House
from tests.bridge.relay.street import Letters

__all__ = ["CROSSES_WITHIN", "Month", "Said"]

CROSSES_WITHIN = timedelta(seconds=90)
AWAKE = (1, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 8, 9, 9, 8, 8, 8, 7, 7, 8, 9, 7, 4, 2)
"""How much is said in each hour of the day."""

SERVERS = tuple(f"{name}.example" for name in ("masto", "gts", "lemmy", "piefed", "garden", "harbour", "meadow", "attic"))
WORDS = tuple(
    word
    for line in (
        "handover retro team meeting budget question notes practice listen draft pilot review garden decision feedback quiet workshop",
        "learning mentor onboarding calendar story facilitator circle example template survey remote trust habit pause energy agenda",
    )
    for word in line.split()
)
LINKS = ("https://library.example/handbook", "https://journal.example/2026/retro", "https://talks.example/watch/12")


class Said(NamedTuple):
    """One message. `member`: its author was let in before; `consented`: it may cross. `place`: what the hall or its own server calls it."""

    event: EventId
    author: Native
    at: datetime
    native: Native
    member: bool
    consented: bool
    root: bool


class Month:
    """`await live()` once; then `said`, `decided` and `told` are there to be asked."""

    def __init__(self, house: House, seed: int, *, people: int = 300, messages: int = 1_000, days: int = 30) -> None:
        self.house = house
        self.random = Random(seed)
        self.said: list[Said] = []
        self.letters = Letters()
        self.crossed: dict[EventId, datetime] = {}
        self._days = days
        self._messages = messages
        self._matrix = [f"m{number}" for number in range(people * 3 // 5)]
        self._fediverse = [f"f{number}" for number in range(people - len(self._matrix))]
        self._silent = {name for name in self._matrix if self.random.random() < 0.25}
        """Who never said that their words may cross."""
        self._actors: dict[str, Actor] = {}
        self._recent: list[Said] = []
        self._agenda: list[tuple[datetime, int, Callable[[], Awaitable[None]]]] = []
        self._number = itertools.count()
        self._courier: Courier | None = None

    # ------------------------------------------------------------------------------------------------------ living

    async def live(self) -> None:
        """All of it, from the first coming in to the last word."""
        adapters: dict[Any, Any] = {LOOPBACK: self.house.loopback, ACTIVITYPUB: self.letters}
        self._courier = Courier(self.house.store, adapters, self.house.loader, self.house.clock)
        for name in self._matrix:
            if name not in self._silent:
                await self.house.opted_in(name)
        for name in self._fediverse:
            self._actors[name] = await self.house.known(await self._stranger(name, self.random.choice(SERVERS)))
        await self._pass(timedelta(days=20))  # by now they are no newcomers any more
        start = self.house.clock.now()
        for _ in range(self._messages):
            self.plan(start + self._moment(), self._speak)
        for number in range(self._messages // 60):
            self.plan(start + self._moment(), lambda name=f"new{number}": self._arrive(name))  # type: ignore[misc]
            self.plan(start + self._moment(), lambda name=f"guest{number}": self._look_in(name))  # type: ignore[misc]
        await self.play()
        await self._pass(timedelta(days=2))

    def plan(self, at: datetime, act: Callable[[], Awaitable[None]]) -> None:
        heapq.heappush(self._agenda, (at, next(self._number), act))

    async def play(self) -> None:
        """Everything that is planned, in order, with whatever comes due in between at its own time."""
        while self._agenda:
            at, _, act = heapq.heappop(self._agenda)
            await self._until(at)
            await act()
            await self._work()

    async def _pass(self, time: timedelta) -> None:
        await self._until(self.house.clock.now() + time)

    async def _until(self, at: datetime) -> None:
        while (due := await self.house.store.decisions.next_due()) is not None and due <= at:
            self.house.clock.at = max(self.house.clock.at, due)
            await self._work()
        self.house.clock.at = max(self.house.clock.at, at)

    async def _work(self) -> None:
        assert self._courier is not None
        await self.house.settle()
        while await self._courier.step():
            await self.house.settle()

    def _moment(self) -> timedelta:
        (hour,) = self.random.choices(range(24), AWAKE)
        return timedelta(days=self.random.randrange(self._days), hours=hour, seconds=self.random.uniform(0, 3600))

    # ------------------------------------------------------------------------------------------------------ people

    async def _speak(self) -> None:
        """A few speak often: the weight of the n-th is 1/n."""
        (name,) = self.random.choices(self._order, self._weights)
        said = await self.say(name)
        if said is None:
            return
        if self.random.random() < 0.05:
            self.plan(said.at + timedelta(seconds=self.random.uniform(5, 600)), lambda: self._mend(name, said))
        if self.random.random() < 0.01:
            self.plan(said.at + timedelta(seconds=self.random.uniform(5, 6_000)), lambda: self._take_back(name, said))
        for _ in range(self.random.choice((0, 0, 0, 1, 2))):
            (other,) = self.random.choices(self._order, self._weights)
            self.plan(said.at + timedelta(seconds=self.random.uniform(60, 9_000)), lambda who=other: self._sign(who, said))  # type: ignore[misc]

    @property
    def _order(self) -> list[str]:
        return [name for pair in itertools.zip_longest(self._matrix, self._fediverse) for name in pair if name is not None]

    @property
    def _weights(self) -> list[float]:
        return [1 / (rank + 3) for rank in range(len(self._order))]

    async def _arrive(self, name: str) -> None:
        """Somebody joins, says yes, and speaks three times in their first week."""
        await self.house.opted_in(name)
        now = self.house.clock.now()
        for day in (0.01, 1.2, 4.5):
            self.plan(now + timedelta(days=day), lambda: self._once(name))

    async def _once(self, name: str) -> None:
        await self.say(name)

    async def _look_in(self, name: str) -> None:
        """A stranger answers something from outside."""
        self._actors[name] = await self._stranger(name, self.random.choice(SERVERS))
        await self.say(name, member=False)

    async def _stranger(self, name: str, host: str) -> Actor:
        return await self.house.stranger(name, host, joined_network=self.house.clock.now() - timedelta(days=900))

    # ------------------------------------------------------------------------------------------------------ what they do

    async def say(self, name: str, text: str | None = None, *, member: bool = True, answers: Said | None = None) -> Said | None:
        """A message of somebody, in answer to something of the last three days more often than not; None when it could not be said."""
        text = text if text is not None else self._text()
        if answers is None and self._recent and self.random.random() < 0.55:
            answers = self.random.choice(self._recent[-30:])
        now = self.house.clock.now()
        if name in self._actors:
            native = await self._post(self._actors[name], text, answers)
        else:
            native = await self._say(self.house.person(name), text, answers)
        if native is None:
            return None
        author = self._actors[name].native if name in self._actors else Native(LOOPBACK, name)
        said = Said(event_id(NODE.secret, native), author, now, native, member, name not in self._silent, answers is None)
        self.said.append(said)
        await self._work()
        await self._until(now + timedelta(seconds=20))
        await self._work()
        known = await self.house.store.objects.get(ObjectId(said.event))
        if known is not None and known.crossed_at is not None:
            self.crossed[said.event] = known.crossed_at
            self._recent.append(said)
        return said

    def _text(self) -> str:
        words = " ".join(self.random.choices(WORDS, k=self.random.randint(4, 24)))
        if self.random.random() < 0.08:
            words += " " + self.random.choice(LINKS)
        for _ in range(self.random.choice((0, 0, 0, 0, 1, 2))):
            words += f" #{self.random.choice(WORDS)}"
        return words + f" ({next(self._number)})"

    async def _post(self, actor: Actor, text: str, answers: Said | None) -> Native | None:
        await self._seen(actor)
        url = None
        if answers is not None:
            url = answers.native.id if answers.native.protocol == ACTIVITYPUB else f"{NODE.origin}/o/{answers.event}"
        return Native(ACTIVITYPUB, await self.house.post(actor, text, reply_to=url))

    async def _seen(self, actor: Actor) -> None:
        """Their profile was looked at just now: nobody answers to that in this house."""
        await self.house.store.journal.commit([PutActor(actor, self.house.clock.now())])

    async def _say(self, person: Person, text: str, answers: Said | None) -> Native | None:
        reply_to = ""
        if answers is not None:
            there = await self.house.store.objects.copy(ObjectId(answers.event), Native(LOOPBACK, "hall"))
            if there is None:
                return None
            reply_to = there
        return Native(LOOPBACK, await person.say("hall", text, reply_to=reply_to))

    async def _mend(self, name: str, said: Said) -> None:
        if said.native.protocol == LOOPBACK:
            await self.house.person(name).edit(said.native.id, self._text())

    async def _take_back(self, name: str, said: Said) -> None:
        if said.native.protocol == LOOPBACK:
            await self.house.person(name).take_back(said.native.id)

    async def _sign(self, name: str, said: Said) -> None:
        if name in self._actors:
            url = said.native.id if said.native.protocol == ACTIVITYPUB else f"{NODE.origin}/o/{said.event}"
            await self._seen(self._actors[name])
            await self.house.receive(self._actors[name], {"type": "Like", "object": url})

    # ------------------------------------------------------------------------------------------------------ what came of it

    async def decision(self, said: Said) -> Decision | None:
        return await self.house.store.decisions.decision(said.event)

    async def touched(self) -> list[tuple[Said, Decision]]:
        """Messages of members that automation slowed, held or kept; what its author chose does not count (norms.md 3.12)."""
        found = []
        for said in self.said:
            decided = await self.decision(said) if said.member else None
            if decided is not None and any(reason.rung >= Rung.SLOW and reason.norm not in ("N01", "N02") for reason in decided.reasons):
                found.append((said, decided))
        return found

    async def outcomes(self) -> Counter[str]:
        """How many messages ended with which verdict, for people to read."""
        found: Counter[str] = Counter()
        for said in self.said:
            decided = await self.decision(said)
            found["undecided" if decided is None else Verdict(decided.strictest).name.lower()] += 1
        return found
