"""Every kind of content across a real homeserver and two foreign servers, both ways: equal to its golden, and as the foreign side reads it."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from tests.bridge.media.pictures import FILM, RECORDING, png, saved
from tests.live.goldens import cases, golden, leveled
from tests.live.town import Town

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

GROUP = "https://moot.example/c/commons"
DOCUMENT = b"%PDF-1.7 a plan of the garden"
_MXC = re.compile(r"mxc://hs\.test/\w+")
_FILE = re.compile(r"https://(?:media\.)?a\.example/[\w.]+\.(?:png|jpg|mp4|ogg|pdf)")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = asyncio.run(Town.build(tmp_path_factory.mktemp("town")))
    yield town
    town.stop()


def same(town: Town, expected: Any, arrived: Any) -> None:
    assert leveled(expected) == leveled(arrived, {**town.hosts, town.room: "!commons"})


def body_of(kind: str, width: int = 8, height: int = 6) -> bytes:
    """A file of that type, a picture in that size."""
    match kind.partition("/")[0]:
        case "image":
            return saved(Image.new("RGB", (width, height), "green"), kind.partition("/")[2])
        case "video":
            return FILM
        case "audio":
            return RECORDING
        case _:
            return DOCUMENT


# ------------------------------------------------------------------------------------------------------------ from the room


def stands_alone(case: str) -> bool:
    """Neither an answer, nor addressed to anybody, nor a name to look up, nor said by a program."""
    content = golden(case, "matrix")["content"]
    sent = json.dumps(golden(case, "activity-sent"))
    return "m.relates_to" not in content and content.get("msgtype") != "m.notice" and '"Mention"' not in sent and "omitted" not in sent


SAID = [case for case in cases("matrix", "activity-sent") if stands_alone(case)]


async def given(town: Town, content: dict[str, Any]) -> dict[str, Any]:
    """The same, its files on the homeserver."""
    info = content.get("info", {})
    kind = info.get("mimetype") or ("application/pdf" if content.get("msgtype") == "m.file" else "image/png")
    body = body_of(kind, info.get("w", 8), info.get("h", 6))
    text = json.dumps(content)
    for address in set(_MXC.findall(text)):
        mxc = await town.matrix.ask("upload", account="ana", base64=base64.b64encode(body).decode(), type=kind, name="file")
        text = text.replace(address, str(mxc))
    return dict(json.loads(text))


def told(note: dict[str, Any]) -> dict[str, Any]:
    """What a golden says, in the words of a foreign server."""
    tags, place = note["tag"], note.get("location")
    return {
        "type": note["type"],
        "content": note["content"],
        "summary": note.get("summary"),
        "sensitive": note.get("sensitive"),
        "language": next(iter(note.get("contentMap", {})), None),
        "attachments": [(file["mediaType"], file.get("name"), file.get("width"), file.get("height")) for file in note["attachment"]],
        "hashtags": [tag["name"] for tag in tags if tag["type"] == "Hashtag"],
        "emojis": [tag["name"] for tag in tags if tag["type"] == "Emoji"],
        "place": (place["name"], place["latitude"], place["longitude"]) if place else None,
    }


def reported(seen: dict[str, Any]) -> dict[str, Any]:
    """The same from a server's own reading."""
    place = seen["place"]
    return {
        **{name: seen[name] for name in ("type", "content", "summary", "sensitive", "language", "hashtags")},
        "attachments": [(file["media"], file["name"], file["width"], file["height"]) for file in seen["attachments"]],
        "emojis": [emoji["name"] for emoji in seen["emojis"]],
        "place": (place["name"], place["latitude"], place["longitude"]) if place else None,
    }


@pytest.mark.parametrize("case", SAID)
async def test_what_a_member_shows_reaches_both_servers_as_its_golden_and_is_read_as_it_was_meant(town: Town, case: str) -> None:
    ana, event = await town.actor("ana"), golden(case, "matrix")
    before = {server: max((one["number"] for one in await server.so_far()), default=0) for server in (town.near, town.far)}
    await town.send("ana", event["type"], await given(town, event["content"]))

    expected = golden(case, "activity-sent")
    for server, reader in ((town.near, None), (town.far, "lea")):
        [wrapped] = await server.received(type="Announce", inner="Create", by=ana, after=before[server])
        same(town, expected["wrap"]["activity"], wrapped["raw"])
        seen = await server.lookup(wrapped["raw"]["object"]["object"]["id"], name=reader)
        same(town, told(expected["direct"]["activity"]["object"]), reported(seen))
        files = [file["url"] for file in seen["attachments"]] + [emoji["url"] for emoji in seen["emojis"]]
        for file in files:
            assert (await server.ask("get", url=file))["status"] == 200, "whoever is shown it can have it"


# ------------------------------------------------------------------------------------------------------------ from the fediverse


def is_new(case: str) -> bool:
    """A post by somebody, answering and naming nobody."""
    said = golden(case, "activity")["object"]
    return isinstance(said, dict) and "attributedTo" in said and "inReplyTo" not in said and '"Mention"' not in json.dumps(said)


POSTED = [case for case in cases("activity", "matrix-sent") if is_new(case)]


async def posted(town: Town, number: int, activity: dict[str, Any]) -> str:
    """A post of sam's, word for word as the golden has it, its files on Sam's server; the address by which the room knows it."""
    text = json.dumps(activity, ensure_ascii=False)
    for address in set(_FILE.findall(text)):
        name = address.rpartition("/")[2]
        kind = {"png": "image/png", "jpg": "image/jpeg", "mp4": "video/mp4", "ogg": "audio/ogg", "pdf": "application/pdf"}[name[-3:]]
        size = (640, 480) if kind == "image/jpeg" else (8, 6)
        served = await town.near.ask("serve_file", name=name, type=kind, base64=base64.b64encode(body_of(kind, *size)).decode())
        text = text.replace(address, str(served))
    home = f"{town.near.origin}/golden/{number}"
    author = re.escape(activity["actor"])
    for address, real in ((author, town.near.person("sam")), (re.escape(activity["object"]["id"]), home), (re.escape(GROUP), town.group)):
        text = re.sub(address, real, text)
    sent = json.loads(text)
    group = await town.near.lookup(town.group)
    status, answer = await town.near.send_raw("sam", str(group["inbox"]), sent)
    assert status == 202, answer
    return page_of(sent["object"])


def page_of(said: dict[str, Any]) -> str:
    """Where people read it."""
    pages = [link["href"] for link in said.get("url", ()) if link["mediaType"] == "text/html"]
    return str(pages[0] if pages else said["id"])


@pytest.mark.parametrize("case", POSTED)
async def test_what_somebody_posts_reaches_the_room_as_its_golden(town: Town, case: str) -> None:
    given = golden(case, "activity")
    # What a golden sends is sent for one and the same post, which is read elsewhere than it lives.
    expected = json.loads(
        json.dumps(golden(case, "matrix-sent")).replace(
            "https://a.example/@sam/new", page_of(given["object"]).replace("b.example", "a.example")
        )
    )
    shows = expected["content"] if expected["act"] == "show" else {"words": expected["content"], "files": []}
    count = len(shows["files"]) + (shows["words"] is not None)
    external = await posted(town, POSTED.index(case), given)

    seen = await town.matrix.ask("until", account="ana", room=town.room, external=external, count=count)

    assert {one["sender"] for one in seen} == {town.ghost(town.near, "sam")}
    contents = [(await town.raw(one["id"]))["content"] for one in seen]
    if shows["words"] is not None:
        same(town, shows["words"], contents.pop(0))
    for file, content in zip(shows["files"], contents, strict=True):
        info = content.pop("info")
        kind = content.pop("msgtype")
        got = await town.matrix.ask("download", account="bo", mxc=content.pop("url"))
        wanted = file["content"].pop("info")
        same(town, file["content"], content)
        assert kind == {"image": "m.image", "video": "m.video", "audio": "m.audio"}.get(info["mimetype"].partition("/")[0], "m.file")
        assert {**info, **wanted} == info
        assert (got["type"], info["size"]) == (wanted["mimetype"], len(base64.b64decode(got["base64"])))


# ------------------------------------------------------------------------------------------------------------ signs


async def test_a_custom_emoji_under_words_keeps_its_picture_both_ways(town: Town) -> None:
    event = await town.say("ana", "The hedge is cut")
    page = await town.near.shown(contains="The hedge is cut")
    picture = await town.near.ask("serve_file", name="blob.png", type="image/png", base64=base64.b64encode(png(5, 5)).decode())
    tag = {
        "type": "Emoji",
        "id": f"{town.near.origin}/emoji/1",
        "name": ":blob:",
        "icon": {"type": "Image", "mediaType": "image/png", "url": picture},
    }
    sign = await town.near.react("sam", page["id"], ":blob:", to=[town.group], tag=[tag])
    async with asyncio.timeout(20):
        while not (
            found := [one for one in await town.matrix.ask("messages", account="ana", room=town.room) if one["type"] == "m.reaction"]
        ):
            await asyncio.sleep(0.05)
    content = found[-1]["content"]
    assert (content["m.relates_to"]["event_id"], content["shortcode"]) == (event, ":blob:")
    seen = await town.matrix.ask("download", account="bo", mxc=content["m.relates_to"]["key"])
    assert base64.b64decode(seen["base64"]) == png(5, 5)
    await town.near.undo("sam", sign, to=[town.group])
    await town.until(event=event, no_reaction=content["m.relates_to"]["key"])

    post = await town.near.post("sam", "<p>So is mine</p>", group=town.group)
    copy = await town.seen(town.near, post)
    mxc = await town.matrix.ask("upload", account="ana", base64=base64.b64encode(png(7, 7)).decode(), type="image/png", name="cat.png")
    relation = {"rel_type": "m.annotation", "event_id": copy["id"], "key": mxc}
    await town.send("ana", "m.reaction", {"m.relates_to": relation, "shortcode": ":cat:"})
    [like] = await town.near.received(type="Like", actor=await town.actor("ana"), object=post)
    assert like["content"] == ":cat:"
    [emoji] = like["emojis"]
    assert emoji["name"] == ":cat:"
    assert (await town.far.ask("get", url=emoji["url"]))["status"] == 200
