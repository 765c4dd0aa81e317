"""On Matrix a place in the world is an `m.location` with a `geo:` address (RFC 5870); here it is a Location of a message.

https://spec.matrix.org/v1.18/client-server-api/#mlocation. A place that came with words is a line under them: one event says both. Nothing
here makes a link to anybody's map: where people look at a place is their choice. Positions that move (MSC3489) do not cross.
"""

from __future__ import annotations

import re
from typing import Any, Final

from bridge.model.content.message import Location, degrees
from protocols.htmltree import scrub
from protocols.matrix.wire import NewContent

__all__ = ["read_location", "write_location"]

MOST_NAME: Final = 200

_GEO = re.compile(
    r"geo:(-?\d{1,2}(?:\.\d{1,15})?),(-?\d{1,3}(?:\.\d{1,15})?)(?:,-?\d{1,8}(?:\.\d{1,15})?)?(?:;[\x21-\x7e]{1,200})?", re.IGNORECASE
)


def read_location(content: NewContent) -> Location | None:
    """None without a position on the earth. Clients without a name for it repeat the address in `body`."""
    found = _GEO.fullmatch((content.geo_uri or "").strip())
    if found is None:
        return None
    latitude, longitude = float(found[1]), float(found[2])
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    name = " ".join(scrub(content.body).split())
    return Location("" if "geo:" in name else name[:MOST_NAME], latitude, longitude)


def write_location(location: Location) -> dict[str, Any] | None:
    """The content of an event of its own; None for a place that only has a name."""
    if location.latitude is None or location.longitude is None:
        return None
    geo = f"geo:{degrees(location.latitude)},{degrees(location.longitude)}"
    return {"msgtype": "m.location", "body": location.name or geo, "geo_uri": geo, "m.mentions": {}}
