"""The client of somebody who lives in a hall: each method is one thing they do, and it is durable in the node before it returns."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from bridge.errors import Refused
from bridge.model.content.membership import Change
from bridge.model.content.message import Attachment, ContentNote
from bridge.model.ids import Native
from bridge.model.place import Openness
from bridge.model.richtext import from_plain
from protocols.loopback.ids import talk_with, written
from protocols.loopback.wire import Account, Arrange, Boost, Close, Come, Expel, Face, Named, React, Revise, Say, TakeBack, Words

if TYPE_CHECKING:
    from protocols.loopback.hall import Hall

__all__ = ["Person"]


class Person:
    """Whatever it does raises Refused when the hall does not let them, and StorageError when the node could not take it yet."""

    def __init__(self, hall: Hall, name: str) -> None:
        self._hall = hall
        self.name = name

    @property
    def account(self) -> Account:
        """How others see them."""
        return self._hall.account(self.name) or Account(self.name, self.name)

    async def say(
        self,
        room: str,
        text: str,
        *,
        reply_to: str = "",
        thread: str = "",
        mentions: Mapping[str, Native] | None = None,
        title: str | None = None,
        note: ContentNote | None = None,
        language: str | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> str:
        """Returns the message's name. `mentions`: how people are called in the text, and who is meant."""
        words = msgspec.structs.replace(
            words_with(text, mentions or {}), title=title, note=note, language=language, attachments=tuple(attachments)
        )
        return await self._hall.act(room, self.name, Say(words=words, reply_to=reply_to, thread=thread))

    async def edit(self, message: str, text: str, *, mentions: Mapping[str, Native] | None = None) -> str:
        room = self._hall.room_of(message).name
        return await self._hall.act(room, self.name, Revise(of=message, words=words_with(text, mentions or {})))

    async def take_back(self, deed: str, reason: str = "") -> str:
        """A message, a reaction or a boost; one's own, or anybody's where one is a host."""
        room = self._hall.room_of(deed)
        return await self._hall.act(room.name, self.name, TakeBack(of=deed, reason=reason, author=room.author_of(deed)))

    async def react(self, message: str, key: str) -> str:
        """Returns the reaction's name; the same sign twice is one."""
        room = self._hall.room_of(message)
        there = room.sign_of(message, self.name, key)
        return there or await self._hall.act(room.name, self.name, React(of=message, key=key))

    async def unreact(self, message: str, key: str) -> str:
        return await self.take_back(self._sign(message, key))

    async def boost(self, message: str) -> str:
        room = self._hall.room_of(message)
        there = room.sign_of(message, self.name, "")
        return there or await self._hall.act(room.name, self.name, Boost(of=message))

    async def unboost(self, message: str) -> str:
        return await self.take_back(self._sign(message, ""))

    async def join(self, room: str) -> str:
        return await self._hall.act(room, self.name, Come(Change.JOIN, who=self.name))

    async def leave(self, room: str) -> str:
        return await self._hall.act(room, self.name, Come(Change.LEAVE, who=self.name))

    async def remove(self, room: str, account: str, *, reason: str = "") -> str:
        """Send somebody out; only a host of the room can. `account` as the room shows it: a person, or who stands for one."""
        return await self._hall.act(room, self.name, Expel(account, reason=reason))

    async def readmit(self, room: str, account: str) -> str:
        """Whoever was sent out may come in again."""
        return await self._hall.act(room, self.name, Expel(account, lifted=True))

    async def close(self, message: str, *, opened: bool = False, reason: str = "") -> str:
        """No more answers to a conversation, by its first message; or answers again."""
        return await self._hall.act(self._hall.room_of(message).name, self.name, Close(message, opened, reason))

    async def follow(self, room: str, group: Native) -> str:
        """Follow a group that this room's conversation is carried by, or any other place."""
        return await self._hall.act(room, self.name, Come(Change.FOLLOW, who=self.name, to=written(group)))

    async def unfollow(self, room: str, group: Native) -> str:
        return await self._hall.act(room, self.name, Come(Change.UNFOLLOW, who=self.name, to=written(group)))

    async def rename(self, called: str, *, avatar: str = "") -> None:
        """A new name and picture, told in each room they are in."""
        await self._face(Account(self.name, called, avatar=avatar), ended=False)

    async def end(self) -> None:
        """The account is no more."""
        await self._face(self.account, ended=True)

    async def _face(self, account: Account, *, ended: bool) -> None:
        self._hall.dress(account)
        for room in self._hall.rooms_with(self.name):
            await self._hall.act(room.name, self.name, Face(account=account, ended=ended))

    async def arrange(self, room: str, *, openness: Openness | None = None, name: str | None = None, successor: str | None = None) -> str:
        """Change a room; only its hosts can."""
        return await self._hall.act(room, self.name, Arrange(openness=openness, name=name, successor=successor))

    async def tell_bot(self, text: str, *, about: str = "") -> str:
        """Say something to the bridge in private; `about` is the message it answers."""
        return await self._hall.act(talk_with(self.name), self.name, Say(words=Words(text=text), reply_to=about))

    def _sign(self, message: str, key: str) -> str:
        sign = self._hall.room_of(message).sign_of(message, self.name, key)
        if not sign:
            raise Refused("There is nothing of theirs under it.")
        return sign


def words_with(text: str, mentions: Mapping[str, Native]) -> Words:
    """Words as typed; each name that a mention gives becomes a link to who is meant, as clients complete names."""
    if not mentions:
        return Words(text=text)
    typed = {html.escape(name, quote=False): number for number, name in enumerate(mentions)}
    longest_first = "|".join(re.escape(name) for name in sorted(typed, key=len, reverse=True))
    shown = re.sub(longest_first, lambda name: f'<a data-mention="{typed[name[0]]}">{name[0]}</a>', from_plain(text).html)
    return Words(text=text, html=shown, mentions=tuple(Named(written(who), name) for name, who in mentions.items()))
