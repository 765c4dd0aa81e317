"""Places that people name on purpose: read as where they are, and never more exact than they were said."""

from __future__ import annotations

import msgspec
import pytest

from bridge.model.content import Message
from bridge.model.content.message import ContentNote, Location
from bridge.model.richtext import RichText, from_plain
from bridge.refs import Wire
from tests.protocols.matrix.world import World, item, matrix_event, only

MILL = Location("The mill", 51.5, -0.125)


def located(geo: object, body: str = "The mill") -> Message:
    content = only(World().read(matrix_event(content={"msgtype": "m.location", "body": body, "geo_uri": geo}))).content
    assert isinstance(content, Message)
    return content


def written(message: Message) -> dict[str, object]:
    wire = World().write(item(message))
    assert isinstance(wire, Wire)
    return dict(msgspec.json.decode(wire.body))


@pytest.mark.parametrize(
    ("geo", "where"),
    [("geo:51.5,-0.125", (51.5, -0.125)), ("geo:51.5,-0.125,30;u=35", (51.5, -0.125)), ("GEO:-33,151;crs=wgs84", (-33.0, 151.0))],
)
def test_a_geo_address_is_a_place(geo: str, where: tuple[float, float]) -> None:
    message = located(geo)
    assert message.location == Location("The mill", *where)
    assert not message.text


@pytest.mark.parametrize("geo", ["", "geo:", "geo:95,0", "geo:0,181", "geo:x,y", "https://maps.example/", "geo:1e3,0", None])
def test_what_is_nowhere_on_the_earth_is_a_line(geo: str | None) -> None:
    message = located(geo)
    assert message.location is None
    assert message.text.plain.startswith("📍 The mill")


def test_a_body_that_repeats_the_address_is_no_name() -> None:
    assert located("geo:51.5,-0.125", "Location geo:51.5,-0.125 as of today").location == Location("", 51.5, -0.125)


def test_a_place_alone_is_a_place_in_the_room_and_one_with_words_a_line_under_them() -> None:
    assert written(Message(RichText(), location=MILL))["geo_uri"] == "geo:51.5,-0.125"
    assert written(Message(from_plain("Here"), location=MILL))["body"] == "Here\n\n📍 The mill (51.5, -0.125)"
    assert written(Message(RichText(), location=Location("The mill")))["body"] == "📍 The mill"


def test_a_place_behind_a_content_note_is_hidden_with_the_words() -> None:
    content = written(Message(RichText(), location=MILL, note=ContentNote("my home")))
    assert "mill" not in str(content["body"])
    assert content["msgtype"] == "m.text"
