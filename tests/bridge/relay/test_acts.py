"""One act of a moderator holds on every side, whichever way it was given, and whoever it concerns hears why (norms.md 4.2, 4.3, scenario S06)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bridge.model.actor import Actor
from bridge.model.content import Retraction
from bridge.model.ids import LOOPBACK, Native
from bridge.model.record import KnownObject
from protocols.activitypub.ids import PUBLIC, object_url
from tests.bridge.relay.house import NODE, House
from tests.bridge.relay.reporting import moderated

ADVERT = "We are hiring two welders"


async def advert(house: House) -> KnownObject:
    """Lena's, in the hall, and everywhere."""
    lena = await house.opted_in("lena")
    said = await lena.say("hall", ADVERT)
    await house.settle()
    house.clock.forward(15)
    await house.settle()
    known = await house.object(said)
    assert known is not None
    return known


async def seat(house: House, who: str, role: str = "moderator") -> None:
    await house.administration.role_grant(handle="commons", who=who, role=role, days=None, topic="")


async def by_button(house: House, dee: Actor, known: KnownObject) -> None:
    group = (await house.group()).native.id
    url = object_url(NODE, known.id)
    await house.receive(dee, {"type": "Delete", "object": url, "summary": "jobs topic please", "to": [PUBLIC], "cc": [group]})


async def by_letter(house: House, dee: Actor, known: KnownObject) -> None:
    group = (await house.group()).native.id
    note = {
        "id": f"https://{dee.host}/o/letter",
        "type": "Note",
        "attributedTo": dee.native.id,
        "to": [group],
        "content": f"<p>remove {object_url(NODE, known.id)} norm:n08 jobs topic please</p>",
    }
    await house.receive(dee, {"type": "Create", "object": note, "to": [group]})


async def in_the_room(house: House, dee: Actor, known: KnownObject) -> None:
    await seat(house, "loopback:hana")
    await house.person("hana").say("mods", f"remove {known.id} jobs topic please")
    await house.settle()


async def by_the_rooms_own_power(house: House, dee: Actor, known: KnownObject) -> None:
    house.hall.room("hall").hosts |= {"tomas"}
    await house.person("tomas").take_back(known.native.id, "jobs topic please")
    await house.settle()


WAYS = {
    "a button on another server": by_button,
    "a letter to the group": by_letter,
    "a line in the moderation room": in_the_room,
    "power in the room": by_the_rooms_own_power,
}


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_removed_is_removed_everywhere_whichever_way(way: str) -> None:
    house = await moderated()
    dee = await house.stranger("dee", "lemmy.example")
    await house.follow(dee)
    await seat(house, "@dee@lemmy.example")
    known = await advert(house)
    give: Callable[[House, Actor, KnownObject], Awaitable[None]] = WAYS[way]

    await give(house, dee, known)

    now = await house.object(known.native.id)
    assert now is not None
    assert now.retracted_at is not None
    removals = [
        (where.address, item.form, item.event.content) for where, item in await house.out() if isinstance(item.event.content, Retraction)
    ]
    there = {(address, form) for address, form, _ in removals}
    assert {("https://lemmy.example/inbox", "wrap"), ("https://lemmy.example/inbox", "direct")} <= there
    assert (("hall", "send") in there) is (way != "power in the room"), "there it is gone already"
    assert {(content.moderator, content.reason) for _, _, content in removals} == {(True, "jobs topic please")}
    (told,) = [words for words in await house.told("lena") if "taken down" in words]
    assert "jobs topic please" in told
    assert "appeal" in told
    assert "dee" not in told.lower()
    (line,) = [entry for entry in await house.store.log.entries(known.community, 0, 10) if entry.doing.effect == "remove"]
    assert line.doing.by == ("room" if way == "power in the room" else "moderator")
    assert line.names is not None
    assert (line.names.whom, line.names.object) == (Native(LOOPBACK, "lena"), known.id)


@pytest.mark.parametrize("way", ["a button on another server", "a letter to the group"])
async def test_who_held_a_seat_holds_none_any_more(way: str) -> None:
    house = await moderated()
    dee = await house.stranger("dee", "lemmy.example")
    await seat(house, "@dee@lemmy.example")
    known = await advert(house)
    house.clock.forward(timedelta(days=366).total_seconds())
    dee = await house.stranger("dee", "lemmy.example")
    await WAYS[way](house, dee, known)
    now = await house.object(known.native.id)
    assert now is not None
    assert now.retracted_at is None


async def test_a_host_lets_in_and_gives_back_but_removes_nothing() -> None:
    house = await moderated()
    await seat(house, "loopback:hana", "host")
    known = await advert(house)
    sam, kim = await house.stranger("sam"), await house.stranger("kim", "b.example")
    await house.post(sam, "hello from afar")
    await house.post(kim, "buy my things")
    waiting = {hold.author: hold.event_id for hold in await house.holds()}

    await house.person("hana").say("mods", f"release {waiting[sam.native]}")
    await house.person("hana").say("mods", f"return {waiting[kim.native]} we trade nothing here")
    await house.person("hana").say("mods", f"remove {known.id}")
    await house.settle()

    assert await house.holds() == []
    assert any("now in the conversation" in words for words in await house.told("sam"))
    assert any("we trade nothing here" in words for words in await house.told("kim"))
    assert any("needs the seat of a moderator" in words for words in await house.told("hana"))
    entries = await house.store.log.entries(known.community, 0, 20)
    assert [entry.doing.effect for entry in entries if entry.doing.by == "host"] == ["release", "return"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("remove", "Which one?"),
        ("remove that", "Which one?"),
        ("remove https://moot.example/o/nothing", "is not in this community"),
        ("return abc123", "is told why"),
    ],
)
async def test_a_line_that_cannot_be_carried_out_says_what_to_write(words: str, said: str) -> None:
    house = await moderated()
    await seat(house, "loopback:hana")
    await house.person("hana").say("mods", words)
    await house.settle()
    assert any(said in told for told in await house.told("hana"))


async def test_what_is_ones_own_is_for_somebody_else_while_there_is_somebody() -> None:
    house = await moderated()
    known = await advert(house)
    for who in ("loopback:lena", "loopback:hana"):
        await seat(house, who)
    await house.person("lena").say("mods", f"remove {known.id} a slip")
    await house.settle()
    assert any("somebody else decides it" in told for told in await house.told("lena"))
    now = await house.object(known.native.id)
    assert now is not None
    assert now.retracted_at is None


async def test_talk_in_the_moderation_room_is_talk() -> None:
    house = await moderated()
    await seat(house, "loopback:hana")
    await house.person("hana").say("mods", "I would not remove it, what do you think?")
    await house.person("eve").say("mods", "remove abc123 now")
    await house.settle()
    assert await house.told("hana") == await house.told("eve") == []
