"""What people may ask about themselves: what is kept, as whole JSON, and how they look on the other side, before and after their yes."""

from __future__ import annotations

import html
from typing import Any

import msgspec

from bridge.model.actor import Actor
from bridge.model.content import Notice
from bridge.model.ids import LOOPBACK, Native
from protocols.activitypub.ids import PUBLIC
from tests.bridge.relay.house import House

LENA = Native(LOOPBACK, "lena")


async def documents(house: House, person: str) -> list[dict[str, Any]]:
    """The JSON documents that somebody was given, each as the JSON it is."""
    found = []
    for _, item in await house.out():
        content = item.event.content
        if isinstance(content, Notice) and content.to.id.endswith(person) and content.text.plain.startswith("{"):
            assert html.unescape(content.text.html) == f"<pre><code>{content.text.plain}</code></pre>"
            found.append(msgspec.json.decode(content.text.plain))
    return found


async def tell(house: House, who: Actor, words: str) -> None:
    group = (await house.group()).native.id
    direct = {
        "type": "Note",
        "id": f"https://a.example/dm/{words}",
        "attributedTo": who.native.id,
        "to": [group],
        "content": f"<p>{words}</p>",
    }
    direct |= {"tag": [{"type": "Mention", "href": group, "name": "@commons"}]}
    await house.receive(who, {"type": "Create", "to": [group], "object": direct})


class TestExport:
    async def test_it_holds_what_crossed_what_waits_and_what_was_chosen_and_nothing_that_stayed(self, house: House) -> None:
        lena = house.person("lena")
        await lena.say("hall", "this stayed at home")
        await house.opted_in("lena")
        said = await lena.say("hall", "this crossed <b>whole</b>")
        await house.settle()
        house.clock.forward(15)
        await house.settle()
        await lena.react(said, "🎉")
        await lena.say("hall", "this still waits")
        await house.settle()
        await lena.tell_bot("export")
        await house.settle()

        about, waiting, posts = await documents(house, "lena")
        assert [(page["part"], page["of"]) for page in (about, waiting, posts)] == [(1, 3), (2, 3), (3, 3)]
        assert about["you"]["id"] == "lena"
        assert about["names_elsewhere"][0]["address"] == "@lena@moot.example"
        assert about["communities"][0]["crossing"]["state"] == "on"
        assert [one["text"] for one in waiting["waiting"]] == ["this still waits"]
        assert [one.get("text") or one["sign"] for one in posts["posts"]] == ["this crossed <b>whole</b>", "🎉"]
        assert posts["posts"][0]["copies"][0].startswith("https://moot.example/o/")
        assert "stayed at home" not in msgspec.json.encode([about, waiting, posts]).decode()

    async def test_what_does_not_fit_one_message_is_several_whole_documents_and_nothing_is_missing(self, house: House) -> None:
        lena = await house.opted_in("lena")
        await lena.tell_bot("grace 0")
        await house.settle()
        for number in range(40):
            await lena.say("hall", f"{number} " + "word " * 100)
        await house.settle()
        await lena.tell_bot("export")
        await house.settle()
        pages = await documents(house, "lena")
        assert len(pages) > 3
        assert [one["text"].split()[0] for page in pages for one in page.get("posts", [])] == [str(number) for number in range(40)]

    async def test_nobody_is_given_what_somebody_else_said(self, house: House) -> None:
        tomas = await house.opted_in("tomas")
        await tomas.say("hall", "not yours")
        await house.settle()
        house.clock.forward(15)
        await house.settle()
        await (await house.opted_in("lena")).tell_bot("export")
        await house.settle()
        assert "not yours" not in str(await documents(house, "lena"))

    async def test_somebody_on_the_fediverse_has_theirs_by_direct_message(self, house: House) -> None:
        gus = await house.known(await house.stranger("gus"))
        await tell(house, gus, "export")
        about, decisions, posts = await documents(house, "gus")
        assert about["communities"] == [{"community": "commons", "posts_let_in": 1}]
        assert [one["text"] for one in posts["posts"]] == ["hello, I am new here"]
        assert [one["what"] for one in decisions["decisions"]] == ["it was let in", "it waited for a person"]

    async def test_asked_for_in_a_room_it_is_given_in_private_and_the_words_are_not_carried(self, house: House) -> None:
        lena = await house.opted_in("lena")
        for words in ("!export", "!look"):
            asked = await lena.say("hall", words)
            await house.settle()
            house.clock.forward(15)
            await house.settle()
            assert await house.object(asked) is None
        assert [one.id for one in house.hall.conversation("hall") if one.by.id == "bot"] == []
        assert len(await documents(house, "lena")) == 1
        assert (await house.told("lena"))[-1].startswith("🪞")


class TestLook:
    async def test_before_the_yes_one_is_shown_what_one_would_be_and_nothing_is_made(self, house: House) -> None:
        await house.person("lena").tell_bot("look")
        await house.settle()
        (told,) = await house.told("lena")
        assert told.startswith("🪞 On the fediverse you are nobody yet.")
        assert "@lena@moot.example" in told
        assert "bridged by @commons@moot.example" in told
        assert await house.store.directory.ghost_by_handle((await house.group()).native.protocol, "lena") is None

    async def test_after_it_one_is_shown_what_one_is_and_who_can_read(self, house: House) -> None:
        lena = await house.opted_in("lena", "cross on wren")
        await lena.tell_bot("look")
        await house.settle()
        told = (await house.told("lena"))[-1]
        assert told.startswith("🪞 On the fediverse you are @wren@moot.example")
        assert "public: anyone on the web can read it" in told

    async def test_somebody_on_the_fediverse_is_told_who_reads_the_rooms(self, house: House) -> None:
        gus = await house.known(await house.stranger("gus"))
        await tell(house, gus, "look")
        told = (await house.told("gus"))[-1]
        assert "In the rooms of The Commons you are nobody yet" in told
        assert "Gus (@gus@a.example)" in told
        assert "The Hall" in told
        assert PUBLIC not in told
