"""The two databases a measured node can live on, each with what reads its rows beside the running node."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Final

from bridge.settings import Settings, Storage
from storage.schema import metadata
from tests.postgres import Cluster, cluster, is_installed

__all__ = ["FILE", "Home", "server_home"]

_TABLES: Final = tuple(table.name for table in metadata.sorted_tables)


class Home:
    """`server`: a PostgreSQL server of the benchmark's own; without one every node has a SQLite file. `name`: as it stands in the headings."""

    def __init__(self, server: Cluster | None = None) -> None:
        self._server = server
        self.name = "SQLite" if server is None else "PostgreSQL"
        self.key = self.name.lower()
        self.scratch = "" if server is None else server.url(server.create())
        """A database for rows that are no node's; empty for a file."""

    def storage(self) -> Storage:
        """Where one more node keeps everything."""
        return Storage() if self._server is None else Storage(url=self._server.url(self._server.create()))

    def counts(self, settings: Settings) -> Mapping[str, int]:
        """Rows by table."""
        asked = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM \"{name}\"" for name in _TABLES)
        return dict(self._asked(settings, asked))

    def is_delivered(self, settings: Settings) -> bool:
        """Has every lane reached its end?"""
        return not dict(self._asked(settings, "SELECT 'awake', count(*) FROM lanes WHERE awake IS NOT NULL"))["awake"]

    def _asked(self, settings: Settings, question: str) -> Iterator[tuple[str, int]]:
        """Of rows of a name and a number; beside the running node."""
        if self._server is None:
            with closing(sqlite3.connect(f"file:{settings.store}?mode=ro", uri=True)) as connection:
                yield from connection.execute(question)
            return
        database = settings.storage.url.partition("@/")[2].partition("?")[0]
        for line in self._server.sql(question, database=database).splitlines():
            name, _, number = line.partition("|")
            yield name, int(number)


FILE: Final = Home()


def server_home() -> Home | None:
    """None on a machine without PostgreSQL. The server is gone with this process."""
    return Home(cluster()) if is_installed() else None
