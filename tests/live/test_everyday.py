"""What people post every day, across a real homeserver and two foreign servers: files, faces, names typed by hand, hashtags."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests.bridge.media.pictures import RECORDING, jpeg, png
from tests.live.town import Town

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

SPOILER = "page.codeberg.everypizza.msc4193.spoiler"
ACTIVITY = {"Accept": "application/activity+json"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = asyncio.run(Town.build(tmp_path_factory.mktemp("town")))
    yield town
    town.stop()


def packed(body: bytes) -> str:
    return base64.b64encode(body).decode()


async def uploaded(town: Town, body: bytes, kind: str, name: str) -> str:
    return str(await town.matrix.ask("upload", account="ana", base64=packed(body), type=kind, name=name))


async def fetched(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, dict(answer.headers), await answer.read()


async def in_room(town: Town, event: str) -> dict[str, Any]:
    return dict((await town.raw(event))["content"])


async def test_a_picture_with_a_description_and_a_content_note_keeps_both_on_the_fediverse(town: Town) -> None:
    mxc = await uploaded(town, jpeg(located=True), "image/jpeg", "wasp.jpg")
    content = {
        "msgtype": "m.image",
        "body": "A wasp on the window",
        "filename": "wasp.jpg",
        "url": mxc,
        "info": {"mimetype": "image/jpeg", "w": 8, "h": 6, "xyz.amorgan.blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj"},
        SPOILER: True,
        f"{SPOILER}.reason": "insects",
    }
    await town.send("ana", "m.room.message", content)
    for server in (town.near, town.far):
        page = await server.shown(contains="A wasp on the window")
        seen = await server.lookup(page["id"], name="lea" if server is town.far else None)
        [picture] = seen["attachments"]
        assert (picture["media"], picture["name"]) == ("image/jpeg", "A wasp on the window")
        assert (seen["summary"], seen["sensitive"]) == ("insects", True)
    raw = seen["raw"]["attachment"]
    raw = raw[0] if isinstance(raw, list) else raw
    assert (raw["width"], raw["height"], raw["blurhash"]) == (8, 6, "LEHV6nWB2yk8pyo0adR*.7kCMdnj")

    status, headers, body = await fetched(picture["url"], **ACTIVITY)
    assert (status, headers["Content-Type"], headers["X-Content-Type-Options"]) == (200, "image/jpeg", "nosniff")
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert b"A camera" not in body, "nor where it was taken"


async def test_a_picture_with_a_description_and_a_content_note_keeps_both_in_the_room(town: Town) -> None:
    first = await town.near.ask("serve_file", name="spider.png", type="image/png", base64=packed(png()))
    second = await town.near.ask("serve_file", name="talk.ogg", type="image/png", base64=packed(RECORDING))
    files = [
        {"type": "Document", "mediaType": "image/png", "url": first, "name": "A spider in the corner"},
        {"type": "Document", "mediaType": "audio/ogg", "url": second, "name": "What it said"},
    ]
    post = await town.near.post("sam", "<p>Look who lives here</p>", group=town.group, warning="spiders", attachments=files)
    words = await town.seen(town.near, post, contains="spiders")
    assert 'data-mx-spoiler="spiders"' in (await in_room(town, words["id"]))["formatted_body"]

    picture = await town.until(body="[spiders] A spider in the corner")
    content = await in_room(town, picture["id"])
    assert picture["sender"] == town.ghost(town.near, "sam")
    assert (content["msgtype"], content["filename"], content[SPOILER], content[f"{SPOILER}.reason"]) == (
        "m.image",
        "spider.png",
        True,
        "spiders",
    )
    assert (content["info"]["w"], content["info"]["h"], content["info"]["mimetype"]) == (8, 6, "image/png")
    seen = await town.matrix.ask("download", account="bo", mxc=content["url"])
    assert (seen["type"], base64.b64decode(seen["base64"])) == ("image/png", png())
    recording = await town.until(body="[spiders] What it said")
    assert (await in_room(town, recording["id"]))["msgtype"] == "m.audio"

    await town.near.delete("sam", post)
    for event in (words, picture, recording):
        await town.until(event=event["id"], redacted=True)


async def test_a_sticker_is_a_picture_and_a_document_is_a_line_whose_author_is_told_once(town: Town) -> None:
    mxc = await uploaded(town, png(), "image/png", "heron.png")
    await town.send("ana", "m.sticker", {"body": "A heron", "url": mxc, "info": {"mimetype": "image/png"}})
    [create] = await town.near.received(type="Announce", inner="Create", contains="A heron")
    assert create["raw"]["object"]["object"]["attachment"][0]["name"] == "A heron"

    for number in (1, 2):
        plan = await uploaded(town, f"%PDF-1.7 plan {number}".encode(), "application/pdf", f"plan{number}.pdf")
        content = {"msgtype": "m.file", "body": f"plan{number}.pdf", "url": plan, "info": {"mimetype": "application/pdf"}}
        event = await town.send("ana", "m.room.message", content)
        page = await town.near.shown(contains=f"plan{number}.pdf")
        assert "a file; open it in the room" in page["content"]
        assert event in page["content"]
    told = {"account": "ana", "room": town.talks["ana"], "sender": "@moot:hs.test", "contains": "A file of yours stayed in the room"}
    assert len(await town.matrix.ask("until", **told)) == 1


async def test_files_go_with_the_words_they_belong_to_within_a_minute(town: Town) -> None:
    mxc = await uploaded(town, png(9, 9), "image/png", "pond.png")
    content = {"msgtype": "m.image", "body": "Our pond", "filename": "pond.png", "url": mxc}
    event = await town.send("ana", "m.room.message", content)
    page = await town.near.shown(contains="Our pond")
    address = (await town.near.lookup(page["id"]))["attachments"][0]["url"]
    assert (await fetched(address))[0] == 200
    folder = town.node.settings.files
    before = sum(1 for path in folder.glob("??/*"))
    await town.matrix.ask("redact", account="ana", room=town.room, event=event)
    await town.near.shown(post=page["id"], deleted=True)
    assert (await fetched(address))[0] == 404
    async with asyncio.timeout(60):
        while sum(1 for path in folder.glob("??/*")) >= before:
            await asyncio.sleep(0.5)


async def test_a_file_is_taken_down_by_one_command(town: Town) -> None:
    mxc = await uploaded(town, png(7, 7), "image/png", "wall.png")
    await town.send("ana", "m.room.message", {"msgtype": "m.image", "body": "The wall", "filename": "wall.png", "url": mxc})
    page = await town.near.shown(contains="The wall")
    address = (await town.near.lookup(page["id"]))["attachments"][0]["url"]
    async with town.node.operations() as operations:
        assert address in {line.address for line in await operations.media(limit=100)}
        line = await operations.media_remove(id=address, reason="somebody asked")
    assert line.removed_at is not None
    assert (await fetched(address))[0] == 410


async def test_faces_are_seen_on_both_sides(town: Town) -> None:
    face = await town.near.ask("serve_file", name="kim.png", type="image/png", base64=packed(png(5, 5)))
    # A ghost changes its face at most once in ten minutes, the first one included; a node that starts has forgotten when that was.
    await town.node.restart()
    await town.far.act("profile", "lea", icon=face, to=[town.group])
    await town.far.post("lea", "<p>Do you see my face?</p>", group=town.group)
    shown = await town.until(body="Do you see my face?")
    profile = await town.matrix.ask("profile", account="ana", user=shown["sender"])
    seen = await town.matrix.ask("download", account="bo", mxc=profile["avatar_url"])
    assert base64.b64decode(seen["base64"]) == png(5, 5)

    mxc = await uploaded(town, png(6, 6), "image/png", "ana.png")
    ana = await town.actor("ana")
    await town.matrix.ask("set_profile", account="ana", avatar=mxc)
    [update] = await town.near.received(type="Update", actor=ana, contains="/media/")
    icon = update["raw"]["object"]["icon"]["url"]
    assert (await fetched(icon))[2] == png(6, 6)


async def test_a_name_typed_by_hand_reaches_the_one_it_names_and_a_hashtag_is_one(town: Town) -> None:
    ana, handle = await town.actor("ana"), town.near.handle("sam")
    await town.say("ana", f"Ask {handle} about #Beans, not @nobody@nowhere.example")
    [create] = await town.near.received(type="Create", contains="#Beans", actor=ana)
    assert create["inner"]["mentions"] == [{"href": town.near.person("sam"), "name": handle}]
    assert town.near.person("sam") in create["inner"]["to"] + create["inner"]["cc"]
    page = await town.far.shown(contains="nowhere.example")
    tags = (await town.far.lookup(page["id"], name="lea"))["raw"]["tag"]
    assert ("Hashtag", "#Beans") in {(tag["type"], tag["name"]) for tag in tags}
