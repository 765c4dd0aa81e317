"""Taking much back, in every store: the row survives a restart sealed, names give way to an alias, and a name once given is never free."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import select

from bridge.changes import (
    AdvanceLane,
    AppendEvent,
    AppendItem,
    Disown,
    EndEvent,
    EndGhost,
    EraseTraces,
    JoinRoster,
    PutActor,
    PutConsent,
    PutConversation,
    PutFollow,
    PutGhost,
    PutObject,
    PutWithdrawal,
    Reassign,
    Retract,
)
from bridge.errors import Conflict
from bridge.model.actor import ActorKind, Ghost
from bridge.model.content import Notice, Profile
from bridge.model.ids import ACTIVITYPUB, MATRIX, EventId, Native, ObjectId, RosterId
from bridge.model.item import Destination
from bridge.model.record import Follow, Said
from bridge.model.richtext import from_plain
from bridge.model.withdrawal import Phase, Scope, Withdrawal
from bridge.norms.context import Consent, Crossing
from storage import SqlStore
from storage.schema import metadata, withdrawals
from tests.conformance.homes import Home
from tests.conformance.samples import ANA, FOLLOWERS, MAKERS, NOW, actor, event, follower, item, known, later, retraction, server

ALIAS = Native(MATRIX, "gone/abc")
GHOST = Ghost(Native(ACTIVITYPUB, "https://moot.example/u/1"), ANA, "ana", ActorKind.PERSON, MAKERS, name="Ana", since=NOW)


def order(**more: object) -> Withdrawal:
    made = Withdrawal(EventId("order"), MAKERS, actor(), Scope.ME, Phase.WAITING, NOW, later(600), ALIAS)
    return msgspec.structs.replace(made, **more)


async def tables_with(store: SqlStore, text: str) -> list[str]:
    found = []
    for table in metadata.sorted_tables:
        rows = await store.database.read(lambda connection, table=table: str(connection.execute(table.select()).all()))
        if text in rows:
            found.append(table.name)
    return found


async def test_a_withdrawal_is_there_after_a_restart_and_comes_due(home: Home) -> None:
    store = await home.open()
    await store.journal.commit([PutWithdrawal(order())])
    store = await home.reopen()
    assert await store.decisions.withdrawals(ANA) == (order(),)
    assert await store.decisions.withdrawals_due(later(599), 10) == ()
    assert await store.decisions.withdrawals_due(later(600), 10) == (order(),)


async def test_nobody_can_read_from_the_table_whose_withdrawal_it_is(store: SqlStore) -> None:
    await store.journal.commit([PutWithdrawal(order())])
    assert await tables_with(store, ANA.id) == []


async def test_once_done_only_the_proof_is_left(store: SqlStore) -> None:
    await store.journal.commit([PutWithdrawal(order()), PutWithdrawal(order(phase=Phase.DONE))])
    assert await store.decisions.withdrawals(ANA) == ()
    rows = await store.database.read(lambda connection: list(connection.execute(select(withdrawals)).all()))
    assert [(row.id, row.phase, row.sealed, len(row.who)) for row in rows] == [("order", "done", None, 26)]
    await store.sweep(later(700 * 86_400))
    assert await store.database.read(lambda connection: connection.execute(select(withdrawals)).first()) is not None
    await store.sweep(later(731 * 86_400))
    assert await store.database.read(lambda connection: connection.execute(select(withdrawals)).first()) is None


async def test_what_somebody_said_is_found_by_day_thread_and_community_in_order(store: SqlStore) -> None:
    old, new = event("old"), event("new")
    await store.journal.commit(
        [
            PutObject(known(old, crossed_at=NOW), old),
            PutObject(known(new, crossed_at=later(60), thread=ObjectId(old.id)), new),
        ]
    )

    async def ids(part: Said, after: int = 0) -> list[str]:
        return [one.id for _, one in await store.objects.said_by(ANA, part, after, 10)]

    assert await ids(Said()) == [old.id, new.id]
    assert await ids(Said(since=later(1))) == [new.id]
    assert await ids(Said(thread=ObjectId(old.id))) == [old.id, new.id]
    assert await ids(Said(object=ObjectId(new.id))) == [new.id]
    (first, _), *_ = await store.objects.said_by(ANA, Said(), 0, 10)
    assert await ids(Said(), after=first) == [new.id]
    await store.journal.commit([Retract(ObjectId(old.id), None, later(90))])
    assert await store.objects.count_said_by(ANA, Said(MAKERS)) == 1
    assert await ids(Said()) == [old.id, new.id], "what was taken back still tells whom to ask"


async def test_an_alias_takes_their_place_and_what_was_kept_about_them_goes(store: SqlStore) -> None:
    said = event("said")
    mine, theirs = RosterId("person:ana"), RosterId("person:gone")
    await store.journal.commit(
        [
            PutActor(actor(), NOW),
            PutGhost(GHOST),
            PutConsent(Consent(ANA, MAKERS, Crossing.ON)),
            PutFollow(Follow(ANA, Native(ACTIVITYPUB, "https://moot.example/c/1"), "request", NOW, NOW)),
            JoinRoster(mine, server("far"), follower("kim", "far")),
            JoinRoster(FOLLOWERS, server("near"), ANA),
            PutObject(known(said), said),
        ]
    )
    await store.journal.commit([Disown(ANA, ALIAS, ((mine, theirs),)), Reassign((ObjectId(said.id),), ALIAS)])
    ghost = await store.directory.ghost_of(ACTIVITYPUB, ALIAS)
    assert ghost is not None
    assert (ghost.native, ghost.handle, ghost.name) == (GHOST.native, "ana", "")
    assert await store.directory.ghost_of(ACTIVITYPUB, ANA) is None
    assert [one.id for _, one in await store.objects.said_by(ALIAS, Said(), 0, 10)] == [said.id]
    assert await store.decisions.consents(ANA) == ()
    assert await store.directory.actor(ANA) is None
    assert set(await tables_with(store, ANA.id)) <= {"objects", "out", "events"}


async def test_the_name_of_a_person_who_left_is_in_no_table_and_given_to_nobody(store: SqlStore) -> None:
    distinct = msgspec.structs.replace(GHOST, handle="anaquist")
    await store.journal.commit([PutGhost(distinct), EndGhost(GHOST.native, later(1))])
    ended = await store.directory.ghost_by_handle(ACTIVITYPUB, "AnaQuist")
    assert ended is not None
    assert (ended.ended, ended.handle) == (later(1), "")
    assert await tables_with(store, "anaquist") == []
    with pytest.raises(Conflict, match="belongs to somebody else"):
        await store.journal.commit([PutGhost(msgspec.structs.replace(distinct, native=Native(ACTIVITYPUB, "https://moot.example/u/2")))])


async def test_everybody_who_ever_received_something_hears_the_end(store: SqlStore) -> None:
    said = event("said")
    aside = server("aside")
    await store.journal.commit(
        [PutObject(known(said), said), AppendItem(msgspec.structs.replace(item(said), roster=None, to=(aside,)), NOW)]
    )
    gone = event("gone", Profile(actor(), ended=True))
    end = msgspec.structs.replace(item(gone), form="end", roster=None, to=(), reached=True, urgent=True)
    await store.journal.commit([AppendItem(end, NOW)])
    heard = [lane.destination for lane in await store.deliveries.lanes(later(1), 10) if lane.urgent]
    assert heard == [aside]


class TestTraces:
    async def test_what_is_done_is_found_and_erased_and_what_others_said_of_them_is_not(self, store: SqlStore) -> None:
        mine = event("mine", words="hello")
        theirs = msgspec.structs.replace(
            event("theirs", words=f"ask {ANA.id}"), author=msgspec.structs.replace(actor(), native=follower("kim", "far"))
        )
        await store.journal.commit([AppendEvent(mine), AppendEvent(theirs)])
        assert not await store.journal.traces(ANA, 10), "what is not judged yet is still to be judged"
        await store.journal.commit([EndEvent(mine.id, "crossed"), EndEvent(theirs.id, "crossed")])
        found = await store.journal.traces(ANA, 10)
        assert found.events == (mine.id,)
        await store.journal.commit([EraseTraces(actor(), ALIAS, later(1), events=found.events)])
        assert not await store.journal.traces(ANA, 10)
        assert await store.journal.event(mine.id) is None
        assert await store.journal.event(theirs.id) is not None

    async def test_a_word_to_them_stays_until_it_has_left_and_its_address_goes_after_it(self, store: SqlStore) -> None:
        home = Destination(MATRIX, ANA.id, "hs")
        told = msgspec.structs.replace(item(event("told", Notice(ANA, from_plain("your receipt")))), form="say", roster=None, to=(home,))
        await store.journal.commit([AppendItem(told, NOW), PutConversation(ANA, Native(MATRIX, "!room:hs"))])
        found = await store.journal.traces(ANA, 10)
        assert found.items == (told.id,)
        erase = EraseTraces(actor(), ALIAS, later(1), items=found.items)
        await store.journal.commit([erase])
        (lane,) = await store.deliveries.lanes(later(1), 10)
        (queued,) = await store.deliveries.read(lane, 10)
        assert queued.item == told
        await store.journal.commit([AdvanceLane(home, urgent=False, upto=queued.seq), erase])
        assert not await store.journal.traces(ANA, 10)
        assert await tables_with(store, ANA.id) == []

    async def test_a_retraction_that_waits_goes_on_under_the_alias(self, store: SqlStore) -> None:
        said = event("said")
        back = retraction("back", said)
        sent = msgspec.structs.replace(item(back), urgent=True)
        await store.journal.commit([JoinRoster(FOLLOWERS, server("far"), follower("kim", "far")), AppendItem(sent, NOW)])
        await store.journal.commit([EraseTraces(actor(), ALIAS, later(1), items=(sent.id,))])
        (lane,) = [lane for lane in await store.deliveries.lanes(later(1) + timedelta(1), 10) if lane.urgent]
        (queued,) = await store.deliveries.read(lane, 10)
        assert queued.item is not None
        assert (queued.item.event.author.native, queued.item.event.author.name) == (ALIAS, "")
        assert not await store.journal.traces(ANA, 10)
