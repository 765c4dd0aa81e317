"""What moderators do, across a real homeserver, a forum that believes as Lemmy 1.0 does, and a microblog: from wherever it is done, or not at all.

Scenario S06 as far as the networks carry it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.live.commons import HANDLE, Commons
from tests.live.fediverse import FediverseServer
from tests.live.forum import Forum, Post

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

ADVERT = "We are hiring two welders"


@pytest.fixture
async def forum() -> AsyncIterator[Forum]:
    async with Forum() as server:
        yield server


@pytest.fixture
async def far() -> AsyncIterator[FediverseServer]:
    async with FediverseServer() as server:
        yield server


@pytest.fixture
async def commons(tmp_path: Path, forum: Forum, far: FediverseServer) -> AsyncIterator[Commons]:
    async with Commons(tmp_path, [forum, far]) as made:
        yield made


def post_of(forum: Forum, words: str) -> tuple[str, Post] | None:
    return next(((url, post) for url, post in forum.posts.items() if words in post.text), None)


def disbelieved(forum: Forum) -> list[str]:
    """Lemmy answers the second form of each announcement with an error, which is what it is for."""
    return [why for _, why in forum.refused if "only for sending" not in why]


async def endings(commons: Commons, kind: str) -> list[str]:
    async with commons.node.operations() as operations:
        lines = await operations.events(limit=200, community=HANDLE)
    return [line.ended for line in lines if line.kind == kind and line.ended != "waiting"]


async def until_ended(commons: Commons, kind: str, count: int = 1) -> list[str]:
    async with asyncio.timeout(30):
        while len(found := await endings(commons, kind)) < count:
            await asyncio.sleep(0.05)
    return found


async def test_what_the_room_removes_is_removed_on_every_server_and_nobody_is_named(
    commons: Commons, forum: Forum, far: FediverseServer
) -> None:
    bo = await commons.member("bo", "Bo")
    await commons.reader(forum, "ina")
    await commons.reader(far, "sam")
    event = await bo.say(commons.room, ADVERT)
    url, post = await forum.until(lambda: post_of(forum, ADVERT))
    await far.until(lambda: [act for act in far.acts() if act["type"] == "Create"])

    await commons.steward.redact(commons.room, event, "jobs topic please")

    await forum.until(lambda: post.removed)
    assert forum.log == [(f"{commons.group}/team", "removed", "jobs topic please")]
    assert forum.seats == {f"{commons.group}/team"}
    gone = {"id": url, "type": "Tombstone"}
    await far.until(lambda: [act for act in far.received if act["type"] == "Delete" and gone.items() <= act["object"].items()])
    assert "steward" not in str([*forum.received, *far.received])
    assert disbelieved(forum) == []


async def test_what_somebody_elsewhere_said_is_removed_from_the_group_and_boosted_no_more(
    commons: Commons, forum: Forum, far: FediverseServer
) -> None:
    await commons.reader(forum, "ina")
    sam = await commons.neighbour(far, "sam")
    note = await sam.say(commons.group, ADVERT)
    [shown] = await commons.steward.until(lambda: [post for post in commons.steward.posts(commons.room) if post.text == ADVERT], 30)
    boosted = (await far.until(lambda: [act for act in far.received if act.get("object") == note and act["type"] == "Announce"]))[0]
    await forum.until(lambda: forum.shown(note))

    await commons.steward.redact(commons.room, shown.id, "jobs topic please")

    await forum.until(lambda: not forum.shown(note))
    [undone] = await far.until(lambda: [act["object"] for act in far.received if act["type"] == "Undo"])
    assert (undone["type"], undone["id"], undone["object"]) == ("Announce", boosted["id"], note)
    assert disbelieved(forum) == []


async def test_the_buttons_of_somebody_without_a_seat_do_nothing(commons: Commons, forum: Forum, far: FediverseServer) -> None:
    bo = await commons.member("bo", "Bo")
    gus = forum.moderator("gus")
    await gus.follow(commons.group)
    await commons.reader(far, "sam")
    await bo.say(commons.room, ADVERT)
    url, post = await forum.until(lambda: post_of(forum, ADVERT))

    ban = await gus.ban(commons.group, post.author, tidy=True)
    lock = await gus.lock(commons.group, url)
    for pressed in (await gus.remove(commons.group, url, "because"), ban, lock):
        await gus.revoke(commons.group, pressed)
    await gus.appoint(commons.group, gus.id)
    await gus.dismiss(commons.group, f"{commons.group}/team")

    assert set(await until_ended(commons, "appointment", 2)) == {"refused"}
    for kind in ("retraction", "sanction", "lock", "restoration"):
        assert set(await endings(commons, kind)) == {"refused"}, kind
    assert [shown.text for shown in bo.posts(commons.room) if shown.text == ADVERT]
    assert forum.log == []
    assert not [act for act in far.acts() if act["type"] in {"Delete", "Undo", "Block", "Lock"}]


async def test_a_moderator_on_a_forum_removes_everywhere_what_somebody_in_the_room_said(
    commons: Commons, forum: Forum, far: FediverseServer
) -> None:
    """S06, up to the appeal."""
    await commons.steward.empower(commons.room, commons.bot)
    bo = await commons.member("bo", "Bo")
    dee = forum.moderator("dee")
    await dee.follow(commons.group)
    await commons.reader(far, "sam")
    await commons.node.command("roles", "grant", HANDLE, dee.id, "moderator")
    await forum.until(lambda: "appointed" in [what for _, what, _ in forum.log])
    assert dee.id in forum.seats
    await bo.say(commons.room, ADVERT)
    url, post = await forum.until(lambda: post_of(forum, ADVERT))
    await far.until(lambda: [act for act in far.acts() if act["type"] == "Create"])

    await dee.remove(commons.group, url, "jobs topic please")

    await forum.until(lambda: post.removed)
    assert forum.log[-1] == (f"{commons.group}/team", "removed", "jobs topic please")
    gone = {"id": url, "type": "Tombstone"}
    await far.until(lambda: [act for act in far.received if act["type"] == "Delete" and gone.items() <= act["object"].items()])
    await bo.until(lambda: not [shown for shown in bo.posts(commons.room) if shown.text == ADVERT], 30)
    (told,) = await bo.until(lambda: [words for words in bo.told_by(commons.bot) if "taken down" in words], 30)
    assert "jobs topic please" in told
    assert "appeal" in told
    assert "dee" not in told
    [redaction] = [
        event["unsigned"]["redacted_because"] for event in await bo.history(commons.room) if "redacted_because" in event["unsigned"]
    ]
    assert (redaction["sender"], redaction["content"]["reason"]) == (commons.bot, "moderation: jobs topic please")
    assert dee.id not in str([act for act in far.received if act["type"] in {"Delete", "Announce"} and "jobs topic" in str(act)])
    assert disbelieved(forum) == []

    await commons.node.command("roles", "end", HANDLE, dee.id, "moderator")
    await forum.until(lambda: "dismissed" in [what for _, what, _ in forum.log])
    assert dee.id not in forum.seats
