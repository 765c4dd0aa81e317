"""What a room is now, asked of the homeserver: who may enter, who may read back, what it is called, and what it replaces."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from bridge.errors import BadSetting, Unreachable
from bridge.logs import logger
from bridge.model.ids import MATRIX, Native
from bridge.model.place import Place, PlaceKind
from protocols.matrix.client import Client, Rejected
from protocols.matrix.ids import Me
from protocols.matrix.translate.setting import RoomFacts, openness_of
from protocols.matrix.wire import NODE

__all__ = ["BOT_NAME", "Rooms"]

BOT_NAME = "Folkmoot"
MEMBER = "m.room.member"
MOST_BRIDGES = 8
"""Other nodes in one room; there is rarely one."""

_DOMAIN = re.compile(r"[a-z0-9.-]{1,253}(?::[0-9]{1,5})?")

_log = logger()


class Rooms:
    """Reads state as the bot."""

    def __init__(self, me: Me, client: Client, names: Sequence[str] = ()) -> None:
        """`names`: of this node, in handles and in URLs, which may differ."""
        self._names = tuple(dict.fromkeys([me.domain, *names]))
        self._me = me
        self._client = client

    async def facts(self, room: str) -> bytes:
        """RoomFacts as JSON. What cannot be read stays closed. Raises Unreachable."""
        bot = self._me.bot
        facts = RoomFacts()
        for event_type, key, field in (
            ("m.room.join_rules", "join_rule", "join"),
            ("m.room.history_visibility", "history_visibility", "history"),
            ("m.room.name", "name", "name"),
        ):
            content = await self._client.state(room, event_type, by=bot)
            value = content.get(key) if content is not None else None
            if isinstance(value, str):
                facts = msgspec.structs.replace(facts, **{field: value[:255]})
        encrypted = await self._client.state(room, "m.room.encryption", by=bot) is not None
        return msgspec.json.encode(msgspec.structs.replace(facts, encrypted=encrypted))

    async def predecessor(self, room: str) -> bytes | None:
        """The room that this one says it replaces. The bot may have to enter to see; it stays only where a room it is in is replaced."""
        bot = self._me.bot
        entered = False
        try:
            try:
                content = await self._client.state(room, "m.room.create", by=bot)
            except Rejected:
                await self._client.join(room, by=bot, via=self._me.server_name)
                entered = True
                content = await self._client.state(room, "m.room.create", by=bot)
            before = content.get("predecessor") if content is not None else None
            named = before.get("room_id") if isinstance(before, dict) else None
            if entered and named not in await self._client.rooms(bot):
                await self._client.leave(room, by=bot)
        except Rejected:
            return None
        return named.encode() if isinstance(named, str) else None

    async def prepare(self, room: str) -> Place:
        """Bring the bot into the room (an id or an alias) and say what the room is. Raises BadSetting with what to do, Unreachable."""
        bot = self._me.bot
        try:
            found = await self._client.resolve(room, by=bot) if room.startswith("#") else room
        except Rejected as refusal:
            raise BadSetting(
                f"there is no room {room} ({refusal.errcode})", key="place", remedy="Check the alias, or use the room's id."
            ) from refusal
        if not found.startswith("!"):
            raise BadSetting(f"{room!r} is no room", key="place", remedy="Give a room id (!…) or an alias (#…:server).")
        try:
            if found not in await self._client.rooms(bot):
                via = found.partition(":")[2] or room.partition(":")[2] or self._me.server_name
                await self._client.join(found, by=bot, via=via)
                _log.info("room.joined", place=found)
            facts = msgspec.json.decode(await self.facts(found), type=RoomFacts)
            bridges = await self._bridges(found)
        except Rejected as refusal:
            raise BadSetting(
                f"{bot} cannot enter {room} ({refusal.errcode})", key="place", remedy=f"Invite {bot} to the room, then link it again."
            ) from refusal
        return Place(native=Native(MATRIX, found), kind=PlaceKind.ROOM, name=facts.name, openness=openness_of(facts), bridges=bridges)

    async def tell(self, room: str) -> None:
        """Say in the bot's own membership which node carries the room: that needs no power in it, and the same said again is no event."""
        bot = self._me.bot
        await self._client.put_state(room, MEMBER, {"membership": "join", "displayname": BOT_NAME, NODE: list(self._names)}, bot, by=bot)

    async def _bridges(self, room: str) -> tuple[str, ...]:
        """Other nodes that carry the room, as their bots' memberships say; ours says so from now on."""
        bot = self._me.bot
        await self.tell(room)
        found = [content.get(NODE) for user, content in await self._client.memberships(room, by=bot) if user != bot]
        told = [name for names in found for name in (names if isinstance(names, list) else [names])]
        nodes = dict.fromkeys(node.lower() for node in told if isinstance(node, str) and _DOMAIN.fullmatch(node.lower()))
        return tuple(node for node in nodes if node not in self._names)[:MOST_BRIDGES]

    async def part(self, room: str) -> None:
        """Ghosts and bot leave a room; who has left already is not missed."""
        bot = self._me.bot
        try:
            ours = [user for user in await self._client.members(room, by=bot) if self._me.is_ghost(user)]
            for user in (*ours, bot):
                await self._client.leave(room, by=user)
        except Rejected as refusal:
            _log.info("room.left", place=room, reason=refusal.private)
            return
        _log.info("room.left", place=room, count=len(ours) + 1)

    async def event(self, room: str, event: str) -> bytes | None:
        """One event as it is now, byte for byte; None when it is not there, or not for us."""
        try:
            return await self._client.event(room, event, by=self._me.bot)
        except Rejected:
            return None

    async def count(self, room: str) -> tuple[int, int]:
        """People and ghosts in a room, the bot not counted."""
        users = [user for user in await self._client.members(room, by=self._me.bot) if user != self._me.bot]
        ghosts = sum(1 for user in users if self._me.is_ghost(user))
        return len(users) - ghosts, ghosts

    async def profile(self, user: str) -> dict[str, object] | None:
        """Somebody's name and picture; None when the homeserver knows nobody of that id, or does not tell."""
        try:
            return await self._client.profile(user, by=self._me.bot)
        except Rejected:
            return None
        except Unreachable:
            if user.endswith(f":{self._me.server_name}"):
                raise
            return None  # their own homeserver is away; their words do not wait for it
