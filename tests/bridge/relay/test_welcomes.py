"""Whoever comes from the group's own network is told once what the place is; whoever asks not to be bridged is offered to take things back."""

from __future__ import annotations

from typing import Any

from bridge.model.actor import Actor, ActorKind, Mark
from bridge.model.content import Message
from protocols.activitypub.ids import PUBLIC
from tests.bridge.relay.house import House


def hello(told: list[str]) -> list[str]:
    return [text for text in told if text.startswith("👋 @commons@moot.example is one conversation with Matrix")]


async def in_the_room(house: House) -> list[str]:
    """Words on their way into the hall."""
    return [item.event.content.text.plain for _, item in await house.out("hall") if isinstance(item.event.content, Message)]


async def face(house: House, who: Actor, **more: Any) -> None:
    """Their server says how they look from now on."""
    document = {
        "id": who.native.id,
        "type": "Person",
        "preferredUsername": who.handle.split("@")[1],
        "inbox": f"{who.native.id}/inbox",
        "endpoints": {"sharedInbox": f"https://{who.host}/inbox"},
        "to": [PUBLIC],
        **more,
    }
    await house.receive(who, {"type": "Update", "object": document})


async def test_who_follows_is_told_once_what_it_is_who_reads_it_and_how_to_leave(house: House) -> None:
    sam = await house.stranger("sam")
    await house.follow(sam)
    (told,) = hello(await house.told("sam"))
    assert "Anyone on the web can read “The Hall”" in told
    assert "To leave, unfollow." in told
    await house.follow(sam)
    await house.post(sam, "and I write too")
    assert len(hello(await house.told("sam"))) == 1


async def test_who_writes_first_is_told_the_same(house: House) -> None:
    gus = await house.stranger("gus")
    await house.post(gus, "hello from outside")
    assert len(hello(await house.told("gus"))) == 1


async def test_programs_and_people_who_ask_not_to_be_bridged_are_not_written_to(house: House) -> None:
    robot = await house.stranger("robot", kind=ActorKind.SERVICE)
    shy = await house.stranger("shy", marks=frozenset({Mark.NOBRIDGE}))
    for who in (robot, shy):
        await house.follow(who)
    assert hello(await house.told("robot")) + hello(await house.told("shy")) == []


async def test_a_server_that_sends_a_crowd_makes_us_write_to_twenty_of_them_an_hour(house: House) -> None:
    for number in range(25):
        await house.follow(await house.stranger(f"m{number}", "hostile.example"))
    await house.follow(await house.stranger("sam"))
    crowd = [text for number in range(25) for text in hello(await house.told(f"/m{number}"))]
    assert len(crowd) == 20
    assert len(hello(await house.told("sam"))) == 1
    house.clock.forward(3601)
    await house.follow(await house.stranger("late", "hostile.example"))
    assert len(hello(await house.told("/late"))) == 1


class TestMarks:
    async def test_a_mark_that_comes_later_ends_crossing_and_offers_to_take_back_what_is_there_once(self, house: House) -> None:
        gus = await house.known(await house.stranger("gus"))
        await house.post(gus, "before the mark")
        await face(house, gus, summary="<p>writes, #nobridge please</p>")
        await face(house, gus, summary="<p>writes a lot, #nobridge please</p>")
        await house.post(gus, "after the mark")
        assert await in_the_room(house) == ["hello, I am new here", "before the mark"]
        offered = [text for text in await house.told("gus") if "asks not to be bridged" in text]
        assert len(offered) == 1
        assert "(2 messages)" in offered[0]

    async def test_bridgeable_false_is_a_refusal_and_true_is_nothing(self, house: House) -> None:
        for name, flag in (("no", False), ("yes", True)):
            who = await house.known(await house.stranger(name))
            await face(house, who, **{"https://folkmoot.org/ns#bridgeable" if name == "yes" else "bridgeable": flag})
            await house.post(who, f"is this seen? {name}")
            assert (f"is this seen? {name}" in await in_the_room(house)) is flag

    async def test_nobot_yields_to_an_act_of_ones_own_and_is_not_asked_about_then(self, house: House) -> None:
        gus = await house.known(await house.stranger("gus"))
        group = (await house.group()).native.id
        direct = {
            "type": "Note",
            "id": "https://a.example/dm/1",
            "attributedTo": gus.native.id,
            "to": [group],
            "content": "<p>cross on</p>",
        }
        direct |= {"tag": [{"type": "Mention", "href": group, "name": "@commons"}]}
        await house.receive(gus, {"type": "Create", "to": [group], "object": direct})
        await face(house, gus, name="Gus #nobot")
        await house.post(gus, "still here")
        assert "still here" in await in_the_room(house)
        assert not any("asks not to be bridged" in text for text in await house.told("gus"))

    async def test_absent_indexable_means_no(self, house: House) -> None:
        gus = await house.stranger("gus")
        await house.follow(gus)
        for more, mark in (
            ({}, True),
            ({"indexable": False}, True),
            ({"indexable": True}, False),
            ({"indexable": True, "searchableBy": []}, True),
        ):
            house.clock.forward(1)
            await face(house, gus, **more)
            known = await house.store.directory.actor(gus.native)
            assert known is not None
            assert (Mark.NOINDEX in known[0].marks) is mark
