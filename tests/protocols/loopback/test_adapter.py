"""The adapter over a real store in memory and a real hall: what it takes, what it makes happen, and what a restart cannot change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from bridge.changes import Change, PutActor, PutChannel, PutCommunity, PutCopy, PutGhost, PutObject
from bridge.errors import OperatorError, Unreachable
from bridge.model.actor import Ghost
from bridge.model.content import Boost, Content, Edit, Message, Notice, Profile, Reaction, Retraction
from bridge.model.event import Event
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, OURS, Native, ObjectId, Protocol
from bridge.model.item import Dead, Delivered, Destination, Item, Outcome, Retry, Scope, Skipped
from bridge.model.place import OPEN, Place, PlaceKind
from bridge.model.record import KnownObject
from bridge.model.richtext import from_plain
from bridge.ports import Adapter
from bridge.refs import Absent, Need, Needs, Read, Refs, Wire
from bridge.relay.loading import Loader
from bridge.streams import Intake, Stream
from protocols.loopback.adapter import LoopbackAdapter
from protocols.loopback.faults import Fault
from protocols.loopback.hall import Hall
from protocols.loopback.ids import HOST
from storage import SqlStore, open_memory
from storage.inline import Inline
from tests.conformance.homes import Hand
from tests.protocols.loopback.world import CHANNEL, COMMONS, HALL, LENA, ME, NOW, SAM, TOMAS, item

HERE = Destination(LOOPBACK, HALL.id, HOST)


class House:
    """A node's loopback half: adapter, store, hall. `restart` is what is left after the process was killed."""

    def __init__(self, database: Inline | None = None, hall: Hall | None = None) -> None:
        self.clock = Hand(NOW)
        self.store: SqlStore = open_memory(clock=self.clock, database=database)
        self.adapter = LoopbackAdapter(ME, store=self.store, clock=self.clock, hall=hall)
        self.hall = self.adapter.hall
        self.loader = Loader(self.store, {LOOPBACK: self.adapter}, self.clock)

    def restart(self, *, hall: Hall | None = None) -> House:
        assert isinstance(self.store.database, Inline)
        self.hall.detach()
        return House(self.store.database, hall)

    async def commit(self, *changes: Change) -> None:
        await self.store.journal.commit(changes)

    async def write(self, what: Item) -> Wire:
        refs = Refs()
        while isinstance(answer := self.adapter.write(what, refs), Needs):
            await self.loader.fill(refs, answer.needs, LOOPBACK)
        assert isinstance(answer, Wire), answer
        return answer

    async def send(self, what: Item, destination: Destination = HERE) -> Outcome:
        """As the courier does: write, then send once."""
        return await self.adapter.send(await self.write(what), what, destination)

    async def said(self, content: Content, *, number: int = 0) -> tuple[ObjectId, str]:
        """Sam says it elsewhere and it arrives here; the object, and what the hall calls it."""
        what = item(content, number=number)
        outcome = await self.send(what)
        assert isinstance(outcome, Delivered), outcome
        born, audience = what.event.provenance.native, what.event.audience
        known = KnownObject(ObjectId(what.event_id), COMMONS.id, CHANNEL.id, born, what.event.place, SAM.native, "message", audience)
        await self.commit(PutObject(known, what.event), *([PutCopy(known.id, HALL, outcome.native)] if outcome.native else []))
        return known.id, outcome.native or ""

    async def arrived(self, room: str = "hall") -> list[Event]:
        """Everything read from a room's lane so far."""
        found: list[Event] = []
        for entry in await self.store.journal.read_intake(f"loopback:{room}", 100):
            refs = Refs()
            while isinstance(reading := self.adapter.read(entry.intake, refs), Needs):
                await self.loader.fill(refs, reading.needs, LOOPBACK)
            found += reading.events if isinstance(reading, Read) else ()
        return found


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    await made.commit(PutCommunity(COMMONS), PutChannel(CHANNEL), PutActor(SAM, NOW))
    await made.adapter.start()
    yield made
    await made.adapter.stop()
    await made.store.close()


def as_port(adapter: LoopbackAdapter) -> Adapter:
    """Type-checked: the adapter is one."""
    return adapter


# ------------------------------------------------------------------------------------------------------------ in


async def test_everything_people_do_is_in_the_journal_before_it_returns(house: House) -> None:
    lena = house.hall.person("lena", "Lena")
    await lena.join("hall")
    message = await lena.say("hall", "Hello")
    await lena.edit(message, "Hello, all")
    await lena.react(message, "👋")
    await lena.unreact(message, "👋")
    await lena.boost(message)
    await lena.follow("hall", Native(ACTIVITYPUB, "https://far.example/c/guild"))
    await lena.rename("Lena Okafor")
    await lena.say("hall", "!who")
    await lena.take_back(message)
    await lena.leave("hall")
    kinds = [type(event.content).__name__ for event in await house.arrived()]
    assert kinds == [
        "Membership", "Message", "Edit", "Reaction", "Retraction", "Boost", "Membership", "Profile", "Command", "Retraction", "Membership",
    ]  # fmt: skip
    await lena.tell_bot("cross on")
    [private] = await house.arrived("talk/lena")
    assert (private.author.name, type(private.content).__name__) == ("Lena Okafor", "Command")


async def test_an_edit_and_its_message_are_about_the_same_object(house: House) -> None:
    lena = house.hall.person("lena", "Lena")
    message = await lena.say("hall", "Hello")
    await lena.edit(message, "Hello, all")
    await lena.take_back(message)
    said, edited, taken_back = await house.arrived()
    assert edited.content.target == said.id == taken_back.content.target  # type: ignore[union-attr]


async def test_a_repeat_is_the_same_entry(house: House) -> None:
    await house.hall.person("lena").say("hall", "Hello")
    [entry] = await house.store.journal.read_intake("loopback:hall", 10)
    [receipt] = await house.store.journal.accept([entry.intake])
    assert not receipt.fresh


async def test_what_was_said_while_the_node_was_down_is_read_when_it_is_back(house: House) -> None:
    lena = house.hall.person("lena", "Lena")
    await lena.say("hall", "One")
    back = house.restart(hall=house.hall)
    await lena.say("hall", "Two")
    await back.adapter.start()
    await lena.say("hall", "Three")
    assert [event.content.text.plain for event in await back.arrived()] == ["One", "Two", "Three"]  # type: ignore[union-attr]


async def test_a_stopped_node_takes_nothing(house: House) -> None:
    await house.adapter.stop()
    await house.hall.person("lena").say("hall", "Hello")
    assert await house.arrived() == []
    assert await house.store.journal.pending(Stream.INTAKE) == ()


async def test_people_are_known_to_whoever_asks(house: House) -> None:
    house.hall.person("lena", "Lena")
    assert await house.adapter.fetch(Need("actor", (LOOPBACK, "lena"))) == LENA
    assert (LENA.handle, LENA.host) == ("@lena", ME.domain)
    for need in (Need("actor", (LOOPBACK, "nobody")), Need("actor", ("matrix", "@lena:hs")), Need("document", ("https://a.example",))):
        assert isinstance(await house.adapter.fetch(need), Absent)


async def test_words_that_stayed_can_be_asked_for_again_as_they_are_now(house: House) -> None:
    lena = house.hall.person("lena", "Lena")
    root = await lena.say("hall", "One")
    message = await lena.say("hall", "Two", reply_to=root)
    await lena.edit(message, "Two, better")
    first = [entry.intake for entry in await house.store.journal.read_intake("loopback:hall", 10)][1]
    again = await house.adapter.recall(HALL, message)
    assert isinstance(again, Intake)
    assert (again.key, again.lane, again.kind) == (first.key, first.lane, first.kind)
    assert b"Two, better" in again.body
    await lena.take_back(message)
    assert await house.adapter.recall(HALL, message) is None
    assert await house.adapter.recall(HALL, "nothing") is None
    assert await house.adapter.recall(Native(LOOPBACK, "cellar"), message) is None


# ------------------------------------------------------------------------------------------------------------ out


async def test_everything_from_elsewhere_is_seen_in_the_hall(house: House) -> None:
    mine = await house.hall.person("lena").say("hall", "Who can sew?")
    root, copy = await house.said(Message(from_plain("I can")))
    [_, line] = house.hall.conversation("hall")
    assert (line.by.name, line.by.address, line.text, line.id) == ("Sam", "@sam@a.example", "I can", copy)
    await house.said(Message(from_plain("Since 1990"), reply_to=root, thread=root), number=1)
    assert house.hall.conversation("hall")[2].thread == copy
    await house.said(Edit(root, Message(from_plain("I can, a bit"))), number=2)
    sign, _ = await house.said(Reaction(root, "🪡"), number=3)
    boost, _ = await house.said(Boost(root), number=4)
    line = house.hall.conversation("hall")[1]
    assert (line.text, line.edited, line.reactions, line.boosts) == ("I can, a bit", True, {"🪡": ("sam@a.example",)}, ("sam@a.example",))
    await house.said(Retraction(sign), number=5)
    await house.said(Retraction(boost), number=6)
    assert house.hall.conversation("hall")[1].signs == ()
    await house.said(Profile(msgspec.structs.replace(SAM, name="Sam the Second")), number=7)
    assert house.hall.conversation("hall")[1].by.name == "Sam the Second"
    await house.said(Retraction(root), number=8)
    assert house.hall.conversation("hall")[1].taken_back
    assert house.hall.conversation("hall")[0].id == mine


async def test_the_same_item_sent_twice_is_said_once_also_after_a_restart(house: House) -> None:
    what = item(Message(from_plain("Hello")))
    first = await house.send(what)
    back = house.restart(hall=house.hall)
    await back.adapter.start()
    assert await back.send(what) == first
    assert [line.text for line in back.hall.conversation("hall")] == ["Hello"]


async def test_a_hall_that_forgot_everything_is_spoken_in_again(house: House) -> None:
    """The store remembers accounts and rooms; what was said before is not here any more, and says so."""
    object_id, _ = await house.said(Message(from_plain("Hello")))
    back = house.restart()
    await back.adapter.start()
    outcome = await back.send(item(Edit(object_id, Message(from_plain("Hello, all"))), number=1))
    assert outcome == Dead("It is not here, or was taken back.")
    assert isinstance(await back.send(item(Retraction(object_id), number=2)), Skipped)
    assert isinstance(await back.send(item(Message(from_plain("Again")), number=3)), Delivered)
    assert [(line.by.name, line.text) for line in back.hall.conversation("hall")] == [("Sam", "Again")]


async def test_the_bot_speaks_to_one_person_alone(house: House) -> None:
    alone = house.adapter.destination_of(TOMAS, alone=True)
    assert alone is not None
    assert alone.address == "tomas"
    await house.send(item(Notice(TOMAS.native, from_plain("Only for you."))), alone)
    assert house.hall.notices("tomas") == ("Only for you.",)
    assert house.hall.conversation("hall") == ()
    assert house.adapter.destination_of(SAM, alone=True) is None
    assert house.adapter.destination_of(TOMAS, alone=False) is None


async def test_what_goes_to_the_room_is_not_said_to_each_person_in_it(house: House) -> None:
    outcome = await house.send(item(Message(from_plain("Hello"))), Destination(LOOPBACK, "lena", HOST))
    assert isinstance(outcome, Skipped)


async def test_a_community_speaks_through_the_bot(house: House) -> None:
    what = msgspec.structs.replace(item(Message(from_plain("Welcome"))), by=Native(OURS, COMMONS.id))
    assert isinstance(await house.send(what), Delivered)
    assert house.hall.conversation("hall")[0].by.name == "Folkmoot"


async def test_whoever_ended_their_account_leaves_and_is_not_shown_again(house: House) -> None:
    await house.said(Message(from_plain("Hello")))
    await house.said(Profile(SAM, ended=True), number=1)
    ghost = await house.store.directory.ghost_of(LOOPBACK, SAM.native)
    assert ghost is not None
    assert ghost.ended == NOW
    assert "sam@a.example" not in house.hall.room("hall").present
    stranger = msgspec.structs.replace(SAM, native=Native(ACTIVITYPUB, "https://a.example/u/kim"), handle="@kim@a.example")
    assert await house.send(item(Profile(stranger), stranger, number=2)) == Skipped("they never spoke here, so there is nothing to change")


async def test_whoever_was_sent_out_does_not_speak_again(house: House) -> None:
    house.hall.room("hall").hosts |= {"lena"}
    await house.said(Message(from_plain("Buy my glue")))
    await house.hall.person("lena").remove("hall", "sam@a.example")
    assert await house.send(item(Message(from_plain("Again")), number=1)) == Dead("This account was removed from the room.")


async def test_a_sign_under_words_that_were_taken_back_meanwhile_is_passed_over(house: House) -> None:
    object_id, _ = await house.said(Message(from_plain("Hello")))
    await house.said(Retraction(object_id), number=1)
    assert await house.send(item(Reaction(object_id, "🎉"), number=2)) == Skipped("It is not here, or was taken back.")


async def test_a_sign_of_whoever_was_sent_out_is_refused(house: House) -> None:
    house.hall.room("hall").hosts |= {"lena"}
    object_id, _ = await house.said(Message(from_plain("Buy my glue")))
    await house.hall.person("lena").remove("hall", "sam@a.example")
    assert await house.send(item(Reaction(object_id, "🎉"), number=1)) == Dead("This account was removed from the room.")


# ------------------------------------------------------------------------------------------------------------ accounts


async def test_an_account_is_made_once_and_wears_the_latest_name(house: House) -> None:
    await house.commit(*await house.adapter.embody(SAM.native, COMMONS))
    first = await house.store.directory.ghost_of(LOOPBACK, SAM.native)
    renamed = msgspec.structs.replace(SAM, name="Sam the Second")
    await house.commit(*await house.adapter.embody(SAM.native, COMMONS, actor=renamed))
    again = await house.store.directory.ghost_of(LOOPBACK, SAM.native)
    assert isinstance(first, Ghost)
    assert isinstance(again, Ghost)
    assert (first.native, first.name, again.native, again.name) == (again.native, "Sam", first.native, "Sam the Second")


async def test_two_people_never_share_an_account(house: House) -> None:
    """A handle registered anew: another actor, the same name."""
    other = msgspec.structs.replace(SAM, native=Native(ACTIVITYPUB, "https://a.example/u/sam-again"))
    await house.send(item(Message(from_plain("I am Sam"))))
    await house.send(item(Message(from_plain("So am I")), other, number=1))
    one, two = house.hall.conversation("hall")
    assert one.by.id != two.by.id
    assert {await house.store.directory.ghost_of(LOOPBACK, who.native) is not None for who in (SAM, other)} == {True}


async def test_a_name_taken_in_the_same_moment_is_told_apart(house: House) -> None:
    """The store decides: its Conflict is answered with another name."""
    taken = Ghost(Native(LOOPBACK, "sam@a.example"), TOMAS.native, "sam@a.example", SAM.kind, COMMONS.id)
    await house.commit(PutGhost(taken))
    assert isinstance(await house.send(item(Message(from_plain("Hello")))), Delivered)
    assert house.hall.conversation("hall")[0].by.id.startswith("sam==")


async def test_communities_and_people_of_the_hall_need_no_account(house: House) -> None:
    assert await house.adapter.embody(Native(OURS, COMMONS.id), COMMONS) == ()
    assert await house.adapter.embody(LENA.native, COMMONS) == ()
    with pytest.raises(OperatorError):
        await house.adapter.embody(Native(ACTIVITYPUB, "https://b.example/u/unknown"), COMMONS)


async def test_a_place_is_made_when_it_is_linked(house: House) -> None:
    expected = Place(Native(LOOPBACK, "kitchen"), PlaceKind.ROOM, "kitchen", OPEN)
    assert await house.adapter.prepare("loopback:kitchen") == expected
    assert await house.adapter.prepare("kitchen") == expected
    assert await house.adapter.destinations(expected) == (Destination(LOOPBACK, "kitchen", HOST),)
    with pytest.raises(OperatorError, match="cannot be the name"):
        await house.adapter.prepare("loopback:No Room")


# ------------------------------------------------------------------------------------------------------------ faults


@pytest.mark.parametrize("answer", [Retry("busy", after=3.0), Dead("never", gone=True), Skipped("no need")])
async def test_a_fault_is_answered_as_often_as_it_was_asked_for(house: House, answer: Outcome) -> None:
    house.hall.faults.add("hall", Fault(answer), times=2)
    what = item(Message(from_plain("Hello")))
    assert [await house.send(what), await house.send(what)] == [answer, answer]
    assert house.hall.conversation("hall") == ()
    assert isinstance(await house.send(what), Delivered)


async def test_an_answer_that_is_lost_is_not_said_twice(house: House) -> None:
    house.hall.faults.add(HOST, Fault(Retry("cut off", scope=Scope.HOST), after=True))
    what = item(Message(from_plain("Hello")))
    assert isinstance(await house.send(what), Retry)
    assert isinstance(await house.send(what), Delivered)
    assert [line.text for line in house.hall.conversation("hall")] == ["Hello"]


async def test_an_error_is_raised_as_it_is(house: House) -> None:
    house.hall.faults.add("hall", Fault(Unreachable("gone")))
    with pytest.raises(Unreachable):
        await house.send(item(Message(from_plain("Hello"))))


async def test_silence_lasts_until_it_is_healed(house: House) -> None:
    house.hall.faults.add("hall", Fault(None))
    sending = asyncio.ensure_future(house.send(item(Message(from_plain("Hello")))))
    await asyncio.wait([sending], timeout=0.05)
    assert not sending.done()
    house.hall.faults.heal()
    assert await sending == Retry("the hall did not answer", scope=Scope.HOST)


def test_the_protocol_is_its_folders_name() -> None:
    assert LoopbackAdapter(ME, store=open_memory(), clock=Hand(NOW)).protocol == Protocol("loopback")
