"""Who and where: actors, ghosts, places and follows, as last written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Executable, Row, bindparam, func, select

from bridge.model.actor import Actor, Ghost
from bridge.model.ids import ACTIVITYPUB, ChannelId, CommunityId, Native
from bridge.model.ids import Protocol as ProtocolName
from bridge.model.place import Channel, Community, History, Join, Openness, Place, PlaceKind
from bridge.model.portal import channel_of, portal_at
from bridge.model.record import Follow
from storage.changes.social import hidden_handle
from storage.columns import called_as, moment, parse_native
from storage.engine import Database
from storage.portals import PORTAL, PORTAL_AT, portal_of
from storage.schema import actors, channels, communities, conversations, follows, ghosts, places

__all__ = ["SqlDirectory"]

_COMMUNITIES = select(communities).order_by(communities.c.id)
_COMMUNITY = select(communities).where(communities.c.id == bindparam("id"))
_WITH_PLACES = (
    select(
        channels.c.id,
        channels.c.community,
        places.c.native,
        places.c.kind,
        places.c.name,
        places.c.entry,
        places.c.history,
        places.c.encrypted,
        places.c.bridges,
    )
    .select_from(channels.outerjoin(places, places.c.channel == channels.c.id))
    .order_by(channels.c.id, places.c.ordinal)
)
_CHANNELS = _WITH_PLACES.where(channels.c.community == bindparam("community"), ~channels.c.id.startswith("moderation:"))
_CHANNEL = _WITH_PLACES.where(channels.c.id == bindparam("channel"))
_OF_PLACE = select(places.c.channel).where(places.c.native == bindparam("place"))
_ACTOR = select(actors.c.body, actors.c.at).where(actors.c.native == bindparam("native"))
_CALLED = select(actors.c.native).where(actors.c.called == bindparam("called")).limit(2)
_GHOST = select(ghosts.c.body).where(ghosts.c.native == bindparam("native"))
_GHOST_OF = (
    select(ghosts.c.body)
    .where(ghosts.c.protocol == bindparam("protocol"), ghosts.c.of == bindparam("of"))
    .order_by(ghosts.c.ended.is_(None).desc(), ghosts.c.since.desc())
    .limit(1)
)
_NAMED = (
    select(ghosts.c.body)
    .where(ghosts.c.protocol == bindparam("protocol"), ghosts.c.folded.in_(bindparam("names", expanding=True)))
    .order_by(ghosts.c.ended.is_(None).desc(), ghosts.c.since.desc())
    .limit(1)
)
_GHOSTS = select(ghosts.c.body).where(ghosts.c.community == bindparam("community"), ghosts.c.ended.is_(None)).order_by(ghosts.c.native)
_FOLLOW = select(follows).where(follows.c.actor == bindparam("actor"), follows.c.target == bindparam("target"))
_FOLLOWERS = (
    select(follows)
    .where(follows.c.target == bindparam("target"), follows.c.accepted.is_not(None), follows.c.actor > bindparam("after"))
    .order_by(follows.c.actor)
    .limit(bindparam("many"))
)
_COUNT = select(func.count()).select_from(follows).where(follows.c.target == bindparam("target"), follows.c.accepted.is_not(None))
_CONVERSATION = select(conversations.c.place).where(conversations.c.actor == bindparam("actor"))
_OWNER = select(conversations.c.actor).where(conversations.c.place == bindparam("place")).limit(1)


class SqlDirectory:
    """The `Directory` port over any `Database`."""

    def __init__(self, database: Database, secret: bytes) -> None:
        self._database = database
        self._secret = secret

    async def _first(self, statement: Executable, **values: object) -> Row[*tuple[Any, ...]] | None:
        return await self._database.read(lambda connection: connection.execute(statement, values).first())

    async def _all(self, statement: Executable, **values: object) -> list[Row[*tuple[Any, ...]]]:
        return await self._database.read(lambda connection: list(connection.execute(statement, values).all()))

    async def communities(self) -> tuple[Community, ...]:
        return tuple(_community(row) for row in await self._all(_COMMUNITIES))

    async def community(self, community: CommunityId) -> Community | None:
        row = await self._first(_COMMUNITY, id=community)
        return None if row is None else _community(row)

    async def channels(self, community: CommunityId) -> tuple[Channel, ...]:
        return _channels(await self._all(_CHANNELS, community=community))

    async def channel(self, channel: ChannelId) -> Channel | None:
        return await self._database.read(lambda connection: _channel(connection, channel))

    async def channel_of(self, place: Native) -> Channel | None:
        direct = portal_at(place)

        def read(connection: Connection) -> Channel | None:
            if direct is not None:
                return _channel(connection, direct)
            channel = connection.execute(_OF_PLACE, {"place": str(place)}).scalar()
            if channel is not None:
                return _channel(connection, channel)
            portal = connection.execute(PORTAL_AT, {"place": str(place)}).first() if place.protocol != ACTIVITYPUB else None
            return None if portal is None else channel_of(portal_of(portal))

        return await self._database.read(read)

    async def actor(self, native: Native) -> tuple[Actor, datetime] | None:
        row = await self._first(_ACTOR, native=str(native))
        return None if row is None else (msgspec.msgpack.decode(row.body, type=Actor), moment(row.at))

    async def actor_called(self, protocol: ProtocolName, handle: str) -> Native | None:
        rows = await self._all(_CALLED, called=called_as(protocol, handle))
        return parse_native(rows[0].native) if len(rows) == 1 else None

    async def ghost(self, native: Native) -> Ghost | None:
        return _ghost(await self._first(_GHOST, native=str(native)))

    async def ghost_of(self, protocol: ProtocolName, of: Native) -> Ghost | None:
        """The one in use, else the one that ended last."""
        return _ghost(await self._first(_GHOST_OF, protocol=protocol, of=str(of)))

    async def ghost_by_handle(self, protocol: ProtocolName, handle: str) -> Ghost | None:
        names = [handle.casefold(), hidden_handle(self._secret, handle)]
        return _ghost(await self._first(_NAMED, protocol=protocol, names=names))

    async def ghosts(self, community: CommunityId) -> tuple[Ghost, ...]:
        """Those in use."""
        ask = {"community": community}
        rows = await self._database.scan(lambda connection: list(connection.execute(_GHOSTS, ask).all()))
        return tuple(msgspec.msgpack.decode(row.body, type=Ghost) for row in rows)

    async def follow(self, actor: Native, target: Native) -> Follow | None:
        row = await self._first(_FOLLOW, actor=str(actor), target=str(target))
        return None if row is None else _follow(row)

    async def followers(self, target: Native, after: str, limit: int) -> tuple[Follow, ...]:
        """`after`: the native id (without its protocol) of the last one seen, empty for the first page."""
        key = f"{target.protocol}:{after}" if after else ""
        return tuple(_follow(row) for row in await self._all(_FOLLOWERS, target=str(target), after=key, many=limit))

    async def follower_count(self, target: Native) -> int:
        ask = {"target": str(target)}
        found: int = await self._database.scan(lambda connection: connection.execute(_COUNT, ask).scalar_one())
        return found

    async def conversation(self, actor: Native) -> Native | None:
        row = await self._first(_CONVERSATION, actor=str(actor))
        return None if row is None else parse_native(row.place)

    async def owner_of(self, conversation: Native) -> Native | None:
        row = await self._first(_OWNER, place=str(conversation))
        return None if row is None else parse_native(row.actor)


def _community(row: Row[*tuple[Any, ...]]) -> Community:
    return Community(CommunityId(row.id), row.handle, row.name, row.about, row.retired)


def _channels(rows: Iterable[Row[*tuple[Any, ...]]]) -> tuple[Channel, ...]:
    grouped: dict[tuple[str, str], list[Place]] = {}
    for row in rows:
        of = grouped.setdefault((row.id, row.community), [])
        if row.native is not None:
            of.append(_place(row))
    return tuple(Channel(ChannelId(id_), CommunityId(community), tuple(of)) for (id_, community), of in grouped.items())


def _channel(connection: Connection, id_: str) -> Channel | None:
    """A channel of a community, else a direct conversation."""
    found = _channels(connection.execute(_CHANNEL, {"channel": id_}).all())
    if found:
        return found[0]
    portal = connection.execute(PORTAL, {"channel": id_}).first()
    return None if portal is None else channel_of(portal_of(portal))


def _place(row: Row[*tuple[Any, ...]]) -> Place:
    openness = Openness(Join(row.entry), History(row.history), row.encrypted)
    return Place(parse_native(row.native), PlaceKind(row.kind), row.name, openness, tuple((row.bridges or "").split()))


def _ghost(row: Row[*tuple[Any, ...]] | None) -> Ghost | None:
    return None if row is None else msgspec.msgpack.decode(row.body, type=Ghost)


def _follow(row: Row[*tuple[Any, ...]]) -> Follow:
    since, accepted = moment(row.since), moment(row.accepted)
    return Follow(parse_native(row.actor), parse_native(row.target), row.request, since, accepted)
