"""Somebody takes back everything after thirty pictures on three servers, one of which is dead: S04 on a real homeserver and a real node.

Issue "The whole conversation", what it must show, 2.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from bridge.keyfiles import read_secrets
from bridge.settings import Forget, Settings
from tests.bridge.media.pictures import png
from tests.live.commons import Commons, Member
from tests.live.fediverse import FediverseServer, Json, inner

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

POSTS = 30
NAMES = ("wilhelmina", "Wilhelmina Quist")
GONE = {404, 410}


def at_once(settings: Settings) -> Settings:
    """No window in which to cancel: its length is a parameter."""
    return msgspec.structs.replace(settings, forget=Forget(cancel_minutes=0))


@pytest.fixture
async def servers() -> AsyncIterator[tuple[FediverseServer, FediverseServer, FediverseServer]]:
    async with FediverseServer() as near, FediverseServer() as far, FediverseServer() as dead:
        yield near, far, dead


def pictures(server: FediverseServer) -> dict[str, str]:
    """Every post with a picture that came: its id, and where the picture is."""
    found = {}
    for activity in server.acts():
        shown = activity.get("object")
        if activity["type"] == "Create" and isinstance(shown, dict) and shown.get("attachment"):
            found[str(shown["id"])] = str(shown["attachment"][0]["url"])
    return found


def deleted(server: FediverseServer) -> set[str]:
    """What this server was asked to delete."""
    return {
        str(gone["id"] if isinstance(gone, dict) else gone)
        for activity in server.received
        if (act := inner(activity))["type"] == "Delete"
        for gone in [act["object"]]
    }


async def status(url: str, **headers: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers, allow_redirects=False) as answer:
        return answer.status


def named(database: Path, *names: str) -> list[str]:
    """Tables in which one of the names stands, in whatever column."""
    found = []
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                raw = b"\x00".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in row)
                found += [f"{table}: {name}" for name in names if name.encode() in raw]
    finally:
        connection.close()
    return sorted(set(found))


async def wilhelmina(commons: Commons) -> Member:
    return await commons.member("wilhelmina", "Wilhelmina Quist")


async def posted(commons: Commons, member: Member) -> list[str]:
    events = []
    for number in range(POSTS):
        mxc = await member.upload(png(8 + number, 6, "navy"), "image/png")
        content = {
            "msgtype": "m.image",
            "body": f"Tart number {number}",
            "filename": "tart.png",
            "url": mxc,
            "info": {"mimetype": "image/png"},
        }
        events.append(await member.send(commons.room, "m.room.message", content))
    return events


async def told(commons: Commons, member: Member, pattern: str, seconds: float = 30.0) -> re.Match[str]:
    return await member.until(
        lambda: next((found for text in member.told_by(commons.bot) if (found := re.search(pattern, text))), None), seconds
    )


async def late(commons: Commons, events: list[Json]) -> None:
    """The homeserver brings something once more, under another transaction, as after its own restore."""
    secrets = read_secrets(commons.node.settings.secrets, matrix=True)
    matrix = commons.node.settings.matrix
    assert matrix is not None
    door = f"http://{matrix.listen.host}:{matrix.listen.port}/_matrix/app/v1/transactions/late"
    headers = {"Authorization": f"Bearer {secrets.hs_token}"}
    async with aiohttp.ClientSession() as session, session.put(door, json={"events": events}, headers=headers) as answer:
        assert answer.status == 200


async def test_everything_is_taken_back_everywhere_and_no_table_names_them(
    tmp_path: Path, servers: tuple[FediverseServer, FediverseServer, FediverseServer]
) -> None:
    near, far, dead = servers
    async with Commons(tmp_path, servers, change=at_once) as commons:
        for server, name in zip(servers, ("sam", "kim", "lou"), strict=True):
            await commons.reader(server, name)
        member = await wilhelmina(commons)
        events = await posted(commons, member)
        for server in servers:
            await server.until(lambda server=server: len(pictures(server)) == POSTS, 120)
        shown = pictures(near)
        actor = next(str(act["actor"]) for act in near.acts() if act["type"] == "Create" and act["object"]["id"] in shown)
        for address in shown.values():
            assert await status(address) == 200
        history = [event for event in await member.history(commons.room) if event["event_id"] in events]
        database = commons.node.settings.store
        assert named(database, *NAMES) != [], "the search itself works"

        dead.answer = lambda: 0
        talk = member.talk(commons.bot)
        await member.say(talk, "forget me")
        code = (await told(commons, member, r"forget confirm (\w+)"))[1]
        await member.say(talk, f"forget confirm {code}")

        for server in (near, far):
            await server.until(lambda server=server: deleted(server) >= {*shown, actor}, 60)
        for url in (*shown, actor):
            assert await status(url, Accept="application/activity+json") == 410
        handle = f"wilhelmina_{commons.homeserver.name}@{commons.node.settings.domain}"
        assert await status(f"{commons.node.origin}/.well-known/webfinger?resource=acct:{handle}") == 410
        for address in shown.values():
            assert await status(address) in GONE
        async with asyncio.timeout(60):
            while list(commons.node.settings.files.glob("??/*")):
                await asyncio.sleep(0.5)

        receipt = (await told(commons, member, r"🧾.*", 150))[0]
        assert receipt == f"🧾 {POSTS} messages taken back. 2 servers have accepted it. No answer: {dead.host}."
        async with asyncio.timeout(150):
            while found := named(database, *NAMES):
                await asyncio.sleep(1)
        assert found == []

        await late(commons, history)
        other = await commons.member("ana", "Ana")
        await other.say(commons.room, "said after all of that")
        await near.until(lambda: [act for act in near.acts() if "said after all of that" in str(act)])
        assert [
            act["id"] for act in near.acts() if act["type"] == "Create" and act["actor"] == actor and act["object"]["id"] not in shown
        ] == []
        assert len(pictures(near)) == POSTS
        for url in shown:
            assert await status(url, Accept="application/activity+json") == 410
        assert named(database, *NAMES) == [], "nor does a late repeat bring the name back"
        assert [event["content"] for event in await seen_by(member, commons.room, events)] != [], (
            "what they wrote in the room is theirs to delete"
        )


async def seen_by(member: Member, room: str, events: list[str]) -> list[dict[str, Any]]:
    return [event for event in await member.history(room) if event["event_id"] in events and event["content"]]
