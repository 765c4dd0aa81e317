"""Statements are written with SQLAlchemy and compiled by it once; from then on they go straight to PostgreSQL's driver, prepared there.

A post takes some eighty statements and forty transactions. SQLAlchemy 2.1 spends 0.2 ms of this process on each statement and 0.3 ms on each
transaction of asyncpg 0.32 (its pool, its cursors, a greenlet for each call of the driver); the driver alone spends 0.05 ms (ADR 0022).
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Dialect, Executable, TupleType
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.exc import NoResultFound
from sqlalchemy.util import await_only, greenlet_spawn

from bridge.errors import StoreDown
from storage.postgres import ANSWER, Server

if TYPE_CHECKING:
    from asyncpg import Connection as Raw
    from asyncpg.prepared_stmt import PreparedStatement

__all__ = ["Pool", "Rows", "Session"]

T = TypeVar("T")

MOST_PREPARED: Final = 512
"""Statements that one session keeps prepared; the one that was not asked for the longest goes first."""

_LIST = re.compile(r"(NOT )?IN \(__\[POSTCOMPILE_(\w+)\]\)")
"""Where SQLAlchemy would write one mark for each value of an IN list; an array is one mark for all of them."""

_DIALECT: Final[Dialect] = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy 2.1

_Make = Callable[[Any], Any]


class Rows:
    """What was found, with the methods of SQLAlchemy's result that this package uses."""

    __slots__ = ("_make", "_records", "_status")

    def __init__(self, records: Sequence[Any], make: _Make, status: str = "") -> None:
        self._records = records
        self._make = make
        self._status = status

    @property
    def rowcount(self) -> int:
        """As the server said it (`UPDATE 3`); -1 where many were sent at once."""
        count = self._status.rpartition(" ")[2]
        return int(count) if count.isdigit() else -1

    def all(self) -> list[Any]:
        make = self._make
        return [make(record) for record in self._records]

    def first(self) -> Any:
        return self._make(self._records[0]) if self._records else None

    def one(self) -> Any:
        if not self._records:
            raise NoResultFound("No row was found when one was required")
        return self.first()

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


class _Statement:
    """One statement as text, for one set of parameter names."""

    def __init__(self, statement: Any, names: Sequence[str]) -> None:
        compiled = statement.compile(dialect=_DIALECT, column_keys=list(names) or None)
        places: Sequence[str] = compiled.positiontup or ()
        if any(getattr(compiled, kind, ()) for kind in ("insert_prefetch", "update_prefetch", "literal_execute_params")):
            raise NotImplementedError(f"a value that SQLAlchemy makes for each call: {compiled}")
        lists: list[str] = []

        def listed(found: re.Match[str]) -> str:
            if found[2] not in lists:
                lists.append(found[2])
            mark = f"${len(places) - len(kept) + lists.index(found[2]) + 1}"
            return f"<> ALL({mark})" if found[1] else f"= ANY({mark})"

        kept = {name for _, name in _LIST.findall(str(compiled))}
        self.text = _LIST.sub(listed, str(compiled))
        if "POSTCOMPILE" in self.text or any(isinstance(compiled.binds[name].type, TupleType) for name in kept):
            raise NotImplementedError(f"a list that is no list of values: {self.text}")
        self._names = (*(name for name in places if name not in kept), *lists)
        self._given = {name: value for name, value in compiled.params.items() if not compiled.binds[name].required}
        turns = ((at, _turn(compiled.binds[name].type), name in kept) for at, name in enumerate(self._names))
        self._turns = [(at, turn, is_list) for at, turn, is_list in turns if turn is not None]
        self._columns = tuple(getattr(statement, "exported_columns", ()))
        self._make: _Make | None = _maker([column.key for column in self._columns], self._columns) if self._columns else None

    def ordered(self, values: Mapping[str, Any]) -> list[Any]:
        """Raises KeyError for a parameter that was forgotten."""
        given = self._given
        found = [values[name] if name in values else given[name] for name in self._names]
        for at, turn, is_list in self._turns:
            found[at] = [turn(value) for value in found[at]] if is_list else turn(found[at])
        return found

    def make(self, prepared: PreparedStatement[Any]) -> _Make:
        """Rows that know their columns by name; the server says the names where the statement is mere text."""
        if self._make is None:
            self._make = _maker([attribute.name for attribute in prepared.get_attributes() or ()], ())
        return self._make


def _turn(kind: Any) -> Callable[[Any], Any] | None:
    """What SQLAlchemy does to a value before the driver gets it."""
    turn: Callable[[Any], Any] | None = kind.dialect_impl(_DIALECT).bind_processor(_DIALECT)
    return turn


def _maker(names: Sequence[str], columns: Sequence[Any]) -> _Make:
    """With values as SQLAlchemy gives them (some text is written differently there, see `dialect.TEXT`)."""
    row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # its fields are known only now
    turned = [
        (at, turn)
        for at, column in enumerate(columns)
        if (turn := column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, None)) is not None
    ]
    if not turned:
        found: _Make = row._make
        return found

    def make(cells: Any) -> Any:
        values = list(cells)
        for at, turn in turned:
            values[at] = turn(values[at])
        return row._make(values)

    return make


_KNOWN: WeakKeyDictionary[Executable, dict[tuple[str, ...], _Statement]] = WeakKeyDictionary()
"""What is built for one call leaves again by itself."""


def _known(statement: Executable, names: tuple[str, ...]) -> _Statement:
    known = _KNOWN.get(statement)
    if known is None:
        known = _KNOWN[statement] = {}
    found = known.get(names)
    if found is None:
        found = known[names] = _Statement(statement, names)
    return found


class _OneMore(Exception):
    """What was thought to ask once asks again, and both answers must be of one moment."""


class Session:
    """One connection, with as much of SQLAlchemy's `Connection` as this package uses inside `run`."""

    dialect: Final = _DIALECT

    def __init__(self, raw: Raw[Any]) -> None:
        self._raw = raw
        self._prepared: OrderedDict[str, PreparedStatement[Any]] = OrderedDict()
        self._left = 0
        """Statements that may still be executed; less than nothing: any number."""
        self.asked = 0
        """Statements of the last `run`."""

    @property
    def is_closed(self) -> bool:
        closed: bool = self._raw.is_closed()
        return closed

    async def run(self, work: Callable[[Connection], T], begin: str) -> T:
        """In one transaction, which ends with it: kept when it returns, undone when it raises. `begin`: SQL, of one or more statements."""
        self._left, self.asked = -1, 0
        try:
            await self._raw.execute(begin)
            result = await self._within(work)
            await self._raw.execute("COMMIT")
        except Exception:
            await self._undo()
            raise
        except BaseException:
            self._raw.terminate()  # given up in the middle: nobody knows where it stands
            raise
        return result

    async def ask(self, work: Callable[[Connection], T]) -> T:
        """Without a transaction, which a single statement needs none. Raises _OneMore."""
        self._left, self.asked = 1, 0
        try:
            return await self._within(work)
        except Exception:
            raise
        except BaseException:
            self._raw.terminate()
            raise

    async def close(self) -> None:
        """Politely if the server still answers."""
        try:
            await self._raw.close(timeout=1.0)
        except Exception:  # noqa: BLE001  it is gone either way
            self._raw.terminate()

    async def _within(self, work: Callable[[Connection], T]) -> T:
        found: T = await greenlet_spawn(work, cast(Connection, self))
        return found

    async def _undo(self) -> None:
        try:
            if not self._raw.is_closed():
                await self._raw.execute("ROLLBACK")
        except Exception:  # noqa: BLE001  what matters is what went wrong before
            self._raw.terminate()

    def execute(self, statement: Executable, parameters: Any = None) -> Rows:
        """`parameters`: one mapping, or many. Raises what the driver raises; `Server.translated` takes it."""
        return await_only(self._execute(statement, parameters))

    async def _execute(self, statement: Executable, parameters: Any) -> Rows:
        if not self._left:
            raise _OneMore
        self._left -= 1
        self.asked += 1
        many = isinstance(parameters, list | tuple)
        first: Mapping[str, Any] = (parameters[0] if parameters else {}) if many else parameters or {}
        known = _known(statement, tuple(first))
        prepared = self._prepared.get(known.text)
        if prepared is None:
            prepared = self._prepared[known.text] = await self._raw.prepare(known.text)
            if len(self._prepared) > MOST_PREPARED:
                self._prepared.popitem(last=False)
        else:
            self._prepared.move_to_end(known.text)
        if many:
            await prepared.executemany([known.ordered(each) for each in parameters])
            return Rows((), tuple)
        records = await prepared.fetch(*known.ordered(first))
        return Rows(records, known.make(prepared), prepared.get_statusmsg())


class Pool:
    """At most `most` sessions at once, each with these settings of the server; one that ended by itself is opened anew."""

    def __init__(self, server: Server, most: int, **settings: str) -> None:
        self._server = server
        self._settings = settings
        self._room = asyncio.Semaphore(most)
        self._idle: list[Session] = []
        self._alone: dict[CodeType, bool] = {}
        """Which works ask once, as far as was seen."""
        self._closed = False

    async def transact(self, work: Callable[[Connection], T], begin: str) -> T:
        session = await self._take()
        try:
            return await session.run(work, begin)
        finally:
            await self._give(session)

    async def look(self, work: Callable[[Connection], T]) -> T:
        """On a snapshot. What turns out to ask a second time is begun anew, in a transaction, as it is from then on."""
        code: CodeType | None = getattr(work, "__code__", None)
        session = await self._take()
        try:
            if code is not None and self._alone.get(code, False):
                try:
                    return await session.ask(work)
                except _OneMore:
                    self._alone[code] = False
            found = await session.run(work, "BEGIN")
            if code is not None:
                self._alone.setdefault(code, session.asked <= 1)
            return found
        finally:
            await self._give(session)

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _take(self) -> Session:
        try:
            async with asyncio.timeout(ANSWER if self._room.locked() else None):
                await self._room.acquire()
        except TimeoutError as error:
            raise StoreDown("The store is busy.", private="no session became free", remedy="Look at the database server.") from error
        try:
            while self._idle:
                session = self._idle.pop()
                if not session.is_closed:
                    return session
            return Session(await self._server.connect(**self._settings))
        except BaseException:
            self._room.release()
            raise

    async def _give(self, session: Session) -> None:
        self._room.release()
        if self._closed:
            await session.close()
        elif not session.is_closed:
            self._idle.append(session)
