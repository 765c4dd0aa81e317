"""Custom emoji, places, hidden words and films of the fediverse, well made and badly made; nothing a peer sends is an error of ours."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bridge.model.content import Message, Reaction
from bridge.model.content.message import Attachment, ContentNote, Emoji, Location
from bridge.model.richtext import RichText, from_plain
from bridge.refs import Wire
from protocols.activitypub.translate.emoji import MOST_EMOJIS
from tests.protocols.activitypub.world import ROOT, World, create, deed, item, note, only, url_of


def said(**more: Any) -> Message:
    """What Sam's post is read as."""
    content = only(World().read(create(note(**more)))).content
    assert isinstance(content, Message)
    return content


def written(message: Message, form: str = "direct") -> dict[str, Any]:
    wire = World().write(item(message, form))
    assert isinstance(wire, Wire)
    activity = msgspec.json.decode(wire.body)
    return dict(activity["object"] if form == "direct" else activity["object"]["object"])


def emoji(name: str, url: object = "https://a.example/e.png", **more: Any) -> dict[str, Any]:
    return {"type": "Emoji", "name": name, "icon": {"type": "Image", "url": url}, **more}


# ------------------------------------------------------------------------------------------------------------ emoji


def test_an_emoji_is_read_where_the_words_call_it() -> None:
    message = said(
        content="<p>:blob: and :bob:</p>", tag=[emoji(":blob:"), emoji("bob"), emoji(":other:"), emoji(":blob:", "https://b.example/2.png")]
    )
    assert message.emojis == (Emoji("blob", "https://a.example/e.png"), Emoji("bob", "https://a.example/e.png"))


@pytest.mark.parametrize(
    "tag",
    [
        *(
            emoji(":blob:", "data:image/png;base64,x"),
            emoji(":blob:", "/e.png"),
            emoji(":blob:", None),
            emoji(":blob:", "https://" + "x" * 3_000),
        ),
        *(
            {"type": "Emoji", "name": ":blob:"},
            {"type": "Emoji", "name": ":blob:", "icon": "x"},
            {"type": "Emoji"},
            emoji(":<b>:"),
            emoji(""),
        ),
    ],
)
def test_an_emoji_without_a_picture_or_a_name_is_its_name(tag: dict[str, Any]) -> None:
    message = said(content="<p>well :blob:</p>", tag=tag)
    assert message.emojis == ()
    assert message.text.plain == "well :blob:"


def test_of_very_many_emoji_the_first_are_shown() -> None:
    content = "".join(f":n{number}:" for number in range(MOST_EMOJIS + 10))
    assert len(said(content=content, tag=[emoji(f":n{number}:") for number in range(MOST_EMOJIS + 10)]).emojis) == MOST_EMOJIS


def test_the_picture_of_a_sign_is_the_one_of_its_name() -> None:
    like = deed("Like", url_of(ROOT), content=":blob:", tag=[emoji(":other:"), emoji(":blob:", "https://a.example/blob.png")])
    assert only(World().read(like)).content == Reaction(ROOT.id, ":blob:", Emoji("blob", "https://a.example/blob.png"))
    assert only(World().read(deed("Like", url_of(ROOT), tag=[emoji(":blob:")]))).content == Reaction(ROOT.id, "👍")


def test_an_emoji_that_others_cannot_fetch_is_its_name() -> None:
    assert written(Message(from_plain(":blob:"), emojis=(Emoji("blob", "mxc://hs.test/1"),)))["tag"] == []


# ------------------------------------------------------------------------------------------------------------ places


@pytest.mark.parametrize(
    ("place", "read"),
    [
        ({"type": "Place", "name": "The  mill", "latitude": 51.5, "longitude": 0}, Location("The mill", 51.5, 0.0)),
        ({"type": "Place", "latitude": -90, "longitude": 180}, Location("", -90.0, 180.0)),
        ({"type": "Place", "name": "The mill", "latitude": 91, "longitude": 0}, Location("The mill")),
        ({"type": "Place", "name": "The mill", "latitude": "51.5"}, Location("The mill")),
        ({"type": "Place", "name": 5}, None),
        ({"type": "VirtualLocation", "name": "A call"}, None),
        ("https://a.example/places/1", None),
        ([{"type": "Note"}, {"type": "Place", "name": "The mill"}], Location("The mill")),
    ],
)
def test_a_place_has_a_name_or_a_position_on_the_earth(place: object, read: Location | None) -> None:
    assert said(location=place).location == read


def test_a_place_is_a_place_and_a_line_of_the_words() -> None:
    made = written(Message(from_plain("Here"), location=Location("<The mill>", 51.5, 0.125)))
    assert made["location"] == {"type": "Place", "name": "<The mill>", "latitude": 51.5, "longitude": 0.125}
    assert made["content"] == "<p>Here</p><p>📍 &lt;The mill&gt; (51.5, 0.125)</p>"
    assert written(Message(RichText(), location=Location("The mill")), "wrap")["name"] == "📍 The mill"


def test_the_line_of_a_place_is_not_read_twice() -> None:
    place = {"type": "Place", "name": "The mill"}
    assert said(content="<p>Here</p><p>📍 The mill</p>", location=place).text.plain == "Here"
    assert said(content="<p>📍 The mill</p><p>is here</p>", location=place).text.plain == "📍 The mill\n\nis here"


# ------------------------------------------------------------------------------------------------------------ hidden


def test_words_that_are_hidden_without_a_reason_are_hidden_there() -> None:
    made = written(Message(from_plain("It was the butler"), note=ContentNote()))
    assert (made["summary"], made["sensitive"]) == ("Sensitive", True)


def test_a_picture_that_is_hidden_without_a_reason_needs_no_words_before_it() -> None:
    file = Attachment("https://media.moot.example/1.png", "image/png", sensitive=True)
    made = written(Message(RichText(), attachments=(file,), note=ContentNote()))
    assert "summary" not in made
    assert made["sensitive"] is True


def test_sensitive_without_a_note_hides_the_files_and_not_the_words() -> None:
    picture = {"type": "Image", "url": "https://a.example/1.png"}
    message = said(sensitive=True, attachment=[picture])
    assert message.note is None
    assert [file.sensitive for file in message.attachments] == [True]
    assert said(sensitive=True, type="Page").note == ContentNote(), "on Lemmy it is the whole post"


# ------------------------------------------------------------------------------------------------------------ films


def link(height: int, **more: Any) -> dict[str, Any]:
    return {"type": "Link", "mediaType": "video/mp4", "href": f"https://a.example/{height}.mp4", "height": height, **more}


def test_of_a_film_the_tallest_form_that_is_not_too_much_is_shown() -> None:
    page = {"type": "Link", "mediaType": "text/html", "href": "https://a.example/w/1"}
    stream = {"type": "Link", "mediaType": "application/x-mpegURL", "href": "https://a.example/1.m3u8"}
    links = [page, stream, link(240, size=1_000_000), link(480, size=9_000_000), link(1_080, size=90_000_000)]
    message = said(type="Video", name="How to graft", duration="PT2M", url=links)
    [film] = message.attachments
    assert (film.url, film.height, film.duration) == ("https://a.example/480.mp4", 480, 120.0)
    assert "https://a.example/w/1" in message.text.plain


@pytest.mark.parametrize(
    "url", ["https://a.example/w/1", [link(1_080, size=90_000_000)], [{"type": "Link", "mediaType": "video/mp4", "href": "ftp://x"}], None]
)
def test_a_film_that_is_too_much_or_nowhere_is_its_link(url: object) -> None:
    assert said(type="Video", name="How to graft", url=url).attachments == ()


def test_a_poll_says_where_to_vote() -> None:
    message = said(type="Question", oneOf=[{"type": "Note", "name": "Friday"}], url="https://a.example/@sam/1")
    assert message.text.plain.endswith("- Friday\n\nVote where it was asked (https://a.example/@sam/1)")
