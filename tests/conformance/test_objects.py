"""The `Objects` port: the newest form of everything that crossed, until it is taken back, and never after."""

from __future__ import annotations

from bridge.changes import AppendEvent, AppendItem, PutCopy, PutObject, Retract
from bridge.model.content import Sighting
from bridge.model.event import Event
from bridge.model.ids import ItemId, Native, ObjectId
from storage import SqlStore
from tests.conformance.homes import Home
from tests.conformance.samples import ANA, GROUP, MAKERS, NOW, ROOM, edit, event, item, known, later, reaction


def oid(of: Event) -> ObjectId:
    return ObjectId(of.id)


async def test_an_object_is_found_by_the_id_it_was_born_with_and_by_every_copy(store: SqlStore, home: Home) -> None:
    said = event("said")
    url = "https://moot.example/o/1"
    await store.journal.commit([PutObject(known(said), said), PutCopy(oid(said), GROUP, url)])
    store = await home.reopen()
    for native in (said.provenance.native, Native(GROUP.protocol, url)):
        assert await store.objects.find(native) == known(said)
    assert await store.objects.get(oid(said)) == known(said)
    assert await store.objects.current(oid(said)) == said
    assert await store.objects.copy(oid(said), GROUP) == url
    assert await store.objects.copy(oid(said), ROOM) == said.provenance.native.id
    assert await store.objects.copy(oid(said), ANA) is None
    assert await store.objects.find(Native(GROUP.protocol, said.provenance.native.id)) is None


async def test_the_newest_form_wins_in_any_order(store: SqlStore) -> None:
    said = event("said")
    second, third = edit("second", said, "two"), edit("third", said, "three")
    await store.journal.commit([PutObject(known(said), said)])
    await store.journal.commit([PutObject(known(said, updated_at=later(20)), third)])
    await store.journal.commit([PutObject(known(said, updated_at=later(10)), second), PutObject(known(said), said)])
    assert await store.objects.current(oid(said)) == third
    found = await store.objects.get(oid(said))
    assert found is not None
    assert (found.updated_at, found.crossed_at) == (later(20), NOW)


async def test_nothing_revives_what_was_taken_back(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([PutObject(known(said), said), Retract(oid(said), said.provenance.native, later(5))])
    await store.journal.commit([PutObject(known(said, updated_at=later(9)), said), Retract(oid(said), None, later(9))])
    found = await store.objects.get(oid(said))
    assert found is not None
    assert found.retracted_at == later(5)
    assert await store.objects.current(oid(said)) is None


async def test_a_late_create_of_something_taken_back_before_stays_dead(store: SqlStore) -> None:
    said = event("said")
    assert await store.decisions.tombstoned(ObjectId("another"), said.provenance.native) is False
    await store.journal.commit([Retract(ObjectId("an id under which we never knew it"), said.provenance.native, NOW)])
    assert await store.decisions.tombstoned(ObjectId("another"), said.provenance.native) is True
    await store.journal.commit([PutObject(known(said), said)])
    assert await store.objects.find(said.provenance.native) is None


async def test_an_echo_on_its_way_still_tells_the_name_of_the_copy_after_a_retraction(store: SqlStore) -> None:
    """Where the answer to a sending was lost, nothing else does, and the copy would stand for ever."""
    said = event("said")
    echo = event("echo", Sighting(oid(said), "$copy"))
    await store.journal.commit([AppendEvent(said), PutObject(known(said), said), AppendEvent(echo)])
    await store.journal.commit([Retract(oid(said), said.provenance.native, NOW)])
    assert [each for _, each in await store.journal.read_events(MAKERS, 10)] == [echo]


async def test_copies_stay_known_after_a_retraction_so_that_it_can_be_carried_out(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([PutObject(known(said), said), PutCopy(oid(said), GROUP, "https://moot.example/o/1")])
    await store.journal.commit([Retract(oid(said), said.provenance.native, NOW)])
    assert await store.objects.copy(oid(said), GROUP) == "https://moot.example/o/1"
    assert await store.objects.copy(oid(said), ROOM) == said.provenance.native.id


async def test_a_thread_is_in_order_and_its_newest_member_in_a_place_is_known(store: SqlStore) -> None:
    root, reply, last = event("root"), event("reply"), event("last")
    await store.journal.commit([PutObject(known(root), root)])
    for each in (reply, last):
        await store.journal.commit([PutObject(known(each, thread=oid(root), reply_to=oid(root)), each)])
    liked = reaction("liked", root)
    await store.journal.commit([PutObject(known(liked, thread=oid(root), kind="reaction"), liked)])
    await store.journal.commit(
        [PutCopy(oid(root), GROUP, "https://moot.example/o/root"), PutCopy(oid(reply), GROUP, "https://moot.example/o/reply")]
    )
    assert [each.id for each in await store.objects.thread(oid(root), 10)] == [root.id, reply.id, last.id]
    assert len(await store.objects.thread(oid(root), 2)) == 2
    assert await store.objects.last_in_thread(oid(root), GROUP) == "https://moot.example/o/reply"
    assert await store.objects.last_in_thread(oid(root), ROOM) == "$last"
    await store.journal.commit([Retract(oid(reply), None, NOW)])
    assert await store.objects.last_in_thread(oid(root), GROUP) == "https://moot.example/o/root"
    assert await store.objects.last_in_thread(oid(root), ANA) is None


async def test_recent_words_come_newest_first_and_neither_they_nor_their_count_hold_what_was_taken_back(store: SqlStore) -> None:
    said = [event(f"said{n}") for n in range(4)]
    await store.journal.commit([PutObject(known(each), each) for each in said])
    liked = reaction("liked", said[0])
    await store.journal.commit([PutObject(known(liked, kind="reaction"), liked), Retract(oid(said[3]), None, NOW)])
    assert [each.id for each in await store.objects.recent(ANA, MAKERS, 2)] == [said[2].id, said[1].id]
    assert await store.objects.count(ANA, MAKERS) == await store.objects.count(None, MAKERS) == 3
    assert await store.objects.count(GROUP, MAKERS) == 0
    assert len(await store.objects.recent(None, MAKERS, 10)) == 3


async def test_an_outgoing_item_is_served_by_its_id(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([AppendItem(item(said), NOW)])
    assert await store.objects.item(item(said).id) == item(said)
    assert await store.objects.item(ItemId("never")) is None
