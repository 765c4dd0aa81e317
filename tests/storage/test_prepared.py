"""What is prepared gives exactly what SQLAlchemy gives, the first time and every other time."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    exists,
    func,
    insert,
    select,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError, NoResultFound

from bridge.errors import Conflict
from storage import open_memory
from storage.dialect import once, upsert
from storage.engine import open_engine, translated
from storage.prepared import PreparedConnection, Rows
from storage.schema import out

TIMES = 3
"""The first by SQLAlchemy, the second prepares, the third finds it prepared."""

metadata = MetaData()
waits = Table(
    "waits",
    metadata,
    Column("seq", BigInteger, primary_key=True),
    Column("due_at", BigInteger),
    Column("why", String),
    Column("tries", BigInteger),
    Column("awaited", LargeBinary),
    Column("stuck", Boolean),
)
heads = Table("heads", metadata, Column("name", String, primary_key=True), Column("seq", BigInteger))

WAITS = [
    {"seq": n, "due_at": n * 10, "why": "a parent", "tries": n, "awaited": b"\0" if n > 1 else None, "stuck": n == 2} for n in (1, 2, 3)
]


@pytest.fixture
def connection() -> Iterator[PreparedConnection]:
    engine = open_engine(None)
    with PreparedConnection(engine) as opened:
        with opened.begin():
            metadata.create_all(opened)
            opened.execute(insert(waits), WAITS)
        yield opened
    engine.dispose()


_ALL = select(waits).order_by(waits.c.seq)
_ONE = select(waits.c.why, waits.c.stuck).where(waits.c.seq == bindparam("seq"))
_SOME = (
    select(waits.c.seq).where(waits.c.seq.in_(bindparam("seqs", expanding=True)), waits.c.tries >= bindparam("least")).order_by(waits.c.seq)
)
_IS_STUCK = select(exists().where(waits.c.stuck.is_(True), waits.c.seq == bindparam("seq")))
_MOST = select(func.max(waits.c.due_at).label("latest")).where(waits.c.why == "a parent")
_BOTH = union_all(select(waits.c.seq).where(waits.c.seq == bindparam("seq")), select(waits.c.tries).where(waits.c.seq == bindparam("seq")))
_FIRST = select(waits.c.seq).order_by(waits.c.seq).limit(bindparam("many"))

QUESTIONS: list[tuple[str, Callable[[Connection], Any]]] = [
    ("rows by name", lambda on: [(row.seq, row.stuck, row.awaited) for row in on.execute(_ALL)]),
    ("rows as tuples", lambda on: [tuple(row) for row in on.execute(_ALL).all()]),
    ("a row taken apart", lambda on: [f"{why} {stuck!r}" for why, stuck in on.execute(_ONE, {"seq": 2}).all()]),
    ("the first of none", lambda on: on.execute(_ONE, {"seq": 9}).first()),
    ("a list of three", lambda on: list(on.execute(_SOME, {"seqs": [1, 2, 3], "least": 2}).scalars())),
    ("a list of one", lambda on: on.execute(_SOME, {"seqs": [3], "least": 0}).scalars().all()),
    ("an empty list", lambda on: on.execute(_SOME, {"seqs": [], "least": 0}).scalars().all()),
    ("whether there is one", lambda on: repr(on.execute(_IS_STUCK, {"seq": 2}).scalar_one())),
    ("a number of all", lambda on: on.execute(_MOST).one().latest),
    ("a union", lambda on: sorted(on.execute(_BOTH, {"seq": 3}).scalars())),
    ("a limit", lambda on: on.execute(_FIRST, {"many": 2}).scalars().all()),
    ("nothing", lambda on: on.execute(_ONE, {"seq": 9}).scalar()),
]


@pytest.mark.parametrize(("ask"), [ask for _, ask in QUESTIONS], ids=[name for name, _ in QUESTIONS])
def test_what_is_prepared_finds_what_sqlalchemy_finds(connection: PreparedConnection, ask: Callable[[Connection], Any]) -> None:
    with connection.begin():
        found = [ask(connection) for _ in range(TIMES)]
    assert found == [found[0]] * TIMES
    with connection.engine.connect() as plain:
        assert ask(plain) == found[0]


def test_a_statement_seen_again_goes_straight_to_the_driver(connection: PreparedConnection) -> None:
    with connection.begin():
        assert not isinstance(connection.execute(_ALL), Rows)
        assert isinstance(connection.execute(_ALL), Rows)


def test_a_statement_built_for_one_call_is_not_kept(connection: PreparedConnection) -> None:
    with connection.begin():
        for number in range(20):
            connection.execute(select(waits.c.seq).where(waits.c.seq == number)).all()
        gc.collect()
        assert len(connection._prepared) < 20


_TAKE = update(heads).where(heads.c.name == bindparam("which")).values(seq=heads.c.seq + bindparam("many")).returning(heads.c.seq)
_LATER = update(waits).where(waits.c.tries >= bindparam("least")).values(due_at=bindparam("later"))
_ONCE = once(heads)
_NEWEST = upsert(heads, where=lambda new: new.seq > heads.c.seq)


def test_what_is_prepared_writes_what_sqlalchemy_writes(connection: PreparedConnection) -> None:
    with connection.begin():
        for at in range(1, TIMES + 1):
            _ONCE(connection, {"name": "out", "seq": at})
            _NEWEST(connection, {"name": "out", "seq": at})
            _NEWEST(connection, {"name": "out", "seq": at - 1})
            assert connection.execute(_TAKE, {"which": "out", "many": 0}).scalar_one() == at
            assert connection.execute(_LATER, {"least": 2, "later": at}).rowcount == 2
            assert [row.due_at for row in connection.execute(_ALL)] == [10, at, at]


def test_many_rows_are_written_at_once(connection: PreparedConnection) -> None:
    statement = insert(waits)
    with connection.begin():
        for start in (10, 20, 30):
            connection.execute(statement, [{**WAITS[0], "seq": start + n, "stuck": n == 1} for n in range(3)])
        assert [row.seq for row in connection.execute(_ALL) if row.stuck is True] == [2, 11, 21, 31]


def test_a_parameter_that_was_forgotten_is_an_error_and_not_null(connection: PreparedConnection) -> None:
    with connection.begin():
        for _ in range(TIMES):
            connection.execute(_ONE, {"seq": 1}).all()
        with pytest.raises(Exception, match="seq"):
            connection.execute(_ONE, {}).all()
        with pytest.raises(Exception, match="seq"):
            connection.execute(_ONE, {}).all()


def test_one_row_that_is_not_there_is_an_error(connection: PreparedConnection) -> None:
    with connection.begin():
        for _ in range(TIMES):
            with pytest.raises(NoResultFound):
                connection.execute(_ONE, {"seq": 9}).one()


def test_a_key_that_is_taken_is_a_conflict_however_it_was_found_out(connection: PreparedConnection) -> None:
    statement = insert(waits)
    kinds = set()
    for _ in range(TIMES):
        with pytest.raises((IntegrityError, sqlite3.IntegrityError)) as caught, connection.begin():
            connection.execute(statement, WAITS[0])
        kinds.add(type(caught.value))
        assert isinstance(translated(caught.value), Conflict)
    assert kinds == {IntegrityError, sqlite3.IntegrityError}


def test_the_first_row_leaves_no_statement_open(connection: PreparedConnection) -> None:
    """One that goes on keeps its snapshot: the table could not be dropped, and the write-ahead log would grow for ever."""
    with connection.begin():
        for _ in range(TIMES):
            assert connection.execute(_ALL).first().seq == 1
        connection.exec_driver_sql("DROP TABLE waits")


async def test_the_store_uses_it() -> None:
    store = open_memory()
    statement = select(func.count()).select_from(out)
    try:
        assert not isinstance(await store.database.read(lambda on: on.execute(statement)), Rows)
        assert isinstance(await store.database.read(lambda on: on.execute(statement)), Rows)
    finally:
        await store.close()
