"""The one file that knows two databases: statements that both have under different names in SQLAlchemy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, Dialect, Executable, String, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

__all__ = ["TEXT", "Either", "holds_bytes", "once", "stored", "upsert"]

Insert = sqlite.Insert | postgresql.Insert


_SIGN = "\uffff"
"""No character at all in Unicode, so it stands in no text but by malice."""


def stored(words: str) -> str:
    """How PostgreSQL has it."""
    if "\x00" not in words and _SIGN not in words:
        return words
    return words.replace(_SIGN, f"{_SIGN}1").replace("\x00", f"{_SIGN}0")


class _Storable(TypeDecorator[str]):
    """Text as PostgreSQL takes it: U+0000, which it refuses and JSON from a peer may hold, is written as a sign and a digit.

    In the order of bytes: the same as SQLite's, and no index breaks when the C library learns to sort anew.
    """

    impl = String
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(collation="C")

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return value if value is None else stored(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return value if value is None or _SIGN not in value else value.replace(f"{_SIGN}0", "\x00").replace(f"{_SIGN}1", _SIGN)


TEXT = String().with_variant(_Storable(), "postgresql")
"""Every column of words and ids."""


class holds_bytes(FunctionElement[bool]):  # noqa: N801  (reads as a function of SQL)
    """`holds_bytes(column, bindparam)`: do these bytes stand anywhere in the column?"""

    name = "holds_bytes"
    type = Boolean()
    inherit_cache = True


@compiles(holds_bytes, "sqlite")
def _instr(element: holds_bytes, compiler: SQLCompiler, **more: Any) -> str:
    where, what = list(element.clauses)
    return f"(instr({compiler.process(where, **more)}, {compiler.process(what, **more)}) > 0)"


@compiles(holds_bytes, "postgresql")
def _position(element: holds_bytes, compiler: SQLCompiler, **more: Any) -> str:
    where, what = list(element.clauses)
    return f"(position({compiler.process(what, **more)} IN {compiler.process(where, **more)}) > 0)"


class Either:
    """A statement that is built per database, once."""

    def __init__(self, build: Callable[[Insert], Executable], table: Table) -> None:
        self._made = {"sqlite": build(sqlite.insert(table)), "postgresql": build(postgresql.insert(table))}

    def on(self, connection: Connection) -> Executable:
        return self._made[connection.dialect.name]

    def __call__(self, connection: Connection, rows: dict[str, Any] | Sequence[dict[str, Any]]) -> int:
        """Executes for one row or many; the number of rows written, where the driver says (one row)."""
        if not rows:
            return 0
        return connection.execute(self.on(connection), rows).rowcount


def once(table: Table) -> Either:
    """Insert unless a row with the same key (any unique one) exists."""
    return Either(lambda insert: insert.on_conflict_do_nothing(), table)


def upsert(table: Table, *, keep: Sequence[str] = (), where: Callable[[Any], ColumnElement[bool]] | None = None) -> Either:
    """Insert, or replace every column but the primary key and `keep`; `where(excluded)` decides whether the new row may win."""
    primary = [column.name for column in table.primary_key.columns]

    def build(insert: Insert) -> Executable:
        new = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in (*primary, *keep)}
        return insert.on_conflict_do_update(index_elements=primary, set_=new, where=where(insert.excluded) if where else None)

    return Either(build, table)
