"""The `Deliveries` port: every destination hears what it is owed, in order, once, and only that."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.changes import (
    AdvanceLane,
    AppendItem,
    Change,
    FailLane,
    GiveUp,
    JoinRoster,
    LeaveRoster,
    PutDead,
    Requeue,
    Retract,
    WakeHost,
)
from bridge.model.event import Event
from bridge.model.ids import ObjectId, RosterId
from bridge.model.item import Dead, Destination, Item, Stage
from bridge.streams import LaneState
from storage import SqlStore
from tests.conformance.homes import Home
from tests.conformance.samples import (
    FOLLOWERS,
    NOW,
    edit,
    event,
    follower,
    item,
    later,
    reaction,
    retraction,
    server,
)

NEAR, FAR, ALSO = server("near"), server("far"), server("also")
SAM, KIM, LEE = follower("sam", "near"), follower("kim", "far"), follower("lee", "also")
OTHERS = RosterId("followers:others")


def join(destination: Destination = NEAR, member: object = SAM, roster: RosterId = FOLLOWERS) -> JoinRoster:
    return JoinRoster(roster, destination, member)  # type: ignore[arg-type]


def append(*items: Item) -> list[Change]:
    return [AppendItem(each, NOW) for each in items]


def lane(destination: Destination, *, urgent: bool = False, cursor: int = 0) -> LaneState:
    return LaneState(destination, urgent, cursor)


async def heard(store: SqlStore, destination: Destination, *, urgent: bool = False) -> list[str]:
    """Event ids of everything this destination hears from the beginning."""
    queued = await store.deliveries.read(lane(destination, urgent=urgent), 1000)
    assert [each.seq for each in queued] == sorted({each.seq for each in queued})
    return [each.item.event_id for each in queued if each.item is not None]


async def awake(store: SqlStore, seconds: float = 0) -> list[tuple[Destination, bool]]:
    return [(each.destination, each.urgent) for each in await store.deliveries.lanes(later(seconds), 100)]


def ids(events: Sequence[Event]) -> list[str]:
    return [each.id for each in events]


async def test_a_destination_hears_what_was_written_while_it_was_on_the_roster(store: SqlStore) -> None:
    said = [event(f"said{n}") for n in range(4)]
    await store.journal.commit(append(item(said[0])))
    await store.journal.commit([join()])
    await store.journal.commit(append(item(said[1]), item(said[2])))
    await store.journal.commit([LeaveRoster(FOLLOWERS, SAM)])
    await store.journal.commit(append(item(said[3])))
    assert await heard(store, NEAR) == ids(said[1:3])


async def test_a_destination_that_comes_back_hears_both_stays_and_not_the_time_between(store: SqlStore) -> None:
    said = [event(f"said{n}") for n in range(3)]
    await store.journal.commit([join(), *append(item(said[0])), LeaveRoster(FOLLOWERS, SAM)])
    await store.journal.commit(append(item(said[1])))
    await store.journal.commit([join()])
    await store.journal.commit(append(item(said[2])))
    assert await heard(store, NEAR) == [said[0].id, said[2].id]


async def test_leaving_and_coming_back_with_nothing_between_is_one_stay(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([join(), LeaveRoster(FOLLOWERS, SAM), join()])
    await store.journal.commit(append(item(said)))
    assert await heard(store, NEAR) == [said.id]
    await store.journal.commit([LeaveRoster(FOLLOWERS, SAM), join()])
    assert await heard(store, NEAR) == [said.id]


async def test_a_server_hears_once_whatever_number_of_followers_it_has_and_until_the_last_one_leaves(store: SqlStore) -> None:
    said = [event(f"said{n}") for n in range(3)]
    bo = follower("bo", "near")
    await store.journal.commit([join(), join(member=bo), *append(item(said[0]))])
    await store.journal.commit([LeaveRoster(FOLLOWERS, SAM), *append(item(said[1]))])
    await store.journal.commit([LeaveRoster(FOLLOWERS, bo), *append(item(said[2]))])
    assert await heard(store, NEAR) == ids(said[:2])


async def test_a_follower_whose_inbox_moved_hears_at_the_new_one(store: SqlStore) -> None:
    said = [event(f"said{n}") for n in range(2)]
    await store.journal.commit([join(), *append(item(said[0]))])
    await store.journal.commit([join(FAR), *append(item(said[1]))])
    assert await heard(store, NEAR) == [said[0].id]
    assert await heard(store, FAR) == [said[1].id]


async def test_an_item_for_the_roster_and_for_the_same_destination_by_name_is_heard_once(store: SqlStore) -> None:
    said, more = event("said"), event("more")
    await store.journal.commit([join(), *append(item(said, to=(NEAR, FAR)))])
    assert await heard(store, NEAR) == [said.id]
    assert await heard(store, FAR) == [said.id]
    assert await heard(store, ALSO) == []
    await store.journal.commit(append(item(more, to=(NEAR,))))
    assert len(await store.deliveries.read(lane(NEAR), 2)) == 2, "and counts once towards a limit"


async def test_items_from_several_rosters_are_merged_in_the_order_they_were_written(store: SqlStore) -> None:
    said = [event(f"said{n}") for n in range(6)]
    await store.journal.commit([join(), join(roster=OTHERS)])
    for n, each in enumerate(said):
        await store.journal.commit(append(item(each, roster=[FOLLOWERS, OTHERS, None][n % 3], to=(NEAR,) if n % 3 == 2 else ())))
    assert await heard(store, NEAR) == ids(said)
    first = await store.deliveries.read(lane(NEAR), 4)
    rest = await store.deliveries.read(lane(NEAR, cursor=first[-1].seq), 4)
    assert [each.item and each.item.event_id for each in (*first, *rest)] == ids(said)


async def test_an_item_is_written_once_whatever_number_of_times_it_is_appended(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([join(), *append(item(said), item(said))])
    await store.journal.commit(append(item(said)))
    assert await heard(store, NEAR) == [said.id]


async def test_only_lanes_with_something_to_hear_are_awake_and_urgent_ones_come_first(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([join(), join(FAR, KIM, OTHERS)])
    assert await awake(store) == []
    assert await store.deliveries.next_due() is None
    await store.journal.commit(append(item(said)))
    assert await awake(store) == [(NEAR, False)]
    await store.journal.commit(append(item(retraction("sorry", said), "direct", urgent=True, roster=OTHERS)))
    assert await awake(store) == [(FAR, True), (NEAR, False)]


async def test_an_advanced_lane_sleeps_and_wakes_with_the_next_item(store: SqlStore, home: Home) -> None:
    said = [event(f"said{n}") for n in range(3)]
    await store.journal.commit([join(), *append(item(said[0]), item(said[1]))])
    queued = await store.deliveries.read(lane(NEAR), 10)
    await store.journal.commit([AdvanceLane(NEAR, urgent=False, upto=queued[0].seq)])
    (state,) = await store.deliveries.lanes(NOW, 10)
    assert state.cursor == queued[0].seq
    await store.journal.commit([AdvanceLane(NEAR, urgent=False, upto=queued[1].seq)])
    await store.journal.commit([AdvanceLane(NEAR, urgent=False, upto=queued[0].seq)])
    assert await awake(store) == []
    store = await home.reopen()
    await store.journal.commit(append(item(said[2])))
    (state,) = await store.deliveries.lanes(NOW, 10)
    assert state.cursor == queued[1].seq
    assert [each.item and each.item.event_id for each in await store.deliveries.read(state, 10)] == [said[2].id]


async def test_a_failing_lane_waits_alone_and_remembers_since_when(store: SqlStore) -> None:
    await store.journal.commit([join(), join(FAR, KIM), *append(item(event("said")))])
    failure = FailLane(NEAR, False, "500", later(60), later(0))
    await store.journal.commit([failure])
    await store.journal.commit([failure])
    assert await awake(store) == [(FAR, False)]
    assert await awake(store, 60) == [(NEAR, False), (FAR, False)]
    await store.journal.commit([FailLane(NEAR, False, "502", later(200), later(61))])
    (state,) = [each for each in await store.deliveries.lanes(later(200), 10) if each.destination == NEAR]
    assert (state.fails, state.first_failure_at, state.last_error, state.next_at) == (2, NOW, "502", later(200))
    assert await store.deliveries.next_due() is not None


async def test_a_server_that_does_not_answer_rests_all_its_lanes_until_one_send_works(store: SqlStore) -> None:
    personal = Destination(NEAR.protocol, "https://near.example/u/sam/inbox", NEAR.host)
    said = event("said")
    await store.journal.commit([join(), *append(item(said, to=(personal,)))])
    await store.journal.commit([FailLane(NEAR, False, "no answer", later(60), NOW, host=True)])
    assert await awake(store, 59) == []
    assert await store.deliveries.next_due() == later(60)
    state = await store.deliveries.host(NEAR.host)
    assert (state.fails, state.next_at, state.first_failure_at, state.last_error) == (1, later(60), NOW, "no answer")
    assert set(await awake(store, 60)) == {(NEAR, False), (personal, False)}
    seq = (await store.deliveries.read(lane(personal), 1))[0].seq
    await store.journal.commit([AdvanceLane(personal, urgent=False, upto=seq)])
    assert (await store.deliveries.host(NEAR.host)).fails == 0
    assert await awake(store, 60) == [(NEAR, False)]


async def test_a_signed_request_from_a_server_wakes_it_at_once(store: SqlStore) -> None:
    await store.journal.commit([join(), *append(item(event("said")))])
    await store.journal.commit([FailLane(NEAR, False, "no answer", later(3600), NOW, host=True)])
    assert await awake(store) == []
    await store.journal.commit([WakeHost(NEAR.host)])
    assert await awake(store) == [(NEAR, False)]
    assert (await store.deliveries.host(NEAR.host)).next_at is None


async def test_an_old_success_told_again_does_not_hide_a_later_failure(store: SqlStore) -> None:
    await store.journal.commit([join(), *append(item(event("said")), item(event("more")))])
    first = (await store.deliveries.read(lane(NEAR), 1))[0].seq
    success = AdvanceLane(NEAR, urgent=False, upto=first)
    await store.journal.commit([success])
    await store.journal.commit([FailLane(NEAR, False, "500", later(60), NOW)])
    await store.journal.commit([success])
    assert await awake(store) == []


async def test_success_clears_the_failures_of_the_lane(store: SqlStore) -> None:
    await store.journal.commit([join(), *append(item(event("said")), item(event("more")))])
    await store.journal.commit([FailLane(NEAR, False, "500", later(60), NOW)])
    seq = (await store.deliveries.read(lane(NEAR), 1))[0].seq
    await store.journal.commit([AdvanceLane(NEAR, urgent=False, upto=seq)])
    (state,) = await store.deliveries.lanes(NOW, 10)
    assert (state.fails, state.next_at, state.first_failure_at, state.last_error) == (0, None, None, "")


async def test_giving_up_leaves_a_gap_with_its_reason_and_the_next_item_is_tried(store: SqlStore) -> None:
    said, more = event("said"), event("more")
    await store.journal.commit([join(), *append(item(said))])
    await store.journal.commit([FailLane(NEAR, False, "no answer", later(60), NOW)])
    await store.journal.commit([GiveUp(NEAR, False, "nothing for 7 days", later(60))])
    await store.journal.commit([GiveUp(NEAR, False, "nothing for 7 days", later(60))])
    assert await awake(store, 99) == []
    (standing,) = await store.deliveries.standings(said.id)
    assert (standing.stage, standing.why) == (Stage.GIVEN_UP, "nothing for 7 days")
    await store.journal.commit(append(item(more)))
    assert await awake(store) == [(NEAR, False)]
    (standing,) = await store.deliveries.standings(more.id)
    assert standing.stage is Stage.WAITING


async def test_a_dead_letter_is_listed_and_can_be_sent_again_to_that_destination_alone(store: SqlStore) -> None:
    said = event("said")
    sent = item(said)
    await store.journal.commit([join(), join(FAR, KIM), *append(sent)])
    for destination in (NEAR, FAR):
        seq = (await store.deliveries.read(lane(destination), 1))[0].seq
        await store.journal.commit([AdvanceLane(destination, urgent=False, upto=seq)])
    dead = PutDead(sent, NEAR, Dead("403", gone=False), 2, NOW)
    await store.journal.commit([dead, dead])
    (letter,) = await store.deliveries.dead_letters(10)
    assert (letter.item, letter.event_id, letter.form, letter.destination, letter.why, letter.attempts, letter.at) == (
        sent.id,
        said.id,
        "wrap",
        NEAR,
        "403",
        2,
        NOW,
    )
    await store.journal.commit([Requeue(letter.id, later(1))])
    await store.journal.commit([Requeue(letter.id, later(2))])
    assert await awake(store) == [(NEAR, False)]
    assert await store.deliveries.dead_letters(10) == ()
    (state,) = await store.deliveries.lanes(NOW, 10)
    (again,) = await store.deliveries.read(state, 10)
    assert again.item is not None
    assert again.item.id == sent.id, "the same item, so that a receiver can tell it is the same send"
    stages = {each.destination: each.stage for each in await store.deliveries.standings(said.id)}
    assert stages == {NEAR: Stage.WAITING, FAR: Stage.DELIVERED}
    await store.journal.commit([PutDead(sent, NEAR, Dead("403 again"), 1, later(3)), AdvanceLane(NEAR, urgent=False, upto=again.seq)])
    (letter,) = await store.deliveries.dead_letters(10)
    assert letter.why == "403 again"


async def test_a_dead_letter_whose_words_were_taken_back_is_not_sent_again(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([join(), *append(item(said)), PutDead(item(said), NEAR, Dead("403"), 1, NOW)])
    seq = (await store.deliveries.read(lane(NEAR), 1))[0].seq
    (letter,) = await store.deliveries.dead_letters(10)
    await store.journal.commit([AdvanceLane(NEAR, urgent=False, upto=seq), Retract(ObjectId(said.id), None, NOW)])
    await store.journal.commit([Requeue(letter.id, NOW)])
    assert await awake(store) == []


async def test_a_retraction_reaches_those_who_left_after_the_words_came_to_them(store: SqlStore) -> None:
    said, more = event("said"), event("more")
    await store.journal.commit([join(), join(FAR, KIM), LeaveRoster(FOLLOWERS, KIM)])
    await store.journal.commit(append(item(said)))
    await store.journal.commit([LeaveRoster(FOLLOWERS, SAM), join(ALSO, LEE)])
    sorry, other = retraction("sorry", said), retraction("other", more)
    await store.journal.commit(append(item(more), item(sorry, urgent=True), item(other, urgent=True)))
    assert await heard(store, NEAR, urgent=True) == [sorry.id], "Sam got the first and left; the second never came to Sam"
    assert await heard(store, FAR, urgent=True) == [], "Kim had left before anything was written"
    assert await heard(store, ALSO, urgent=True) == [sorry.id, other.id]


async def test_what_must_reach_everyone_reaches_those_named_before_and_every_roster_before(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([join(), join(FAR, KIM, OTHERS)])
    await store.journal.commit(append(item(said, "direct", roster=OTHERS, to=(ALSO,))))
    sorry = retraction("sorry", said)
    await store.journal.commit(append(item(sorry, "direct", urgent=True, reached=True), item(sorry, "wrap", urgent=True)))
    assert await heard(store, ALSO, urgent=True) == [sorry.id]
    assert await heard(store, FAR, urgent=True) == [sorry.id]
    assert await heard(store, NEAR, urgent=True) == [sorry.id, sorry.id]


async def test_an_edit_can_widen_whom_a_later_retraction_must_reach(store: SqlStore) -> None:
    said = event("said")
    changed = edit("changed", said, "now with Kim in it")
    await store.journal.commit([join(), *append(item(said), item(changed, "direct", reached=True, to=(FAR,)))])
    sorry = retraction("sorry", said)
    await store.journal.commit(append(item(sorry, "direct", urgent=True, reached=True, roster=None)))
    assert await heard(store, FAR, urgent=True) == [sorry.id]
    assert await heard(store, NEAR, urgent=True) == [sorry.id]


async def test_taking_back_a_reaction_goes_to_whom_the_reaction_went(store: SqlStore) -> None:
    said = event("said")
    liked = reaction("liked", said)
    await store.journal.commit([join(), *append(item(said), item(liked, "direct", roster=None, to=(FAR,)))])
    undo = retraction("undo", liked)
    await store.journal.commit(
        [Retract(ObjectId(liked.id), None, NOW), *append(item(undo, "direct", urgent=True, roster=None, reached=True))]
    )
    assert await heard(store, FAR, urgent=True) == [undo.id]
    assert await heard(store, NEAR, urgent=True) == []
    assert [each.taken_back for each in await store.deliveries.read(lane(FAR), 10)] == [True]
    assert [each.taken_back for each in await store.deliveries.read(lane(NEAR), 10)] == [False]


async def test_what_is_taken_back_is_marked_for_those_who_still_wait_and_its_words_go_when_they_have_passed(store: SqlStore) -> None:
    said, more = event("said"), event("more")
    await store.journal.commit([join(), join(FAR, KIM), *append(item(said), item(more))])
    first, second = await store.deliveries.read(lane(NEAR), 10)
    await store.journal.commit([AdvanceLane(NEAR, urgent=False, upto=second.seq)])
    await store.journal.commit([Retract(ObjectId(said.id), said.provenance.native, NOW)])
    waiting = await store.deliveries.read(lane(FAR), 10)
    assert [(each.taken_back, each.item is not None) for each in waiting] == [(True, True), (False, True)]
    assert await store.objects.item(item(said).id) is None, "and it is not served any more"
    await store.sweep(NOW)
    assert (await store.deliveries.read(lane(FAR), 1))[0].item is not None, "it may be in flight there"
    await store.journal.commit([AdvanceLane(FAR, urgent=False, upto=first.seq)])
    await store.sweep(NOW)
    assert [each.item is None for each in await store.deliveries.read(lane(FAR), 10)] == [True, False]


async def test_what_nobody_waits_for_any_more_is_erased_with_the_retraction_itself(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([join(), *append(item(said))])
    (queued,) = await store.deliveries.read(lane(NEAR), 10)
    await store.journal.commit([AdvanceLane(NEAR, urgent=False, upto=queued.seq)])
    await store.journal.commit([Retract(ObjectId(said.id), None, NOW)])
    assert [each.item for each in await store.deliveries.read(lane(NEAR), 10)] == [None]


async def test_words_of_something_taken_back_before_are_never_written_to_out(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([join(), Retract(ObjectId(said.id), said.provenance.native, NOW)])
    await store.journal.commit(append(item(said)))
    (queued,) = await store.deliveries.read(lane(NEAR), 10)
    assert (queued.item, queued.taken_back) == (None, True)


async def test_a_limit_bounds_lanes_and_items(store: SqlStore) -> None:
    await store.journal.commit([join(server(f"s{n}"), follower("sam", f"s{n}")) for n in range(5)])
    await store.journal.commit(append(*(item(event(f"said{n}")) for n in range(5))))
    assert len(await store.deliveries.lanes(NOW, 3)) == 3
    assert len(await store.deliveries.read(lane(server("s1")), 2)) == 2


async def test_a_destination_nobody_ever_named_hears_nothing(store: SqlStore) -> None:
    assert await store.deliveries.read(lane(server("never")), 10) == ()
    assert (await store.deliveries.host("never.example")).fails == 0
