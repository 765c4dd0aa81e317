"""Custom emoji in a room: pictures in words and under them, `:name:` in the middle and wherever the picture cannot be had."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.model.content import Message, Reaction
from bridge.model.content.message import Emoji
from bridge.model.item import Delivered
from bridge.model.richtext import from_plain
from protocols.matrix.translate.emoji import MOST_EMOJIS
from tests.bridge.media.pictures import FILM, png
from tests.protocols.matrix.homeserver import Asked
from tests.protocols.matrix.house import House, house
from tests.protocols.matrix.world import ME, World, item, matrix_event, only, text

__all__ = ["house"]

BLOB = Emoji("blob", "https://a.example/blob.png", "image/png")


def image(name: str, source: str) -> str:
    return f'<img data-mx-emoticon src="{source}" alt="{name}" title="{name}" height="32">'


def said(html: str) -> Message:
    content = only(World().read(matrix_event(content=text("x", html)))).content
    assert isinstance(content, Message)
    return content


def sends(house: House) -> list[Asked]:
    return [asked for asked in house.homeserver.asked if "/send/" in asked.path]


def test_a_picture_in_the_words_is_called_by_its_name() -> None:
    message = said(f"Well {image(':blob-cat:', 'mxc://hs.test/1')} done {image(':blob-cat:', 'mxc://hs.test/1')}")
    assert message.text.plain == "Well :blob_cat: done :blob_cat:"
    assert message.emojis == (Emoji("blob_cat", "mxc://hs.test/1"),)


def test_two_pictures_of_one_name_are_told_apart() -> None:
    message = said(image(":x:", "mxc://hs.test/1") + image(":x:", "mxc://far.test/2"))
    assert message.text.plain == ":x::x_2:"
    assert [emoji.url for emoji in message.emojis] == ["mxc://hs.test/1", "mxc://far.test/2"]


def test_a_picture_from_the_web_or_without_a_name_is_no_reason_to_fetch_anything() -> None:
    assert said(f"Hi {image(':x:', 'https://tracker.example/1.png')}").emojis == ()
    assert said('Hi <img src="mxc://hs.test/1" alt="a graph">').text.plain == "Hi a graph"
    assert said(image("", "mxc://hs.test/1")).text.plain == ":emoji:"


def test_more_pictures_than_anybody_needs_are_their_names() -> None:
    message = said("".join(image(f":n{number}:", f"mxc://hs.test/{number}") for number in range(MOST_EMOJIS + 5)))
    assert len(message.emojis) == MOST_EMOJIS
    assert f":n{MOST_EMOJIS + 4}:" in message.text.plain


async def test_a_picture_from_elsewhere_is_given_to_the_homeserver_once_and_shown(house: House) -> None:
    house.elsewhere[BLOB.url] = png()
    for _ in range(2):
        assert isinstance(await house.send(item(Message(from_plain("Well :blob: done :blobs:"), emojis=(BLOB,)))), Delivered)
    first, second = (asked.body for asked in sends(house))
    assert first["body"] == "Well :blob: done :blobs:"
    assert 'src="mxc://hs.test/up0"' in first["formatted_body"]
    assert ":blobs:" in first["formatted_body"], "a name that is no emoji stays what it is"
    assert first["formatted_body"] == second["formatted_body"]
    assert len(house.homeserver.media) == 1
    [upload] = [asked for asked in house.homeserver.asked if asked.path.endswith("/upload")]
    assert upload.query["user_id"] == ME.bot


@pytest.mark.parametrize("body", [None, b"<svg/>", FILM, bytes(100_001)])
async def test_a_picture_that_cannot_be_had_is_its_name(house: House, body: bytes | None) -> None:
    if body is not None:
        house.elsewhere[BLOB.url] = body
    await house.send(item(Message(from_plain("Well :blob:"), emojis=(BLOB,))))
    [asked] = sends(house)
    assert asked.body["body"] == "Well :blob:"
    assert "formatted_body" not in asked.body


def reacted(relation: dict[str, Any], **more: Any) -> Reaction:
    content = only(
        World().read(matrix_event("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$post", **relation}, **more}))
    )
    assert isinstance(content.content, Reaction)
    return content.content


@pytest.mark.parametrize("more", [{"shortcode": ":blob-cat:"}, {"com.beeper.reaction.shortcode": "blob-cat"}])
def test_a_picture_under_the_words_has_its_name_from_whoever_sent_it(more: dict[str, str]) -> None:
    reaction = reacted({"key": "mxc://hs.test/1"}, **more)
    assert (reaction.key, reaction.emoji) == (":blob_cat:", Emoji("blob_cat", "mxc://hs.test/1"))


def test_a_picture_under_the_words_that_nobody_named_is_an_emoji() -> None:
    assert reacted({"key": "mxc://hs.test/1"}).key == ":emoji:"


async def test_a_sign_with_a_picture_is_shown_with_it_or_by_its_name(house: House) -> None:
    house.elsewhere[BLOB.url] = png()
    target = house.world.id_of("$mine")
    await house.send(item(Reaction(target, ":blob:", BLOB)))
    await house.send(item(Reaction(target, ":gone:", Emoji("gone", "https://a.example/gone.png"))))
    shown, named = (asked.body for asked in sends(house))
    assert (shown["m.relates_to"]["key"], shown["shortcode"]) == ("mxc://hs.test/up0", ":blob:")
    assert named["m.relates_to"]["key"] == ":gone:"
    assert "shortcode" not in named
