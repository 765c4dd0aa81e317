"""Copies the SQLite file as it was at one moment, while others go on reading and writing, and says whether a copy can be lived on.

https://www.sqlite.org/backup.html. The source stays in one read transaction all the while: without it every commit of the node would make
the copying begin anew, and on a busy node it would never end.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bridge.errors import OperatorError
from storage.keys import Seal
from storage.migrations import LATEST

__all__ = ["copy_database", "require_sound", "size_of"]

PAGES: Final = 256
"""Pages, of 4 kB mostly, between two reports of progress."""


def size_of(path: Path) -> int:
    """Bytes that a copy will have. Raises OperatorError when it is no database, or cannot be read."""
    with _opened(path) as connection:
        return _ask(connection, "PRAGMA page_count") * _ask(connection, "PRAGMA page_size")


def copy_database(source: Path, target: Path, progress: Callable[[int], None]) -> None:
    """`target`, which must not exist, is complete and on the disk when this returns, in one file of mode 0600 with nothing beside it.

    `progress` is told how many bytes were copied since the last time. Raises OperatorError; the target is then to be thrown away.
    """
    with _opened(source) as reading:
        reading.execute("BEGIN")
        size, done = _ask(reading, "PRAGMA page_size"), 0
        _ask(reading, "SELECT count(*) FROM sqlite_master")  # the moment

        def report(_: int, remaining: int, total: int) -> None:
            nonlocal done
            progress((total - remaining - done) * size)
            done = total - remaining

        file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with closing(sqlite3.connect(target, isolation_level=None)) as writing:
                reading.backup(writing, pages=PAGES, progress=report)
                writing.execute("PRAGMA journal_mode=DELETE")
                found = writing.execute("PRAGMA quick_check(1)").fetchone()[0]
            os.fsync(file)
        finally:
            os.close(file)
    if found != "ok":
        raise OperatorError(f"storage: {source} is damaged: {found}", remedy="Keep it as it is, and restore the last backup.")


def require_sound(path: Path, secret_key: bytes) -> None:
    """Raises OperatorError when the copy is none, belongs to another key file, or is of a newer release."""
    with _opened(path) as connection:
        revision = str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
        sealed = connection.execute("SELECT value FROM meta WHERE name = 'seal'").fetchone()
    if revision > LATEST:
        raise OperatorError(
            f"storage: the database was made by a newer release (revision {revision}, this one knows up to {LATEST})",
            remedy="Install that release, then restore.",
        )
    if sealed is not None:
        Seal(secret_key).open(sealed[0], "seal")


def _ask(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Never made when it is not there. Not read-only: SQLite could then not read a file whose log was folded in when the node ended."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None, timeout=10)) as connection:
            yield connection
    except (sqlite3.Error, TypeError) as error:
        raise OperatorError(f"storage: {path} cannot be copied: {error}", remedy="Look at the file, and at the disk it is on.") from error
