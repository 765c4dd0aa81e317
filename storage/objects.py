"""The current form of everything that crossed, and which copy is whose."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, or_, select, union_all

from bridge.model.audience import Audience
from bridge.model.event import Event, decode
from bridge.model.ids import ChannelId, CommunityId, ItemId, Native, ObjectId
from bridge.model.item import Item
from bridge.model.record import KnownObject, Part, Said
from storage.changes.outgoing import decode_item
from storage.columns import micros, moment, parse_native
from storage.engine import Database
from storage.schema import copies, objects, out, parts

__all__ = ["SqlObjects"]

_KNOWN = select(*(column for column in objects.c if column.name != "body"))
_GET = _KNOWN.where(objects.c.id == bindparam("id"))
_BORN_AS = _KNOWN.where(objects.c.native == bindparam("native")).order_by(objects.c.ordinal.desc()).limit(1)
_COPIED_AS = (
    _KNOWN.join(copies, copies.c.object == objects.c.id)
    .where(copies.c.native == bindparam("native"))
    .order_by(objects.c.ordinal.desc())
    .limit(1)
)
_PART_OF = _KNOWN.join(parts, parts.c.object == objects.c.id).where(parts.c.native == bindparam("native")).limit(1)
_PARTS = select(parts).where(parts.c.object == bindparam("id"), parts.c.place == bindparam("place")).order_by(parts.c.number)
_CURRENT = select(objects.c.body).where(objects.c.id == bindparam("id"))
_COPY = select(copies.c.native).where(copies.c.object == bindparam("id"), copies.c.place == bindparam("place"))
_SHOWN_AS = select(copies.c.object).where(copies.c.native == bindparam("native")).limit(1)
_BORN_HERE = select(objects.c.native).where(objects.c.id == bindparam("id"), objects.c.place == bindparam("place"))
_ROOT_FIRST = objects.c.ordinal.asc()
_THREAD = (
    _KNOWN.where((objects.c.thread == bindparam("root")) | (objects.c.id == bindparam("root")), objects.c.kind == "message")
    .order_by(_ROOT_FIRST)
    .limit(bindparam("many"))
)
_IN_THREAD = union_all(
    select(objects.c.ordinal, objects.c.native).where(
        (objects.c.thread == bindparam("root")) | (objects.c.id == bindparam("root")),
        objects.c.place == bindparam("place"),
        objects.c.kind == "message",
        objects.c.retracted_at.is_(None),
    ),
    select(objects.c.ordinal, copies.c.native)
    .join(copies, copies.c.object == objects.c.id)
    .where(
        (objects.c.thread == bindparam("root")) | (objects.c.id == bindparam("root")),
        copies.c.place == bindparam("place"),
        objects.c.kind == "message",
        objects.c.retracted_at.is_(None),
    ),
).subquery()
_LAST_IN_THREAD = select(_IN_THREAD.c.native).order_by(_IN_THREAD.c.ordinal.desc()).limit(1)
_STANDING_WORDS = (
    objects.c.community == bindparam("community"),
    objects.c.kind == "message",
    objects.c.retracted_at.is_(None),
)
_FOR_OTHERS = objects.c.audience < int(Audience.DIRECT)
"""Words of two people are theirs: no list and no number that others see has them in it."""

_NEWEST = _KNOWN.where(*_STANDING_WORDS).order_by(objects.c.ordinal.desc()).limit(bindparam("many"))
_RECENT, _RECENT_BY = _NEWEST.where(_FOR_OTHERS), _NEWEST.where(objects.c.author == bindparam("author"))
_COUNT = select(func.count()).select_from(objects).where(*_STANDING_WORDS, _FOR_OTHERS)
_COUNT_BY = _COUNT.where(objects.c.author == bindparam("author"))
_SAID_BY = (
    select(objects.c.ordinal, *(column for column in _KNOWN.selected_columns if column.name != "ordinal"))
    .where(objects.c.author == bindparam("author"), objects.c.ordinal > bindparam("after"))
    .order_by(objects.c.ordinal)
    .limit(bindparam("many"))
)
_ITEM = (
    select(out.c.body)
    .where(out.c.item == bindparam("item"), out.c.taken_back.is_(False), out.c.body.is_not(None))
    .order_by(out.c.seq)
    .limit(1)
)


class SqlObjects:
    """The `Objects` port over any `Database`. `recent`, `count` and `thread` speak of messages; a reaction is found by its id alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def shown_as(self, native: Native) -> ObjectId | None:
        ask = {"native": str(native)}
        found = await self._database.read(lambda connection: connection.execute(_SHOWN_AS, ask).scalar())
        return None if found is None else ObjectId(found)

    async def find(self, native: Native) -> KnownObject | None:
        def read(connection: Connection) -> Row[*tuple[Any, ...]] | None:
            ask = {"native": str(native)}
            return (
                connection.execute(_BORN_AS, ask).first()
                or connection.execute(_COPIED_AS, ask).first()
                or connection.execute(_PART_OF, ask).first()
            )

        return _known_or_none(await self._database.read(read))

    async def get(self, object_id: ObjectId) -> KnownObject | None:
        return _known_or_none(await self._database.read(lambda connection: connection.execute(_GET, {"id": object_id}).first()))

    async def current(self, object_id: ObjectId) -> Event | None:
        body = await self._database.read(lambda connection: connection.execute(_CURRENT, {"id": object_id}).scalar())
        return None if body is None else decode(body)

    async def copy(self, object_id: ObjectId, place: Native) -> str | None:
        def read(connection: Connection) -> str | None:
            ask = {"id": object_id, "place": str(place)}
            found: str | None = connection.execute(_COPY, ask).scalar() or connection.execute(_BORN_HERE, ask).scalar()
            return found

        native = await self._database.read(read)
        return None if native is None else parse_native(native).id

    async def parts(self, object_id: ObjectId, place: Native) -> tuple[Part, ...]:
        ask = {"id": object_id, "place": str(place)}
        rows = await self._database.read(lambda connection: list(connection.execute(_PARTS, ask).all()))
        return tuple(Part(row.number, parse_native(row.native).id, row.source, row.digest) for row in rows)

    async def thread(self, root: ObjectId, limit: int) -> tuple[KnownObject, ...]:
        """In the order in which they came to be known, the root first."""
        return await self._many(_THREAD, {"root": root, "many": limit})

    async def last_in_thread(self, root: ObjectId, place: Native) -> str | None:
        ask = {"root": root, "place": str(place)}
        native = await self._database.read(lambda connection: connection.execute(_LAST_IN_THREAD, ask).scalar())
        return None if native is None else parse_native(native).id

    async def recent(self, author: Native | None, community: CommunityId, limit: int) -> tuple[KnownObject, ...]:
        """Newest first."""
        ask: dict[str, object] = {"community": community, "many": limit}
        if author is None:
            return await self._many(_RECENT, ask)
        return await self._many(_RECENT_BY, {**ask, "author": str(author)})

    async def count(self, author: Native | None, community: CommunityId) -> int:
        ask: dict[str, object] = {"community": community}
        statement = _COUNT
        if author is not None:
            ask["author"] = str(author)
            statement = _COUNT_BY
        found: int = await self._database.scan(lambda connection: connection.execute(statement, ask).scalar_one())
        return found

    async def said_by(self, author: Native, part: Said, after: int, limit: int) -> tuple[tuple[int, KnownObject], ...]:
        ask = {"author": str(author), "after": after, "many": limit}
        rows = await self._database.read(lambda connection: list(connection.execute(_narrowed(part), ask).all()))
        return tuple((row.ordinal, _known(row)) for row in rows)

    async def count_said_by(self, author: Native, part: Said) -> int:
        statement = select(func.count()).select_from(_narrowed(part, standing=True).limit(None).subquery())
        ask = {"author": str(author), "after": 0}
        found: int = await self._database.scan(lambda connection: connection.execute(statement, ask).scalar_one())
        return found

    async def item(self, item_id: ItemId) -> Item | None:
        body = await self._database.read(lambda connection: connection.execute(_ITEM, {"item": item_id}).scalar())
        return None if body is None else decode_item(body)

    async def _many(self, statement: Any, ask: dict[str, object]) -> tuple[KnownObject, ...]:
        rows = await self._database.read(lambda connection: list(connection.execute(statement, ask).all()))
        return tuple(_known(row) for row in rows)


def _narrowed(part: Said, *, standing: bool = False) -> Select[Any]:
    statement = _SAID_BY
    if standing:
        statement = statement.where(objects.c.retracted_at.is_(None))
    if part.community is not None:
        statement = statement.where(objects.c.community == part.community)
    if part.since is not None:
        statement = statement.where(objects.c.crossed_at >= micros(part.since))
    if part.thread is not None:
        statement = statement.where(or_(objects.c.thread == part.thread, objects.c.id == part.thread, objects.c.reply_to == part.thread))
    if part.object is not None:
        statement = statement.where(objects.c.id == part.object)
    return statement


def _known_or_none(row: Row[*tuple[Any, ...]] | None) -> KnownObject | None:
    return None if row is None else _known(row)


def _known(row: Row[*tuple[Any, ...]]) -> KnownObject:
    return KnownObject(
        id=ObjectId(row.id),
        community=CommunityId(row.community),
        channel=ChannelId(row.channel),
        native=parse_native(row.native),
        place=parse_native(row.place),
        author=parse_native(row.author),
        kind=row.kind,
        audience=Audience(row.audience),
        thread=None if row.thread is None else ObjectId(row.thread),
        reply_to=None if row.reply_to is None else ObjectId(row.reply_to),
        crossed_at=moment(row.crossed_at),
        updated_at=moment(row.updated_at),
        retracted_at=moment(row.retracted_at),
    )
