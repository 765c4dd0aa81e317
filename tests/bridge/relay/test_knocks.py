"""N17 on the whole way: private words knock, and only the member's own yes makes a room of two out of a knock."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bridge.changes import NoteAcquainted
from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content import Edit, Message, Notice, Reaction, Retraction
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, Native
from bridge.model.item import Item
from bridge.model.place import PlaceKind
from bridge.model.portal import Stance, code_of, portal_id
from storage.schema import metadata
from tests.bridge.relay.house import NODE, House

BO = Native(LOOPBACK, "bo")
DAY = 24 * 3600


async def address(house: House) -> str:
    """Bo's name elsewhere."""
    ghost = await house.store.directory.ghost_of(ACTIVITYPUB, BO)
    assert ghost is not None
    return ghost.native.id


async def write_to_bo(house: House, actor: Actor, text: str, *, also: tuple[str, ...] = (), **more: Any) -> str:
    """A direct message; the note's id."""
    to = [await address(house), *also]
    url = f"https://{actor.host}/dm/{next(house._numbers)}"
    tags = [{"type": "Mention", "href": one, "name": "@bo@moot.example"} for one in to]
    note = {
        "id": url,
        "type": "Note",
        "attributedTo": actor.native.id,
        "to": to,
        "cc": [],
        "content": f"<p>{text}</p>",
        "tag": tags,
        **more,
    }
    await house.receive(actor, {"type": "Create", "object": note, "to": to, "cc": []})
    return url


async def acquainted(house: House, actor: Actor) -> None:
    """The two have answered each other in the community."""
    community, now = (await house.community()).id, house.clock.now()
    await house.store.journal.commit([NoteAcquainted(community, BO, actor.native, now), NoteAcquainted(community, actor.native, BO, now)])


async def portal(house: House, actor: Actor) -> Any:
    return await house.store.portals.portal(portal_id(NODE.secret, BO, actor.native))


async def wait_out(house: House) -> None:
    """The moment of grace is over."""
    await house.settle()
    house.clock.forward(15)
    await house.settle()


async def answer(house: House, words: str) -> None:
    await house.person("bo").tell_bot(words)
    await house.settle()


async def sent_to(house: House, actor: Actor) -> list[Item]:
    """What waits for their own inbox, but for what the bridge says itself."""
    return [item for _, item in await house.out(actor.route) if not isinstance(item.event.content, Notice)]


async def in_the_room(house: House, actor: Actor) -> list[Item]:
    found = await portal(house, actor)
    return [item for _, item in await house.out(found.room.id)]


@pytest.fixture
async def home(house: House) -> House:
    await house.opted_in("bo")
    return house


async def opened(house: House, name: str = "chi") -> tuple[Actor, str]:
    """Somebody whom Bo let in, and the room of the two."""
    actor = await house.stranger(name)
    await acquainted(house, actor)
    await write_to_bo(house, actor, "Shall we prepare the session together?")
    await answer(house, "accept")
    found = await portal(house, actor)
    assert found.room is not None
    return actor, found.room.id


# ----------------------------------------------------------------------------------------------------------------- knocking


async def test_a_stranger_knocks_without_a_word_and_there_is_no_room_before_a_yes(home: House) -> None:
    mal = await home.stranger("mal")
    await write_to_bo(home, mal, "look at https://spam.example now")
    (card,) = [text for text in await home.told("bo") if text.startswith("✉️")]
    assert "Mal (@mal@a.example)" in card
    assert "spam" not in card
    assert (await portal(home, mal)).stance is Stance.KNOCKS
    assert (await portal(home, mal)).room is None
    assert await home.told("mal") == []
    assert [hold.kind for hold in await home.holds()] == ["knock"]
    assert await home.store.directory.ghost_of(LOOPBACK, mal.native) is None


async def test_who_bo_talks_with_knocks_with_eighty_characters_and_no_link(home: House) -> None:
    chi = await home.stranger("chi")
    await acquainted(home, chi)
    await write_to_bo(home, chi, "Hello Bo, see https://a.example/x for the plan. " + "We could meet on Tuesday " * 5)
    (card,) = [text for text in await home.told("bo") if text.startswith("✉️")]
    words = re.search("“(.*)”", card)
    assert words is not None
    assert len(words[1]) <= 80
    assert words[1].startswith("Hello Bo, see … for the plan.")
    assert "a.example/x" not in card


async def test_a_yes_opens_a_room_in_which_the_words_are_and_says_once_who_can_read(home: House) -> None:
    chi, room = await opened(home)
    (item,) = await in_the_room(home, chi)
    assert isinstance(item.event.content, Message)
    assert item.event.content.text.plain == "Shall we prepare the session together?"
    assert item.event.audience is Audience.DIRECT
    channel = await home.store.directory.channel_of(Native(LOOPBACK, room))
    assert channel is not None
    assert [place.kind for place in channel.places] == [PlaceKind.PERSON, PlaceKind.ROOM]
    readable = [text for text in await home.told("bo") if "readable by the admins of both servers" in text]
    assert len(readable) == 1
    await opened(home, "kim")
    assert len([text for text in await home.told("bo") if "readable by the admins of both servers" in text]) == 1


async def test_never_drops_the_words_and_tells_no_more_than_not_delivered(home: House) -> None:
    mal = await home.stranger("mal")
    await write_to_bo(home, mal, "unwanted words")
    await answer(home, "never")
    assert (await portal(home, mal)).stance is Stance.CLOSED
    assert await home.holds() == []
    (told,) = await home.told("mal")
    assert told.startswith("Your private message was not delivered")
    assert "bo" not in told.lower().split()
    cards = len(await home.told("bo"))
    await write_to_bo(home, mal, "once more")
    assert len(await home.told("bo")) == cards
    assert len(await home.told("mal")) == 1, "a stranger is told once a day"
    assert (await home.endings("message"))[-1] == "refused"


@pytest.mark.parametrize("ending", ["never", "time"])
async def test_undelivered_words_are_in_no_table_any_more(home: House, ending: str) -> None:
    mal = await home.stranger("mal")
    await write_to_bo(home, mal, "unmistakable words")
    assert await holding(home, "unmistakable") != [], "the search itself works"
    if ending == "never":
        await answer(home, "never")
    else:
        home.clock.forward(7 * DAY + 1)
        await home.settle()
    assert await holding(home, "unmistakable") == []


async def holding(home: House, words: str) -> list[str]:
    """The tables in which these words stand."""
    found = []
    for table in metadata.sorted_tables:
        rows = await home.store.database.read(lambda connection, table=table: str(connection.execute(table.select()).all()))
        if words in rows:
            found.append(table.name)
    return found


async def test_files_of_a_knock_are_neither_shown_nor_asked_for_before_the_yes(home: House) -> None:
    chi = await home.stranger("chi")
    await acquainted(home, chi)
    picture = {"type": "Image", "mediaType": "image/png", "url": "https://a.example/garden.png", "name": "The garden"}
    await write_to_bo(home, chi, "Look", attachment=[picture])
    (card,) = [text for text in await home.told("bo") if text.startswith("✉️")]
    assert "garden" not in card
    assert await home.store.media.upload("https://a.example/garden.png") is None
    await answer(home, "accept")
    (item,) = await in_the_room(home, chi)
    assert isinstance(item.event.content, Message)
    assert [one.url for one in item.event.content.attachments] == ["https://a.example/garden.png"]


async def test_not_now_leaves_it_waiting_and_seven_days_end_it(home: House) -> None:
    chi = await home.stranger("chi")
    await write_to_bo(home, chi, "words that nobody reads")
    await answer(home, "not now")
    assert [hold.kind for hold in await home.holds()] == ["knock"]
    home.clock.forward(7 * DAY + 1)
    await home.settle()
    assert await home.holds() == []
    assert await portal(home, chi) is None
    assert len([text for text in await home.told("chi") if "not delivered" in text]) == 1


async def test_three_knocks_a_day_reach_one_person_and_five_leave_one_sender(home: House) -> None:
    for number in range(8):
        await write_to_bo(home, await home.stranger(f"mal{number}"), "hello")
    assert len([text for text in await home.told("bo") if text.startswith("✉️")]) == 3
    assert (await home.endings("message")).count("refused") == 5
    home.clock.forward(DAY + 1)
    await write_to_bo(home, await home.stranger("mal9"), "hello")
    assert len([text for text in await home.told("bo") if text.startswith("✉️")]) == 4


async def test_the_sixth_message_behind_one_knock_is_declined_and_the_others_are_told_of_once(home: House) -> None:
    chi = await home.stranger("chi")
    for number in range(6):
        await write_to_bo(home, chi, f"message {number}")
        home.clock.forward(1)
    assert len([text for text in await home.told("bo") if text.startswith("✉️")]) == 1
    assert len(await home.holds()) == 5
    await answer(home, "accept")
    assert [item.event.content.text.plain for item in await in_the_room(home, chi)] == [f"message {number}" for number in range(5)]


async def test_no_strangers_for_thirty_days_leaves_no_trace_of_them(home: House) -> None:
    await answer(home, "!knocks no strangers")
    mal, chi = await home.stranger("mal"), await home.stranger("chi")
    await acquainted(home, chi)
    cards = len(await home.told("bo"))
    await write_to_bo(home, mal, "hello")
    assert len(await home.told("bo")) == cards
    assert await portal(home, mal) is None
    await write_to_bo(home, chi, "hello Bo")
    assert len(await home.told("bo")) == cards + 1
    home.clock.forward(31 * DAY)
    await write_to_bo(home, await home.stranger("mal"), "hello again")
    assert len(await home.told("bo")) == cards + 2


async def test_nobody_means_nobody(home: House) -> None:
    await answer(home, "knocks nobody")
    chi = await home.stranger("chi")
    await acquainted(home, chi)
    await write_to_bo(home, chi, "hello Bo")
    assert await portal(home, chi) is None
    assert [text for text in await home.told("bo") if text.startswith("✉️")] == []


async def test_a_tick_on_the_card_is_a_yes(home: House) -> None:
    chi = await home.stranger("chi")
    await write_to_bo(home, chi, "hello")
    (card,) = [item.event.content for _, item in await home.out() if isinstance(item.event.content, Notice) and item.event.content.knock]
    await answer(home, f"✅ {card.knock}")
    assert (await portal(home, chi)).stance is Stance.OPEN


async def test_an_answer_needs_its_sign_when_several_wait(home: House) -> None:
    chi, kim = await home.stranger("chi"), await home.stranger("kim")
    await write_to_bo(home, chi, "hello")
    await write_to_bo(home, kim, "hello")
    await answer(home, "accept")
    assert "Several knocks wait" in (await home.told("bo"))[-1]
    await answer(home, f"accept {code_of((await portal(home, kim)).id)}")
    assert (await portal(home, kim)).stance is Stance.OPEN
    assert (await portal(home, chi)).stance is Stance.KNOCKS


async def test_words_taken_back_before_the_yes_are_never_shown(home: House) -> None:
    chi = await home.stranger("chi")
    url = await write_to_bo(home, chi, "a mistake")
    await home.receive(chi, {"type": "Delete", "object": url, "to": [await address(home)]})
    assert await home.holds() == []
    await answer(home, "accept")
    assert await in_the_room(home, chi) == []


async def test_words_changed_before_the_yes_are_shown_as_they_are_then(home: House) -> None:
    chi = await home.stranger("chi")
    url = await write_to_bo(home, chi, "first")
    to = [await address(home)]
    note = {
        "id": url,
        "type": "Note",
        "attributedTo": chi.native.id,
        "to": to,
        "content": "<p>second</p>",
        "updated": "2026-11-24T12:01:00Z",
    }
    await home.receive(chi, {"type": "Update", "object": note, "to": to})
    await answer(home, "accept")
    assert [item.event.content.text.plain for item in await in_the_room(home, chi)] == ["second"]


async def test_a_knock_is_reported_unread_with_its_words_for_the_moderators_alone(home: House) -> None:
    mal = await home.stranger("mal")
    await write_to_bo(home, mal, "words that Bo never reads")
    await answer(home, f"report {code_of((await portal(home, mal)).id)} unkind")
    (case,) = await home.store.cases.cases((await home.community()).id, 10)
    (copy,) = await home.store.cases.evidence(case.id)
    assert isinstance(copy.content, Message)
    assert copy.content.text.plain == "words that Bo never reads"
    assert not any("never reads" in text for text in await home.told("bo"))
    assert not any("report" in text.lower() for text in await home.told("mal"))


async def test_nobody_but_the_two_can_show_private_words_to_moderators(home: House) -> None:
    mal = await home.stranger("mal")
    url = await write_to_bo(home, mal, "between us")
    await home.person("eli").tell_bot(f"report {url} unkind")
    await home.settle()
    assert await home.store.cases.cases((await home.community()).id, 10) == ()


async def test_an_export_tells_of_ones_private_conversations_and_of_nobody_elses_answer(home: House) -> None:
    await opened(home)
    await answer(home, "export")
    exported = "\n".join(await home.told("bo"))
    assert '"with": "@chi@a.example"' in exported
    assert '"state": "open"' in exported
    assert '"told_who_can_read"' in exported


async def test_whoever_is_forgotten_takes_back_their_private_words_too(home: House) -> None:
    chi, room = await opened(home)
    await home.person("bo").say(room, "a private word")
    await wait_out(home)
    await answer(home, "forget me")
    (code,) = re.findall("`?!?forget confirm ([a-z0-9]+)", "\n".join(await home.told("bo")))
    await answer(home, f"forget confirm {code}")
    home.clock.forward(11 * 60)
    await home.settle()
    assert [type(item.event.content) for item in await sent_to(home, chi)].count(Retraction) == 1


# ----------------------------------------------------------------------------------------------------------------- the room of two


async def test_what_bo_writes_there_reaches_that_person_alone_and_no_group(home: House) -> None:
    fan = await home.stranger("fan")
    await home.follow(fan)
    chi, room = await opened(home)
    before = len(await home.out())
    await home.person("bo").say(room, "Yes. Tuesday at ten? @fan@a.example knows the place", mentions={"@fan@a.example": fan.native})
    await wait_out(home)
    new = (await home.out())[before:]
    assert [(where.address, item.form) for where, item in new] == [(chi.route, "direct")]
    assert all(item.roster is None for _, item in new)
    (item,) = await sent_to(home, chi)
    assert item.event.audience is Audience.DIRECT


async def test_edits_signs_and_deletions_cross_both_ways(home: House) -> None:
    chi, room = await opened(home)
    bo = home.person("bo")
    said = await bo.say(room, "Tuesday at ten?")
    await wait_out(home)
    await bo.edit(said, "Tuesday at eleven?")
    await bo.react(said, "👍")
    await bo.take_back(said)
    await home.settle()
    assert [type(item.event.content) for item in await sent_to(home, chi)] == [Retraction], "what was taken back is not sent any more"
    url = await write_to_bo(home, chi, "See you then")
    to = [await address(home)]
    note = {
        "id": url,
        "type": "Note",
        "attributedTo": chi.native.id,
        "to": to,
        "content": "<p>See you!</p>",
        "updated": "2026-11-24T13:00:00Z",
    }
    await home.receive(chi, {"type": "Update", "object": note, "to": to})
    await home.receive(chi, {"type": "Like", "object": url, "to": to})
    kinds = [type(item.event.content) for item in await in_the_room(home, chi)]
    assert kinds == [Message, Message, Edit, Reaction]
    await home.receive(chi, {"type": "Delete", "object": url, "to": to})
    assert Retraction in [type(item.event.content) for item in await in_the_room(home, chi)]


async def test_the_same_words_twice_are_no_echo_between_two_people(home: House) -> None:
    chi, room = await opened(home)
    for _ in range(2):
        await home.person("bo").say(room, "yes")
        await wait_out(home)
    assert len(await sent_to(home, chi)) == 2


async def test_who_leaves_the_room_is_knocked_at_again_and_can_still_take_back(home: House) -> None:
    chi, room = await opened(home)
    said = await home.person("bo").say(room, "a word too much")
    await wait_out(home)
    await home.person("bo").leave(room)
    await home.settle()
    assert (await portal(home, chi)).stance is Stance.ENDED
    cards = [text for text in await home.told("bo") if text.startswith("✉️")]
    await write_to_bo(home, chi, "still there?")
    assert (await portal(home, chi)).stance is Stance.KNOCKS
    assert len([text for text in await home.told("bo") if text.startswith("✉️")]) == len(cards) + 1

    await home.person("bo").take_back(said)
    await home.settle()
    assert Retraction in [type(item.event.content) for item in await sent_to(home, chi)]
    home.clock.forward(8 * DAY)
    await home.settle()
    assert (await portal(home, chi)).stance is Stance.ENDED, "what was said before can still be taken back"


async def test_an_account_that_ended_takes_its_private_words_back_and_then_the_conversation_goes(home: House) -> None:
    chi, _ = await opened(home)
    await home.follow(chi)
    await home.receive(chi, {"type": "Delete", "object": chi.native.id})
    assert await portal(home, chi) is None
    retracted = [record for record in await home.records() if record.kind == "retraction"]
    assert [record.ended for record in retracted] == ["crossed"]


async def test_private_words_are_in_nothing_that_is_served_or_listed(home: House) -> None:
    _, room = await opened(home)
    said = await home.person("bo").say(room, "only for you")
    await wait_out(home)
    known = await home.object(said)
    assert known is not None
    assert known.audience is Audience.DIRECT
    assert await home.activitypub._publication.note(known.id) is None
    assert await home.activitypub._publication.activity(known.id) is None
    community = (await home.community()).id
    assert await home.store.objects.count(None, community) == await home.store.objects.count(BO, community) == 0
    assert await home.store.objects.recent(None, community, 10) == ()
    assert len(await home.store.objects.recent(BO, community, 10)) == 1


# ----------------------------------------------------------------------------------------------------------------- beginning one


async def test_a_member_begins_one_and_the_other_needs_no_yes(home: House) -> None:
    chi = await home.stranger("chi")
    await answer(home, "write @chi@a.example")
    found = await portal(home, chi)
    assert found.stance is Stance.OPEN
    assert found.begun
    assert any("readable by the admins of both servers" in text for text in await home.told("bo"))
    await home.person("bo").say(found.room.id, "Hello Chi")
    await wait_out(home)
    (item,) = await sent_to(home, chi)
    assert item.event.content.text.plain == "Hello Chi"  # type: ignore[union-attr]
    await write_to_bo(home, chi, "Hello Bo")
    assert [item.event.author.native for item in await in_the_room(home, chi)] == [chi.native]


async def test_who_has_no_name_elsewhere_or_asks_for_somebody_unknown_is_told_what_helps(house: House) -> None:
    await house.stranger("chi")
    bo = house.person("bo")
    await bo.tell_bot("write @chi@a.example")
    await house.settle()
    assert "`!cross ask`" in (await house.told("bo"))[-1] or "!cross ask" in (await house.told("bo"))[-1]
    await bo.tell_bot("write @nobody@b.example")
    await house.settle()
    assert "@nobody@b.example" in (await house.told("bo"))[-1]


# ----------------------------------------------------------------------------------------------------------------- what strangers try


async def test_words_for_several_people_here_reach_none_of_them(home: House) -> None:
    await home.opted_in("ana")
    ana = await home.store.directory.ghost_of(ACTIVITYPUB, Native(LOOPBACK, "ana"))
    assert ana is not None
    mal = await home.stranger("mal")
    await write_to_bo(home, mal, "hello both", also=(ana.native.id,))
    assert await portal(home, mal) is None
    assert [text for text in await home.told("bo") if text.startswith("✉️")] == []


async def test_somebody_else_can_neither_change_nor_take_back_what_waits(home: House) -> None:
    chi, mal = await home.stranger("chi"), await home.stranger("mal")
    url = await write_to_bo(home, chi, "mine")
    to = [await address(home)]
    note = {"id": url, "type": "Note", "attributedTo": mal.native.id, "to": to, "content": "<p>forged</p>"}
    await home.receive(mal, {"type": "Update", "object": note, "to": to})
    await answer(home, "accept")
    assert [item.event.content.text.plain for item in await in_the_room(home, chi)] == ["mine"]
    assert await portal(home, mal) is None


async def test_an_answer_that_names_only_a_mention_addresses_nobody(home: House) -> None:
    mal = await home.stranger("mal")
    bo = await address(home)
    url = "https://a.example/dm/1"
    tag = {"type": "Mention", "href": bo, "name": "@bo"}
    note = {
        "id": url,
        "type": "Note",
        "attributedTo": mal.native.id,
        "to": ["https://b.example/u/kim"],
        "content": "<p>hm</p>",
        "tag": [tag],
    }
    await home.receive(mal, {"type": "Create", "object": note, "to": ["https://b.example/u/kim"]})
    assert await portal(home, mal) is None
