"""Where a node can live: in one process on a file, or in three on a PostgreSQL server, each of them all of it or a part."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from tests.postgres import Cluster, cluster

__all__ = ["ROLES", "Home", "home"]

ROLES: Final[Mapping[str, Sequence[str]]] = {
    "sqlite": ("all",),
    "postgresql": ("all", "all", "all"),
    "postgresql-parts": ("door", "relay", "courier"),
}


class Home:
    """`roles`: a process for each. `database`: the address of its PostgreSQL database, if it has one."""

    def __init__(self, roles: Sequence[str], server: Cluster | None = None, name: str = "") -> None:
        self._server = server
        self.database = server.url(name) if server is not None else ""
        self.roles = tuple(roles)

    def restart_database(self) -> None:
        """As a crash does (`pg_ctl stop -m immediate`): sessions are cut off, nothing is written down, the log is gone through at the start."""
        assert self._server is not None, "a file has no server"
        self._server.stop(how=signal.SIGQUIT)
        self._server.start()


@contextmanager
def home(name: str) -> Iterator[Home]:
    """`name`: one of `ROLES`. The database is gone afterwards."""
    if name == "sqlite":
        yield Home(ROLES[name])
        return
    server = cluster()
    database = server.create()
    try:
        yield Home(ROLES[name], server, database)
    finally:
        server.drop(database)
