"""A node that moves from its file to PostgreSQL takes everything along and goes on where it stood, or stays where it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from bridge.changes import (
    AdvanceLane,
    AppendEvent,
    AppendItem,
    FailLane,
    JoinRoster,
    Park,
    PutActor,
    PutChannel,
    PutCommunity,
    PutConsent,
    PutCopy,
    PutDead,
    PutDecision,
    PutFollow,
    PutHold,
    PutObject,
    PutOmission,
    Retract,
)
from bridge.errors import OperatorError
from bridge.model.ids import ObjectId
from bridge.model.item import Dead, Omission
from bridge.model.place import Channel, Community, Place, PlaceKind
from bridge.model.record import Follow, Wait
from bridge.norms.context import Consent, Crossing
from bridge.streams import Stream
from storage import SqlStore, connect_store, open_store
from storage.schema import metadata
from storage.transfer import copy_store
from tests.conformance.homes import SECRET
from tests.conformance.samples import (
    ANA,
    BENCH,
    FOLLOWERS,
    GROUP,
    MAKERS,
    NOW,
    ROOM,
    actor,
    decision,
    event,
    follower,
    hold,
    intake,
    item,
    known,
    later,
    retraction,
    server,
)
from tests.postgres import Cluster, cluster

SAID, TAKEN_BACK, HELD = event("said"), event("sorry"), event("held")


@pytest.fixture
def target() -> Iterator[tuple[Cluster, str]]:
    name = cluster().create()
    yield cluster(), name
    cluster().drop(name)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A node with something in every corner."""
    path = tmp_path / "folkmoot.sqlite"
    store = open_store(path, SECRET)
    receipts = await store.journal.accept([intake(f"k{n}", signer="who\x00", body=bytes(range(256))) for n in range(1200)])
    await store.journal.commit(
        [
            PutCommunity(Community(MAKERS, "makers", "The Makers — 🛠", "about")),
            PutChannel(Channel(BENCH, MAKERS, (Place(ROOM, PlaceKind.ROOM, "room"), Place(GROUP, PlaceKind.GROUP, "group")))),
            PutActor(actor(), NOW),
            PutConsent(Consent(ANA, MAKERS, Crossing.ON)),
            PutFollow(Follow(follower("sam", "near"), GROUP, "https://near.example/f/1", NOW, NOW)),
            JoinRoster(FOLLOWERS, server("near"), follower("sam", "near")),
            JoinRoster(FOLLOWERS, server("far"), follower("kim", "far")),
            *(AppendEvent(each) for each in (SAID, TAKEN_BACK, HELD)),
            PutDecision(decision(SAID), NOW),
            PutObject(known(SAID), SAID),
            PutObject(known(TAKEN_BACK), TAKEN_BACK),
            PutCopy(ObjectId(SAID.id), GROUP, "https://moot.example/o/1"),
            AppendItem(item(SAID), NOW),
            AppendItem(item(TAKEN_BACK), NOW),
            PutHold(hold(HELD)),
            PutOmission(Omission(SAID.id, GROUP, "poll", "A poll cannot cross.")),
            Park(Wait(receipts[3].seq, later(60), "its parent")),
        ],
        stream=Stream.INTAKE,
        lane="!room:hs.example",
        upto=receipts[9].seq,
    )
    await store.journal.commit(
        [
            AdvanceLane(server("near"), False, 1),
            FailLane(server("far"), False, "no answer", later(60), NOW, host=True),
            PutDead(item(SAID), server("far"), Dead("403"), 2, NOW),
            Retract(ObjectId(TAKEN_BACK.id), TAKEN_BACK.provenance.native, NOW),
            AppendItem(item(retraction("gone", TAKEN_BACK), "direct", urgent=True, reached=True), NOW),
        ]
    )
    await store.keys.keep(GROUP, "rsa", b"private", b"public")
    await store.keys.remember("https://near.example/u/sam#main-key", "https://near.example/u/sam", None, NOW)
    await store.close()
    return path


def everything(connection: Connection) -> dict[str, set[tuple[Any, ...]]]:
    return {table.name: {tuple(row) for row in connection.execute(select(table))} for table in metadata.sorted_tables}


async def copied(path: Path, target: tuple[Cluster, str], *, key: bytes = SECRET, option: str = "") -> int:
    server_, name = target
    return await copy_store(path, key, server_.url(name) + option, progress=lambda *_: None)


async def test_every_row_arrives_as_it_was(path: Path, target: tuple[Cluster, str]) -> None:
    told: list[tuple[int, int]] = []
    rows = await copy_store(path, SECRET, target[0].url(target[1]), progress=lambda done, total: told.append((done, total)))
    before, after = open_store(path, SECRET), await connect_store(target[0].url(target[1]), SECRET)
    there, here = await before.database.read(everything), await after.database.read(everything)
    await before.close()
    await after.close()
    assert here == there
    assert sum(len(found) for found in here.values()) == rows == sum(done for done, _ in told) > 1200
    assert {total for _, total in told} == {rows}, "progress is told against the whole"
    assert len(told) > 3, "and in steps"


async def test_the_node_goes_on_where_it_stood(path: Path, target: tuple[Cluster, str]) -> None:
    await copied(path, target)
    store: SqlStore = await connect_store(target[0].url(target[1]), SECRET)
    lane = "!room:hs.example"
    assert (await store.journal.read_intake(lane, 1))[0].intake.key == "k10"
    (again,) = await store.journal.accept([intake("k7")])
    (fresh,) = await store.journal.accept([intake("new")])
    assert (again.fresh, fresh.fresh, fresh.seq) == (False, True, 1201)
    due = {(each.destination.host, each.urgent) for each in await store.deliveries.lanes(later(60), 10)}
    assert due == {("near.example", True), ("near.example", False), ("far.example", True), ("far.example", False)}
    assert await store.keys.private_key(GROUP, "rsa") == b"private"
    assert await store.decisions.tombstoned(ObjectId(TAKEN_BACK.id), TAKEN_BACK.provenance.native)
    await store.close()


async def test_a_target_that_is_not_empty_is_refused_and_left_alone(path: Path, target: tuple[Cluster, str]) -> None:
    server_, name = target
    server_.sql("CREATE TABLE theirs (words text)", "INSERT INTO theirs VALUES ('kept')", database=name)
    with pytest.raises(OperatorError, match="not empty: it has a table 'theirs'"):
        await copied(path, target)
    assert server_.sql("SELECT words FROM theirs", database=name) == "kept"
    server_.sql("DROP TABLE theirs", database=name)
    await copied(path, target)
    with pytest.raises(OperatorError, match="not empty"):
        await copied(path, target)


async def test_a_copy_that_is_cut_off_leaves_nothing_behind(path: Path, target: tuple[Cluster, str]) -> None:
    server_, name = target

    def cut(_done: int, _total: int) -> None:
        server_.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    with pytest.raises(OperatorError, match="nothing was copied"):
        await copy_store(path, SECRET, server_.url(name), progress=cut)
    assert server_.sql("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'", database=name) == "0"
    assert await copied(path, target) > 1200


async def test_a_node_that_runs_is_not_copied(path: Path, target: tuple[Cluster, str]) -> None:
    store = open_store(path, SECRET)
    with pytest.raises(OperatorError, match="in use by another Folkmoot process"):
        await copied(path, target)
    await store.close()


async def test_another_key_file_an_unsafe_server_and_a_file_that_is_not_there_are_refused(path: Path, target: tuple[Cluster, str]) -> None:
    server_, name = target
    with pytest.raises(OperatorError, match="another key file"):
        await copied(path, target, key=b"x" * 32)
    with pytest.raises(OperatorError, match="synchronous_commit=off"):
        await copied(path, target, option="&synchronous_commit=off")
    with pytest.raises(OperatorError, match="there is no database"):
        await copied(path.with_name("nothing.sqlite"), target)
    assert server_.sql("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'", database=name) == "0"
    assert not await asyncio.to_thread(path.with_name("nothing.sqlite").exists)
