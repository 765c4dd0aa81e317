"""Somebody in the room never says yes, and talks a lot, while others talk with them and name them: nothing of it is anywhere but in the room.

Issue "A first conversation", what it must show, 3; norms.md N01. What others call somebody in words of their own stays in those words, as
plain text (N01); so they say "Zeb" here, and the name, the account and its parts are looked for everywhere.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from tests.live.commons import Commons, Member
from tests.live.fediverse import FediversePerson, FediverseServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

NAME: Final = "Zebedee Quillfeather"
ACCOUNT: Final = "zqx71"
LATER: Final = "Wilhelmina Quillfeather"
WORDS: Final = "kept in this room"
MARKS: Final = (ACCOUNT, "Zebedee", "Quillfeather", "Wilhelmina", WORDS)
"""Of theirs and nobody else's: the account, what they are called, what they say."""

ANY_URL: Final = re.compile(r"https?://[^\s\"'<>\\)]+")
FORMS: Final = ("application/activity+json", "text/html")


@pytest.fixture
async def far() -> AsyncIterator[FediverseServer]:
    async with FediverseServer() as server:
        yield server


@pytest.fixture
async def commons(tmp_path: Path, far: FediverseServer) -> AsyncIterator[Commons]:
    async with Commons(tmp_path, [far]) as made:
        yield made


def traces(where: str, found: bytes) -> list[str]:
    """What of theirs is in it, however it is written: as it is, escaped for JSON or HTML, or percent-encoded."""
    text = found.decode("utf-8", "replace")
    return [f"{mark!r} in {where}" for mark in MARKS if mark in text or mark.replace(" ", "%20") in text or mark in html.unescape(text)]


async def everything_served(origin: str, names: list[str]) -> dict[tuple[str, str], bytes]:
    """Every document that leads from the public beginnings of a node, as software and as a browser sees it."""
    waiting = [f"{origin}/", f"{origin}/actor", f"{origin}/.well-known/nodeinfo", f"{origin}/.well-known/host-meta"]
    waiting += [f"{origin}/.well-known/webfinger?resource=acct:{name}@{origin.removeprefix('http://')}" for name in names]
    waiting += [f"{origin}/@{name}" for name in names]
    seen: dict[tuple[str, str], bytes] = {}
    async with aiohttp.ClientSession() as session:
        while waiting:
            url = waiting.pop()
            for form in FORMS:
                if (url, form) in seen:
                    continue
                async with session.get(url, headers={"Accept": form}) as answer:
                    assert answer.status in (200, 404, 406, 410), f"{url} answered {answer.status}"
                    body = seen[url, form] = await answer.read() + repr(answer.headers).encode()
                linked = {html.unescape(link).partition("#")[0].rstrip(".,;") for link in ANY_URL.findall(body.decode())}
                waiting += [link for link in linked if link.startswith(f"{origin}/") and "{" not in link and not link.endswith("/inbox")]
    return seen


def everything_kept(database: Path) -> Iterator[tuple[str, bytes]]:
    """Every value of every table."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            cursor = connection.execute(f'SELECT * FROM "{table}"')
            columns = [column[0] for column in cursor.description]
            for row in cursor:
                for column, value in zip(columns, row, strict=True):
                    yield f"{table}.{column}", value if isinstance(value, bytes) else str(value).encode()


async def talk(commons: Commons, far: FediverseServer, zeb: Member, others: tuple[Member, Member], sam: FediversePerson) -> list[str]:
    """What happens in the room; the texts of the others, all of which cross."""
    room, (ana, bo) = commons.room, others
    root = await ana.say(room, "Which wood for a bench? w1")
    await far.until(lambda: [act for act in far.acts() if "w1" in json.dumps(act)])
    answer = await sam.say(commons.group, "Oak lasts longest w2", answers=_address(far, "w1"))
    copy = (await ana.until(lambda: [post for post in ana.posts(room) if "w2" in post.text], 30))[0].id
    mine: list[str] = []
    for number in range(50):
        body = f"{WORDS} {number}, says {NAME}"
        content: dict[str, Any] = {"msgtype": "m.text", "body": body, "m.mentions": {"user_ids": [ana.id]}}
        if number % 3:
            about = (root, copy, mine[0])[number % 3] if number % 5 else copy
            content["m.relates_to"] = {"rel_type": "m.thread", "event_id": root, "m.in_reply_to": {"event_id": about}}
        if number % 4 == 0:
            content |= {"format": "org.matrix.custom.html", "formatted_body": f'<a href="https://matrix.to/#/{zeb.id}">{NAME}</a> {body}'}
        mine.append(await zeb.send(room, "m.room.message", content))
    sign = await zeb.react(room, root, "🪵")
    await zeb.react(room, copy, "🌳")
    await zeb.take_back(room, sign)
    await zeb.edit(room, mine[1], f"{WORDS}, and mended")
    await zeb.take_back(room, mine[2])
    await zeb._ask("PUT", f"/profile/{zeb.id}/displayname", {"displayname": LATER})

    pill = f'<a href="https://matrix.to/#/{zeb.id}">Zeb</a>'
    said: list[dict[str, Any]] = [
        {"body": "Zeb has built one w3", "formatted_body": f"{pill} has built one w3", "m.mentions": {"user_ids": [zeb.id]}},
        {"body": f"{zeb.id} knows w4", "formatted_body": f'<a href="https://matrix.to/#/{zeb.id}">{zeb.id}</a> knows w4'},
        {"body": f"Ask {zeb.id}, or look at https://matrix.to/#/{zeb.id} w9", "m.mentions": {}},
        {"body": "Somebody here knows w5", "m.mentions": {"user_ids": [zeb.id]}},
        {
            # As clients before Matrix 1.13 answer: with the words of whom they answer before their own.
            "body": f"> <{zeb.id}> {WORDS} 0, says {NAME}\n\nThat is what I meant w6",
            "formatted_body": (
                f'<mx-reply><blockquote><a href="https://matrix.to/#/{room}/{mine[0]}">In reply to</a> '
                f'<a href="https://matrix.to/#/{zeb.id}">{zeb.id}</a><br>{WORDS} 0, says {NAME}</blockquote></mx-reply>That is what I meant w6'
            ),
            "m.relates_to": {"m.in_reply_to": {"event_id": mine[0]}},
            "m.mentions": {"user_ids": [zeb.id]},
        },
        {
            "body": "In a thread that begins with somebody else w7",
            "m.relates_to": {"rel_type": "m.thread", "event_id": mine[0], "m.in_reply_to": {"event_id": mine[3]}},
        },
    ]
    sent = []
    for number, words in enumerate(said):
        html_ = {"format": "org.matrix.custom.html"} if "formatted_body" in words else {}
        sent.append(await (ana, bo)[number % 2].send(room, "m.room.message", {"msgtype": "m.text", "m.mentions": {}, **words, **html_}))
    new: dict[str, Any] = {"msgtype": "m.text", "body": "Zeb has built two w3", "m.mentions": {"user_ids": [zeb.id]}}
    new |= {"format": "org.matrix.custom.html", "formatted_body": f"{pill} has built two w3"}
    relation = {"rel_type": "m.replace", "event_id": sent[0]}
    await ana.send(room, "m.room.message", {**new, "m.new_content": new, "m.relates_to": relation})
    await bo.react(room, mine[0], "👍")
    await bo.react(room, copy, "🪚")
    await ana.say(room, "!who")
    await sam.like(commons.group, answer)
    await bo.say(room, "Good night then w8")
    return ["w1", "w3", "w4", "w5", "w6", "w7", "w9", "built two", "w8"]


def _address(far: FediverseServer, words: str) -> str:
    return str(next(act["object"]["id"] for act in far.acts() if act["type"] == "Create" and words in act["object"]["content"]))


async def test_whoever_never_said_yes_is_in_nothing_that_is_served_delivered_or_kept(commons: Commons, far: FediverseServer) -> None:
    ana, bo = await commons.member("ana", "Ana"), await commons.member("bo", "Bo")
    sam = await commons.neighbour(far, "sam")
    zeb = await commons.person(ACCOUNT, NAME)
    for words in await talk(commons, far, zeb, (ana, bo), sam):
        await far.until(lambda words=words: [act for act in far.acts() if words in json.dumps(act)])  # type: ignore[misc]
    await _until_idle(commons)

    # What was carried is there, and they are named in it as the others named them: in plain words.
    texts = [act["object"]["content"] for act in far.acts() if act["type"] in ("Create", "Update") and "content" in act["object"]]
    assert any("Zeb has built two" in text and "href" not in text for text in texts)
    actors = {
        act["actor"] for act in far.acts() if act["type"] in ("Create", "Update", "Like") and act["actor"].startswith(commons.node.origin)
    }
    assert len(actors) == 3, "Ana, Bo, and the group that answers Sam"

    delivered = [trace for activity in far.received for trace in traces("a delivery", json.dumps(activity, ensure_ascii=False).encode())]
    assert delivered == []
    names = ["commons", f"ana_{commons.homeserver.name}", f"bo_{commons.homeserver.name}"]
    served = await everything_served(commons.node.origin, names)
    assert [trace for (url, _), body in served.items() for trace in traces(url, body)] == []
    shown = b"".join(served.values()).decode()
    assert all(words in shown for words in ("w1", "w8", "Oak lasts longest", "built two")), "the others are served"
    for name in (ACCOUNT, f"{ACCOUNT}_{commons.homeserver.name}"):
        async with far.session.get(
            f"{commons.node.origin}/.well-known/webfinger?resource=acct:{name}@{commons.node.settings.domain}"
        ) as answer:
            assert answer.status == 404
        async with far.session.get(f"{commons.node.origin}/@{name}", headers={"Accept": FORMS[0]}) as answer:
            assert answer.status == 404

    database = commons.node.settings.store
    kept = [trace for where, value in everything_kept(database) for trace in traces(where, value)]
    assert kept == []
    await commons.node.stop()
    for file in database.parent.glob(f"{database.name}*"):
        # Also where rows once were: pages are overwritten when they are freed, and the log is emptied when the node stops.
        assert traces(file.name, await asyncio.to_thread(file.read_bytes)) == []


async def _until_idle(commons: Commons) -> None:
    """Everything is read, judged and sent."""
    async with asyncio.timeout(60), commons.node.operations() as operations:
        while any((await operations.status()).backlog.rows.values()):
            await asyncio.sleep(0.05)


def test_a_trace_is_found_however_it_is_written() -> None:
    for written in (NAME, "Zebedee%20Quillfeather", "@zqx71:hs.test", "&#90;ebedee", "@zqx71%3Ahs.test"):
        assert traces("here", written.encode())
