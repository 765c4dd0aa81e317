"""What one entry comes to: what cannot be fetched, what we cannot read, and what came too early, waits for a while and then ends."""

from __future__ import annotations

import msgspec
import pytest

from bridge.changes import AppendEvent, Change, PutCopy, PutObject, Retract
from bridge.errors import Conflict, Unreachable
from bridge.model.capability import Patience
from bridge.model.content import Message, Sighting
from bridge.model.event import Event
from bridge.model.ids import MATRIX, Native, ObjectId
from bridge.model.richtext import from_plain
from bridge.refs import Awaits, Ignored, Need, Needs, Read, Refs
from bridge.streams import Stream
from storage import open_memory
from tests.bridge.relay.brittle import Refusing
from tests.bridge.relay.script import Desk, Script, asks, comes_to, points_at, says
from tests.bridge.relay.street import Sundial
from tests.conformance.samples import MAKERS, NOW, WORDS, edit, event, known, retraction

HERE = Native(MATRIX, "!here:hs.example")
NOBODY = Ignored("it is about nothing that is known here")


# ------------------------------------------------------------------------------------------------------------- unreachable


async def test_what_cannot_be_fetched_waits_and_its_lane_goes_on(desk: Desk) -> None:
    desk.script.unreachable["@bo:hs.example"] = Unreachable("hs.example does not answer")
    await desk.take(asks("said", "@bo:hs.example"), says("after"))
    await desk.settle()
    assert await desk.names() == ["after"]
    assert await desk.waits() == {"said": ("hs.example does not answer", False, 1)}
    del desk.script.unreachable["@bo:hs.example"]
    desk.clock.forward(40)
    await desk.settle()
    assert await desk.names() == ["after"], "not yet"
    desk.clock.forward(40)
    await desk.settle()
    assert await desk.names() == ["after", "said"]
    assert await desk.waits() == {}


async def test_what_waited_in_one_lane_is_read_in_the_order_in_which_it_came(desk: Desk) -> None:
    desk.script.unreachable["@bo:hs.example"] = Unreachable("busy", retry_after=100.0)
    desk.script.unreachable["@lee:hs.example"] = Unreachable("hs.example does not answer")
    await desk.take(asks("first", "@bo:hs.example"), asks("second", "@lee:hs.example"))
    await desk.settle()
    desk.script.unreachable.clear()
    desk.clock.forward(200)
    await desk.settle()
    assert await desk.names() == ["first", "second"]


async def test_a_server_that_says_when_to_come_back_is_not_asked_sooner(desk: Desk) -> None:
    desk.script.unreachable["@bo:hs.example"] = Unreachable("busy", retry_after=900.0)
    await desk.take(asks("said", "@bo:hs.example"))
    await desk.settle()
    desk.clock.forward(899)
    await desk.settle()
    assert desk.script.fetched["@bo:hs.example"] == 1
    desk.clock.forward(1)
    await desk.settle()
    assert desk.script.fetched["@bo:hs.example"] == 2


async def test_what_can_never_be_fetched_is_asked_for_eight_times_and_then_waits_for_a_person(desk: Desk) -> None:
    desk.script.unreachable["@bo:hs.example"] = Unreachable("hs.example does not answer")
    await desk.take(asks("said", "@bo:hs.example"))
    await desk.settle()
    for _ in range(300):
        desk.clock.forward(60)
        await desk.settle()
    assert desk.script.fetched["@bo:hs.example"] in {8, 9}
    why, stuck, _ = (await desk.waits())["said"]
    assert stuck
    assert why.endswith("times: hs.example does not answer")
    assert (await desk.store.journal.backlog(desk.clock.now())).rows["intake"] == 1


async def test_a_homeserver_that_is_asked_often_is_not_given_up_sooner() -> None:
    """Ours is asked every half minute: eight tries would be over in one."""
    clock = Sundial()
    desk = Desk(open_memory(clock=clock), clock, Script(Patience(first=0.5, longest=30.0, parallel=1)))
    desk.script.unreachable["@bo:hs.example"] = Unreachable("the homeserver is away")
    await desk.take(asks("said", "@bo:hs.example"))
    for _ in range(60 * 4):
        await desk.settle()
        clock.forward(15)
    assert (await desk.waits())["said"][1] is False
    del desk.script.unreachable["@bo:hs.example"]
    clock.forward(60)
    await desk.settle()
    assert await desk.names() == ["said"]
    await desk.store.close()


# ------------------------------------------------------------------------------------------------------------- our own faults


async def test_a_poisoned_entry_waits_for_a_person_without_anybodys_words_and_the_lane_goes_on(desk: Desk) -> None:
    def fault(_: Refs) -> Read:
        raise ZeroDivisionError(WORDS)

    await desk.take(says("before"), ("poison", fault), says("after"))
    await desk.settle()
    assert await desk.names() == ["before", "after"]
    assert await desk.waits() == {"poison": ("a fault of this bridge: ZeroDivisionError", True, 0)}
    desk.clock.forward(10**6)
    await desk.settle()
    assert await desk.names() == ["before", "after"], "it does not come back by itself"


async def test_asking_for_the_same_again_in_vain_is_our_own_fault(desk: Desk) -> None:
    need = Need("community", ("makers",))
    await desk.take(comes_to("asked", Needs((need,))), comes_to("nothing", Needs(())))
    await desk.settle()
    waits = await desk.waits()
    assert waits["asked"] == ("a fault of this bridge: community was asked for after it had been answered", True, 0)
    assert waits["nothing"][1]


async def test_who_never_stops_asking_is_stopped(desk: Desk) -> None:
    numbers = iter(range(10_000))
    await desk.take(("asked", lambda _: Needs((Need("community", (f"c{next(numbers)}",)),))))
    await desk.settle()
    assert (await desk.waits())["asked"] == ("a fault of this bridge: it still asked for more after 30 rounds", True, 0)


async def test_an_entry_that_cannot_be_written_costs_no_other(desk: Desk) -> None:
    def refuses(change: Change) -> bool:
        return isinstance(change, AppendEvent) and change.event == event("poison")

    desk.another_reader(Refusing(desk.store, refuses, Conflict("the name belongs to somebody else")))
    await desk.take(says("before"), says("poison"), says("after"))
    await desk.settle()
    assert await desk.names() == ["before", "after"]
    assert await desk.waits() == {"poison": ("a fault of this bridge: the name belongs to somebody else", True, 0)}


async def test_what_is_of_a_protocol_that_is_switched_off_waits(desk: Desk) -> None:
    script = desk.adapters.pop(MATRIX)
    await desk.take(says("said"))
    await desk.settle()
    assert await desk.waits() == {"said": ("this node does not speak matrix now", False, 0)}
    desk.adapters[MATRIX] = script
    desk.clock.forward(3_600)
    await desk.settle()
    assert await desk.names() == ["said"]


# ------------------------------------------------------------------------------------------------------------- what comes early


async def test_what_awaits_something_is_read_when_that_arrives(desk: Desk) -> None:
    parent = event("parent")
    found = Read((event("child"),))
    await desk.take(points_at("child", "parent", Awaits(parent.provenance.native, 60.0), known=found), says("after"))
    await desk.settle()
    assert await desk.names() == ["after"]
    assert (await desk.waits())["child"] == ("waits for $parent", False, 1)
    await desk.store.journal.commit([PutObject(known(parent), parent)])
    await desk.settle()
    assert await desk.names() == ["after", "child"]
    assert await desk.waits() == {}


async def test_what_never_arrives_is_waited_for_a_bounded_time_and_ends_as_a_refusal(desk: Desk) -> None:
    await desk.take(comes_to("child", Awaits(Native(MATRIX, "$parent"), 60.0)))
    for _ in range(12):
        await desk.settle()
        desk.clock.forward(60)
    assert await desk.waits() == {}
    assert await desk.ended() == {"child": ("what it is about never came: $parent", True, True)}


async def test_what_is_about_something_unknown_is_looked_at_again_before_that_counts(desk: Desk) -> None:
    """A sign can come before what it is under has been judged."""
    said = event("said")
    sign = Read((event("sign"),))
    await desk.take(points_at("sign", "said", NOBODY, known=sign))
    await desk.settle()
    assert await desk.ended() == {"sign": (None, False, False)}
    await desk.store.journal.commit([AppendEvent(said)])
    await desk.settle()
    assert (await desk.waits())["sign"][:2] == (NOBODY.why, False), "it is on its way, but not known yet"
    await desk.store.journal.commit([PutObject(known(said), said)])
    await desk.settle()
    assert await desk.names() == ["said", "sign"]


async def test_what_stays_unknown_ends_with_its_reason_after_a_few_looks(desk: Desk) -> None:
    await desk.take(points_at("sign", "said", NOBODY))
    for _ in range(60):
        await desk.settle()
        desk.clock.forward(5)
    assert await desk.ended() == {"sign": (NOBODY.why, False, True)}
    assert 4 <= len(desk.script.reads) <= 7


async def test_what_breaks_a_rule_is_refused_at_once_whatever_it_is_about(desk: Desk) -> None:
    await desk.take(points_at("forged", "said", Ignored("O8: forged", refused=True)))
    await desk.settle()
    assert await desk.ended() == {"forged": ("O8: forged", True, True)}


async def test_an_edit_never_overtakes_the_words_it_changes(desk: Desk) -> None:
    """Words whose author could not be fetched wait; an edit of theirs that needs nobody came right behind."""
    said = event("said")
    change = edit("change", said, "other words")
    desk.script.unreachable["@bo:hs.example"] = Unreachable("hs.example does not answer")
    await desk.take(asks("said", "@bo:hs.example"), points_at("change", "said", Read((change,))), says("after"))
    for _ in range(20):
        await desk.settle()
        desk.clock.forward(60)
    assert await desk.names() == ["after"]
    del desk.script.unreachable["@bo:hs.example"]
    for _ in range(20):
        await desk.settle()
        desk.clock.forward(60)
    assert await desk.names() == ["after", "said", "change"]


async def test_an_answer_waits_a_while_behind_what_it_answers_and_then_goes_on(desk: Desk) -> None:
    desk.script.unreachable["@bo:hs.example"] = Unreachable("hs.example does not answer")
    answer = event("answer", Message(from_plain("yes"), reply_to=ObjectId(event("said").id)))
    await desk.take(asks("said", "@bo:hs.example"), points_at("answer", "said", Read((answer,))))
    await desk.settle()
    assert await desk.names() == []
    for _ in range(10):
        desk.clock.forward(30)
        await desk.settle()
    assert await desk.names() == ["answer"]


def echo(native: str) -> Event:
    """Of a copy of ours, which its place calls so."""
    return msgspec.structs.replace(event(f"echo of {native}", Sighting(ObjectId("ours"), f"${native}")), place=HERE)


@pytest.mark.parametrize("dies", [False, True], ids=["", "after a restart"])
async def test_an_answer_right_behind_an_echo_waits_until_the_relay_knows_the_name(desk: Desk, dies: bool) -> None:
    ours = event("ours")
    heard = ("echo", lambda _: Read((echo("copy"),)))
    answers = (points_at("answer", "copy", Read((event("answer"),))), says("other"))
    if dies:
        await desk.take(heard)
        await desk.settle()
        desk.another_reader()
        await desk.take(*answers)
    else:
        await desk.take(heard, *answers)
    await desk.settle()
    assert await desk.names() == ["echo of copy", "other"], "what is about nothing goes on"
    assert (await desk.waits())["answer"][1] is False
    await desk.store.journal.commit([PutObject(known(ours), ours), PutCopy(known(ours).id, HERE, "$copy")])
    await desk.settle()
    assert await desk.names() == ["echo of copy", "other", "answer"]


async def test_an_answer_does_not_wait_for_ever_for_an_echo_that_nobody_notes(desk: Desk) -> None:
    await desk.take(("echo", lambda _: Read((echo("copy"),))), points_at("answer", "copy", Read((event("answer"),))))
    for _ in range(10):
        await desk.settle()
        desk.clock.forward(60)
    assert await desk.names() == ["echo of copy", "answer"]


async def test_a_retraction_overtakes_whatever_waits(desk: Desk) -> None:
    said = event("said")
    desk.script.unreachable["@bo:hs.example"] = Unreachable("hs.example does not answer")
    await desk.take(asks("said", "@bo:hs.example"), points_at("sorry", "said", Read((retraction("sorry", said),))))
    await desk.settle()
    assert await desk.names() == ["sorry"]


async def test_what_takes_back_something_unknown_does_so_at_once_when_nothing_is_on_its_way(desk: Desk) -> None:
    gone = Native(MATRIX, "$gone")
    await desk.take(points_at("sorry", "gone", Read((), (Retract(ObjectId("gone"), gone, NOW),))))
    await desk.settle()
    assert await desk.store.decisions.tombstoned(ObjectId("gone"), gone)
    assert await desk.waits() == {}


async def test_what_takes_back_something_that_is_on_its_way_waits_until_it_is_known(desk: Desk) -> None:
    """Read before the relay had judged it, it would erase what by then had been sent, and nobody would be told."""
    said = event("said")
    back = event("sorry", retraction("sorry", said).content)
    unknown = Read((), (Retract(ObjectId(said.id), said.provenance.native, NOW),))
    await desk.take(says("said"), points_at("sorry", "said", unknown, known=Read((back,))))
    await desk.settle()
    assert await desk.names() == ["said"]
    await desk.store.journal.commit([PutObject(known(said), said)], stream=Stream.EVENTS, lane=MAKERS, upto=1)
    await desk.settle()
    assert await desk.names() == ["sorry"], "it is taken back where it was sent"


async def test_that_wait_is_bounded_too(desk: Desk) -> None:
    """A relay that is stuck does not keep words alive for ever that were taken back."""
    gone = Native(MATRIX, "$gone")
    await desk.take(says("said"), points_at("sorry", "gone", Read((), (Retract(ObjectId("gone"), gone, NOW),))))
    for _ in range(60):
        await desk.settle()
        desk.clock.forward(5)
    assert await desk.store.decisions.tombstoned(ObjectId("gone"), gone)
