"""Promises that two people have one room, in which nobody else is and into which nobody else can be let.

https://spec.matrix.org/v1.18/client-server-api/#direct-messaging. The account of the one elsewhere makes it and invites the one who lives here;
the bot is not in it. It is found by its alias, so that there is one whatever was lost here. Nobody but its maker may invite or encrypt.
"""

from __future__ import annotations

from typing import Any

from bridge.errors import PeerError
from bridge.logs import logger
from bridge.model.ids import MATRIX, Native
from bridge.model.portal import Portal
from protocols.matrix.client import Client, Rejected
from protocols.matrix.ids import Me

__all__ = ["Portals"]

_TOPIC = "Private words of two people. They are readable by the admins of both servers."

_log = logger()


class Portals:
    """`open` makes the room, or finds it again."""

    def __init__(self, me: Me, client: Client) -> None:
        self._me = me
        self._client = client

    async def open(self, portal: Portal, ghost: str) -> Native:
        """The member is in it or invited when this returns. Raises PeerError when they block such invitations, Unreachable."""
        alias = f"{self._me.prefix}direct_{portal.id}"
        try:
            room = await self._found(f"#{alias}:{self._me.server_name}", ghost) or await self._made(alias, portal, ghost)
            membership, _ = await self._client.member(room, portal.member.id, by=ghost)
            if membership not in {"join", "invite"}:
                await self._client.invite(room, portal.member.id, by=ghost)
        except Rejected as refusal:
            raise PeerError("The homeserver does not let the two have a room.", private=f"portal: {refusal.errcode}") from refusal
        return Native(MATRIX, room)

    async def _found(self, alias: str, ghost: str) -> str | None:
        try:
            return await self._client.resolve(alias, by=ghost)
        except Rejected as refusal:
            if refusal.errcode != "M_NOT_FOUND":
                raise
            return None

    async def _made(self, alias: str, portal: Portal, ghost: str) -> str:
        body: dict[str, Any] = {
            "preset": "private_chat",
            "is_direct": True,
            "room_alias_name": alias,
            "topic": _TOPIC,
            "invite": [portal.member.id],
            "power_level_content_override": {"invite": 100, "events": {"m.room.encryption": 100, "m.room.tombstone": 100}},
            "initial_state": [
                {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "invited"}},
                {"type": "m.room.guest_access", "state_key": "", "content": {"guest_access": "forbidden"}},
            ],
        }
        room = await self._client.create_room(body, by=ghost)
        _log.info("room.created", kind="portal")
        return room
