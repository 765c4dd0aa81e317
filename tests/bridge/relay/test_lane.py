"""One lane against a plain list, under any order of answers."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.changes import FailLane, GiveUp, PutDead, SnoozeLane
from bridge.model.item import Dead, Item
from bridge.relay.lane import WINDOW, Flight, Host, Lane, Settlement
from bridge.streams import LaneState, Queued, Window
from tests.conformance.samples import edit, event, item, later, reaction, retraction, server

NEAR = server("near")


def of_thread(seq: int, thread: str) -> Item:
    return msgspec.structs.replace(item(event(f"said{seq}")), thread=thread)


def never(_: Item) -> bool:
    return False


def lane_of(*, fails: int = 0, parallel: int = 4, cursor: int = 0) -> Lane:
    return Lane(LaneState(NEAR, False, cursor, fails=fails), Host(NEAR.host, 100), parallel)


def window(*seqs: int, more: bool = False) -> Window:
    return Window(tuple(Queued(seq, of_thread(seq, f"thread{seq}")) for seq in seqs), more)


class Life(RuleBasedStateMachine):
    """What the courier may do with a lane, in any order; the model knows what the store holds and what is still to come."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.queue: list[Queued] = []
        self.cursor = 0
        self.fails = 0
        self.flights: list[Flight] = []
        self.done: set[int] = set()
        self.taken: list[Settlement] = []

    @initialize(
        items=st.lists(st.tuples(st.integers(1, 3), st.sampled_from("abcd"), st.booleans()), max_size=40), parallel=st.integers(1, 4)
    )
    def begin_life(self, items: list[tuple[int, str, bool]], parallel: int) -> None:
        seq = 0
        for step, thread, back in items:
            seq += step
            self.queue.append(Queued(seq, of_thread(seq, thread), taken_back=back and thread == "d"))
        self.parallel = parallel
        self.host = Host(NEAR.host, 100)
        self.lane = Lane(LaneState(NEAR, False, 0), self.host, parallel)

    def read(self) -> Window:
        ahead = [queued for queued in self.queue if queued.seq > self.lane.standpoint.cursor]
        return Window(tuple(ahead[:WINDOW]), len(ahead) > WINDOW)

    @precondition(lambda self: self.lane.may_begin)
    @rule(room=st.integers(0, 5))
    def begin(self, room: int) -> None:
        before = len(self.flights)
        begun, passed = self.lane.begin(self.read(), room, never)
        assert len(begun) <= room
        for flight in begun:
            assert flight.seq not in self.done
            assert flight.seq not in {each.seq for each in self.flights}
            assert not next(queued for queued in self.queue if queued.seq == flight.seq).taken_back
            earlier = [
                queued.seq
                for queued in self.queue
                if queued.seq < flight.seq
                and queued.item is not None
                and queued.item.thread == flight.item.thread
                and not queued.taken_back
            ]
            assert set(earlier) <= self.done, "nothing of a thread goes before what came before it in the thread"
        if self.fails:
            undone = [queued.seq for queued in self.queue if queued.seq not in self.done and not queued.taken_back]
            assert len(self.flights) + len(begun) <= max(1, before)
            assert not begun or before or begun[0].seq == undone[0], "after a failure the oldest goes first"
        self.done.update(queued.seq for queued in passed)
        self.flights += begun

    def pick(self, data: st.DataObject) -> Flight:
        flight: Flight = data.draw(st.sampled_from(self.flights))
        self.flights.remove(flight)
        return flight

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), named=st.booleans(), dead=st.booleans())
    def land(self, data: st.DataObject, named: bool, dead: bool) -> None:
        flight = self.pick(data)
        letter = (PutDead(flight.item, NEAR, Dead("403"), 1, later(self.now)),) if dead else ()
        self.lane.land(flight, *letter, answered=True, named=named)
        self.done.add(flight.seq)
        self.fails = self.lane.state.fails

    @precondition(lambda self: self.flights)
    @rule(data=st.data())
    def cut_off(self, data: st.DataObject) -> None:
        self.lane.put_back(self.pick(data))

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), snooze=st.booleans())
    def fail(self, data: st.DataObject, snooze: bool) -> None:
        flight = self.pick(data)
        self.lane.put_back(flight)
        if flight.lane_turn != self.lane.turn or self.lane.is_down:
            return
        self.now += 1
        until = later(self.now + 60)
        if snooze:
            self.lane.rest(SnoozeLane(*self.lane.key, "", until))
        else:
            self.lane.rest(FailLane(*self.lane.key, "500", until, later(self.now)))
            self.fails = self.lane.state.fails
        assert not self.lane.may_begin

    @precondition(lambda self: self.lane.is_dirty and not self.taken)
    @rule()
    def take(self) -> None:
        self.taken.append(self.lane.take())

    @precondition(lambda self: self.taken)
    @rule(works=st.booleans())
    def tell(self, works: bool) -> None:
        taken = self.taken.pop()
        if not works:
            self.lane.give_back(taken)
            return
        self.settle(taken)

    def settle(self, taken: Settlement) -> None:
        if taken.advance is not None:
            self.cursor = max(self.cursor, taken.advance.upto)
        self.lane.settled(taken)

    @rule()
    def look(self) -> None:
        if self.lane.ending is None:
            self.lane.renew(LaneState(NEAR, False, self.cursor, fails=self.fails))

    @invariant()
    def what_is_done_and_only_that_is_behind_the_cursor(self) -> None:
        if not hasattr(self, "lane"):
            return
        behind = {queued.seq for queued in self.queue if queued.seq <= self.lane.upto}
        assert behind <= self.done
        assert self.cursor <= self.lane.upto
        assert self.host.flying == len(self.flights)
        assert self.lane.busy >= len(self.flights)
        assert len(self.flights) <= self.parallel
        threads = [flight.item.thread for flight in self.flights]
        assert len(threads) == len(set(threads))

    def teardown(self) -> None:
        """Whatever happened, everything can still be done, and then nothing is left to remember."""
        if not hasattr(self, "lane"):
            return
        for flight in self.flights:
            self.lane.land(flight, answered=True)
            self.done.add(flight.seq)
        for _ in range(500):
            while self.taken or self.lane.is_dirty:
                self.settle(self.taken.pop() if self.taken else self.lane.take())
            if self.lane.is_down:
                self.lane.renew(LaneState(NEAR, False, self.cursor))
            if not self.lane.may_begin:
                break
            begun, passed = self.lane.begin(self.read(), 10, never)
            self.done.update(queued.seq for queued in passed)
            for flight in begun:
                self.lane.land(flight, answered=True)
                self.done.add(flight.seq)
        assert self.done == {queued.seq for queued in self.queue}
        assert self.lane.is_idle


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=40)


def test_what_has_landed_is_not_looked_for_in_an_older_window() -> None:
    """Something lands while the store is asked; what it answers begins further back."""
    lane = lane_of()
    old = window(1, 2, 3)
    begun, _ = lane.begin(old, 1, never)
    lane.land(begun[0], answered=True)
    begun, _ = lane.begin(old, 10, never)
    assert [flight.seq for flight in begun] == [2, 3]
    for flight in begun:
        lane.land(flight, answered=True)
    assert lane.upto == 3


def test_a_lane_that_was_given_up_is_forgotten_whatever_had_landed_out_of_order() -> None:
    lane = lane_of()
    begun, _ = lane.begin(window(1, 2, 3), 3, never)
    lane.land(begun[1], answered=True)
    lane.put_back(begun[0])
    lane.rest(GiveUp(*lane.key, "nothing came through", later(0)))
    lane.land(begun[2], answered=True)
    lane.settled(lane.take())
    assert lane.is_idle


def test_a_lane_whose_cursor_somebody_moved_does_not_remember_what_is_behind_it() -> None:
    lane = lane_of()
    begun, _ = lane.begin(window(1, 2), 2, never)
    lane.land(begun[1], answered=True)
    lane.put_back(begun[0])
    lane.rest(SnoozeLane(*lane.key, "", later(1)))
    lane.settled(lane.take())
    lane.renew(LaneState(NEAR, False, 10))
    lane.begin(window(), 2, never)
    assert lane.is_idle


def test_a_failure_is_not_forgotten_when_another_end_comes_before_it_was_told() -> None:
    lane = lane_of()
    failure = FailLane(*lane.key, "no answer", later(60), later(0), host=True)
    lane.rest(failure)
    lane.rest(GiveUp(*lane.key, "nothing came through", later(1)))
    taken = lane.take()
    assert taken.changes == (failure,)
    assert lane.host.unsettled == {failure}
    lane.settled(taken)
    assert lane.host.unsettled == set()


def test_giving_up_for_a_server_that_does_not_answer_rests_the_whole_server() -> None:
    lane = lane_of()
    failure = FailLane(*lane.key, "no answer", later(60), later(0), host=True)
    lane.rest(GiveUp(*lane.key, "nothing came through", later(0)), failure)
    assert lane.host.room == 0
    assert lane.host.unsettled == {failure}


def test_what_is_about_something_never_goes_beside_it() -> None:
    """An answer is of its thread; an edit of it or a sign under it knows only the answer itself."""
    answer = event("answer")
    said = msgspec.structs.replace(item(answer), thread="the thread")
    for later_on in (edit("changed", answer, "other words"), reaction("sign", answer)):
        lane = lane_of()
        ahead = Window((Queued(1, said), Queued(2, item(later_on)), Queued(3, item(event("other")))), more=False)
        begun, _ = lane.begin(ahead, 4, never)
        assert [flight.seq for flight in begun] == [1, 3]
        lane.land(begun[0], answered=True)
        assert [flight.seq for flight in lane.begin(ahead, 4, never)[0]] == [2]


def test_what_a_retraction_waits_for() -> None:
    said, other = event("said"), event("other")
    cases: list[tuple[Item, bool]] = [
        (item(said), True),
        (item(edit("changed", said, "other words")), True),
        (item(other), False),
        (item(reaction("sign", said)), False),
    ]
    sorry = item(retraction("sorry", said), urgent=True)
    for under_way, waits in cases:
        for landed in (False, True):
            lane = lane_of()
            begun, _ = lane.begin(Window((Queued(1, under_way),), more=False), 1, never)
            if landed:
                lane.land(begun[0], answered=True, named=True)
            assert lane.tells_of(sorry) is waits, (under_way.event.content, landed)
    sign = reaction("sign", said)
    lane = lane_of()
    lane.begin(Window((Queued(1, item(sign)),), more=False), 1, never)
    assert lane.tells_of(item(retraction("sorry", sign), urgent=True)), "a sign is taken back by its own name"


def test_nothing_of_a_thread_goes_while_its_first_one_waits_for_something_else() -> None:
    lane = lane_of()
    queued = tuple(Queued(seq, of_thread(seq, thread)) for seq, thread in enumerate("aab", 1))
    first: Callable[[Item], bool] = lambda each: each is queued[0].item  # noqa: E731
    begun, _ = lane.begin(Window(queued, more=False), 4, first)
    assert [flight.seq for flight in begun] == [3]
    assert lane.more
