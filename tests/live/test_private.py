"""Private words between a real Matrix client and a foreign fediverse server: they knock, and a yes opens a room of two."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

from tests.live.town import BOT, Town

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

AS_PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = asyncio.run(Town.build(tmp_path_factory.mktemp("town")))
    yield town
    town.stop()


async def told(town: Town, name: str, contains: str) -> dict[str, str]:
    """What the bot says to somebody in private, once it says that."""
    found = await town.matrix.ask("until", account=name, room=town.talks[name], sender=BOT, contains=contains)
    return dict(found[-1])


async def test_private_words_knock_and_a_yes_opens_a_room_of_two(town: Town) -> None:
    bo = await town.actor("bo")
    post = await town.near.post("sam", "<p>Could we plan the harvest?</p>", audience="direct", mentions=[bo])
    card = await told(town, "bo", "✉️ Sam")
    await town.matrix.ask("react", account="bo", room=town.talks["bo"], event=card["id"], key="✅")
    await told(town, "bo", "readable by the admins of both servers")
    room = (await town.matrix.ask("until_invited", account="bo"))["room"]
    await town.matrix.ask("join", account="bo", room=room)
    first = (await town.matrix.ask("until", account="bo", room=room, contains="plan the harvest"))[0]
    assert first["sender"] == town.ghost(town.near, "sam")

    # Bo answers: sam alone hears it, as words to sam alone, and so do its edit and its end.
    event = await town.matrix.ask("reply", account="bo", room=room, event=first["id"], body="On Saturday, gladly.")
    [create] = await town.near.received(type="Create", actor=bo, contains="On Saturday")
    assert create["raw"]["to"] == create["raw"]["object"]["to"] == [town.near.person("sam")]
    assert not {"cc", "audience"} & {key for key, value in create["raw"].items() if value}
    assert AS_PUBLIC not in str(create["raw"])
    assert create["raw"]["object"]["inReplyTo"] == post
    await town.matrix.ask("edit", account="bo", room=room, event=event, body="On Sunday, gladly.")
    [update] = await town.near.received(type="Update", actor=bo, contains="On Sunday")
    assert update["raw"]["to"] == [town.near.person("sam")]

    # sam changes, likes and takes back; the group passes none of it on, and nobody else has seen a word.
    await town.near.edit("sam", post, "<p>Could we plan the harvest soon?</p>", to=[bo])
    await town.matrix.ask("until", account="bo", room=room, event=first["id"], edited=True)
    sign = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": f"{town.near.person('sam')}/likes/1",
        "type": "Like",
        "actor": town.near.person("sam"),
        "object": create["raw"]["object"]["id"],
        "to": [bo],
    }
    assert (await town.near.send_raw("sam", f"{bo}/inbox", sign))[0] == 202
    await town.matrix.ask("until", account="bo", room=room, event=event, reaction="👍")
    await town.near.delete("sam", post, to=[bo])
    await town.matrix.ask("until", account="bo", room=room, event=first["id"], redacted=True)
    await town.matrix.ask("redact", account="bo", room=room, event=event)
    [delete] = await town.near.received(type="Delete", actor=bo)
    assert delete["raw"]["to"] == [town.near.person("sam")]
    assert await town.far.so_far(contains="harvest") == []
    assert await town.far.so_far(contains="gladly") == []
    assert [one for one in await town.near.so_far(contains="gladly") if one["raw"]["actor"] != bo] == []


async def test_a_stranger_knocks_without_a_word_and_never_is_no_more_than_not_delivered(town: Town) -> None:
    bo = await town.actor("bo")
    await town.near.post("kim", "<p>Buy my unusual product</p>", audience="direct", mentions=[bo])
    card = await told(town, "bo", "✉️ Kim")
    assert "unusual" not in card["body"]
    code = re.search(r"accept ([a-z2-7]{4})", card["body"])
    assert code is not None
    await town.matrix.ask("send", account="bo", room=town.talks["bo"], body=f"never {code[1]}")
    [notice] = await town.near.received(type="Create", contains="was not delivered")
    assert notice["raw"]["to"] == [town.near.person("kim")]


async def test_a_member_begins_a_conversation(town: Town) -> None:
    ana = await town.actor("ana")
    await town.matrix.ask("send", account="ana", room=town.talks["ana"], body=f"write {town.far.handle('lea')}")
    room = (await town.matrix.ask("until_invited", account="ana"))["room"]
    await told(town, "ana", "readable by the admins of both servers")
    await town.matrix.ask("join", account="ana", room=room)
    await town.matrix.ask("send", account="ana", room=room, body="Hello Lea, are you well?")
    [create] = await town.far.received(type="Create", actor=ana, contains="are you well")
    assert create["raw"]["to"] == [town.far.person("lea")]
    await town.far.post("lea", "<p>Very well, thank you.</p>", audience="direct", mentions=[ana])
    answer = (await town.matrix.ask("until", account="ana", room=room, contains="Very well"))[0]
    assert answer["sender"] == town.ghost(town.far, "lea")


async def test_an_invitation_of_somebody_from_elsewhere_opens_the_room_of_the_two_instead(town: Town) -> None:
    lea = town.ghost(town.far, "lea")
    brought = await town.matrix.ask("direct", account="bo", user=lea)
    invited = await town.matrix.ask("until_invited", account="bo", **{"from": lea})
    assert invited["room"] != brought
    await told(town, "bo", "room of your own now")
    await town.matrix.ask("join", account="bo", room=invited["room"])
    await town.matrix.ask("send", account="bo", room=invited["room"], body="Hello from Bo")
    [create] = await town.far.received(type="Create", actor=await town.actor("bo"), contains="Hello from Bo")
    assert create["raw"]["to"] == [town.far.person("lea")]
    members = {one["id"]: one["membership"] for one in await town.matrix.ask("members", account="bo", room=brought)}
    assert members.get(lea, "leave") == "leave"
