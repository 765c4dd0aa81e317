"""One version of a norm file: immutable, and chained to the one before by its hash (norms.md 3.4 and 3.8)."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec


class Version(msgspec.Struct, frozen=True):
    """`name` as `node`, `pack:gentle`, `community:asynco`, `community:asynco/channel:commons`; `words` is the file as it was written.

    `hash` is that of the words, `parent` that of the version before, "" for the first.
    """

    name: str
    version: int
    hash: str
    parent: str
    at: datetime
    words: str


def hash_of(words: str) -> str:
    """`sha256:…` of a norm file."""
    return "sha256:" + hashlib.sha256(words.encode()).hexdigest()
