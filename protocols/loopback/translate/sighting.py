"""In a hall this is the echo of a deed of ours, told by its mark; here it is a Sighting, never sent anywhere."""

from __future__ import annotations

from bridge.model.content.sighting import Sighting
from bridge.model.ids import ObjectId
from bridge.model.item import Item, Omission
from bridge.refs import Ignored, Reading
from protocols.loopback.translate.frame import Frame, make
from protocols.loopback.wire import Boost, React, Say

__all__ = ["read", "write"]


def read(frame: Frame) -> Reading:
    mark = frame.raw.mark
    if mark is None or mark.node != frame.me.domain or not isinstance(frame.raw.act, Say | React | Boost):
        return Ignored("done by an account of a bridge")
    return make(frame, Sighting(target=ObjectId(mark.object), native=frame.raw.id, item=mark.item))


def write(item: Item) -> Omission:
    return Omission(item.event_id, item.place, "sighting.not_carried", "A receipt is for us alone.")
