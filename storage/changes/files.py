"""Files and the events that show them: what was taken down never comes back, and nothing is served of what was taken back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from bridge.changes import DropBytes, DropMedia, DropPart, PutMedia, PutPart, PutUpload, RemoveMedia
from bridge.model.ids import Native
from storage.changes.streams import wake_waits
from storage.columns import micros
from storage.dialect import once, upsert
from storage.schema import media, parts, tombstones, unserved, uploads

__all__ = ["drop_bytes", "drop_media", "drop_part", "forget_media", "put_media", "put_part", "put_upload", "remove_media"]

_TAKEN_DOWN = select(media.c.id).where(
    or_(media.c.id == bindparam("which"), media.c.digest == bindparam("bytes")), media.c.removed_at.is_not(None)
)
_TAKEN_BACK = select(tombstones.c.key).where(tombstones.c.key == bindparam("whose"))
_KEEP = upsert(media)
_DROP = delete(media).where(
    media.c.owner == bindparam("whose"), media.c.removed_at.is_(None), media.c.id.not_in(bindparam("besides", expanding=True))
)
_GOING = select(media.c.digest).where(
    media.c.owner == bindparam("whose"), media.c.removed_at.is_(None), media.c.id.not_in(bindparam("besides", expanding=True))
)
_UNSERVED = once(unserved)
_GONE = delete(unserved).where(unserved.c.digest.in_(bindparam("digests", expanding=True)))
_BLANK = (
    update(media)
    .where(media.c.owner == bindparam("whose"), media.c.removed_at.is_not(None))
    .values(owner=bindparam("nobody"), source=bindparam("nobody"))
)
_WHICH = select(media.c.digest).where(media.c.id == bindparam("which"))
_REMOVE = (
    update(media)
    .where(media.c.digest == bindparam("bytes"), media.c.removed_at.is_(None))
    .values(removed_at=bindparam("moment"), why=bindparam("reason"))
)
_UPLOAD = upsert(uploads)
_PART = upsert(parts)
_DROP_PART = delete(parts).where(
    parts.c.object == bindparam("which"), parts.c.place == bindparam("where"), parts.c.number == bindparam("nth")
)


def put_media(connection: Connection, change: PutMedia) -> None:
    kept = change.kept
    if connection.execute(_TAKEN_DOWN, {"which": kept.id, "bytes": kept.digest}).first() is not None:
        return
    if connection.execute(_TAKEN_BACK, {"whose": kept.owner}).first() is not None:
        return
    row = {
        "id": kept.id,
        "owner": kept.owner,
        "source": kept.source,
        "digest": kept.digest,
        "media_type": kept.media_type,
        "size": kept.size,
        "width": kept.width,
        "height": kept.height,
        "at": micros(kept.at),
        "removed_at": None,
        "why": "",
    }
    _KEEP(connection, row)


def drop_media(connection: Connection, change: DropMedia) -> None:
    _stop_serving(connection, change.owner, change.besides)


def _stop_serving(connection: Connection, owner: str, besides: Sequence[str] = ()) -> None:
    ask = {"whose": owner, "besides": list(besides)}
    _UNSERVED(connection, [{"digest": digest} for digest in connection.execute(_GOING, ask).scalars().all()])
    connection.execute(_DROP, ask)


def forget_media(connection: Connection, owner: str) -> None:
    """What a person took down stays down, but no longer says whose it was."""
    _stop_serving(connection, owner)
    connection.execute(_BLANK, {"whose": owner, "nobody": ""})


def remove_media(connection: Connection, change: RemoveMedia) -> None:
    digest = connection.execute(_WHICH, {"which": change.id}).scalar()
    if digest is not None:
        connection.execute(_REMOVE, {"bytes": digest, "moment": micros(change.at), "reason": change.why})
        _UNSERVED(connection, {"digest": digest})


def drop_bytes(connection: Connection, change: DropBytes) -> None:
    connection.execute(_GONE, {"digests": list(change.digests)})


def put_upload(connection: Connection, change: PutUpload) -> None:
    """The newest answer for an address is the one that counts."""
    upload = change.upload
    row = {
        "source": upload.source,
        "digest": upload.digest,
        "address": upload.address,
        "media_type": upload.media_type,
        "size": upload.size,
        "width": upload.width,
        "height": upload.height,
        "at": micros(upload.at),
    }
    _UPLOAD(connection, row)


def put_part(connection: Connection, change: PutPart) -> None:
    part, native = change.part, Native(change.place.protocol, change.part.native)
    row = {"object": change.object, "place": str(change.place), "number": part.number, "native": str(native)}
    _PART(connection, {**row, "source": part.source, "digest": part.digest})
    wake_waits(connection, [native])


def drop_part(connection: Connection, change: DropPart) -> None:
    connection.execute(_DROP_PART, {"which": change.object, "where": str(change.place), "nth": change.number})
