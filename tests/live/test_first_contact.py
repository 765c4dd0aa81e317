"""Somebody elsewhere follows and writes at once: a person looks first, on the command line of a real node, and everybody is told what came of it.

Issue "A first conversation", what it must show, 6; decision 0010.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.commons import Commons, Member
from tests.live.fediverse import PUBLIC, FediverseServer, Json, inner
from tests.live.homes import home

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

WORDS = "I have one, and it is yours on Saturday"


@pytest.fixture
async def far() -> AsyncIterator[FediverseServer]:
    async with FediverseServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql-parts"])
async def commons(request: pytest.FixtureRequest, tmp_path: Path, far: FediverseServer) -> AsyncIterator[Commons]:
    with home(request.param) as lives:
        async with Commons(tmp_path, [far], database=lives.database, roles=lives.roles) as made:
            yield made


def told(server: FediverseServer, person: str) -> list[str]:
    """What was said to one person alone, in words."""
    notes = [act["object"] for act in server.received if act["type"] == "Create" and act["to"] == [person] and not act["cc"]]
    assert all(PUBLIC not in (*note["to"], *note.get("cc", ())) for note in notes)
    return [html.unescape(re.sub(r"<[^>]+>", " ", note["content"])) for note in notes]


def announced(server: FediverseServer, words: str) -> list[Json]:
    """What the group has passed on that says this."""
    return [act for act in server.received if act["type"] == "Announce" and words in json.dumps(inner(act))]


async def said_in(room: str, member: Member, words: str) -> list[dict[str, Any]]:
    return [event for event in await member.history(room) if words in event["content"].get("body", "")]


async def asked(commons: Commons, far: FediverseServer, member: Member) -> tuple[str, str]:
    """A question in the room: what it is called there, and elsewhere."""
    event = await member.say(commons.room, "Who has a torque wrench?")
    (act, *_) = await far.until(lambda: [act for act in far.acts() if act["type"] == "Create" and "torque" in json.dumps(act)])
    return event, act["object"]["id"]


async def test_a_readers_first_post_is_listed_and_when_it_is_let_in_it_stands_in_its_thread(commons: Commons, far: FediverseServer) -> None:
    ana = await commons.member("ana", "Ana")
    sam = far.person("sam")
    await sam.follow(commons.group)
    question, address = await asked(commons, far, ana)
    post = await sam.say(commons.group, WORDS, answers=address)

    line = await commons.held(sam)
    assert (line.kind, line.handle) == ("review", f"@sam@{far.host}")
    listed = await commons.node.command("holds", "list", "--community", "commons")
    assert str(line.event_id) in listed
    assert line.handle in listed
    assert WORDS not in listed
    (row,) = json.loads(await commons.node.command("holds", "list", "--json"))
    assert row["event_id"] == line.event_id
    assert WORDS not in json.dumps(row)
    await far.until(lambda: [words for words in told(far, sam.id) if "waits" in words])

    # The conversation goes on meanwhile, and what waits is in none of it.
    later = await ana.say(commons.room, "Or a long enough lever?", thread=question)
    await far.until(lambda: announced(far, "lever"))
    assert await said_in(commons.room, ana, WORDS) == []
    assert announced(far, WORDS) == []

    assert str(line.event_id) in await commons.node.command("holds", "release", line.event_id)
    await ana.until(lambda: [shown for shown in ana.posts(commons.room) if shown.text == WORDS], 30)
    (event,) = await said_in(commons.room, ana, WORDS)
    relation = event["content"]["m.relates_to"]
    assert (relation["rel_type"], relation["event_id"]) == ("m.thread", question)
    assert relation["m.in_reply_to"]["event_id"] in (question, later)
    (passed_on,) = await far.until(lambda: announced(far, WORDS))
    assert inner(passed_on)["object"]["id"] == post
    assert inner(passed_on)["object"]["inReplyTo"] == address
    await far.until(lambda: [words for words in told(far, sam.id) if "now in the conversation" in words])
    assert await commons.node.command("holds", "list") == "Nothing waits.\n"

    # From here on nobody has to look.
    await sam.say(commons.group, "It has a click at forty", answers=address)
    await ana.until(lambda: [shown for shown in ana.posts(commons.room) if "click" in shown.text], 30)


async def test_a_post_that_is_returned_is_shown_to_nobody_and_its_author_is_told_why(commons: Commons, far: FediverseServer) -> None:
    ana = await commons.member("ana", "Ana")
    sam = far.person("sam")
    await sam.follow(commons.group)
    _, address = await asked(commons, far, ana)
    await sam.say(commons.group, WORDS, answers=address)
    line = await commons.held(sam)

    reason = 'We lend here & do not sell; "free" is welcome.'
    assert line.handle in await commons.node.command("holds", "return", line.event_id, "--reason", reason)
    await far.until(lambda: [words for words in told(far, sam.id) if reason in words])
    assert await commons.node.command("holds", "list") == "Nothing waits.\n"
    shown = await commons.node.command("events", "show", line.event_id)
    assert "returned" in shown
    assert WORDS not in shown

    # Something that crosses afterwards shows that there is nothing more to come.
    await ana.say(commons.room, "I found one at last")
    await far.until(lambda: announced(far, "found one"))
    assert await said_in(commons.room, ana, WORDS) == []
    assert announced(far, WORDS) == []
