"""Promises each person at most one private room with the bot, opened when there is something to say, or by themselves.

https://spec.matrix.org/v1.18/client-server-api/#direct-messaging. The room is not encrypted, and the bot says so when somebody brings an
encrypted one. Invitations to other rooms wait for `folkmoot community link`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from bridge.changes import PutConversation
from bridge.logs import logger
from bridge.model.ids import MATRIX, Native
from bridge.ports import Store
from protocols.matrix.client import Client, Rejected
from protocols.matrix.ids import Me, is_user_id
from protocols.matrix.wire import dump

__all__ = ["Conversations"]

MOST_INVITATIONS = 20
"""Accepted in one pass; a flood waits its turn (matrix.md S19)."""

HELLO = "Hello. I carry conversations between this community's rooms and the fediverse. Write !moot help to see what I can do for you."
ENCRYPTED = "I cannot read encrypted rooms, so I have opened another one for the two of us. What you write there, this server can read."

_log = logger()


class Conversations:
    """The bot's private rooms."""

    def __init__(self, me: Me, client: Client, store: Store) -> None:
        self._me = me
        self._client = client
        self._store = store
        self._opening = asyncio.Lock()

    async def open(self, person: Native, room: str = "") -> str:
        """The room to talk to this person in; `room` is what the caller knows of. Raises Unreachable, Rejected, StorageError."""
        if room:
            return room
        async with self._opening:
            known = await self._store.directory.conversation(person)
            return known.id if known is not None else await self._create(person)

    async def _create(self, person: Native) -> str:
        body = {
            "preset": "private_chat",
            "is_direct": True,
            "invite": [person.id],
            "initial_state": [
                {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "invited"}},
                {"type": "m.room.guest_access", "state_key": "", "content": {"guest_access": "forbidden"}},
            ],
        }
        room = await self._client.create_room(body, by=self._me.bot)
        await self._store.journal.commit([PutConversation(person, Native(MATRIX, room))])
        _log.info("room.created", kind="conversation")
        return room

    async def reopen(self, person: Native, lost: str) -> str:
        """Another room, since `lost` is gone or they left it; whoever came first has opened one already."""
        known = await self._store.directory.conversation(person)
        if known is not None and known.id == lost:
            await self._store.journal.commit([PutConversation(person, None)])
        return await self.open(person)

    async def accept(self) -> int:
        """Join the private rooms people have invited the bot to; how many."""
        invited = await self._client.invitations(self._me.bot)
        accepted = 0
        for room, shown in list(invited.items())[:MOST_INVITATIONS]:
            inviter = self._inviter(shown)
            if inviter is None:
                continue
            try:
                await self._welcome(room, Native(MATRIX, inviter))
                accepted += 1
            except Rejected as refusal:
                _log.info("homeserver.refused", code=refusal.errcode, kind="invitation")
        return accepted

    async def _welcome(self, room: str, person: Native) -> None:
        bot = self._me.bot
        await self._client.join(room, by=bot)
        encrypted = await self._client.state(room, "m.room.encryption", by=bot) is not None
        if encrypted:
            async with self._opening:
                await self._create(person)
        else:
            await self._store.journal.commit([PutConversation(person, Native(MATRIX, room))])
        await self._client.send(room, "m.room.message", _notice(ENCRYPTED if encrypted else HELLO), "hello", by=bot)
        if encrypted:
            await self._client.leave(room, by=bot)

    def _inviter(self, shown: Any) -> str | None:
        """Who invites the bot to a direct conversation; None when it is no such invitation."""
        state = shown.get("invite_state") if isinstance(shown, dict) else None
        events = state.get("events") if isinstance(state, dict) else None
        for event in events if isinstance(events, list) else ():
            if not isinstance(event, dict) or event.get("type") != "m.room.member" or event.get("state_key") != self._me.bot:
                continue
            content, sender = event.get("content"), event.get("sender")
            direct = isinstance(content, dict) and content.get("membership") == "invite" and content.get("is_direct") is True
            if direct and isinstance(sender, str) and is_user_id(sender) and not sender.startswith("@_"):
                return sender
        return None


def _notice(text: str) -> bytes:
    return dump({"msgtype": "m.notice", "body": text, "m.mentions": {}})
