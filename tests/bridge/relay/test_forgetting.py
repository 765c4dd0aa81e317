"""N02 on the whole way: much is taken back at once, everybody who has it is told, each server's answer is told, and no name is left."""

from __future__ import annotations

import re

from bridge.changes import AdvanceLane, FailLane, PutDead
from bridge.model.content import Message, Profile, Retraction
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, Native
from bridge.model.item import Dead
from bridge.norms.context import Crossing
from protocols.loopback.ids import HOST, talk_with
from protocols.loopback.people import Person
from storage.schema import metadata
from tests.bridge.relay.house import EVER, House

LENA = Native(LOOPBACK, "lenaquist")
MINUTE = 60


async def lena_of(house: House) -> Person:
    return await house.opted_in("lenaquist", "cross on")


async def said(house: House, person: Person, *texts: str, **more: str) -> list[str]:
    """Things that crossed."""
    names = [await person.say("hall", text, **more) for text in texts]
    await house.settle()
    house.clock.forward(15)
    await house.settle()
    return names


async def answered(house: House, *silent: str, refusing: str = "") -> None:
    """Every server takes what waits for it, but those that are silent, and one that refuses each thing for good."""
    for lane in await house.store.deliveries.lanes(house.clock.now() + EVER, 1000):
        if lane.destination.host in silent:
            at = house.clock.now()
            await house.store.journal.commit([FailLane(lane.destination, lane.urgent, "no answer", at, at, host=True)])
            continue
        queued = await house.store.deliveries.read(lane, 10_000)
        if not queued:
            continue
        said_no = [one.item for one in queued if one.item is not None] if lane.destination.host == refusing else []
        letters = [PutDead(item, lane.destination, Dead("403: not here"), 1, house.clock.now()) for item in said_no]
        await house.store.journal.commit([*letters, AdvanceLane(lane.destination, lane.urgent, queued[-1].seq)])


async def pass_time(house: House, seconds: float, *silent: str, refusing: str = "") -> None:
    step = max(1.0, seconds / 20)
    for _ in range(20):
        house.clock.forward(step)
        await house.settle()
        await answered(house, *silent, refusing=refusing)


async def code_told(house: House, name: str) -> str:
    told = " ".join(await house.told(name))
    found = re.findall(r"!forget confirm (\w+)", told)
    assert found, told
    return str(found[-1])


async def tables_that_name(house: House, *names: str) -> list[str]:
    """The built-in place calls a private room after its person, which no homeserver does: that alone is not counted."""
    found = []
    for table in metadata.sorted_tables:
        rows = await house.store.database.read(lambda connection, table=table: str(connection.execute(table.select()).all()))
        found += [
            f"{table.name}: {rows[max(0, rows.index(name) - 150) :][:300]}" for name in names if name in rows.replace(talk_with(name), "")
        ]
    return found


def retracted(house_out: list[tuple[object, object]]) -> list[str]:
    return [item.event.content.target for _, item in house_out if isinstance(item.event.content, Retraction)]  # type: ignore[attr-defined]


class TestSinceAndThread:
    async def test_what_crossed_since_a_day_is_taken_back_and_what_was_before_stays(self, house: House) -> None:
        await house.follow(await house.stranger("sam"))
        lena = await lena_of(house)
        (old,) = await said(house, lena, "from before")
        house.clock.forward(86_400)
        (new,) = await said(house, lena, "from today")
        await lena.tell_bot(f"forget since {house.clock.now().date().isoformat()}")
        await house.settle()

        before, after = await house.object(old), await house.object(new)
        assert before is not None and after is not None  # noqa: PT018
        assert (before.retracted_at, after.retracted_at is not None) == (None, True)
        items = [item for _, item in await house.out("https://a.example/inbox")]
        assert {item.event.content.target for item in items if isinstance(item.event.content, Retraction)} == {after.id}

    async def test_a_thread_is_left_without_taking_back_the_words_of_others(self, house: House) -> None:
        await house.follow(await house.stranger("sam"))
        lena, tomas = await lena_of(house), await house.opted_in("tomas")
        (root,) = await said(house, tomas, "who brings what?")
        answers = await said(house, lena, "tools", "and cake", reply_to=root)
        (other,) = await said(house, lena, "something else")
        await lena.tell_bot("forget thread", about=answers[0])
        await house.settle()

        gone = [known.retracted_at is not None for name in (*answers, root, other) if (known := await house.object(name)) is not None]
        assert gone == [True, True, False, False]

    async def test_a_day_on_which_nothing_crossed_is_answered_and_changes_nothing(self, house: House) -> None:
        lena = await lena_of(house)
        await lena.tell_bot("forget since 2031-01-01")
        await house.settle()
        assert (await house.told("lenaquist"))[-1].startswith("Nothing of yours is out there")
        assert await house.store.decisions.withdrawals(LENA) == ()

    async def test_more_than_two_hundred_ask_for_a_code(self, house: House) -> None:
        lena = await lena_of(house)
        await lena.tell_bot("grace 0")
        await house.settle()
        for number in range(201):
            await lena.say("hall", f"word {number}")
        await house.settle()
        await lena.tell_bot("forget since 2026-01-01")
        await house.settle()
        assert await house.store.objects.count(LENA, (await house.community()).id) == 201
        await lena.tell_bot(f"forget confirm {await code_told(house, 'lenaquist')}")
        await house.settle()
        assert await house.store.objects.count(LENA, (await house.community()).id) == 201, "the window is still open"
        house.clock.forward(10 * MINUTE)
        await house.settle()
        assert await house.store.objects.count(LENA, (await house.community()).id) == 0


class TestMe:
    async def test_a_wrong_code_takes_nothing_back(self, house: House) -> None:
        lena = await lena_of(house)
        (name,) = await said(house, lena, "mine")
        await lena.tell_bot("forget me")
        await lena.tell_bot("forget confirm abcdef")
        await house.settle()
        house.clock.forward(20 * MINUTE)
        await house.settle()
        known = await house.object(name)
        assert known is not None
        assert known.retracted_at is None

    async def test_a_code_that_is_never_typed_ends_by_itself_with_a_word(self, house: House) -> None:
        lena = await lena_of(house)
        await said(house, lena, "mine")
        await lena.tell_bot("forget me")
        await house.settle()
        house.clock.forward(61 * MINUTE)
        await house.settle()
        assert await house.store.decisions.withdrawals(LENA) == ()
        assert (await house.told("lenaquist"))[-1].startswith("The code was not typed in time")

    async def test_within_the_window_it_can_be_cancelled_and_after_it_not(self, house: House) -> None:
        lena = await lena_of(house)
        (name,) = await said(house, lena, "mine")
        await lena.tell_bot("forget me")
        await house.settle()
        await lena.tell_bot(f"forget confirm {await code_told(house, 'lenaquist')}")
        await house.settle()
        await lena.tell_bot("cancel")
        await house.settle()
        house.clock.forward(20 * MINUTE)
        await house.settle()
        known = await house.object(name)
        assert known is not None
        assert known.retracted_at is None
        await lena.tell_bot("cancel")
        await house.settle()
        assert (await house.told("lenaquist"))[-1].startswith("Nothing is being taken back")

    async def test_nothing_new_crosses_while_it_may_still_be_cancelled(self, house: House) -> None:
        lena = await lena_of(house)
        waiting = await lena.say("hall", "still in its grace")
        await lena.tell_bot("forget me")
        await house.settle()
        await lena.tell_bot(f"forget confirm {await code_told(house, 'lenaquist')}")
        later = await lena.say("hall", "said in the window")
        await house.settle()
        house.clock.forward(60)
        await house.settle()
        assert [await house.object(name) for name in (waiting, later)] == [None, None]
        assert await house.holds() == []

    async def test_who_ever_received_something_hears_that_the_account_ended_also_those_who_left(self, house: House) -> None:
        sam, kim = await house.stranger("sam", "a.example"), await house.stranger("kim", "b.example")
        await house.follow(sam)
        await house.follow(kim)
        lena = await lena_of(house)
        await said(house, lena, "for both")
        group = (await house.group()).native.id
        follow = await house.store.directory.follow(kim.native, (await house.group()).native)
        assert follow is not None
        undo = {"id": follow.request, "type": "Follow", "actor": kim.native.id, "object": group}
        await house.receive(kim, {"type": "Undo", "object": undo})
        await house.follow(await house.stranger("mel", "never.example"))
        await answered(house)
        await self.forgotten(house, lena)

        ends = [
            destination.host
            for destination, item in await house.out()
            if isinstance(item.event.content, Profile) and destination.protocol == ACTIVITYPUB
        ]
        assert sorted(ends) == ["a.example", "b.example", "never.example"]
        for _, item in await house.out("https://b.example/inbox"):
            assert item.urgent
            assert item.keep_days == 30
        ghost = await house.store.directory.ghost_by_handle(ACTIVITYPUB, "lenaquist")
        assert ghost is not None
        assert ghost.ended is not None

    async def test_no_table_names_them_when_the_servers_have_answered_and_one_is_dead(self, house: House) -> None:
        for host in ("a.example", "b.example", "dead.example"):
            await house.follow(await house.stranger("sam", host))
        lena = await lena_of(house)
        names = await said(house, lena, *(f"picture {number}" for number in range(30)))
        await lena.react(names[0], "🎉")
        await lena.tell_bot("forget this", about=names[3])
        await house.settle()
        await answered(house, "dead.example")
        await self.forgotten(house, lena)
        await pass_time(house, 400, "dead.example")
        assert await house.store.decisions.withdrawals(LENA) != ()
        await pass_time(house, 600, "dead.example")

        assert await tables_that_name(house, "lenaquist", "Lenaquist") == []
        assert await house.store.directory.actor(LENA) is None

    async def test_the_last_receipt_comes_after_thirty_days_and_then_nothing_is_kept(self, house: House) -> None:
        for host in ("a.example", "dead.example"):
            await house.follow(await house.stranger("sam", host))
        lena = await lena_of(house)
        await said(house, lena, "one", "two")
        await answered(house)
        await self.forgotten(house, lena)
        receipts = []
        for _ in range(40):
            await pass_time(house, 60, "dead.example")
        for _ in range(33):
            house.clock.forward(86_400)
            await house.settle()
            receipts += [text for text in await house.told("lenaquist") if text.startswith("🧾")]
            await answered(house, "dead.example")
        await pass_time(house, 600, "dead.example")
        assert len(receipts) == 1
        assert "1 server has accepted it" in receipts[0]
        assert "No answer: dead.example." in receipts[0]
        assert await house.store.decisions.withdrawals(LENA) == ()
        assert await tables_that_name(house, "lenaquist") == []

    async def test_s04_what_each_of_fifty_one_servers_answered_is_told(self, house: House) -> None:
        for number in range(48):
            await house.follow(await house.stranger("sam", f"n{number}.example"))
        for host in ("dead1.example", "dead2.example", "refusing.example"):
            await house.follow(await house.stranger("sam", host))
        lena = await lena_of(house)
        await lena.tell_bot("grace 0")
        await house.settle()
        for number in range(60):
            await lena.say("hall", f"word {number}")
        await house.settle()
        await answered(house)
        await self.forgotten(house, lena)
        receipts: list[str] = []
        for _ in range(80):
            await answered(house, "dead1.example", "dead2.example", refusing="refusing.example")
            house.clock.forward(1)
            await house.settle()
            receipts += [text for text in await house.told("lenaquist") if text.startswith("🧾") and text not in receipts]
        (receipt,) = receipts
        assert receipt.startswith("🧾 60 messages taken back. 48 servers have accepted it.")
        assert "No answer: dead1.example, dead2.example. Refused: refusing.example." in receipt
        assert "asked again for 30 days" in receipt

    async def test_a_late_create_of_something_forgotten_stays_dead(self, house: House) -> None:
        await house.follow(await house.stranger("sam"))
        lena = await lena_of(house)
        (name,) = await said(house, lena, "once said")
        known = await house.object(name)
        assert known is not None
        shown = await house.store.objects.current(known.id)
        assert shown is not None
        await answered(house)
        await self.forgotten(house, lena)
        await pass_time(house, 600)
        changes = await house.relay._crossing.cross(shown)
        await house.store.journal.commit(changes)
        assert [type(change).__name__ for change in changes] == ["EraseEvent"]
        assert await house.store.objects.current(known.id) is None

    async def test_whoever_comes_back_gets_another_name_and_another_address(self, house: House) -> None:
        lena = await lena_of(house)
        await said(house, lena, "once")
        await self.forgotten(house, lena)
        await pass_time(house, 600)
        await lena.tell_bot("cross on")
        await house.settle()
        assert await house.store.directory.ghost_of(ACTIVITYPUB, LENA) is None, "the name is not theirs any more"
        await lena.tell_bot("cross on lena2")
        await house.settle()
        ghost = await house.store.directory.ghost_of(ACTIVITYPUB, LENA)
        assert ghost is not None
        assert ghost.ended is None
        assert ghost.handle == "lena2"
        stranger = await house.opted_in("mallory", "cross on lenaquist")
        assert await house.store.directory.ghost_of(ACTIVITYPUB, Native(LOOPBACK, stranger.name)) is None

    async def test_somebody_on_the_fediverse_is_forgotten_in_the_rooms(self, house: House) -> None:
        gus = await house.known(await house.stranger("gusquist"))
        await house.store.journal.commit(await house.loopback.embody(gus.native, await house.community(), actor=gus))
        note = await house.post(gus, "from the fediverse")
        assert await house.object(note, ACTIVITYPUB) is not None
        await answered(house)
        group = (await house.group()).native.id

        async def tell(words: str) -> None:
            direct = {"type": "Note", "id": f"https://a.example/dm/{words.replace(' ', '-')}", "attributedTo": gus.native.id, "to": [group]}
            direct |= {"content": f"<p>{words}</p>", "tag": [{"type": "Mention", "href": group, "name": "@commons"}]}
            await house.receive(gus, {"type": "Create", "to": [group], "object": direct})

        await tell("forget me")
        code = await code_told(house, "gusquist")
        await tell(f"forget confirm {code}")
        house.clock.forward(10 * MINUTE)
        await house.settle()
        answers = [item for _, item in await house.out(f"{gus.native.id}/inbox") if item.form == "reject"]
        assert [item.event.content.target.id for item in answers] == [group], "their server hears that the follow has ended"  # type: ignore[union-attr]
        kinds = [type(item.event.content).__name__ for _, item in await house.out("hall")]
        assert kinds.count("Retraction") == 2
        assert kinds[-1] == "Profile"
        await pass_time(house, 900, HOST)
        (alias,) = {item.by for _, item in await house.out("hall") if item.urgent}
        assert await house.store.directory.ghost_of(LOOPBACK, alias) is not None, "who is to take something back in the room is still known"
        assert len(await house.out("hall")) == 3
        await pass_time(house, 900)
        assert await tables_that_name(house, "gusquist") == []
        await house.post(await house.stranger("gusquist"), "anew")
        assert [hold.kind for hold in await house.holds()] == ["review"], "who comes back is new"

    @staticmethod
    async def forgotten(house: House, person: Person) -> None:
        await person.tell_bot("forget me")
        await house.settle()
        await person.tell_bot(f"forget confirm {await code_told(house, person.name)}")
        await house.settle()
        house.clock.forward(10 * MINUTE)
        for _ in range(5):
            await house.settle()
            house.clock.forward(1)
        await house.settle()


class TestReceipts:
    async def test_one_message_taken_back_has_its_receipt_too(self, house: House) -> None:
        await house.follow(await house.stranger("sam"))
        lena = await lena_of(house)
        (name,) = await said(house, lena, "only this")
        await answered(house)
        await lena.tell_bot("forget this", about=name)
        await house.settle()
        await answered(house)
        house.clock.forward(6)
        await house.settle()
        assert (await house.told("lenaquist"))[-1].startswith("🧾 1 message taken back. 1 server has accepted it.")

    async def test_words_that_were_in_nobodys_hands_are_said_so(self, house: House) -> None:
        lena = await lena_of(house)
        (name,) = await said(house, lena, "nobody follows")
        assert isinstance((await house.store.objects.current((await house.object(name)).id)).content, Message)  # type: ignore[union-attr]
        await lena.tell_bot("forget this", about=name)
        await house.settle()
        house.clock.forward(6)
        await house.settle()
        assert (await house.told("lenaquist"))[-1] == "🧾 Taken back. It had reached no other server."


class TestLeaving:
    async def test_leaving_the_room_stops_new_crossing_at_once_and_keeps_what_crossed(self, house: House) -> None:
        await house.follow(await house.stranger("sam"))
        lena = await lena_of(house)
        await lena.join("hall")
        (old,) = await said(house, lena, "from before")
        waiting = await lena.say("hall", "in its grace")
        await house.settle()
        await lena.leave("hall")
        await house.settle()
        house.clock.forward(60)
        later = await lena.say("hall", "from outside")
        await house.settle()
        house.clock.forward(60)
        await house.settle()
        known = await house.object(old)
        assert known is not None
        assert known.retracted_at is None
        assert [await house.object(name) for name in (waiting, later)] == [None, None]
        assert await house.holds() == []
        community = (await house.community()).id
        consent = await house.store.decisions.consent(LENA, community)
        assert consent is not None
        assert consent.state is Crossing.OFF
