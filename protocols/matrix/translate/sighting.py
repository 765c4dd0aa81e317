"""On Matrix this is the echo of an event of ours, told by its `org.folkmoot.origin` mark; here it is a Sighting, never sent anywhere.

matrix.md section 5: the echo's `unsigned` carries no transaction id, even for a send with a device, so the mark is what we go by.
"""

from __future__ import annotations

import msgspec

from bridge.model.content.sighting import Sighting
from bridge.model.ids import ObjectId
from bridge.model.item import Item, Omission
from bridge.refs import Ignored, Reading, Refs
from protocols.matrix.translate.frame import Frame, account, make
from protocols.matrix.translate.outgoing import MOST_SOURCE
from protocols.matrix.wire import MARK, MatrixEvent, OriginMark

__all__ = ["mark_in", "read", "write"]


class _Marked(msgspec.Struct):
    mark: OriginMark | None = msgspec.field(name=MARK, default=None)


_decoder = msgspec.json.Decoder(_Marked)


def mark_in(raw: MatrixEvent) -> OriginMark | None:
    """The mark of an event of ours, or None when it has none that can be read."""
    try:
        return _decoder.decode(raw.content).mark
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def read(frame: Frame, _refs: Refs) -> Reading:
    mark = mark_in(frame.raw)
    if mark is None or mark.node != frame.me.domain:
        return Ignored("said by an account of ours without a mark of ours")
    content = Sighting(
        target=ObjectId(mark.object), native=frame.raw.event_id, item=mark.item, part=mark.part, source=mark.source[:MOST_SOURCE]
    )
    return make(frame, content, account(frame.raw.sender), mark=mark)


def write(item: Item) -> Omission:
    return Omission(item.event_id, item.place, "sighting.not_carried", "A receipt is for us alone.")
