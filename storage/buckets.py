"""Into which bucket a lane falls, computed alike here and by PostgreSQL, so that no row has to say it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ARRAY, ColumnElement, Integer, any_, bindparam, func

from bridge.streams import Stream
from storage.dialect import stored

__all__ = ["BUCKETS", "bucket_of", "within"]

BUCKETS: Final[Mapping[Stream, int]] = {Stream.INTAKE: 64, Stream.EVENTS: 64, Stream.OUT: 256}
"""Engine.md section 9. At most 256: a bucket is made from one byte."""


def bucket_of(stream: Stream, name: str) -> int:
    """`name`: an intake lane, a community, or a server."""
    return hashlib.sha256(stored(name).encode("utf-8", "replace")).digest()[0] % BUCKETS[stream]


def within(column: ColumnElement[Any], stream: Stream) -> ColumnElement[bool]:
    """Is the bucket of what stands in the column among those bound as `share`? On PostgreSQL alone: elsewhere nothing is shared."""
    found = func.get_byte(func.sha256(func.convert_to(column, "UTF8")), 0, type_=Integer) % BUCKETS[stream]
    return found == any_(bindparam("share", type_=ARRAY(Integer)))
