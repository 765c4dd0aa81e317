"""Promises that whoever speaks from elsewhere has one account here, with their name and home, in the rooms they speak in and no other.

matrix.md sections 3.1 and 9.2: an account is registered before anything else is done with it, and joins a room only when it has something
to say there (joins are the slowest thing a homeserver does). A kick or ban is an instruction and is not argued with; the room's own state is
where we remember it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from bridge.changes import Change, PutGhost
from bridge.errors import Conflict
from bridge.logs import logger
from bridge.model.actor import Actor, Ghost
from bridge.model.ids import MATRIX, CommunityId, Native
from bridge.ports import Clock, Store
from protocols.matrix.client import Client, Rejected
from protocols.matrix.ids import Me, ghost_id
from protocols.matrix.translate.profile import face_of
from protocols.matrix.uploads import Uploads

__all__ = ["Ghosts", "Unwelcome"]

MOST_REMEMBERED = 20_000
"""Who is in which room, as far as this process has seen; forgetting costs one request."""

BETWEEN_NAMES = timedelta(minutes=10)
"""A new name makes an event in each of the ghost's rooms, so quick changes wait for the next words (matrix.md 12.3)."""

_log = logger()
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Unwelcome(Rejected):
    """The room has removed this ghost, or does not let it in."""

    code = "unwelcome"


class Ghosts:
    """`ensure` before a ghost speaks, `enter` before it speaks in a room."""

    def __init__(self, me: Me, client: Client, store: Store, clock: Clock, uploads: Uploads) -> None:
        self._uploads = uploads
        self._me = me
        self._client = client
        self._store = store
        self._clock = clock
        self._making = asyncio.Lock()
        self._inside: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._renamed: OrderedDict[str, datetime] = OrderedDict()

    async def ensure(self, actor: Actor, community: CommunityId) -> Native:
        """The account of this actor, made and recorded if there is none yet. Raises Unreachable, Rejected, StorageError."""
        ghost = await self._find(actor.native)
        if ghost is not None:
            return ghost.native
        async with self._making:
            try:
                made, changes = await self.make(actor, community)
                await self._store.journal.commit(changes)
            except Conflict:
                made, changes = await self.make(actor, community, distinct=True)
                await self._store.journal.commit(changes)
        return made.native

    async def make(self, actor: Actor, community: CommunityId, *, distinct: bool = False) -> tuple[Ghost, Sequence[Change]]:
        """Register and dress an account, or dress the one there is anew; the changes are for the caller to commit."""
        face = face_of(actor)
        known = await self._store.directory.ghost_of(MATRIX, actor.native)
        if known is not None and not distinct:
            if known.ended is None and known.name == face and known.avatar == actor.avatar:
                return known, ()
            shown = await self._dress(known.native.id, face, actor.avatar, known)
            renewed = Ghost(known.native, known.of, known.handle, known.kind, known.community, face, shown, known.since)
            return renewed, (PutGhost(renewed),)
        user = ghost_id(self._me, actor.native, actor.handle, actor.host, distinct=distinct)
        taken = await self._store.directory.ghost(Native(MATRIX, user))
        if taken is not None and taken.of != actor.native:
            user = ghost_id(self._me, actor.native, actor.handle, actor.host, distinct=True)
        await self.register(user)
        shown = await self._dress(user, face, actor.avatar)
        _log.info("ghost.registered", peer=actor.host)
        localpart = user.removeprefix("@").partition(":")[0]
        ghost = Ghost(Native(MATRIX, user), actor.native, localpart, actor.kind, community, face, shown, self._clock.now())
        return ghost, (PutGhost(ghost),)

    async def register(self, user: str) -> None:
        """The account and its device; both may exist already."""
        await self._client.register(user.removeprefix("@").partition(":")[0])
        await self._client.put_device(user)

    async def renew(self, actor: Actor) -> None:
        """Show a changed name or picture, at most once in ten minutes; what is skipped is caught up with when the ghost next speaks. The
        first name does not count: newcomers often find theirs in the first minutes."""
        ghost = await self._find(actor.native)
        if ghost is None or (ghost.name == face_of(actor) and ghost.avatar == actor.avatar):
            return
        now = self._clock.now()
        if (last := self._renamed.get(ghost.native.id)) is not None and now - last < BETWEEN_NAMES:
            return
        _, changes = await self.make(actor, ghost.community or CommunityId(""))
        await self._store.journal.commit(changes)
        _remember(self._renamed, ghost.native.id, now)

    async def _dress(self, user: str, face: str, avatar: str | None, before: Ghost | None = None) -> str | None:
        """Name and picture; the address of the picture it has now. One that cannot be had is asked for again with the next change."""
        if before is None or before.name != face or before.ended is not None:
            await self._client.set_displayname(user, face)
        had = before.avatar if before is not None and before.ended is None else None
        if avatar == had:
            return had
        upload = await self._uploads.have(avatar, by=user) if avatar else None
        if upload is not None and upload.media_type.startswith("image/"):
            await self._client.set_avatar(user, upload.address)
            return avatar
        if had is not None:
            await self._client.set_avatar(user, "")
        return None

    async def enter(self, room: str, user: str) -> None:
        """Be in the room, or raise Unwelcome. A room that is not open to all takes an invitation by the bot."""
        if (room, user) in self._inside:
            self._inside.move_to_end((room, user))
            return
        membership, by = await self._client.member(room, user, by=self._me.bot)
        if membership == "ban" or (membership == "leave" and not self._me.is_ours(by)):
            raise Unwelcome("M_FORBIDDEN", "the room has removed this account", 403)
        if membership != "join":
            await self._join(room, user)
            _log.info("ghost.joined", place=room)
        _remember(self._inside, (room, user), None)

    async def _join(self, room: str, user: str) -> None:
        try:
            await self._client.join(room, by=user)
        except Rejected as closed:
            if closed.errcode != "M_FORBIDDEN":
                raise
            try:
                await self._client.invite(room, user, by=self._me.bot)
                await self._client.join(room, by=user)
            except Rejected as refusal:
                raise Unwelcome(refusal.errcode, f"the room does not let it in: {refusal.said}", refusal.answered) from closed

    async def again(self, room: str, user: str) -> None:
        """The homeserver would not let it speak: make sure of account, device and membership once more."""
        self._inside.pop((room, user), None)
        await self.register(user)
        await self.enter(room, user)

    async def leave(self, room: str, user: str) -> None:
        """Out of the room; the account stays, since deactivating it could never be undone (matrix.md 3.1)."""
        self._inside.pop((room, user), None)
        try:
            await self._client.leave(room, by=user)
        except Rejected as refusal:
            _log.debug("ghost.left", place=room, code=refusal.errcode)

    async def undress(self, user: str) -> None:
        """No name and no picture any more: the homeserver keeps an account that has left every room, and shows its face to whoever asks."""
        await self._client.set_displayname(user, "")
        await self._client.set_avatar(user, "")

    async def _find(self, of: Native) -> Ghost | None:
        ghost = await self._store.directory.ghost_of(MATRIX, of)
        return ghost if ghost is not None and ghost.ended is None else None


def _remember(memory: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > MOST_REMEMBERED:
        memory.popitem(last=False)
