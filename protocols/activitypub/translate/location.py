"""A place in the world is a `Place` that a post names as its `location`; here it is the Location of a message.

https://www.w3.org/TR/activitystreams-vocabulary/#places. Pixelfed, Friendica and Mobilizon show it; for all others it is a line of the words.
"""

from __future__ import annotations

import html

from bridge.model.content.message import Location
from bridge.model.richtext import RichText
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import Document
from protocols.htmltree import scrub
from protocols.richtext import to_core

__all__ = ["read_location", "write_location"]

MOST_NAME = 200


def read_location(said: Thing) -> Location | None:
    """The first place that has a name or a position on the earth; half a position is none."""
    for place in said.things("location"):
        if place.type != "Place":
            continue
        name = " ".join(scrub(place.text("name")).split())[:MOST_NAME]
        latitude, longitude = place.number("latitude"), place.number("longitude")
        if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
            latitude = longitude = None
        if name or latitude is not None:
            return Location(name, latitude, longitude)
    return None


def without_line(text: RichText, location: Location | None, mentions: int) -> RichText:
    """A bridge of our kind says it in the words too; there it would stand twice."""
    line = f"<p>{html.escape(location.said, quote=False)}</p>" if location is not None else ""
    if not line or not text.html.endswith(line):
        return text
    rest = text.html.removesuffix(line)
    return to_core(RichText(html=rest), mentions) if rest else RichText()


def write_location(location: Location) -> Document:
    place: Document = {"type": "Place"}
    if location.name:
        place["name"] = location.name
    if location.latitude is not None and location.longitude is not None:
        place |= {"latitude": location.latitude, "longitude": location.longitude}
    return place
