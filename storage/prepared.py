"""Statements are written with SQLAlchemy and compiled by it once; from then on they go straight to SQLite's driver, for a tenth of the price.

An event takes some eighty statements. SQLAlchemy 2.1 spends 17 µs on each (finding the compiled form, contexts, what the result is like) and
21 µs on a transaction, the driver 1.3 µs and 3 µs. Whatever cannot be done here exactly as SQLAlchemy does it is left to SQLAlchemy:
statements that are built for one call, empty IN lists (ADR 0017).
"""

from __future__ import annotations

import re
import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Dialect, Engine, Executable, LargeBinary
from sqlalchemy.exc import NoResultFound

from storage.engine import BEGIN

__all__ = ["PreparedConnection", "Rows"]

T = TypeVar("T")

MOST_LENGTHS = 64
"""Lengths of IN lists for which one statement's text is kept."""

_LIST = re.compile(r"\(__\[POSTCOMPILE_(\w+)\]\)")
"""Where SQLAlchemy would write one mark for each value of an IN list."""

_Make = Callable[[tuple[Any, ...]], Any]


class Rows:
    """What was found, with the methods of SQLAlchemy's result that this package uses; each may be called once."""

    __slots__ = ("_cursor", "_make")

    def __init__(self, cursor: sqlite3.Cursor, make: _Make | None) -> None:
        self._cursor = cursor
        self._make = make

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    def all(self) -> list[Any]:
        rows = self._cursor.fetchall()
        return rows if self._make is None else [self._make(row) for row in rows]

    def first(self) -> Any:
        row = self._cursor.fetchone()
        self._cursor.close()  # a statement that may have more keeps its snapshot open, and with it the write-ahead log
        return row if row is None or self._make is None else self._make(row)

    def one(self) -> Any:
        row = self.first()
        if row is None:
            raise NoResultFound("No row was found when one was required")
        return row

    def scalar(self) -> Any:
        row = self.first()
        return None if row is None else row[0]

    def scalar_one(self) -> Any:
        return self.one()[0]

    def scalars(self) -> _Scalars:
        return _Scalars(row[0] for row in self.all())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.all())


class _Scalars(list[Any]):
    def all(self) -> list[Any]:
        return self


class _Prepared:
    """One statement as text, for one set of parameter names."""

    def __init__(self, text: str, names: Sequence[str], given: Mapping[str, Any], make: _Make | None) -> None:
        """`names`: parameters in the order of their marks; `given`: values that the statement brings itself."""
        self.lists = frozenset(_LIST.findall(text))
        self._text = text
        self._names = tuple(names)
        self._given = given
        self._make = make
        self._texts: dict[tuple[int, ...], str] = {}

    def run(self, raw: sqlite3.Connection, values: Mapping[str, Any]) -> Rows:
        if not self.lists:
            return Rows(raw.execute(self._text, self._ordered(values)), self._make)
        flat: list[Any] = []
        lengths: list[int] = []
        for name, value in zip(self._names, self._ordered(values), strict=True):
            if name in self.lists:
                flat += value
                lengths.append(len(value))
            else:
                flat.append(value)
        return Rows(raw.execute(self._with_lists(tuple(lengths)), flat), self._make)

    def run_many(self, raw: sqlite3.Connection, many: Sequence[Mapping[str, Any]]) -> Rows:
        return Rows(raw.executemany(self._text, map(self._ordered, many)), self._make)

    def _ordered(self, values: Mapping[str, Any]) -> list[Any]:
        """Raises KeyError for a parameter that was forgotten."""
        given = self._given
        return [values[name] if name in values else given[name] for name in self._names]

    def _with_lists(self, lengths: tuple[int, ...]) -> str:
        text = self._texts.get(lengths)
        if text is None:
            left = iter(lengths)
            text = _LIST.sub(lambda _: f"({', '.join('?' * next(left))})", self._text)
            if len(self._texts) < MOST_LENGTHS:
                self._texts[lengths] = text
        return text


class PreparedConnection(Connection):
    """A connection of an engine of SQLite, as `engine.connect()` gives one, whose `execute` prepares what it sees a second time."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        raw: Any = self.connection.dbapi_connection
        self._raw: sqlite3.Connection = raw
        self._begin: str = engine.get_execution_options()[BEGIN]
        self._prepared: WeakKeyDictionary[Executable, dict[tuple[str, ...], _Prepared | None]] = WeakKeyDictionary()
        """What is built for one call leaves again by itself."""

    def __enter__(self) -> PreparedConnection:
        return self

    def run(self, work: Callable[[PreparedConnection], T]) -> T:
        """In one transaction, which ends with it: kept when it returns, undone when it raises."""
        self._raw.execute(self._begin)
        try:
            result = work(self)
            if self.in_transaction():
                self.commit()  # SQLAlchemy's own, begun inside ours by a statement that was left to it
            if self._raw.in_transaction:
                self._raw.execute("COMMIT")
        except BaseException:
            if self.in_transaction():
                self.rollback()
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
            raise
        return result

    def execute(self, statement: Executable, parameters: Any = None, **more: Any) -> Any:
        """Rows, or SQLAlchemy's own result. Raises sqlite3.Error, or SQLAlchemy's of the same meaning; `engine.translated` takes both."""
        if more:
            return super().execute(statement, parameters, **more)
        many = isinstance(parameters, list | tuple)
        first: dict[str, Any] = (parameters[0] if parameters else {}) if many else parameters or {}
        prepared = self._known(statement, tuple(first))
        if prepared is None or (prepared.lists and (many or not all(first[name] for name in prepared.lists))):
            return super().execute(statement, parameters, **more)
        if not self._raw.in_transaction:
            self.begin()
        return prepared.run_many(self._raw, parameters) if many else prepared.run(self._raw, first)

    def _known(self, statement: Executable, names: tuple[str, ...]) -> _Prepared | None:
        """None for what is seen the first time, and for what must be left to SQLAlchemy."""
        known = self._prepared.get(statement)
        if known is None:
            self._prepared[statement] = {}
            return None
        if names not in known:
            known[names] = _prepare(statement, names, self.dialect)
        return known[names]


def _prepare(statement: Any, names: tuple[str, ...], dialect: Dialect) -> _Prepared | None:
    compiled = statement.compile(dialect=dialect, column_keys=list(names) or None)
    fetched = (
        getattr(compiled, kind, ()) for kind in ("insert_prefetch", "update_prefetch", "literal_execute_params", "escaped_bind_names")
    )
    if compiled.positiontup is None or any(fetched):
        return None
    given = {name: value for name, value in compiled.params.items() if not compiled.binds[name].required}
    columns = tuple(getattr(statement, "exported_columns", ()))
    return _Prepared(str(compiled), compiled.positiontup, given, _maker(columns, dialect) if columns else None)


def _maker(columns: Sequence[Any], dialect: Dialect) -> _Make:
    """Rows that know their columns by name, with values as SQLAlchemy gives them (SQLite has numbers for true and false)."""
    names = [column.key for column in columns]
    row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # its fields are known only now
    turned = [
        (at, turn)
        for at, column in enumerate(columns)
        if not isinstance(column.type, LargeBinary)
        and (turn := column.type.dialect_impl(dialect).result_processor(dialect, None)) is not None
    ]
    if not turned:
        found: _Make = row._make
        return found

    def make(cells: tuple[Any, ...]) -> Any:
        values = list(cells)
        for at, turn in turned:
            values[at] = turn(values[at])
        return row._make(values)

    return make
