"""What is erased leaves no trace: not in a table, not in a free page, not in the write-ahead log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from bridge.changes import (
    AdvanceLane,
    AppendEvent,
    AppendItem,
    EndEvent,
    EndHold,
    EraseEvent,
    EraseIntake,
    JoinRoster,
    Park,
    PutActor,
    PutConsent,
    PutDead,
    PutDecision,
    PutHold,
    PutObject,
    Retract,
)
from bridge.model.content.release import Ending
from bridge.model.ids import ObjectId
from bridge.model.item import Dead
from bridge.model.record import Wait
from bridge.norms.context import Consent, Crossing
from bridge.norms.decision import Verdict
from bridge.streams import LaneState
from storage import SqlStore, open_store
from tests.conformance.homes import SECRET
from tests.conformance.samples import (
    ANA,
    FOLLOWERS,
    MAKERS,
    NOW,
    actor,
    decision,
    edit,
    event,
    follower,
    hold,
    intake,
    item,
    known,
    later,
    server,
)

SPOKEN = "a sentence nobody else would say: plum tart at nine"
NAMES = (ANA.id, "ana:hs", "@ana")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folkmoot.sqlite"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqlStore]:
    store = open_store(path, SECRET)
    yield store
    await store.close()


def traces(path: Path, *texts: str) -> list[str]:
    """Which texts any file of the database still holds."""
    raw = b"".join(file.read_bytes() for file in path.parent.iterdir())
    return [text for text in texts if text.encode() in raw]


def raw_bytes(words: str) -> bytes:
    return b'{"content":{"body":"' + words.encode() + b'"},"sender":"' + ANA.id.encode() + b'"}'


async def test_words_that_stay_local_leave_no_trace_and_neither_does_their_author(store: SqlStore, path: Path) -> None:
    (receipt,) = await store.journal.accept([intake("said", body=raw_bytes(SPOKEN), signer=ANA.id)])
    said = event("said", words=SPOKEN)
    await store.journal.commit([PutActor(actor(), NOW), AppendEvent(said, receipt.seq)])
    assert traces(path, SPOKEN, ANA.id) == [SPOKEN, ANA.id], "the search itself works"
    await store.journal.commit([PutDecision(decision(said, Verdict.STAY), NOW), EraseEvent(said.id, "kept local")])
    await store.database.truncate()
    assert traces(path, SPOKEN, *NAMES) == []
    record = await store.journal.record(said.id)
    assert record is not None
    assert (record.ended, record.reasons != ()) == ("kept local", True)


async def test_the_order_of_decision_and_erasure_does_not_matter(store: SqlStore, path: Path) -> None:
    (receipt,) = await store.journal.accept([intake("said", body=raw_bytes(SPOKEN), signer=ANA.id)])
    said = event("said", words=SPOKEN)
    await store.journal.commit([AppendEvent(said, receipt.seq)])
    await store.journal.commit([EraseEvent(said.id, "kept local"), PutDecision(decision(said, Verdict.STAY), NOW)])
    await store.database.truncate()
    assert traces(path, SPOKEN, *NAMES) == []


async def test_a_person_with_something_else_here_stays_known_when_one_item_is_erased(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([PutActor(actor(), NOW), PutConsent(Consent(ANA, MAKERS, Crossing.ON)), AppendEvent(said)])
    await store.journal.commit([EraseEvent(said.id, "kept local")])
    assert await store.directory.actor(ANA) is not None


async def test_fifty_messages_of_somebody_who_never_opted_in_leave_no_identifier(store: SqlStore, path: Path) -> None:
    for n in range(50):
        (receipt,) = await store.journal.accept([intake(f"k{n}", body=raw_bytes(SPOKEN), signer=ANA.id)])
        said = event(f"said{n}", words=f"{SPOKEN} {n} " + "x" * 3000)
        await store.journal.commit([PutActor(actor(), NOW), AppendEvent(said, receipt.seq)])
        await store.journal.commit([PutDecision(decision(said, Verdict.STAY), NOW), EraseEvent(said.id, "kept local")])
    await store.database.truncate()
    assert traces(path, SPOKEN, *NAMES) == []


async def test_an_ignored_entry_keeps_its_reason_and_nothing_else(store: SqlStore, path: Path) -> None:
    (receipt,) = await store.journal.accept([intake("said", body=raw_bytes(SPOKEN), signer=ANA.id)])
    await store.journal.commit([Park(Wait(receipt.seq, later(5), "its author"))])
    await store.journal.commit([EraseIntake(receipt.seq, "O3: another author", refused=True)])
    await store.database.truncate()
    assert traces(path, SPOKEN, *NAMES) == []
    assert traces(path, "O3: another author") == ["O3: another author"]
    assert await store.journal.waits_due(later(99), 10) == ()


async def test_a_wait_that_ended_keeps_neither_words_nor_author(store: SqlStore, path: Path) -> None:
    (receipt,) = await store.journal.accept([intake("said", body=raw_bytes(SPOKEN), signer=ANA.id)])
    said = event("said", words=SPOKEN)
    await store.journal.commit([AppendEvent(said, receipt.seq)])
    await store.journal.commit([PutDecision(decision(said, Verdict.HOLD), NOW), PutHold(hold(said)), EndEvent(said.id, "held")])
    await store.journal.commit([EndHold(said.id, Ending.RETURN, later(15)), EraseEvent(said.id, "returned")])
    await store.database.truncate()
    assert traces(path, SPOKEN, *NAMES) == []


async def test_what_was_taken_back_leaves_no_words_once_every_lane_has_passed(store: SqlStore, path: Path) -> None:
    near, far = server("near"), server("far")
    said = event("said", words=SPOKEN)
    better = edit("better", said, SPOKEN + ", sharp")
    (receipt,) = await store.journal.accept([intake("said", body=raw_bytes(SPOKEN))])
    await store.journal.commit(
        [
            JoinRoster(FOLLOWERS, near, follower("sam", "near")),
            JoinRoster(FOLLOWERS, far, follower("kim", "far")),
            AppendEvent(said, receipt.seq),
            AppendEvent(better),
            PutHold(hold(better)),
            PutObject(known(said), said),
            PutObject(known(said, updated_at=later(1)), better),
            AppendItem(item(said), NOW),
            AppendItem(item(better), NOW),
            PutDead(item(said), near, Dead("403"), 1, NOW),
        ]
    )
    await store.journal.commit([Retract(ObjectId(said.id), said.provenance.native, later(2))])
    await store.database.truncate()
    assert traces(path, SPOKEN) == [SPOKEN], "two servers may have it in flight"
    for destination in (near, far):
        queued = await store.deliveries.read(LaneState(destination, urgent=False, cursor=0), 10)
        await store.journal.commit([AdvanceLane(destination, urgent=False, upto=queued[-1].seq)])
    assert (await store.sweep(later(3))).bodies == 2
    assert traces(path, SPOKEN) == []


async def test_a_tombstone_does_not_keep_the_name_in_a_fediverse_id(store: SqlStore, path: Path) -> None:
    native = follower("someone-unusual", "far")
    await store.journal.commit([Retract(ObjectId("never seen"), native, NOW)])
    assert await store.decisions.tombstoned(ObjectId("never seen"), native)
    await store.database.truncate()
    assert traces(path, "someone-unusual") == []


def test_the_sample_decision_names_its_author() -> None:
    """Else the tests above would search for something that was never written."""
    assert ANA.id.encode() in msgspec.msgpack.encode(decision(event("said")))
