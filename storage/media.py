"""Which files are served and for whom, and which the homeserver has: the rows of the `Media` port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from bridge.model.record import Kept, Upload
from storage.columns import moment
from storage.engine import Database
from storage.schema import media, unserved, uploads

__all__ = ["SqlMedia"]

_GET = select(media).where(media.c.id == bindparam("which"))
_OF = select(media).where(media.c.owner == bindparam("whose"), media.c.removed_at.is_(None)).order_by(media.c.at, media.c.id)
_LIST = select(media).order_by(func.coalesce(media.c.removed_at, media.c.at).desc(), media.c.id).limit(bindparam("many"))
_REMOVED = select(media.c.id).where(media.c.digest == bindparam("bytes"), media.c.removed_at.is_not(None)).limit(1)
_SERVED = select(media.c.digest).where(media.c.digest.in_(bindparam("digests", expanding=True)), media.c.removed_at.is_(None)).distinct()
_UNSERVED = select(unserved.c.digest).order_by(unserved.c.digest).limit(bindparam("many"))
_UPLOAD = select(uploads).where(uploads.c.source == bindparam("where"))
_UPLOADED = select(uploads).where(uploads.c.digest == bindparam("bytes")).order_by(uploads.c.at.desc(), uploads.c.source).limit(1)


class SqlMedia:
    """The `Media` port over any `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, id: str) -> Kept | None:  # noqa: A002  (the port's word)
        row = await self._first(_GET, {"which": id})
        return None if row is None else _kept(row)

    async def of(self, owner: str) -> tuple[Kept, ...]:
        return await self._many(_OF, {"whose": owner})

    async def listing(self, limit: int) -> tuple[Kept, ...]:
        return await self._many(_LIST, {"many": limit})

    async def is_removed(self, digest: str) -> bool:
        return await self._first(_REMOVED, {"bytes": digest}) is not None

    async def served(self, digests: Sequence[str]) -> frozenset[str]:
        ask = {"digests": list(digests)}
        return frozenset(await self._database.read(lambda connection: list(connection.execute(_SERVED, ask).scalars())))

    async def unserved(self, limit: int) -> tuple[str, ...]:
        return tuple(await self._database.read(lambda connection: list(connection.execute(_UNSERVED, {"many": limit}).scalars())))

    async def upload(self, source: str) -> Upload | None:
        row = await self._first(_UPLOAD, {"where": source})
        return None if row is None else _upload(row)

    async def uploaded(self, digest: str) -> Upload | None:
        row = await self._first(_UPLOADED, {"bytes": digest})
        return None if row is None else _upload(row)

    async def _first(self, statement: Any, ask: Mapping[str, str]) -> Row[*tuple[Any, ...]] | None:
        return await self._database.read(lambda connection: connection.execute(statement, ask).first())

    async def _many(self, statement: Any, ask: Mapping[str, object]) -> tuple[Kept, ...]:
        rows = await self._database.read(lambda connection: list(connection.execute(statement, ask).all()))
        return tuple(_kept(row) for row in rows)


def _kept(row: Row[*tuple[Any, ...]]) -> Kept:
    return Kept(
        id=row.id,
        owner=row.owner,
        source=row.source,
        digest=row.digest,
        media_type=row.media_type,
        size=row.size,
        at=moment(row.at),
        width=row.width,
        height=row.height,
        removed_at=moment(row.removed_at),
        why=row.why,
    )


def _upload(row: Row[*tuple[Any, ...]]) -> Upload:
    return Upload(row.source, row.digest, row.address, row.media_type, row.size, moment(row.at), row.width, row.height)
