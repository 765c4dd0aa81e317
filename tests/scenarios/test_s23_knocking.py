"""S23, knocking, knocking: eight accounts of one person, a friend, and a member who decides who may write to them."""

from __future__ import annotations

from bridge.model.content import Message
from bridge.model.ids import LOOPBACK
from bridge.model.portal import Stance, code_of
from tests.bridge.relay.house import House
from tests.bridge.relay.test_knocks import acquainted, answer, in_the_room, portal, sent_to, wait_out, write_to_bo


async def cards(home: House) -> list[str]:
    return [text for text in await home.told("bo") if text.startswith("✉️")]


async def test_s23(home: House) -> None:
    """Bo allows private words of "people I talk with here", which is what everybody begins with."""
    mals = [await home.stranger(f"mal{number}", "n1.example") for number in range(8)]
    chi = await home.stranger("chi")
    await acquainted(home, chi)

    # Eight knocks in a day: three reach Bo, none with a word, and there is no room and no account for any of them.
    for number, mal in enumerate(mals):
        await write_to_bo(home, mal, f"insult {number} https://n1.example/{number}")
    assert len(await cards(home)) == 3
    assert not any("insult" in text or "https://" in text for text in await home.told("bo"))
    for mal in mals:
        assert await home.store.directory.ghost_of(LOOPBACK, mal.native) is None
        found = await portal(home, mal)
        assert found is None or found.room is None

    # Never on the first: nothing but "not delivered", which the five that were declined heard too.
    await answer(home, f"never {code_of((await portal(home, mals[0])).id)}")
    told = {text for mal in mals for text in await home.told(mal.native.id)}
    assert {text.split(" (")[0] for text in told} == {"Your private message was not delivered"}
    assert await home.told(mals[1].native.id) == []

    # The second is reported unread: the moderators have its words, Bo has not.
    await answer(home, f"report {code_of((await portal(home, mals[1])).id)} unkind")
    (case,) = await home.store.cases.cases((await home.community()).id, 10)
    (copy,) = await home.store.cases.evidence(case.id)
    assert isinstance(copy.content, Message)
    assert copy.content.text.plain.startswith("insult 1")
    assert not any("insult" in text for text in await home.told("bo"))

    # No strangers for thirty days: declined at the edge, and Bo sees nothing of it.
    await answer(home, "!knocks no strangers")
    before = await home.told("bo")
    await write_to_bo(home, await home.stranger("mal9", "n1.example"), "insult 9")
    assert await home.told("bo") == before
    assert (await home.endings("message"))[-1] == "refused"

    # A friend's words arrive as a knock of eighty characters; the yes opens the room of the two, and says once who can read it.
    await write_to_bo(home, chi, "Could we prepare the retro together? " * 4)
    card = (await cards(home))[-1]
    words = card[card.index("“") + 1 : card.index("”")]
    assert words.startswith("Could we prepare the retro together?")
    assert len(words) <= 80
    await answer(home, f"accept {code_of((await portal(home, chi)).id)}")
    assert (await portal(home, chi)).stance is Stance.OPEN
    assert [item.event.author.native for item in await in_the_room(home, chi)] == [chi.native]
    readable = [text for text in await home.told("bo") if "readable by the admins of both servers" in text]
    assert len(readable) == 1

    # And the other way: Bo's first own private message was told the same, once.
    dora = await home.stranger("dora")
    await answer(home, "write @dora@a.example")
    await home.person("bo").say((await portal(home, dora)).room.id, "Hello Dora")
    await wait_out(home)
    assert [item.to[0].address for item in await sent_to(home, dora)] == [dora.route]
    assert len([text for text in await home.told("bo") if "readable by the admins of both servers" in text]) == 1
    for mal in mals:
        assert await sent_to(home, mal) == []


async def test_s23_the_first_message_of_a_member_says_who_can_read_it(home: House) -> None:
    await home.stranger("dora")
    await answer(home, "write @dora@a.example")
    assert any("readable by the admins of both servers" in text for text in await home.told("bo"))
