"""How pure code gets its answers: from the store first, from outside only where it must be, and never for ever."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bridge.changes import PutActor, PutChannel, PutCommunity, PutConversation, PutCopy, PutFollow, PutGhost, PutObject, PutPart
from bridge.errors import Invariant, Unreachable
from bridge.model.actor import ActorKind, Ghost
from bridge.model.ids import ACTIVITYPUB, MATRIX, Native, ObjectId, Protocol
from bridge.model.place import Channel, Community, Place, PlaceKind
from bridge.model.record import Follow, Part
from bridge.refs import Need, Needs, Refs
from bridge.relay.loading import FRESH, Loader
from tests.bridge.relay.script import Desk, person
from tests.conformance.samples import ANA, BENCH, GROUP, MAKERS, NOW, ROOM, event, follower, known

BO = Native(MATRIX, "@bo:hs.example")


@pytest.fixture
def loader(desk: Desk) -> Loader:
    return Loader(desk.store, desk.adapters, desk.clock)


async def test_every_need_there_is_has_an_answer(desk: Desk, loader: Loader) -> None:
    said = event("said")
    sam = follower("sam", "near")
    ghost = Ghost(Native(MATRIX, "@_moot_sam:hs.example"), sam, "sam", ActorKind.PERSON, MAKERS)
    channel = Channel(BENCH, MAKERS, (Place(ROOM, PlaceKind.ROOM), Place(GROUP, PlaceKind.GROUP)))
    talk = Native(MATRIX, "!talk:hs.example")
    follow = Follow(sam, GROUP, "https://near.example/f/1", NOW, NOW)
    makers = Community(MAKERS, "makers", "Makers")
    part = Part(1, "$picture", "https://a.example/1.png")
    await desk.store.journal.commit(
        [
            PutCommunity(makers),
            PutChannel(channel),
            PutGhost(ghost),
            PutObject(known(said), said),
            PutCopy(ObjectId(said.id), GROUP, "https://moot.example/o/1"),
            PutFollow(follow),
            PutConversation(ANA, talk),
            PutActor(person(ANA.id), NOW),
            PutPart(ObjectId(said.id), ROOM, part),
        ]
    )
    refs = Refs()
    object_id = ObjectId(said.id)

    def ask() -> list[object]:
        return [
            refs.actor(ANA),
            refs.channel(ROOM),
            refs.community(MAKERS),
            refs.object_at(said.provenance.native),
            refs.object(object_id),
            refs.current(object_id),
            refs.copy(object_id, GROUP),
            refs.parts(object_id, ROOM),
            refs.actor_called(MATRIX, person(ANA.id).handle),
            refs.last_in_thread(object_id, GROUP),
            refs.ghost(ghost.native),
            refs.ghost_of(MATRIX, sam),
            refs.follow(sam, GROUP),
            refs.conversation(ANA),
            refs.owner_of(talk),
            refs.document("https://near.example/o/1"),
        ]

    assert [answer for answer in ask() if answer not in {None, ()}] == []
    assert {need.kind for need in refs.missing} == set(loader._stored) | {"actor", "document"}
    await loader.fill(refs, tuple(refs.missing), MATRIX)
    assert ask() == [
        person(ANA.id),
        channel,
        makers,
        known(said),
        known(said),
        said,
        "https://moot.example/o/1",
        (part,),
        ANA,
        "https://moot.example/o/1",
        ghost,
        ghost,
        follow,
        talk,
        ANA,
        None,
    ]
    assert refs.missing == []


async def test_an_account_is_asked_for_at_home_once_a_day_and_kept_with_what_needed_it(desk: Desk, loader: Loader) -> None:
    desk.script.people[BO] = person(BO.id)
    found, changes = await loader.actor(BO)
    assert found == person(BO.id)
    assert changes == (PutActor(person(BO.id), desk.clock.now()),)
    await desk.store.journal.commit(changes)
    desk.clock.forward(FRESH.total_seconds() - 1)
    assert await loader.actor(BO) == (person(BO.id), ())
    assert desk.script.fetched[BO.id] == 1
    desk.clock.forward(1)
    await loader.actor(BO)
    assert desk.script.fetched[BO.id] == 2


async def test_who_cannot_be_asked_for_is_believed_as_last_seen(desk: Desk, loader: Loader) -> None:
    desk.script.unreachable[BO.id] = Unreachable("hs.example does not answer")
    with pytest.raises(Unreachable):
        await loader.actor(BO)
    await desk.store.journal.commit([PutActor(person(BO.id), NOW - timedelta(days=30))])
    assert await loader.actor(BO) == (person(BO.id), ())
    desk.script.unreachable.clear()
    assert await loader.actor(BO) == (person(BO.id), ()), "gone at home, but their words are still to be shown"


async def test_what_strangers_can_make_us_do_never_asks_outside(desk: Desk, loader: Loader) -> None:
    refs = Refs()
    needs = (Need("actor", (MATRIX, BO.id)), Need("document", ("https://near.example/o/1",)))
    await loader.fill(refs, needs, MATRIX, outside=False)
    assert [refs.found[need] for need in needs] == [None, None]
    assert desk.script.fetched == {}


async def test_somebody_of_a_protocol_that_is_not_spoken_here_does_not_exist(loader: Loader) -> None:
    assert await loader.actor(Native(Protocol("xmpp"), "bo@example")) == (None, ())
    assert await loader.actor(Native(ACTIVITYPUB, "https://near.example/u/bo")) == (None, ())


async def test_pure_code_is_called_until_it_has_what_it_needs(desk: Desk, loader: Loader) -> None:
    desk.script.people[BO] = person(BO.id)
    calls: list[int] = []

    def pure(refs: Refs) -> str | Needs:
        calls.append(len(refs.found))
        found = refs.actor(BO)
        second = refs.actor(ANA) if found is not None else None
        return Needs(tuple(refs.missing)) if refs.missing else f"{found and found.handle} {second}"

    answer, refs, learned = await loader.answer(pure, MATRIX)
    assert answer == "@ana:hs.example None"
    assert calls == [0, 1, 2]
    assert len(refs.found) == 2
    assert [type(change) for change in learned] == [PutActor]


async def test_asking_again_for_what_was_answered_is_a_fault(loader: Loader) -> None:
    with pytest.raises(Invariant, match="community was asked for after it had been answered"):
        await loader.answer(lambda _: Needs((Need("community", ("makers",)),)), MATRIX)


async def test_before_the_outside_is_asked_the_caller_may_finish_something(desk: Desk, loader: Loader) -> None:
    order: list[str] = []

    async def finish() -> None:
        order.append("finished")
        assert desk.script.fetched == {}

    def pure(refs: Refs) -> object:
        refs.community(MAKERS)
        refs.actor(BO)
        return Needs(tuple(refs.missing)) if refs.missing else "done"

    await loader.answer(pure, MATRIX, before_asking=finish)
    assert order == ["finished"]
    assert desk.script.fetched == {BO.id: 1}
    await desk.store.journal.commit([PutActor(person(BO.id), desk.clock.now())])
    await loader.answer(pure, MATRIX, before_asking=finish)
    assert order == ["finished"], "what the store knows takes no time"


async def test_where_an_answer_is_only_wished_for_silence_counts_as_none(desk: Desk, loader: Loader) -> None:
    desk.script.unreachable[BO.id] = Unreachable("hs.example does not answer")

    def pure(refs: Refs) -> object:
        community, found = refs.community(MAKERS), refs.actor(BO)
        return Needs(tuple(refs.missing)) if refs.missing else (found, community)

    await desk.store.journal.commit([PutCommunity(Community(MAKERS, "makers", "Makers"))])
    answer, _, _ = await loader.answer(pure, MATRIX, must_reach=False)
    assert answer == (None, Community(MAKERS, "makers", "Makers"))

    def one(refs: Refs) -> object:
        return refs.actor(BO) or (Needs(tuple(refs.missing)) if refs.missing else "nobody")

    alone, _, _ = await loader.answer(one, MATRIX, must_reach=False)
    assert alone == "nobody"
    with pytest.raises(Unreachable):
        await loader.answer(pure, MATRIX)


async def test_two_who_ask_at_once_get_answers_of_their_own(desk: Desk, loader: Loader) -> None:
    desk.script.people[BO] = person(BO.id)
    answers = await asyncio.gather(*(loader.actor(BO) for _ in range(3)))
    assert [found for found, _ in answers] == [person(BO.id)] * 3
