"""What goes straight to PostgreSQL's driver gives exactly what SQLAlchemy gives, and never answers from two moments."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, delete, exists, func, insert, select, text, tuple_, union_all, update

from bridge.errors import Invariant, StoreDown
from storage.dialect import once, upsert
from storage.lines import Lines
from storage.pool import _KNOWN, Pool, Rows, _Statement
from storage.postgres import Server
from storage.schema import cursors, heads, waits
from tests.conformance.homes import template
from tests.postgres import Cluster, cluster


@pytest.fixture
def server() -> Cluster:
    return cluster()


@pytest.fixture
async def lines(server: Cluster) -> AsyncIterator[Lines]:
    name = server.create(await template(server))
    opened = Lines(Server(server.url(name)))
    yield opened
    await opened.close()
    server.drop(name)


_NAMES = ("dead", "events", "\x00 and \uffff", "it's \\ 100% :odd")
_ALL = select(heads).order_by(heads.c.name)
_ONE = select(heads.c.seq, heads.c.name).where(heads.c.name == bindparam("name"))
_SOME = (
    select(heads.c.name)
    .where(heads.c.name.in_(bindparam("names", expanding=True)), heads.c.seq >= bindparam("least"))
    .order_by(heads.c.name)
)
_OTHERS = select(heads.c.name).where(heads.c.name.not_in(bindparam("names", expanding=True))).order_by(heads.c.name)
_IS_THERE = select(exists().where(heads.c.name == bindparam("name")))
_MOST = select(func.max(heads.c.seq).label("most"), func.count()).where(heads.c.seq > 0)
_BOTH = union_all(select(heads.c.seq).where(heads.c.name == bindparam("name")), select(heads.c.seq).where(heads.c.name == "dead"))
_FIRST = select(heads.c.name).order_by(heads.c.name).limit(bindparam("many"))
_TAKE = update(heads).where(heads.c.name == bindparam("which")).values(seq=heads.c.seq + bindparam("many")).returning(heads.c.seq)
_SET = update(heads).where(heads.c.name == bindparam("which")).values(seq=bindparam("seq"))

QUESTIONS: dict[str, Callable[[Connection], Any]] = {
    "rows by name": lambda on: [(row.name, row.seq) for row in on.execute(_ALL)],
    "rows in order": lambda on: [tuple(row) for row in on.execute(_ALL).all()],
    "unpacked": lambda on: [seq for seq, _ in on.execute(_ONE, {"name": "dead"})],
    "odd letters": lambda on: [tuple(on.execute(_ONE, {"name": name}).one()) for name in _NAMES],
    "nobody": lambda on: (on.execute(_ONE, {"name": "nobody"}).first(), on.execute(_ONE, {"name": "nobody"}).scalar()),
    "a list": lambda on: list(on.execute(_SOME, {"names": list(_NAMES), "least": 1}).scalars()),
    "an empty list": lambda on: on.execute(_SOME, {"names": [], "least": 0}).scalars().all(),
    "all but a list": lambda on: list(on.execute(_OTHERS, {"names": ["dead", "\x00 and \uffff"]}).scalars()),
    "yes and no": lambda on: [on.execute(_IS_THERE, {"name": name}).scalar() for name in ("dead", "nobody")],
    "no table's column": lambda on: (on.execute(_MOST).one().most, on.execute(_MOST).one()[1]),
    "two in one": lambda on: [row.seq for row in on.execute(_BOTH, {"name": "events"})],
    "a limit": lambda on: [len(on.execute(_FIRST, {"many": many}).all()) for many in (0, 1, 3)],
    "mere text": lambda on: [(row.n, row.said) for row in on.execute(text("SELECT 1 AS n, CAST(:it AS text) AS said"), {"it": "x"})],
    "built for one call": lambda on: on.execute(_ALL.where(heads.c.name == "dead")).one().seq,
}

DEEDS: dict[str, Callable[[Connection], Any]] = {
    "update": lambda on: on.execute(_SET, {"which": "dead", "seq": 70}).rowcount,
    "update nothing": lambda on: on.execute(_SET, {"which": "nobody", "seq": 70}).rowcount,
    "update and tell": lambda on: on.execute(_TAKE, {"which": "events", "many": 2}).scalar_one(),
    "insert": lambda on: on.execute(insert(heads), {"name": "new", "seq": 1}).rowcount,
    "insert many": lambda on: on.execute(insert(heads), [{"name": f"n{n}", "seq": n} for n in range(3)]) and None,
    "once": lambda on: [once(heads)(on, {"name": "dead", "seq": 1}), once(heads)(on, {"name": "once", "seq": 1})],
    "upsert": lambda on: [_UPSERT(on, {"name": "dead", "seq": 9}), _UPSERT(on, [])],
    "upsert many": lambda on: _UPSERT(on, [{"name": "dead", "seq": 5}, {"name": "more", "seq": 6}]) and None,
    "delete": lambda on: on.execute(delete(heads).where(heads.c.name == bindparam("name")), {"name": "events"}).rowcount,
}
_UPSERT = upsert(heads)


def _filled(work: Callable[[Connection], Any]) -> Callable[[Connection], tuple[Any, Sequence[Any]]]:
    """Over the same rows each time; what came of it, and all rows afterwards."""

    def filled(on: Connection) -> tuple[Any, Sequence[Any]]:
        on.execute(delete(heads))
        on.execute(insert(heads), [{"name": name, "seq": seq} for seq, name in enumerate(_NAMES)])
        found = work(on)
        return found, [tuple(row) for row in on.execute(_ALL).all()]

    return filled


@pytest.mark.parametrize("work", [*QUESTIONS.values(), *DEEDS.values()], ids=[*QUESTIONS, *DEEDS])
async def test_straight_to_the_driver_is_the_same_as_by_way_of_sqlalchemy(lines: Lines, work: Callable[[Connection], Any]) -> None:
    expected = await lines.alter(_filled(work))
    for _ in range(3):
        assert await lines.write(_filled(work)) == expected


async def test_what_is_asked_again_is_prepared_once(lines: Lines) -> None:
    await lines.write(lambda on: [on.execute(_ONE, {"name": "dead"}) for _ in range(3)] and None)
    found = await lines.read(lambda on: on.execute(_ONE, {"name": "dead"}))
    assert isinstance(found, Rows)
    asked = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT heads.seq%name = $1%'")
    assert await lines.write(lambda on: on.execute(asked).scalar_one()) == 1


async def test_what_was_built_for_one_call_is_not_kept(lines: Lines) -> None:
    gc.collect()
    before = len(_KNOWN)
    await lines.read(lambda on: on.execute(select(waits).where(waits.c.seq == 1)).first())
    gc.collect()
    assert len(_KNOWN) == before


async def test_a_look_up_of_one_statement_needs_no_transaction(lines: Lines) -> None:
    only_in_one = text("SAVEPOINT here")

    def once_asked(on: Connection) -> None:
        on.execute(only_in_one)

    await lines.read(once_asked)
    with pytest.raises(StoreDown, match="can only be used in transaction blocks"):
        await lines.read(once_asked)


async def test_a_look_up_that_asks_a_second_time_sees_one_moment_all_the_same(lines: Lines) -> None:
    """The first time it asked once, so it went without a transaction; whatever is written in between, both answers are of one moment."""
    looks: list[tuple[int, ...]] = []
    more = False

    def look(on: Connection) -> None:
        first = on.execute(_ONE, {"name": "dead"}).one().seq
        looks.append((first,))
        if more:
            looks[-1] = (first, on.execute(_ONE, {"name": "dead"}).one().seq)

    await lines.read(look)
    await lines.read(look)
    more, busy = True, True

    async def write() -> None:
        while busy:
            await lines.write(lambda on: on.execute(_TAKE, {"which": "dead", "many": 1}).scalar_one())

    writing = asyncio.create_task(write())
    for _ in range(50):
        await lines.read(look)
    busy = False
    await writing
    both = [seen for seen in looks if len(seen) == 2]
    assert len(both) == 50
    assert all(first == second for first, second in both)


async def test_a_value_that_no_column_holds_is_said_to_be_one_and_stops_nobody(lines: Lines) -> None:
    with pytest.raises(Invariant):
        await lines.write(lambda on: on.execute(_SET, {"which": "dead", "seq": 2**80}).rowcount)
    with pytest.raises(Invariant):
        await lines.read(lambda on: on.execute(_FIRST, {"many": 2**80}).all())
    assert await lines.read(lambda on: on.execute(_ONE, {"name": "dead"}).one().seq) == 0


async def test_whoever_stops_waiting_for_an_answer_spoils_no_session(lines: Lines) -> None:
    slow = text("SELECT pg_sleep(30)")
    for _ in range(6):  # more than there are sessions
        asking = asyncio.create_task(lines.read(lambda on: on.execute(slow).first()))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert await lines.read(lambda on: on.execute(_ONE, {"name": "dead"}).one().seq) == 0


async def test_a_session_that_the_server_ended_is_opened_anew(server: Cluster, lines: Lines) -> None:
    mine = text("SELECT pg_backend_pid()")
    pids = {await ask(lambda on: on.execute(mine).scalar_one()) for ask in (lines.read, lines.write)}
    for pid in pids:
        server.sql(f"SELECT pg_terminate_backend({pid}, 5000)")
    for ask in (lines.read, lines.write):
        async with asyncio.timeout(10):
            while True:
                try:
                    pid = await ask(lambda on: on.execute(mine).scalar_one())
                    break
                except StoreDown:  # it had not noticed yet
                    await asyncio.sleep(0)
        assert pid not in pids


async def test_no_more_sessions_than_asked_for(server: Cluster, lines: Lines) -> None:
    name = server.create(await template(server))
    sessions = Pool(Server(server.url(name)), 2)
    pids = await asyncio.gather(*(sessions.look(lambda on: on.execute(text("SELECT pg_backend_pid()")).scalar_one()) for _ in range(20)))
    await sessions.close()
    server.drop(name)
    assert len(set(pids)) <= 2


def test_a_list_of_pairs_is_refused_rather_than_misread() -> None:
    pairs = select(cursors.c.position).where(tuple_(cursors.c.stream, cursors.c.lane).in_(bindparam("which", expanding=True)))
    assert (
        "= ANY($1)" in _Statement(select(cursors.c.position).where(cursors.c.lane.in_(bindparam("which", expanding=True))), ["which"]).text
    )
    with pytest.raises(NotImplementedError, match="a list that is no list of values"):
        _Statement(pairs, ["which"])
