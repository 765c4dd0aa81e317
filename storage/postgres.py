"""Opens PostgreSQL so that what a commit returned for survives a power cut, and names every setting of the server that would lose it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bridge.errors import BridgeError, MissingExtra, OperatorError, StoreDown
from bridge.settingsfile import verify_database
from storage.engine import told, translated

if TYPE_CHECKING:
    import asyncpg

__all__ = ["OLDEST", "Server", "local_folder", "require_safe"]

OLDEST: Final = 14
"""`idle_session_timeout`, which tells a frozen process from a slow one, came with PostgreSQL 14."""

ANSWER: Final = 10.0
"""Seconds a server may take to accept a connection."""

_UNSAFE = {
    "fsync": "after a power cut, acknowledged events would be missing or the database would not start",
    "full_page_writes": "after a power cut, half-written pages would stay broken",
    "synchronous_commit": "after a crash of the server, acknowledged events would be missing",
}
_SETTINGS = text(
    "SELECT name, setting FROM pg_settings WHERE name IN"
    " ('fsync', 'full_page_writes', 'synchronous_commit', 'server_version_num', 'server_encoding', 'in_hot_standby')"
)
_FOLDER = text("SELECT setting FROM pg_settings WHERE name = 'data_directory'")


_GONE = ("08", "57P", "25P03")
"""SQLSTATE of PostgreSQL: no connection, the server is stopping or not up yet, a session that was idle for too long."""

Lost = tuple[type[Exception], ...]
"""What the driver raises when a connection fails."""


class Server:
    """One database of one server. `url` as libpq and asyncpg read it, without a password; `password` may be empty: then ~/.pgpass is asked.

    Neither is ever shown. Several hosts (`postgresql://one,other/name?target_session_attrs=read-write`) are tried in turn.
    """

    def __init__(self, url: str, password: str = "") -> None:
        """Raises BadSetting when the URL holds a password or is none, MissingExtra when the driver is not installed."""
        verify_database(url, key="$.storage.url")
        self._url = url
        self._password = password
        try:
            import asyncpg  # noqa: PLC0415  an extra: nodes on SQLite need no driver
        except ImportError as error:
            raise MissingExtra(
                "storage: PostgreSQL needs a package that is not installed", remedy="Install the extra: pip install 'folkmoot[postgres]'."
            ) from error
        self._driver = asyncpg

    def __repr__(self) -> str:
        return "Server(…)"

    @property
    def errors(self) -> Lost:
        """All that the driver raises when a connection fails."""
        return (OSError, TimeoutError, self._driver.PostgresError, self._driver.InterfaceError, self._driver.InternalClientError)

    @property
    def lock_timeout(self) -> type[Exception]:
        """What the driver raises when a lock was not to be had in time."""
        found: type[Exception] = self._driver.LockNotAvailableError
        return found

    def translated(self, error: BaseException) -> BaseException:
        """Ours for what the driver raised, however far it got; everything else as it is."""
        if not isinstance(error, self.errors):
            return translated(error)
        state: str | None = getattr(error, "sqlstate", None)
        ours: BridgeError
        if self._is_unfit(error):
            ours = told(str(error), "22000")
        elif state and not self.is_lost(error):
            ours = told(str(error), state, clash=state.startswith("23"))
        else:
            ours = StoreDown(
                "The store does not answer.", private=str(error) or type(error).__name__, remedy="Look at the database server."
            )
        ours.__cause__ = error
        return ours

    def is_lost(self, error: BaseException) -> bool:
        """Did the connection fail, rather than what was asked?"""
        if isinstance(error, StoreDown):
            return True
        if not isinstance(error, self.errors) or self._is_unfit(error):
            return False
        state: str = getattr(error, "sqlstate", None) or "08"
        return state.startswith(_GONE)

    def _is_unfit(self, error: BaseException) -> bool:
        """Did the driver refuse to send a value that its column cannot hold? (asyncpg 0.32 has two DataErrors; this one has no SQLSTATE.)"""
        return isinstance(error, self._driver.InterfaceError) and isinstance(error, ValueError)

    async def connect(self, **settings: str) -> asyncpg.Connection[asyncpg.Record]:
        """One session, with these settings of the server. Raises StoreDown."""
        asked = {"application_name": "folkmoot", **settings}
        try:
            return await self._driver.connect(self._url, password=self._password or None, timeout=ANSWER, server_settings=asked)
        except (self._driver.InvalidPasswordError, self._driver.InvalidAuthorizationSpecificationError) as error:
            raise _down(
                error, "Put the password into secrets/database_password, or into ~/.pgpass of the account that runs the node."
            ) from error
        except self._driver.InvalidCatalogNameError as error:
            raise _down(error, "Create the database: createdb --encoding UTF8 --template template0 NAME.") from error
        except self.errors as error:
            raise _down(error, "Look whether the server runs and lets this machine in ([storage] url).") from error

    def engine(self, *, sessions: int, isolation: str, **settings: str) -> AsyncEngine:
        """`sessions`: at most so many at once, each with these settings of the server."""

        async def connect() -> asyncpg.Connection[asyncpg.Record]:
            return await self.connect(**settings)

        return create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=sessions,
            max_overflow=0,
            isolation_level=isolation,
            pool_timeout=ANSWER,
        )


def require_safe(connection: Connection) -> None:
    """Raises OperatorError naming every setting that would lose what was acknowledged, a standby, and a server that is too old."""
    found: Mapping[str, str] = {row.name: row.setting for row in connection.execute(_SETTINGS)}
    version = int(found["server_version_num"]) // 10_000
    if version < OLDEST:
        raise OperatorError(f"storage: PostgreSQL {version} is too old, {OLDEST} is needed", remedy="Use a newer server.")
    if found["server_encoding"] != "UTF8":
        raise OperatorError(
            f"storage: the database's encoding is {found['server_encoding']}, UTF8 is needed",
            remedy="Create it anew: createdb --encoding UTF8 --template template0 NAME.",
        )
    if found["in_hot_standby"] == "on":
        raise OperatorError(
            "storage: this PostgreSQL server is a standby and takes no writes",
            remedy="Name the primary; with two hosts in the address, add target_session_attrs=read-write.",
        )
    unsafe = [name for name in _UNSAFE if found[name] == "off"]
    if unsafe:
        reasons = "; ".join(f"{name}=off is refused: {_UNSAFE[name]}" for name in unsafe)
        raise OperatorError(f"storage: {reasons}", remedy=f"Set {', '.join(f'{name}=on' for name in unsafe)} on the server and reload it.")


def local_folder(connection: Connection, url: str) -> Path | None:
    """Where a server on this machine keeps its files; None when it is elsewhere or does not tell us."""
    folder = connection.execute(_FOLDER).scalar()
    return Path(folder) if folder and _is_here(url) else None


def _is_here(url: str) -> bool:
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [""])[0] or parts.netloc.rpartition("@")[2]
    host = re.sub(r":\d+$", "", host).strip("[]")
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _down(error: Exception, remedy: str) -> StoreDown:
    ours = StoreDown("The store does not answer.", private=f"PostgreSQL: {error or type(error).__name__}", remedy=remedy)
    ours.__cause__ = error
    return ours
