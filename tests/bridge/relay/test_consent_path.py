"""N01 on the whole way: what a person says about crossing, and what then leaves."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from bridge.changes import PutChannel
from bridge.model.audience import Audience
from bridge.model.content import Retraction
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, Native
from bridge.model.place import OPEN, Place, PlaceKind
from bridge.norms.context import Crossing
from storage.schema import events, metadata
from tests.bridge.relay.house import HALL, House

WILMA = Native(LOOPBACK, "wilma")
ELI = Native(LOOPBACK, "eli")
LENA = Native(LOOPBACK, "lena")


async def test_whoever_never_said_yes_is_in_nothing_that_is_kept(house: House) -> None:
    wilma = house.person("wilma")
    for number in range(50):
        await wilma.say("hall", f"my own words {number}")
    await house.settle()

    assert await house.out() == []
    assert set(await house.endings("message")) == {"kept local"}
    assert await house.store.directory.actor(WILMA) is None
    assert (await house.store.journal.read_events((await house.community()).id, 100)) == ()
    for table in metadata.sorted_tables:
        rows = await house.store.database.read(lambda connection, table=table: str(connection.execute(table.select()).all()))
        assert "wilma" not in rows, table.name
        assert "my own words" not in rows, table.name


async def test_a_yes_gives_a_name_and_is_answered_in_private(house: House) -> None:
    await house.opted_in("lena")

    consent = await house.store.decisions.consent(LENA, (await house.community()).id)
    assert consent is not None
    assert consent.state is Crossing.ON
    ghost = await house.store.directory.ghost_of(ACTIVITYPUB, LENA)
    assert ghost is not None
    assert ghost.handle == "lena"
    assert [notice.split("\n")[0] for notice in await house.told("lena")] == ["📣 Your words now cross."]


async def test_words_wait_for_their_grace_and_then_cross(house: House) -> None:
    lena = await house.opted_in("lena")
    said = await lena.say("hall", "who has a torque wrench?")
    await house.settle()
    assert await house.object(said) is None
    assert [hold.kind for hold in await house.holds()] == ["grace"]

    house.clock.forward(15)
    await house.settle()

    known = await house.object(said)
    assert known is not None
    assert known.audience is Audience.PUBLIC
    assert await house.holds() == []
    assert await house.endings("message") == ["crossed"]
    copy = await house.store.objects.copy(known.id, (await house.group()).native)
    assert copy == f"https://moot.example/o/{known.id}"


async def test_an_edit_before_it_left_changes_what_leaves(house: House) -> None:
    sam = await house.stranger("sam")
    await house.follow(sam)
    lena = await house.opted_in("lena")
    said = await lena.say("hall", "who has a tork wrench?")
    await lena.edit(said, "who has a torque wrench?")
    await house.settle()
    house.clock.forward(15)
    await house.settle()

    words = [item.event.content.text.plain for _, item in await house.out("https://a.example/inbox") if item.form == "wrap"]
    assert words == ["who has a torque wrench?"]
    assert await house.endings("edit") == ["folded"]


async def test_what_is_deleted_before_it_left_never_leaves(house: House) -> None:
    sam = await house.stranger("sam")
    await house.follow(sam)
    lena = await house.opted_in("lena")
    said = await lena.say("hall", "oh no, wrong room")
    await lena.take_back(said)
    await house.settle()
    house.clock.forward(60)
    await house.settle()

    assert "wrap:message" not in await house.forms()
    assert await house.holds() == []
    assert await house.object(said) is None


async def test_a_reply_never_overtakes_its_parent(house: House) -> None:
    sam = await house.stranger("sam")
    await house.follow(sam)
    lena, tomas = await house.opted_in("lena"), await house.opted_in("tomas")
    asked = await lena.say("hall", "does anyone know?")
    house.clock.forward(14)
    answered = await tomas.say("hall", "I do", reply_to=asked)
    await house.settle()
    for _ in range(40):
        house.clock.forward(1)
        await house.settle()

    words = [item.event.content.text.plain for _, item in await house.out("https://a.example/inbox") if item.form == "wrap"]
    assert words == ["does anyone know?", "I do"]
    reply = await house.object(answered)
    assert reply is not None
    assert reply.reply_to is not None


async def test_a_sign_that_is_taken_back_still_says_which_it_was(house: House) -> None:
    """What it was is erased at once, and its Undo has to hold the whole Like (activitypub.md trap 18)."""
    await house.follow(await house.stranger("sam"))
    lena, tomas = await house.opted_in("lena"), await house.opted_in("tomas")
    said = await lena.say("hall", "the kettle is on")
    for act in (lambda: tomas.react(said, "☕"), lambda: tomas.unreact(said, "☕")):
        await house.settle()
        house.clock.forward(15)
        await house.settle()
        await act()
    await house.settle()

    undone = [item.event.content for _, item in await house.out("https://a.example/inbox") if isinstance(item.event.content, Retraction)]
    assert {one.key for one in undone} == {"☕"}


async def test_what_is_for_a_group_elsewhere_that_has_ended_is_left_out_with_the_reason(house: House) -> None:
    """One that is deleted while it is linked stops nothing else that the community does."""
    gone = Place(Native(ACTIVITYPUB, "https://b.example/c/guild"), PlaceKind.FOREIGN_GROUP, "Guild", OPEN)
    (channel,) = await house.store.directory.channels((await house.community()).id)
    rooms = tuple(place for place in channel.places if place.kind is PlaceKind.ROOM)
    await house.store.journal.commit([PutChannel(msgspec.structs.replace(channel, places=(*rooms, gone)))])
    lena = await house.opted_in("lena")
    await lena.say("hall", "is anybody there?")
    await house.settle()
    house.clock.forward(15)
    await house.settle()

    (record,) = [record for record in await house.records() if record.kind == "message"]
    assert record.ended == "left out"
    assert [omission.code for omission in record.omissions] == ["place.gone"]


async def test_a_megaphone_lets_this_one_message_cross_and_no_other(house: House) -> None:
    eli = house.person("eli")
    before = await eli.say("hall", "this one stays")
    this = await eli.say("hall", "this one may go")
    await house.settle()
    await eli.react(this, "📣")
    await house.settle()
    house.clock.forward(15)
    await house.settle()
    await eli.say("hall", "and this one stays again")
    await house.settle()
    house.clock.forward(60)
    await house.settle()

    assert await house.object(this) is not None
    assert await house.object(before) is None
    assert (await house.endings("message")).count("kept local") == 2
    assert any("This one message crosses" in notice for notice in await house.told("eli"))


async def test_a_megaphone_on_somebody_elses_message_is_only_a_sign(house: House) -> None:
    eli, lena = house.person("eli"), await house.opted_in("lena")
    said = await eli.say("hall", "I keep this here")
    await house.settle()
    await lena.react(said, "📣")
    await house.settle()

    assert await house.object(said) is None
    assert await house.endings("reaction") == ["kept local"]


async def test_a_house_on_ones_own_message_takes_its_copies_back(house: House) -> None:
    sam = await house.stranger("sam")
    await house.follow(sam)
    lena = await house.opted_in("lena")
    said = await lena.say("hall", "too personal after all")
    await house.settle()
    house.clock.forward(15)
    await house.settle()
    await lena.react(said, "🏠")
    await house.settle()

    known = await house.object(said)
    assert known is not None
    assert known.retracted_at is not None
    assert "wrap:retraction" in await house.forms("https://a.example/inbox")
    assert [line.text for line in house.hall.conversation("hall")] == ["too personal after all"], "at home it stays"


async def test_saying_off_keeps_even_what_was_waiting(house: House) -> None:
    lena = await house.opted_in("lena")
    said = await lena.say("hall", "hm")
    await house.settle()
    await lena.tell_bot("cross off")
    await house.settle()
    house.clock.forward(60)
    await house.settle()

    assert await house.object(said) is None
    assert await house.endings("message") == ["kept local"]


async def test_being_asked_means_that_silence_is_a_no_and_a_word_is_a_yes(house: House) -> None:
    lena = await house.opted_in("lena", "cross ask")
    silent = await lena.say("hall", "nobody asks twice")
    spoken = await lena.say("hall", "yes to this one")
    await house.settle()
    assert {hold.kind for hold in await house.holds()} == {"ask"}
    await lena.react(spoken, "📣")
    await house.settle()
    house.clock.forward(25 * 3600)
    await house.settle()

    assert await house.object(spoken) is not None
    assert await house.object(silent) is None
    assert sorted(await house.endings("message")) == ["crossed", "kept local"]


async def test_people_who_did_not_agree_are_named_without_a_link(house: House) -> None:
    house.person("eli")
    lena = await house.opted_in("lena")
    await lena.say("hall", "eli knows this best", mentions={"eli": ELI})
    await house.settle()
    house.clock.forward(15)
    await house.settle()

    (served,) = await house.store.objects.recent(LENA, (await house.community()).id, 5)
    shown = await house.store.objects.current(served.id)
    assert shown is not None
    assert shown.content.mentions == ()
    assert "data-mention" not in shown.content.text.html


async def test_words_that_name_somebody_who_did_not_agree_are_kept_only_as_they_are_shown(house: House) -> None:
    house.person("eli")
    lena = await house.opted_in("lena")
    for words, mentions in (("eli knows this best", {"eli": ELI}), ("nobody knows this best", {})):
        await lena.say("hall", words, mentions=mentions)
    await house.settle()
    house.clock.forward(15)
    await house.settle()

    said = select(events.c.ended, events.c.body.is_not(None)).where(events.c.kind == "message").order_by(events.c.seq)
    rows = await house.store.database.read(lambda connection: [tuple(row) for row in connection.execute(said).all()])
    assert rows == [("crossed", False), ("crossed", True)]


async def test_quiet_is_never_more_than_unlisted(house: House) -> None:
    lena = await house.opted_in("lena", "cross quiet")
    said = await lena.say("hall", "softly")
    await house.settle()
    house.clock.forward(15)
    await house.settle()

    known = await house.object(said)
    assert known is not None
    assert known.audience is Audience.UNLISTED


async def test_a_taken_name_is_said_and_changes_nothing(house: House) -> None:
    await house.opted_in("lena", "cross on nightowl")
    await house.opted_in("tomas", "cross on nightowl")

    assert any("belongs to somebody else" in notice for notice in await house.told("tomas"))
    assert await house.store.decisions.consent(Native(LOOPBACK, "tomas"), (await house.community()).id) is None


async def test_who_tells_everybody_who_can_read_here(house: House) -> None:
    await house.follow(await house.stranger("sam"))
    eli = house.person("eli")
    await eli.say("hall", "!who")
    await house.settle()

    (notice,) = await house.told("eli")
    assert "1 follower on 1 server" in notice
    assert [line.text for line in house.hall.conversation("hall")] == ["!who"]
    assert HALL.id == "hall"
