"""Two servers of Fedify's talk with each other: what this instrument shows of the bridge, it shows of a stranger too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.live.fedify_side import CAVAGE, RFC9421, FedifyServer
from tests.live.programs import ProgramFailed

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


@pytest.fixture
async def here() -> AsyncIterator[FedifyServer]:
    async with await FedifyServer.open("sam", "kim") as server:
        yield server


@pytest.fixture
async def there() -> AsyncIterator[FedifyServer]:
    async with await FedifyServer.open("lea", first_knock=CAVAGE) as server:
        yield server


async def test_two_servers_hold_a_conversation(here: FedifyServer, there: FedifyServer) -> None:
    await here.follow("sam", there.handle("lea"))
    assert await there.followers("lea") == [here.person("sam")]

    post = await there.post("lea", "<p>Who has a ladder?</p>", warning="Tools", language="en")
    shown = await here.shown(post=post)
    assert (shown["author"], shown["content"], shown["summary"], shown["language"]) == (
        there.person("lea"),
        "<p>Who has a ladder?</p>",
        "Tools",
        "en",
    )

    reply = await here.post("sam", "<p>I do.</p>", reply=post, mentions=[there.person("lea")])
    answer = await there.shown(post=reply)
    assert (answer["reply"], answer["root"]) == (post, post)
    assert answer["mentions"] == [{"href": there.person("lea"), "name": there.handle("lea")}]

    await here.edit("sam", reply, "<p>I do, a long one.</p>")
    assert (await there.shown(post=reply, edited=True))["content"] == "<p>I do, a long one.</p>"

    like = await here.like("sam", post)
    await there.shown(post=post, like=here.person("sam"))
    await here.undo("sam", like)
    await there.shown(post=post, no_like=here.person("sam"))

    sign = await here.react("sam", post, "🎉")
    assert (await there.shown(post=post, reaction="🎉"))["reactions"] == {"🎉": [here.person("sam")]}
    await here.undo("sam", sign)
    await there.shown(post=post, no_reaction="🎉")

    await here.announce("sam", post)
    await there.shown(post=post, boost=here.person("sam"))

    await here.delete("sam", reply)
    await there.shown(post=reply, deleted=True)
    gone = await there.ask("get", url=reply)
    assert gone["status"] == 410


async def test_whoever_stops_following_hears_no_more(here: FedifyServer, there: FedifyServer) -> None:
    follow = await here.follow("sam", there.person("lea"))
    await here.follow("kim", there.person("lea"))
    await here.unfollow("sam", there.person("lea"), follow)
    await there.received(type="Undo", inner="Follow")

    assert await there.followers("lea") == [here.person("kim")]
    await there.act("delete_actor", "lea")
    [deletion] = await here.received(type="Delete", object=there.person("lea"))
    assert deletion["actor"] == there.person("lea")


@pytest.mark.parametrize("scheme", [CAVAGE, RFC9421])
async def test_only_what_is_signed_by_its_actor_is_taken(here: FedifyServer, there: FedifyServer, scheme: str) -> None:
    like = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": f"{here.origin}/likes/1",
        "type": "Like",
        "actor": here.person("sam"),
        "object": f"{there.origin}/users/lea/posts/1",
    }
    status, _ = await here.send_raw("sam", f"{there.origin}/inbox", like, scheme=scheme)
    assert status in (200, 202)
    assert [one["scheme"] for one in await there.received(type="Like")] == [scheme]

    unsigned, _ = await here.send_raw("sam", f"{there.origin}/inbox", {**like, "id": f"{here.origin}/likes/2"}, signed=False)
    stolen, _ = await here.send_raw("kim", f"{there.origin}/inbox", {**like, "id": f"{here.origin}/likes/3"}, scheme=scheme)
    assert (unsigned, stolen) == (401, 401)
    assert len(await there.so_far(type="Like")) == 1


async def test_a_secure_server_shows_its_people_only_to_those_who_sign(here: FedifyServer) -> None:
    async with await FedifyServer.open("mia", secure=True) as shy:
        assert (await here.ask("get", url=shy.person("mia")))["status"] == 401
        assert (await here.lookup(shy.person("mia"), name="sam"))["handle"] == "mia"
        await here.follow("sam", shy.handle("mia"))


async def test_a_server_that_is_away_is_tried_again(here: FedifyServer) -> None:
    async with await FedifyServer.open("noa") as first:
        await first.follow("noa", here.person("sam"))
        noa = first.person("noa")
    with pytest.raises(ProgramFailed, match=r"ECONNREFUSED|fetch failed"):
        await here.post("sam", "<p>Nobody is there.</p>")
    post = await here.post("sam", "<p>This one waits.</p>", later=True)

    async with await FedifyServer.open("noa", port=int(first.host.rpartition(":")[2])) as again:
        assert again.person("noa") == noa
        [arrived] = await again.received(type="Create")

    assert arrived["object"] == post


async def test_a_collection_is_read_page_by_page(here: FedifyServer, there: FedifyServer) -> None:
    posts = [await there.post("lea", f"<p>{number}</p>") for number in range(3)]
    await asyncio.gather(*(here.lookup(post) for post in posts))

    outbox = await here.ask("collection", url=f"{there.person('lea')}/outbox")

    assert len(outbox["items"]) == 3
