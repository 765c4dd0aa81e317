"""The whole way with a real place at its end: what Sam and Kim post is in the hall once, in its thread, whatever goes wrong on the way."""

from __future__ import annotations

import pytest

from bridge.changes import AppendEvent
from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content import Sighting
from bridge.model.event import Event, Provenance
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, EventId, Native
from bridge.model.item import Retry, Scope
from bridge.relay.courier import Courier
from protocols.activitypub.ids import PUBLIC
from protocols.loopback.faults import Fault
from protocols.loopback.room import Line
from tests.bridge.relay.house import HALL, House


class Killed(BaseException):
    """The process ends here."""


LOST = Fault(Retry("the answer was lost", scope=Scope.HOST), after=True)
BUSY = Fault(Retry("busy"))


@pytest.fixture
async def courier(house: House) -> Courier:
    """Only the hall is sent to: what is for servers elsewhere waits, as nobody of this node speaks there in these tests."""
    adapters = {protocol: adapter for protocol, adapter in house.adapters.items() if protocol != ACTIVITYPUB}
    return Courier(house.store, adapters, house.loader, house.clock)


async def work(house: House, courier: Courier, minutes: int = 5) -> None:
    for _ in range(minutes * 12):
        await house.settle()
        await courier.step()
        house.clock.forward(5)


def lines(house: House) -> list[Line]:
    """What a client in the hall shows, but for what the bridge itself says and the greetings of newcomers."""
    found = [line for line in house.hall.conversation("hall") if line.by.id != "moot"]
    return [line for line in found if line.text != "hello, I am new here"]


async def test_a_conversation_is_there_once_and_in_its_threads_though_every_answer_is_lost(house: House, courier: Courier) -> None:
    sam = await house.known(await house.stranger("sam"))
    kim = await house.known(await house.stranger("kim", "b.example"))
    await work(house, courier)
    house.hall.faults.add("hall", LOST, times=2)
    house.hall.faults.add("hall", BUSY)
    house.hall.faults.add("hall", LOST)
    root = await house.post(sam, "who has a saw?")
    answer = await house.post(kim, "I have", reply_to=root)
    await house.post(sam, "thank you", reply_to=answer)
    await house.receive(kim, {"type": "Like", "object": root})
    await work(house, courier)
    said = lines(house)
    assert [line.text for line in said] == ["who has a saw?", "I have", "thank you"]
    assert {line.thread for line in said[1:]} == {said[0].id}
    assert said[2].reply_to == said[1].id
    assert list(said[0].reactions) == ["👍"]
    assert await house.out("hall") == []


async def test_a_courier_that_dies_after_the_hall_took_a_message_says_it_once(house: House, courier: Courier) -> None:
    sam = await house.known(await house.stranger("sam"))
    await work(house, courier)
    house.hall.faults.add("hall", Fault(Killed(), after=True))
    await house.post(sam, "who has a saw?")
    with pytest.raises(Killed):
        await courier.step()
    assert [line.text for line in lines(house)] == ["who has a saw?"]
    again = Courier(house.store, dict(house.adapters), house.loader, house.clock)
    await work(house, again)
    assert [line.text for line in lines(house)] == ["who has a saw?"]


async def test_what_is_taken_back_is_gone_from_the_hall(house: House, courier: Courier) -> None:
    sam = await house.known(await house.stranger("sam"))
    root = await house.post(sam, "a mistake")
    await work(house, courier)
    assert [line.taken_back for line in lines(house)] == [False]
    await house.receive(sam, {"type": "Delete", "object": {"type": "Tombstone", "id": root}, "to": [PUBLIC]})
    await work(house, courier)
    assert [line.taken_back for line in lines(house)] == [True]


@pytest.mark.parametrize("lost", ["its answer", "the process"])
async def test_what_is_taken_back_while_nobody_knows_whether_it_arrived_is_gone_in_the_end(
    house: House, courier: Courier, lost: str
) -> None:
    """The hall took it and we do not know its name: only its echo tells."""
    sam = await house.known(await house.stranger("sam"))
    await work(house, courier)
    house.hall.faults.add("hall", LOST if lost == "its answer" else Fault(Killed(), after=True))
    root = await house.post(sam, "a mistake")
    if lost == "its answer":
        await courier.step()
    else:
        with pytest.raises(Killed):
            await courier.step()
        courier = Courier(house.store, {"loopback": house.loopback}, house.loader, house.clock)  # type: ignore[dict-item]
    await house.receive(sam, {"type": "Delete", "object": {"type": "Tombstone", "id": root}, "to": [PUBLIC]})
    await work(house, courier)
    (line,) = lines(house)
    assert line.taken_back
    known = await house.object(root, ACTIVITYPUB)
    assert known is not None
    echo = Event(
        id=EventId("echo"),
        community=known.community,
        channel=known.channel,
        place=HALL,
        author=Actor(Native(LOOPBACK, line.by.id), line.by.id, "loopback"),
        content=Sighting(target=known.id, native=line.id),
        audience=Audience.PUBLIC,
        at=house.clock.now(),
        received_at=house.clock.now(),
        provenance=Provenance(Native(LOOPBACK, line.id)),
    )
    await house.store.journal.commit([AppendEvent(echo)])
    await work(house, courier)
    assert [line.taken_back for line in lines(house)] == [True], "told once more, nothing changes"
