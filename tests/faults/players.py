"""Carries a script out: each person does what is theirs, in each thread in its order, and speaks of what others said once they can see it."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.faults.script import FAR, ROOM, Act, Side
from tests.live.commons import Commons, Member
from tests.live.fediverse import FediversePerson, FediverseServer, inner

__all__ = ["NAME", "Players", "Unseen"]

NAME: Final = re.compile(r"\bw\d{4}\b")
SEEN_WITHIN: Final = 100.0
"""Seconds after the server of whoever said it has taken it. What points at something that nobody knows yet is looked at for a minute and a half
before that counts."""


class Unseen(AssertionError):
    """Somebody waited in vain for what somebody else had said; `act` is what was said."""

    def __init__(self, act: Act) -> None:
        super().__init__(f"act {act.number} was waited for in vain")
        self.act = act


class Players:
    """`play()` until everything is done. `names`: what an act is called on each side, once it is known there: an event id, an address.

    `acts`: the activity by which somebody elsewhere did it. `done`: acts that the doer's own server has taken (for the fediverse: that the
    node has taken).
    """

    def __init__(
        self, script: Sequence[Act], commons: Commons, members: Mapping[str, Member], neighbours: Mapping[str, FediversePerson]
    ) -> None:
        self.script = script
        self.names: dict[Side, dict[int, str]] = {ROOM: {}, FAR: {}}
        self.acts: dict[int, str] = {}
        self.done: set[int] = set()
        self._commons = commons
        self._members = members
        self._neighbours = neighbours
        self._may_begin = [asyncio.Event() for _ in script]
        self._is_done = [asyncio.Event() for _ in script]
        self._read: dict[FediverseServer, tuple[int, dict[int, str]]] = {}

    def allow(self, upto: int) -> None:
        """Everything before act number `upto` may be begun."""
        for event in self._may_begin[:upto]:
            event.set()

    async def play(self) -> None:
        last: dict[tuple[str, int], int] = {}
        about: defaultdict[int, list[int]] = defaultdict(list)
        async with asyncio.TaskGroup() as group:
            for act in self.script:
                spot = act.who, self._thread(act)
                after = [last[spot]] if spot in last else []
                if act.kind == "deletion" and act.about is not None:
                    after += about[act.about]
                group.create_task(self._play(act, after), name=str(act))
                last[spot] = act.number
                if act.about is not None:
                    about[act.about].append(act.number)

    def _thread(self, act: Act) -> int:
        while act.about is not None:
            act = self.script[act.about]
        return act.number

    async def _play(self, act: Act, after: Sequence[int]) -> None:
        await self._may_begin[act.number].wait()
        for number in after:
            await self._is_done[number].wait()
        await (self._in_room(act, self._members[act.who]) if act.side == ROOM else self._afar(act, self._neighbours[act.who]))
        self.done.add(act.number)
        self._is_done[act.number].set()

    # ------------------------------------------------------------------------------------------------------ in the room

    async def _in_room(self, act: Act, member: Member) -> None:
        room, names = self._commons.room, self.names[ROOM]
        target = await self._seen_in_room(act.about) if act.about is not None else ""
        match act.kind:
            case "message":
                content: dict[str, Any] = {"msgtype": "m.text", "body": act.text, "m.mentions": {}}
                if act.root is not None:
                    root = await self._seen_in_room(act.root)
                    answered = {"m.in_reply_to": {"event_id": target}}
                    content["m.relates_to"] = {"rel_type": "m.thread", "event_id": root, "is_falling_back": False, **answered}
                names[act.number] = await member.send(room, "m.room.message", content)
            case "edit":
                names[act.number] = await member.edit(room, target, act.text)
            case "sign":
                names[act.number] = await member.react(room, target, act.sign)
            case "unsign" | "deletion":
                await member.take_back(room, target)

    async def _seen_in_room(self, number: int) -> str:
        names, steward = self.names[ROOM], self._commons.steward
        if number not in names:
            name, room = self.script[number].name, self._commons.room
            await self._is_done[number].wait()
            try:
                names[number] = await steward.until(
                    lambda: next((post.id for post in steward.posts(room) if name in NAME.findall(post.text)[:1]), ""), SEEN_WITHIN
                )
            except TimeoutError:
                raise Unseen(self.script[number]) from None
        return names[number]

    # ------------------------------------------------------------------------------------------------------ elsewhere

    async def _afar(self, act: Act, person: FediversePerson) -> None:
        group, names = self._commons.group, self.names[FAR]
        target = await self._seen_afar(act.about, person.server) if act.about is not None else ""
        match act.kind:
            case "message":
                note = person.write(group, act.text, answers=target)
                # Servers elsewhere hear each other without us: what answers it may well come before it does.
                names[act.number] = note["id"]
                await person.publish(group, note)
            case "edit":
                self.acts[act.number] = await person.edit(group, target, act.text)
            case "sign":
                names[act.number] = await person.like(group, target, act.sign)
            case "unsign":
                sign = self.script[act.about] if act.about is not None else act
                about = await self._seen_afar(sign.about, person.server) if sign.about is not None else ""
                self.acts[act.number] = await person.undo(group, target, about)
            case "deletion":
                self.acts[act.number] = await person.take_back(group, target)

    async def _seen_afar(self, number: int, server: FediverseServer) -> str:
        names = self.names[FAR]
        if number not in names:
            await self._is_done[number].wait()
            try:
                names[number] = await server.until(lambda: self._addresses(server).get(number, ""), SEEN_WITHIN)
            except TimeoutError:
                raise Unseen(self.script[number]) from None
        return names[number]

    def _addresses(self, server: FediverseServer) -> dict[int, str]:
        """The posts that a server has received, by the act that said them."""
        read, found = self._read.get(server, (0, {}))
        for activity in server.received[read:]:
            act = inner(activity)
            said = act.get("object")
            if act["type"] == "Create" and isinstance(said, dict) and (name := NAME.search(said.get("content", ""))):
                found.setdefault(int(name[0][1:]), said["id"])
        self._read[server] = len(server.received), found
        return found
