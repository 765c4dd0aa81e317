"""The `Journal` port: nothing acknowledged is lost, nothing is there twice, order is kept, what was erased is never seen."""

from __future__ import annotations

import asyncio

import pytest

from bridge.changes import (
    AppendEvent,
    AppendItem,
    EndEvent,
    EndHold,
    EraseEvent,
    EraseIntake,
    JoinRoster,
    Park,
    PutChannel,
    PutCopy,
    PutDecision,
    PutHold,
    PutObject,
    PutOmission,
    Retract,
    Unpark,
)
from bridge.errors import Conflict
from bridge.model.content.release import Ending
from bridge.model.ids import ChannelId, ObjectId
from bridge.model.item import Omission
from bridge.model.place import Channel, Place, PlaceKind
from bridge.model.record import Wait
from bridge.norms.decision import Verdict
from bridge.norms.wording import sentence
from bridge.streams import Stream
from storage import SqlStore
from tests.conformance.homes import Hand, Home
from tests.conformance.samples import (
    FOLLOWERS,
    GROUP,
    MAKERS,
    NOW,
    ROOM,
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


async def test_a_repeat_is_acknowledged_with_its_first_position_and_not_written(store: SqlStore) -> None:
    first = await store.journal.accept([intake("a"), intake("b")])
    again = await store.journal.accept([intake("b"), intake("c"), intake("c")])

    assert [receipt.fresh for receipt in first] == [True, True]
    assert [receipt.fresh for receipt in again] == [False, True, False]
    assert again[0].seq == first[1].seq
    assert again[1].seq == again[2].seq
    assert [entry.intake.key for entry in await store.journal.read_intake("!room:hs.example", 10)] == ["a", "b", "c"]


async def test_what_was_accepted_is_there_after_a_restart(store: SqlStore, home: Home) -> None:
    entry = intake("a", body=b"\x00raw", signer="https://far.example/u/sam")
    await store.journal.accept([entry])
    store = await home.reopen()
    (read,) = await store.journal.read_intake(entry.lane, 10)
    assert read.intake == entry
    assert (await store.journal.accept([entry]))[0].fresh is False


async def test_each_lane_is_read_in_order_from_its_own_cursor(store: SqlStore) -> None:
    await store.journal.accept([intake("a", "one"), intake("b", "two"), intake("c", "one")])
    assert sorted(await store.journal.pending(Stream.INTAKE)) == ["one", "two"]
    first = (await store.journal.read_intake("one", 1))[0]
    await store.journal.commit([], stream=Stream.INTAKE, lane="one", upto=first.seq)
    assert [entry.intake.key for entry in await store.journal.read_intake("one", 10)] == ["c"]
    assert [entry.intake.key for entry in await store.journal.read_intake("two", 10)] == ["b"]


async def test_a_cursor_never_moves_backwards(store: SqlStore) -> None:
    receipts = await store.journal.accept([intake("a"), intake("b"), intake("c")])
    lane = "!room:hs.example"
    await store.journal.commit([], stream=Stream.INTAKE, lane=lane, upto=receipts[1].seq)
    await store.journal.commit([], stream=Stream.INTAKE, lane=lane, upto=receipts[0].seq)
    assert [entry.intake.key for entry in await store.journal.read_intake(lane, 10)] == ["c"]


async def test_a_lane_that_is_done_is_not_pending(store: SqlStore) -> None:
    (receipt,) = await store.journal.accept([intake("a")])
    await store.journal.commit([EraseIntake(receipt.seq, "not for us")], stream=Stream.INTAKE, lane="!room:hs.example", upto=receipt.seq)
    assert await store.journal.pending(Stream.INTAKE) == ()


async def test_an_event_is_written_once_whatever_number_of_times_it_arrives(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([AppendEvent(said), AppendEvent(said)])
    await store.journal.commit([AppendEvent(said)])
    assert [read for _, read in await store.journal.read_events(MAKERS, 10)] == [said]
    assert await store.journal.event(said.id) == said


async def test_events_of_one_community_are_read_in_the_order_they_were_written(store: SqlStore) -> None:
    here = [event(f"here{n}") for n in range(3)]
    there = event("there", community="others")
    await store.journal.commit([AppendEvent(here[0]), AppendEvent(there), AppendEvent(here[1])])
    await store.journal.commit([AppendEvent(here[2])])
    read = await store.journal.read_events(MAKERS, 10)
    assert [each for _, each in read] == here
    await store.journal.commit([], stream=Stream.EVENTS, lane=MAKERS, upto=read[1][0])
    assert [each for _, each in await store.journal.read_events(MAKERS, 10)] == here[2:]
    assert set(await store.journal.pending(Stream.EVENTS)) == {MAKERS, "others"}


async def test_an_erased_event_is_skipped_and_its_lane_falls_silent(store: SqlStore) -> None:
    (receipt,) = await store.journal.accept([intake("a")])
    said = event("said")
    await store.journal.commit([AppendEvent(said, receipt.seq)])
    await store.journal.commit([EraseEvent(said.id, "kept local")])
    assert await store.journal.read_events(MAKERS, 10) == ()
    assert await store.journal.pending(Stream.EVENTS) == ()
    assert await store.journal.read_intake("!room:hs.example", 10) == ()
    assert await store.journal.event(said.id) is None
    record = await store.journal.record(said.id)
    assert record is not None
    assert record.ended == "kept local"
    await store.journal.commit([AppendEvent(said, receipt.seq)])
    assert await store.journal.event(said.id) is None, "a repeat must not bring the words back"


async def test_ending_an_event_keeps_its_words_and_erases_the_raw_bytes(store: SqlStore) -> None:
    (receipt,) = await store.journal.accept([intake("a")])
    said = event("said")
    await store.journal.commit([AppendEvent(said, receipt.seq), EndEvent(said.id, "crossed")])
    assert await store.journal.event(said.id) == said
    assert await store.journal.read_intake("!room:hs.example", 10) == ()


async def test_a_transaction_that_fails_writes_nothing(store: SqlStore) -> None:
    place = Place(ROOM, PlaceKind.ROOM)
    await store.journal.commit([_channel("one", place)])
    (receipt,) = await store.journal.accept([intake("a")])
    with pytest.raises(Conflict):
        await store.journal.commit(
            [AppendEvent(event("said"), receipt.seq), _channel("two", place)],
            stream=Stream.INTAKE,
            lane="!room:hs.example",
            upto=receipt.seq,
        )
    assert await store.journal.read_events(MAKERS, 10) == ()
    assert await store.journal.pending(Stream.INTAKE) == ("!room:hs.example",)


async def test_one_failing_transaction_does_not_poison_its_neighbours(store: SqlStore) -> None:
    place = Place(ROOM, PlaceKind.ROOM)
    await store.journal.commit([_channel("one", place)])
    good = [store.journal.commit([AppendEvent(event(f"said{n}"))]) for n in range(10)]
    bad = store.journal.commit([AppendEvent(event("bad")), _channel("two", place)])
    results = await asyncio.gather(*good[:5], bad, *good[5:], return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [Conflict]
    assert len(await store.journal.read_events(MAKERS, 20)) == 10


async def test_applying_the_same_changes_again_changes_nothing(store: SqlStore) -> None:
    (receipt,) = await store.journal.accept([intake("a")])
    said = event("said")
    changes = [
        JoinRoster(FOLLOWERS, server("near"), follower("sam", "near")),
        AppendEvent(said, receipt.seq),
        PutDecision(decision(said), NOW),
        PutObject(known(said), said),
        PutCopy(ObjectId(said.id), GROUP, "https://moot.example/o/1"),
        PutOmission(Omission(said.id, GROUP, "poll.not_carried", "Polls cannot go there.")),
        AppendItem(item(said), NOW),
        EndEvent(said.id, "crossed"),
    ]
    for _ in range(3):
        await store.journal.commit(changes, stream=Stream.EVENTS, lane=MAKERS, upto=1)
    record = await store.journal.record(said.id)
    assert record is not None
    assert len(record.standings) == 1
    assert len(record.omissions) == 1
    (lane,) = await store.deliveries.lanes(NOW, 10)
    assert len(await store.deliveries.read(lane, 10)) == 1


async def test_a_parked_entry_comes_back_when_its_time_has_come(store: SqlStore) -> None:
    first, second = await store.journal.accept([intake("a"), intake("b")])
    await store.journal.commit(
        [Park(Wait(first.seq, later(60), "its author could not be fetched", 2))],
        stream=Stream.INTAKE,
        lane="!room:hs.example",
        upto=first.seq,
    )
    assert [entry.seq for entry in await store.journal.read_intake("!room:hs.example", 10)] == [second.seq]
    assert await store.journal.next_due() == later(60)
    assert await store.journal.waits_due(later(59), 10) == ()
    ((wait, entry),) = await store.journal.waits_due(later(60), 10)
    assert (wait.tries, entry.tries, entry.intake.key) == (2, 2, "a")
    await store.journal.commit([Unpark(first.seq)])
    assert await store.journal.waits_due(later(60), 10) == ()
    assert await store.journal.next_due() is None


@pytest.mark.parametrize("arrival", ["as an object", "as a copy", "as an event"])
async def test_a_parked_entry_comes_back_when_what_it_awaits_arrives(store: SqlStore, arrival: str) -> None:
    parent = event("parent")
    awaited = parent.provenance.native
    (receipt,) = await store.journal.accept([intake("a")])
    await store.journal.commit([Park(Wait(receipt.seq, later(3600), "its parent has not arrived", awaited=awaited))])
    assert await store.journal.waits_due(NOW, 10) == ()
    match arrival:
        case "as an object":
            await store.journal.commit([PutObject(known(parent), parent)])
        case "as a copy":
            await store.journal.commit([PutCopy(ObjectId("elsewhere"), ROOM, awaited.id)])
        case _:
            await store.journal.commit([AppendEvent(parent)])
    ((wait, _),) = await store.journal.waits_due(NOW, 10)
    assert wait.seq == receipt.seq


async def test_parking_for_something_that_is_here_already_is_due_at_once(store: SqlStore) -> None:
    parent = event("parent")
    (receipt,) = await store.journal.accept([intake("a")])
    await store.journal.commit([PutObject(known(parent), parent)])
    await store.journal.commit([Park(Wait(receipt.seq, later(3600), "its parent", awaited=parent.provenance.native))])
    assert len(await store.journal.waits_due(NOW, 10)) == 1


async def test_an_entry_stuck_for_a_person_never_comes_due_by_itself(store: SqlStore) -> None:
    (receipt,) = await store.journal.accept([intake("a")])
    await store.journal.commit([Park(Wait(receipt.seq, None, "our bug 17", stuck=True))])
    assert await store.journal.waits_due(later(10**7), 10) == ()
    assert await store.journal.next_due() is None
    await store.journal.commit([], stream=Stream.INTAKE, lane="!room:hs.example", upto=receipt.seq)
    assert (await store.journal.backlog(NOW)).rows["intake"] == 1, "but it is not done either"


async def test_waits_and_holds_each_say_when_they_come_due(store: SqlStore) -> None:
    (receipt,) = await store.journal.accept([intake("a")])
    said = event("said")
    await store.journal.commit([Park(Wait(receipt.seq, later(60), "later")), PutHold(hold(said, seconds=15))])
    assert await store.decisions.next_due() == later(15)
    assert await store.journal.next_due() == later(60)
    await store.journal.commit([EndHold(said.id, Ending.RELEASE, later(15))])
    assert await store.decisions.next_due() is None


async def test_the_record_tells_the_life_of_an_event(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([AppendEvent(said)])
    waiting = await store.journal.record(said.id)
    await store.journal.commit([PutDecision(decision(said, Verdict.HOLD), NOW), PutHold(hold(said, "review", seconds=3600))])
    held = await store.journal.record(said.id)
    assert waiting is not None
    assert held is not None
    assert (waiting.ended, waiting.kind, waiting.place, waiting.received_at) == ("waiting", "message", ROOM, NOW)
    assert (held.ended, held.held_until) == ("held", later(3600))
    assert held.reasons == (sentence("N01.off"),)
    assert held.reasons != ("N01.off",), "people read sentences, not codes"
    assert await store.journal.record(event("never").id) is None
    assert [record.event_id for record in await store.journal.recent_events(None, 5)] == [said.id]
    assert await store.journal.recent_events(MAKERS, 5) != ()


async def test_recent_events_come_newest_first(store: SqlStore) -> None:
    said = [event(f"said{n}") for n in range(4)]
    await store.journal.commit([AppendEvent(each) for each in said])
    assert [record.event_id for record in await store.journal.recent_events(MAKERS, 2)] == [said[3].id, said[2].id]


async def test_the_backlog_counts_what_is_not_done(store: SqlStore, clock: Hand) -> None:
    said = event("said")
    await store.journal.accept([intake("a"), intake("b")])
    await store.journal.commit(
        [
            JoinRoster(FOLLOWERS, server("near"), follower("sam", "near")),
            AppendEvent(said),
            AppendItem(item(said), NOW),
            PutHold(hold(event("other"))),
        ]
    )
    backlog = await store.journal.backlog(later(30))
    assert backlog.rows == {"intake": 2, "events": 1, "out": 1}
    assert backlog.oldest == {"intake": 30.0, "events": 30.0, "out": 30.0}
    assert (backlog.holds, backlog.dead) == (1, 0)


async def test_a_retraction_erases_every_form_of_the_words_in_events(store: SqlStore) -> None:
    said = event("said")
    changed = edit("changed", said, "other words")
    await store.journal.commit([AppendEvent(said), AppendEvent(changed), PutObject(known(said), said)])
    await store.journal.commit([Retract(ObjectId(said.id), said.provenance.native, NOW)])
    assert await store.journal.event(said.id) is None
    assert await store.journal.read_events(MAKERS, 10) == ()
    assert await store.journal.pending(Stream.EVENTS) == ()


async def test_a_hint_wakes_whoever_waits_and_news_before_the_wait_is_not_lost(store: SqlStore, clock: Hand) -> None:
    start = clock.now()
    await store.journal.accept([intake("a")])
    await store.journal.hint(Stream.INTAKE, 3600)
    assert clock.now() == start, "news came before the wait"
    await store.journal.hint(Stream.INTAKE, 3600)
    assert clock.now() == later(3600), "no news: the time passes"


@pytest.mark.parametrize("is_awaited", [True, False])
async def test_the_reader_hears_of_what_arrives_when_something_waited_for_it(store: SqlStore, clock: Hand, is_awaited: bool) -> None:
    parent = event("parent")
    (receipt,) = await store.journal.accept([intake("a")])
    awaited = parent.provenance.native if is_awaited else event("another").provenance.native
    await store.journal.commit([Park(Wait(receipt.seq, later(7200), "its parent has not arrived", awaited=awaited))])
    await store.journal.hint(Stream.INTAKE, 3600)
    start = clock.now()
    await store.journal.commit([PutObject(known(parent), parent)])
    await store.journal.hint(Stream.INTAKE, 3600)
    assert (clock.now() == start) is is_awaited


async def test_a_follower_misses_nothing_while_others_write(store: SqlStore) -> None:
    """The cursor trap (engine.md section 7): a reader after its cursor must never skip an entry that commits later."""
    wanted = 8 * 40
    seen: list[str] = []

    async def write(writer: int) -> None:
        for n in range(40):
            await store.journal.accept([intake(f"{writer}-{n}", "lane")])

    async def follow() -> None:
        while len(seen) < wanted:
            entries = await store.journal.read_intake("lane", 50)
            if entries:
                seen.extend(entry.intake.key for entry in entries)
                await store.journal.commit([], stream=Stream.INTAKE, lane="lane", upto=entries[-1].seq)
            else:
                await asyncio.sleep(0)

    await asyncio.wait_for(asyncio.gather(follow(), *(write(n) for n in range(8))), 20)
    assert len(seen) == len(set(seen)) == wanted
    for writer in range(8):
        mine = [key for key in seen if key.startswith(f"{writer}-")]
        assert mine == [f"{writer}-{n}" for n in range(40)]


def _channel(name: str, place: Place) -> PutChannel:
    return PutChannel(Channel(ChannelId(name), MAKERS, (place,)))


async def test_what_waits_is_listed_with_what_waits_for_a_person_first(store: SqlStore) -> None:
    one, two, three = await store.journal.accept([intake("one", body=b"raw"), intake("two"), intake("three")])
    soon, stuck = Wait(one.seq, later(5), "its author", tries=2), Wait(three.seq, None, "a fault", stuck=True)
    await store.journal.commit([Park(soon), Park(Wait(two.seq, later(5), "x")), Park(stuck), EraseIntake(two.seq, "given up")])

    waits = await store.journal.waits(10)
    found = await store.journal.wait(one.seq)

    assert [wait for wait, _ in waits] == [stuck, soon]
    assert [wait for wait, _ in await store.journal.waits(1)] == [stuck]
    assert found is not None
    assert (found[0], found[1].intake.body) == (soon, b"raw")
    assert await store.journal.wait(two.seq) is None
    assert (await store.journal.backlog(NOW)).stuck == 1
