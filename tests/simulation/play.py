"""People act: one thing after the other, each chosen by chance among what that person could do with what they see."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from bridge.errors import Refused, StorageError
from protocols.loopback.room import Line
from tests.simulation.cast import ELSEWHERE, HALL, Member, Neighbour
from tests.simulation.fediverse import Note, Server
from tests.simulation.node import ROOM, SimulatedNode
from tests.simulation.truth import Said, Sign, Truth
from tests.simulation.world import Violation, World

__all__ = ["Play"]

SIGNS = ("👍", "🎉", "🔧", "🌱")
RECENT = 12
"""People mostly talk about what was said last."""

KINDS = {"say": 50, "edit": 14, "sign": 18, "unsign": 6, "take back": 12}
"""What people do, and how often."""

TALKER = HALL[1]
"""What they say leaves at once."""

PAUSE = 3.0
"""Seconds after which what was said has been tried to be told."""

TOGETHER = 0.3
"""How often the next one to act is where the last one was."""

SET_UP_WITHIN = 120.0
"""Seconds; nothing is in the way yet."""


class Play:
    """`set_up`, then `act` as often as wanted."""

    def __init__(self, world: World, truth: Truth, nodes: Sequence[SimulatedNode], servers: Sequence[Server]) -> None:
        self.world = world
        self.truth = truth
        self.nodes = nodes
        self.servers = servers
        self.groups: list[str] = []
        self._random = world.random
        self._where = 0

    # ------------------------------------------------------------------------------------------------------ the beginning

    async def set_up(self) -> None:
        """Everything is founded, everybody has said what they want, and who is to be known is."""
        for node in self.nodes:
            await node.boot()
            self.groups.append(await node.found())
            for member in HALL:
                for order in member.orders:
                    await node.hall.person(member.name).tell_bot(order)
        everybody = [(server, neighbour) for server, people in zip(self.servers, ELSEWHERE, strict=False) for neighbour in people]
        for server, neighbour in everybody:
            for group in self.groups:
                server.person(neighbour.name).follow(group)
        wanted = {(server.person(neighbour.name).id, group) for server, neighbour in everybody for group in self.groups}
        while missing := wanted - {each for server in self.servers for each in server.accepted}:
            await self._wait(f"nobody accepted the Follow of {min(missing)[0]} of {min(missing)[1]}")
        for server, neighbour in everybody:
            for commons, _ in enumerate(self.groups):
                self._greet(server, neighbour, commons)
        for server, neighbour in everybody:
            for node in self.nodes:
                person = server.person(neighbour.name).id
                while neighbour.is_known and not await node.release(person):
                    await self._wait(f"{node.host} never heard what {person} said first")

    async def _wait(self, for_what: str) -> None:
        """Raises Violation when that takes too long."""
        if self.world.now > SET_UP_WITHIN:
            raise Violation(for_what)
        await asyncio.sleep(0.5)

    def _greet(self, server: Server, neighbour: Neighbour, commons: int) -> None:
        person = server.person(neighbour.name)
        said = self._say(person.name, server.host, commons, "everybody" if neighbour.is_known else "nobody")
        said.native = person.say(self.groups[commons], said.text)

    def _say(self, who: str, home: str, commons: int, circle: str, answers: Said | None = None, grace: float = 0.0) -> Said:
        number = answers.number if answers is not None else None
        return self.truth.say(who, home, commons, circle, at=self.world.now, answers=number, grace=grace)  # type: ignore[arg-type]

    # ------------------------------------------------------------------------------------------------------ one thing

    async def act(self) -> None:
        """Somebody does something."""
        kind = self._random.choices([*KINDS], [*KINDS.values()])[0]
        if self._random.random() >= TOGETHER:
            self._where = self._random.choice((self._random.randrange(len(self.nodes)), -1 - self._random.randrange(len(self.servers))))
        if self._where >= 0:
            with contextlib.suppress(Refused):
                await self._in_hall(kind, self.nodes[self._where], self._random.choice(HALL))
        else:
            number = -1 - self._where
            self._elsewhere(kind, self.servers[number], self._random.choice(ELSEWHERE[number]))

    async def _in_hall(self, kind: str, node: SimulatedNode, member: Member) -> None:
        """What the node cannot take now has happened all the same, and is told to it again. Raises Refused."""
        person, now = node.hall.person(member.name), self.world.now
        seen = [(said, line) for line in node.hall.conversation(ROOM) if not line.taken_back and (said := self.truth.about(line.text))]
        mine = [(said, line) for said, line in seen if (said.who, said.home) == (member.name, node.host)]
        with contextlib.suppress(StorageError):
            match kind:
                case "edit" if mine:
                    said, line = self._random.choice(mine[-RECENT:])
                    said.version += 1
                    self.world.note(f"{node.host} {member.name} edits {said.text}")
                    await person.edit(line.id, said.text)
                case "sign" if seen:
                    said, line = self._random.choice(seen[-RECENT:])
                    key = self._random.choice(SIGNS)
                    if node.hall.room(ROOM).sign_of(line.id, member.name, key):
                        return
                    self.truth.signs.append(Sign(member.name, node.host, said.number, key, now))
                    self.world.note(f"{node.host} {member.name} puts {key} under {said.name}")
                    await person.react(line.id, key)
                case "unsign" if own := self._own_signs(member.name, node.host):
                    sign = self._random.choice(own)
                    under = self._line(node, self.truth.said[sign.about])
                    if under is None or under.taken_back:
                        return
                    sign.gone = True
                    self.world.note(f"{node.host} {member.name} takes {sign.key} from {self.truth.said[sign.about].name}")
                    await person.unreact(under.id, sign.key)
                case "take back" if mine:
                    await self._take_back(node, *self._random.choice(mine[-RECENT:]))
                case "say":
                    answers = self._random.choice(seen[-RECENT:]) if seen and self._random.random() < 0.6 else None
                    said = self._say(
                        member.name, node.host, self.nodes.index(node), member.circle, answers[0] if answers else None, member.grace
                    )
                    about = f" in answer to {answers[0].name}" if answers else ""
                    self.world.note(f"{node.host} {member.name} says {said.text}{about}")
                    await person.say(ROOM, said.text, reply_to=answers[1].id if answers else "")

    async def _take_back(self, node: SimulatedNode, said: Said, line: Line) -> None:
        said.taken_back = self.world.now
        self.world.note(f"{node.host} {said.who} takes back {said.name}")
        await node.hall.person(said.who).take_back(line.id)

    def shown(self, server: Server) -> list[tuple[SimulatedNode, Said, Line]]:
        """What people in the halls said and can take back, and this server shows."""
        names = {said.number for note in server.visible() if (said := self.truth.about(note.text)) is not None}
        return [
            (node, said, line)
            for node in self.nodes
            for line in node.hall.conversation(ROOM)
            if not line.taken_back and (said := self.truth.about(line.text)) and said.home == node.host and said.number in names
        ]

    async def regret(self, server: Server) -> None:
        """Somebody in a hall says something, and somebody there takes back what this server shows, if it shows anything of theirs."""
        if not (found := self.shown(server)):
            return
        node, said, line = self._random.choice(found)
        with contextlib.suppress(Refused):
            await self._in_hall("say", node, TALKER)
        await asyncio.sleep(PAUSE)
        with contextlib.suppress(Refused, StorageError):
            if not line.taken_back:
                await self._take_back(node, said, line)

    def _elsewhere(self, kind: str, server: Server, neighbour: Neighbour) -> None:
        person, now = server.person(neighbour.name), self.world.now
        seen = [(said, note) for note in server.visible() if (said := self.truth.about(note.text))]
        mine = [(said, note) for said, note in seen if note.by == person.id and said.circle != "nobody"]
        match kind:
            case "edit" if mine:
                said, note = self._random.choice(mine[-RECENT:])
                said.version += 1
                self.world.note(f"{server.host} {person.name} edits {said.text}")
                person.edit(self.groups[said.commons], note.id, said.text)
            case "sign" if seen and neighbour.is_known:
                said, note = self._random.choice(seen[-RECENT:])
                if any((one.who, one.home, one.about) == (person.name, server.host, said.number) for one in self.truth.signs):
                    return
                sign = Sign(person.name, server.host, said.number, self._random.choice(SIGNS), now)
                self.truth.signs.append(sign)
                self.world.note(f"{server.host} {person.name} puts {sign.key} under {said.name}")
                sign.native = person.like(self.groups[said.commons], note.id, sign.key)
            case "unsign" if own := self._own_signs(person.name, server.host):
                sign = self._random.choice(own)
                said = self.truth.said[sign.about]
                found = self._note(server, said)
                if found is None or found.gone:
                    return
                sign.gone = True
                self.world.note(f"{server.host} {person.name} takes {sign.key} from {said.name}")
                person.undo(self.groups[said.commons], sign.native, found.id)
            case "take back" if mine:
                said, note = self._random.choice(mine[-RECENT:])
                said.taken_back = now
                self.world.note(f"{server.host} {person.name} takes back {said.name}")
                person.take_back(self.groups[said.commons], note.id)
            case "say":
                private = self._random.random() < 0.1
                answers = self._random.choice(seen[-RECENT:]) if seen and self._random.random() < 0.6 else None
                commons = answers[0].commons if answers else self._random.randrange(len(self.groups))
                circle = "nobody" if private or not neighbour.is_known else "everybody"
                said = self._say(person.name, server.host, commons, circle, answers[0] if answers else None)
                about = f" in answer to {answers[0].name}" if answers else ""
                self.world.note(f"{server.host} {person.name} says {said.text}{about}{' to few' if private else ''}")
                said.native = person.say(self.groups[commons], said.text, answers=answers[1].id if answers else "", private=private)

    def _own_signs(self, who: str, home: str) -> list[Sign]:
        return [sign for sign in self.truth.signs if (sign.who, sign.home, sign.gone) == (who, home, False)]

    def _line(self, node: SimulatedNode, said: Said) -> Line | None:
        return next((line for line in node.hall.conversation(ROOM) if self.truth.about(line.text) is said), None)

    def _note(self, server: Server, said: Said) -> Note | None:
        return next((note for note in server.notes.values() if self.truth.about(note.text) is said), None)
