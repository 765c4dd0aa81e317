"""The Matrix adapter on a real Synapse, seen by matrix-js-sdk: what a ghost says, what people say, and what restarts cannot lose.

Numbers in the docstrings are those of the regression list in the Matrix study, section 15.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from bridge.homeserver import Homeserver
from bridge.model.content import Command, Edit, Membership, Message, Notice, Reaction, Retraction, Setting, Sighting
from bridge.model.content.message import Mention
from bridge.model.ids import MATRIX, Native
from bridge.model.item import Dead, Delivered, Destination, Retry
from bridge.model.place import History, Join
from bridge.model.richtext import RichText, from_plain
from bridge.refs import Wire
from bridge.settings import Settings
from protocols.matrix.ids import Me
from tests.live.matrix_side import NODE, MatrixSide, person, place_for, said
from tests.live.programs import MatrixProgram, ProgramFailed

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

SAM, KIM = person("sam"), person("kim", "b.example")
SAM_GHOST = "@_moot_sam=40a.example:hs.test"
PUBLIC = {
    "preset": "public_chat",
    "initial_state": [{"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}],
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Homeserver, Settings]]:
    """One homeserver for the tests that do not end it."""
    homeserver, settings = place_for(tmp_path_factory.mktemp("matrix"))
    asyncio.run(_begin(homeserver))
    yield homeserver, settings
    asyncio.run(homeserver.stop())


async def _begin(homeserver: Homeserver) -> None:
    await homeserver.start()
    for name in ("ana", "eli"):
        await homeserver.register(name)


@pytest.fixture(scope="module")
def client(shared: tuple[Homeserver, Settings]) -> Iterator[MatrixProgram]:
    async def begin() -> MatrixProgram:
        program = await MatrixProgram.open()
        for name in ("ana", "eli"):
            await program.login(name, shared[0].url)
        return program

    program = asyncio.run(begin())
    yield program
    program.stop()


@pytest.fixture
async def side(shared: tuple[Homeserver, Settings]) -> AsyncIterator[MatrixSide]:
    async with MatrixSide(shared[1]) as made:
        yield made


async def room_for(side: MatrixSide, client: MatrixProgram, version: str = "12") -> str:
    room: str = await client.ask("create", account="ana", options={**PUBLIC, "room_version": version})
    await side.link(room)
    return room


# ------------------------------------------------------------------------------------------------------------ what people see


@pytest.mark.parametrize("version", ["11", "12"])
async def test_a_client_sees_what_ghosts_do_as_if_they_were_there(side: MatrixSide, client: MatrixProgram, version: str) -> None:
    """12, 13: text, thread, reaction, edit, redaction, mention; in both room versions."""
    room = await room_for(side, client, version)
    ana = Native(MATRIX, "@ana:hs.test")
    text = RichText(html='<p>Hello <a data-mention="0">Ana</a>, <strong>all</strong></p>', plain="Hello Ana, all")
    root, event = await side.say(SAM, Message(text=text, mentions=(Mention(ana, "Ana"),)))
    [shown] = await client.ask("until", account="ana", room=room, event=event)
    assert (shown["sender"], shown["name"]) == (SAM_GHOST, "Sam (@sam@a.example)")
    assert shown["mentions"] == {"user_ids": ["@ana:hs.test"]}
    assert "<strong>all</strong>" in shown["formatted"]

    _, answer = await side.say(KIM, said("In the thread", thread=root, reply_to=root))
    [threaded] = await client.ask("until", account="ana", room=room, event=answer)
    assert threaded["thread"] == event

    reaction, _ = await side.say(KIM, Reaction(target=root, key="🎉"))
    [reacted] = await client.ask("until", account="ana", room=room, event=event, reaction="🎉")
    assert reacted["reactions"]["🎉"] == ["@_moot_kim=40b.example:hs.test"]

    await side.say(SAM, Edit(target=root, message=said("Hello, edited")))
    [edited] = await client.ask("until", account="ana", room=room, event=event, edited=True)
    assert edited["body"] == "Hello, edited"

    await side.say(KIM, Retraction(target=reaction))
    await client.ask("until", account="ana", room=room, event=event, no_reaction="🎉")
    await side.say(SAM, Retraction(target=root))
    await client.ask("until", account="ana", room=room, event=event, redacted=True)


@pytest.mark.parametrize("version", ["11", "12"])
async def test_what_people_do_is_read_as_what_it_is(side: MatrixSide, client: MatrixProgram, version: str) -> None:
    """13, the other way."""
    room = await room_for(side, client, version)
    ghosts, copy = await side.say(SAM, said("Hello from elsewhere"))
    await side.until(Sighting)
    root = await client.ask("send", account="ana", room=room, body="*Hello*", html="<em>Hello</em>")
    [event] = await side.until(Message)
    assert isinstance(event.content, Message)
    assert (event.author.name, event.content.text.html) == ("ana", "<p><em>Hello</em></p>")
    assert event.provenance.native.id == root
    await side.keep(event, root)

    await client.ask("thread", account="ana", room=room, root=copy, body="In your thread")
    [event] = await side.until(Message)
    assert isinstance(event.content, Message)
    assert event.content.thread == event.content.reply_to == ghosts

    await client.ask("edit", account="ana", room=room, event=root, body="Goodbye")
    [event] = await side.until(Edit)
    assert isinstance(event.content, Edit)
    assert event.content.message.text.plain == "Goodbye"

    sign = await client.ask("react", account="ana", room=room, event=copy, key="👍")
    [event] = await side.until(Reaction)
    assert isinstance(event.content, Reaction)
    assert (event.content.target, event.content.key) == (ghosts, "👍")
    thumb = event.id

    await client.ask("redact", account="ana", room=room, event=sign)
    await client.ask("redact", account="ana", room=room, event=root, reason="a slip")
    first, second = await side.until(Retraction, 2)
    assert isinstance(first.content, Retraction)
    assert isinstance(second.content, Retraction)
    assert (first.content.target, second.content.reason, second.content.moderator) == (thumb, "a slip", False)

    await client.ask("send", account="ana", room=room, body="!who")
    await side.until(Command)
    await client.ask("join", account="eli", room=room)
    await side.until(Membership)


async def test_our_own_echo_is_the_receipt(side: MatrixSide, client: MatrixProgram) -> None:
    await room_for(side, client)
    target, event = await side.say(SAM, said("Hello"))
    [sighting] = await side.until(Sighting)
    assert isinstance(sighting.content, Sighting)
    assert (sighting.content.target, sighting.content.native) == (target, event)


async def test_a_room_that_closes_is_read_as_it_is_then(side: MatrixSide, client: MatrixProgram) -> None:
    room = await room_for(side, client)
    assert side.channel.places[0].openness.history is History.WORLD
    await client.ask("set_state", account="ana", room=room, type="m.room.history_visibility", content={"history_visibility": "joined"})
    await client.ask("set_state", account="ana", room=room, type="m.room.join_rules", content={"join_rule": "invite"})
    settings = await side.until(Setting, 2)
    last = settings[-1].content
    assert isinstance(last, Setting)
    assert last.openness is not None
    assert (last.openness.join, last.openness.history) == (Join.INVITE, History.JOINED)


async def test_a_closed_room_is_linked_and_entered_by_invitation(side: MatrixSide, client: MatrixProgram) -> None:
    """19: a ghost that never existed is invited and comes."""
    room = await client.ask("create", account="ana", options={"preset": "private_chat", "invite": ["@moot:hs.test"]})
    await client.ask(
        "set_state", account="ana", room=room, type="m.room.power_levels", content={"users": {"@moot:hs.test": 50}, "invite": 50}
    )
    await side.link(room)
    _, event = await side.say(person("newcomer"), said("Thank you"))
    await client.ask("until", account="ana", room=room, event=event)


async def test_a_banned_ghost_stays_silent_and_does_not_come_back(side: MatrixSide, client: MatrixProgram) -> None:
    """20."""
    room = await room_for(side, client)
    pest = person("pest")
    await side.say(pest, said("Buy this"))
    ghost = "@_moot_pest=40a.example:hs.test"
    await client.ask("ban", account="ana", room=room, user=ghost, reason="spam")
    assert isinstance(await side.deliver(side.item(pest, said("Buy that"))), Dead)
    members = await client.ask("members", account="ana", room=room)
    assert {member["id"]: member["membership"] for member in members}[ghost] == "ban"


async def test_nobody_is_made_up_by_a_question(side: MatrixSide, client: MatrixProgram) -> None:
    """19: the homeserver asks us, and the answer is a fast no."""
    await room_for(side, client)
    started = asyncio.get_running_loop().time()
    with pytest.raises(ProgramFailed):
        await client.ask("profile", account="ana", user="@_moot_nobody=40a.example:hs.test")
    assert asyncio.get_running_loop().time() - started < 5


async def test_the_longest_the_strangest_and_the_emptiest_words_are_taken(side: MatrixSide, client: MatrixProgram) -> None:
    """11: sizes, NUL. Half surrogates cannot be stored, and are tested without a homeserver."""
    room = await room_for(side, client)
    for text in ("x" * 12_000, '"' * 12_000, "🎉" * 3_000, "a\x00b"):
        message = Message(text=RichText(html=f"<p>{text}</p>", plain=text))
        target, event = await side.say(SAM, message)
        await side.say(SAM, Edit(target=target, message=message))
        await client.ask("until", account="ana", room=room, event=event, edited=True)


# ------------------------------------------------------------------------------------------------------------ conversations


async def test_a_person_talks_with_the_bot_in_private(side: MatrixSide, client: MatrixProgram) -> None:
    talk = await client.ask("direct", account="eli", user="@moot:hs.test")
    await client.ask("until", account="eli", room=talk, sender="@moot:hs.test", contains="!moot help")
    await client.ask("send", account="eli", room=talk, body="cross on")
    [event] = await side.until(Command, room=talk)
    assert event.content == Command(words="cross on", private=True, answer_in=Native(MATRIX, talk))
    await room_for(side, client)
    notice = side.item(SAM, Notice(to=event.author.native, text=from_plain("Crossing is on.")))
    wire = await side._settled(lambda refs: side.adapter.write(notice, refs))
    assert isinstance(wire, Wire)
    eli = Destination(MATRIX, "@eli:hs.test", "hs.test")
    assert isinstance(await side.adapter.send(wire, notice, eli), Delivered)
    await client.ask("until", account="eli", room=talk, body="Crossing is on.", msgtype="m.notice")


# ------------------------------------------------------------------------------------------------------------ sends and restarts


async def test_two_ghosts_with_one_item_make_two_events(side: MatrixSide, client: MatrixProgram) -> None:
    """1, finding F4: the transaction id holds the ghost."""
    room = await room_for(side, client)
    item = side.item(SAM, said("The same words"))
    first, second = await side.deliver(item), None
    other = await side.adapter.embody(KIM.native, (await side.store.directory.communities())[0], actor=KIM)
    await side.store.journal.commit(other)
    wire = await side._settled(lambda refs: side.adapter.write(item, refs))
    assert isinstance(wire, Wire)
    kim = Wire(wire.method, wire.path, wire.body, Native(MATRIX, "@_moot_kim=40b.example:hs.test"))
    second = await side.adapter.send(kim, item, Destination(MATRIX, room, "hs.test"))
    assert isinstance(first, Delivered)
    assert isinstance(second, Delivered)
    assert first.native != second.native
    await client.ask("until", account="ana", room=room, body="The same words", count=2)


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[tuple[Homeserver, Settings, MatrixProgram]]:
    """A homeserver that this test may kill, and a client on it."""
    homeserver, settings = place_for(tmp_path)
    await _begin(homeserver)
    program = await MatrixProgram.open()
    await program.login("ana", homeserver.url)
    yield homeserver, settings, program
    program.stop()
    await homeserver.stop()


Own = tuple[Homeserver, Settings, MatrixProgram]


async def test_a_send_repeated_after_restarts_of_the_homeserver_is_one_event(own: Own) -> None:
    """2 and 3, finding F5: killed in the middle of sends; every item is sent until it is there, and is there once."""
    homeserver, settings, client = own
    async with MatrixSide(settings) as side:
        room = await room_for(side, client)
        items = [side.item(person(f"p{number % 4}"), said(f"words {number}")) for number in range(24)]
        first = await side.deliver(items[0])
        await homeserver.restart()
        assert await side.deliver(items[0]) == first

        async def kill() -> None:
            await asyncio.sleep(0.3)
            homeserver.kill()
            await homeserver.start()

        killing = asyncio.create_task(kill())
        for item in items:
            while isinstance(outcome := await side.deliver(item), Retry):
                await asyncio.sleep(0.1)
            assert isinstance(outcome, Delivered)
        await killing
        for item in items:
            assert isinstance(await side.deliver(item), Delivered)
        events = await client.ask("messages", account="ana", room=room)
    bodies = [event["content"].get("body") for event in events if event["type"] == "m.room.message"]
    assert bodies == [f"words {number}" for number in range(24)]


async def test_what_was_said_while_we_were_away_arrives_in_order(own: Own) -> None:
    """5, finding F6: a ping on start makes the homeserver try again at once."""
    _, settings, client = own
    async with MatrixSide(settings) as side:
        room = await room_for(side, client)
        await side.arrived()
        store, channel = side.store, side.channel
    for number in range(30):
        await client.ask("send", account="ana", room=room, body=f"words {number}")
    async with MatrixSide(settings, store=store) as side:
        side.channel = channel
        events = await side.until(Message, 30)
        assert side.adapter.watch.recoveries >= 1
    assert [event.content.text.plain for event in events if isinstance(event.content, Message)] == [
        f"words {number}" for number in range(30)
    ]


async def test_what_the_homeserver_forgot_when_it_was_killed_is_found_in_the_room(own: Own) -> None:
    """6 and 7, findings F1 to F3, F7: events wait inside the homeserver behind a door that does not answer; then it is killed."""
    homeserver, settings, client = own

    async def never(_request: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        raise AssertionError

    async with MatrixSide(settings, door=False) as side:
        stalled = web.Application()
        stalled.router.add_route("*", "/{path:.*}", never)
        runner = await side.open_door(stalled)
        room = await room_for(side, client)
        sent = [await client.ask("send", account="ana", room=room, body=f"words {number}") for number in range(8)]
        homeserver.kill()
        await runner.cleanup()
        await side.open_door()
        await homeserver.start()
        events = await side.until(Message, 8, seconds=60)
        assert [event.provenance.native.id for event in events] == sent
        await client.ask("until", account="ana", room=room, body="words 7")
        later = await client.ask("send", account="ana", room=room, body="after it all")
        assert [event.provenance.native.id for event in await side.until(Message)] == [later]


async def test_the_registration_is_the_one_we_speak_for(side: MatrixSide) -> None:
    assert await side.adapter.client.whoami("@moot:hs.test") == "@moot:hs.test"
    await side.adapter.client.ping("folkmoot")
    assert isinstance(side.adapter.me, Me)
    assert side.adapter.me.domain == NODE.domain


async def test_what_stayed_in_its_room_can_be_asked_for_again(side: MatrixSide, client: MatrixProgram) -> None:
    """For its author's later yes: the words were erased here."""
    room = await room_for(side, client)
    event: str = await client.ask("send", account="ana", room=room, body="my own words")
    (said_there,) = await side.until(Message)
    recalled = await side.adapter.recall(side.room, event)
    assert recalled is not None
    again = await side._settled(lambda refs: side.adapter.read(recalled, refs))
    assert (again.events[0].id, again.events[0].content) == (said_there.id, said_there.content)
    await client.ask("edit", account="ana", room=room, event=event, body="my own better words")
    await side.until(Edit)
    edited = await side.adapter.recall(side.room, event)
    assert edited is not None
    newer = (await side._settled(lambda refs: side.adapter.read(edited, refs))).events[0]
    assert (newer.id, newer.content.text.plain) == (said_there.id, "my own better words")
    assert await side.adapter.recall(side.room, "$nothing") is None


async def test_everyone_of_ours_leaves_a_room_that_is_unlinked(side: MatrixSide, client: MatrixProgram) -> None:
    room = await room_for(side, client)
    await side.say(SAM, said("before you go"))
    await side.adapter.part(side.channel.places[0])
    for user in (SAM_GHOST, side.adapter.me.bot):
        membership, _ = await side.adapter.client.member(room, user, by=user)
        assert membership != "join"
