"""A chat service in memory: rooms, people and the accounts that stand for others; it lives on while a node is down and loses no deed.

It is the built-in place of a node in development, and what tries out the relay and the courier: nothing in it is pretended.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bridge.errors import Refused
from bridge.model.place import OPEN, Openness
from bridge.ports import Clock
from protocols.loopback.faults import Faults
from protocols.loopback.ids import BOT, is_name, is_talk, talk_with
from protocols.loopback.people import Person
from protocols.loopback.room import Line, Room
from protocols.loopback.wire import Account, Act, Boost, Deed, Draft, Face, React, Say

__all__ = ["Hall", "Take"]

Take = Callable[[tuple[Deed, ...]], Awaitable[None]]
"""How a node takes what happened. Returns once it is durable there; until then the hall keeps it."""

_Found = TypeVar("_Found")


class Hall:
    """`stamp` is part of every deed's name, so that a hall opened anew never gives a name again that a node remembers."""

    def __init__(self, clock: Clock, *, stamp: str | None = None) -> None:
        self.faults = Faults()
        self._clock = clock
        self._stamp = secrets.token_hex(6) if stamp is None else stamp
        self._numbers = itertools.count(1)
        self._rooms: dict[str, Room] = {}
        self._accounts: dict[str, Account] = {BOT: Account(BOT, "Folkmoot")}
        self._done: dict[str, str] = {}
        """What a node asked for, by its own key → what it was called here."""
        self._waiting: list[Deed] = []
        self._take: Take | None = None
        self._handing = asyncio.Lock()
        self._bell = asyncio.Event()

    # ------------------------------------------------------------------------------------------------------ who and where

    def open(self, name: str, title: str = "", *, openness: Openness = OPEN, hosts: frozenset[str] = frozenset()) -> Room:
        """The room of that name, made when there is none. Raises Refused for a name that cannot be, or that a person has."""
        room = self._rooms.get(name)
        if room is None:
            if not is_name(name) or name in self._accounts:
                raise Refused(f"{name!r} cannot be the name of a room: it needs small letters, digits, dots or dashes, and to be free.")
            room = self._rooms[name] = Room(name, title=title, openness=openness, hosts=hosts)
        return room

    def person(self, name: str, called: str = "") -> Person:
        """The client of somebody who lives here, made when there is none. Raises Refused for a name that cannot be, or that a room has."""
        if not is_name(name) or name in self._rooms:
            raise Refused(f"{name!r} cannot be the name of a person: it needs small letters, digits, dots or dashes, and to be free.")
        if name not in self._accounts:
            self._accounts[name] = Account(name, called or name)
        return Person(self, name)

    def dress(self, account: Account) -> None:
        """An account that stands for somebody looks like this from now on."""
        self._accounts[account.id] = account

    def account(self, name: str) -> Account | None:
        return self._accounts.get(name)

    def room(self, name: str) -> Room:
        """Raises Refused when there is none. The bot's talk with a person is there from the beginning."""
        room = self._rooms.get(name)
        if room is None:
            if not is_talk(name):
                raise Refused(f"There is no room {name!r}.")
            room = self._rooms[name] = Room(name)
        return room

    def room_of(self, deed: str) -> Room:
        """Where something is that was said or put there. Raises Refused when it is nowhere."""
        for room in self._rooms.values():
            if deed in room:
                return room
        raise Refused("It is not here.")

    def rooms_with(self, person: str) -> tuple[Room, ...]:
        """The rooms that somebody has come to or spoken in."""
        return tuple(room for room in self._rooms.values() if person in room.present and not is_talk(room.name))

    # ------------------------------------------------------------------------------------------------------ what is seen

    def conversation(self, room: str) -> tuple[Line, ...]:
        """What a client in that room shows now, in order."""
        return self.room(room).lines

    def notices(self, person: str) -> tuple[str, ...]:
        """What the bot has told somebody in private, in order."""
        return tuple(line.text for line in self.conversation(talk_with(person)) if line.by.id == BOT)

    async def until(self, look: Callable[[], _Found], seconds: float = 10.0) -> _Found:
        """What `look` finds, as soon as that is something; asked again whenever something happens. Raises TimeoutError."""
        try:
            async with asyncio.timeout(seconds):
                while not (found := look()):
                    await self._bell.wait()
        except TimeoutError:
            raise TimeoutError(f"nothing in the hall fits after {seconds:g} s") from None
        return found

    # ------------------------------------------------------------------------------------------------------ what happens

    async def act(self, room: str, by: str, act: Act) -> str:
        """Somebody who lives here does something; the name it got. Durable in the node, when one is there, before this returns.

        Raises Refused when the hall does not let them; then nothing happened. Raises StorageError when the node could not take it: then it
        happened here, and the node is told again.
        """
        deed = self._happen(room, self._accounts[by], Draft(act))
        self._waiting.append(deed)
        await self.hand_over()
        return deed.id

    def make(self, room: str, by: str, draft: Draft, key: str) -> str:
        """A node makes something happen through an account of its own; asked again with the same key, it has happened once.

        Returns the name it got, empty for a sign that was there already; what has a name that others point at is handed over too, like
        whatever happens in a room, so that the name is not lost with the answer. Raises Refused.
        """
        known = self._done.get(key)
        if known is not None:
            return known
        act = draft.act
        if isinstance(act, React | Boost) and self.room(room).sign_of(act.of, by, act.key if isinstance(act, React) else ""):
            return ""
        deed = self._happen(room, self._accounts[by], draft)
        if isinstance(act, Face):
            self.dress(act.account)
        self._done[key] = deed.id
        if deed.mark is not None and isinstance(act, Say | React | Boost) and not is_talk(room):
            self._waiting.append(deed)
        return deed.id

    def _happen(self, room: str, by: Account, draft: Draft) -> Deed:
        deed = Deed(id=f"{self._stamp}.{next(self._numbers)}", room=room, by=by, at=self._clock.now(), act=draft.act, mark=draft.mark)
        self.room(room).apply(deed)
        self._bell.set()
        self._bell = asyncio.Event()
        return deed

    # ------------------------------------------------------------------------------------------------------ the node

    async def attach(self, take: Take) -> None:
        """From now on this node takes what happens, beginning with what no node has taken yet."""
        self._take = take
        await self.hand_over()

    def detach(self) -> None:
        """The node is gone; what happens waits for the next one."""
        self._take = None

    async def hand_over(self) -> None:
        """Everything not taken yet, in order. What a node took without being able to say so is told again, under the same names."""
        async with self._handing:
            while self._waiting and self._take is not None:
                batch = tuple(self._waiting)
                await self._take(batch)
                del self._waiting[: len(batch)]
