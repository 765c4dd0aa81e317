"""In a hall this is an `arrange` by a host of the room: who may enter, who may read back, what it is called; here a Setting."""

from __future__ import annotations

from bridge.model.content.setting import Setting
from bridge.model.item import Item, Omission
from bridge.refs import Ignored, Reading
from protocols.loopback.ids import is_name
from protocols.loopback.translate.frame import Frame, make, one_line
from protocols.loopback.wire import Arrange

__all__ = ["read", "write"]


def read(frame: Frame, arrange: Arrange) -> Reading:
    if arrange.successor is not None and not is_name(arrange.successor):
        return Ignored("a successor that is no room", refused=True)
    name = one_line(arrange.name, 255) if arrange.name is not None else None
    return make(frame, Setting(openness=arrange.openness, name=name, successor=arrange.successor))


def write(item: Item) -> Omission:
    return Omission(item.event_id, item.place, "setting.not_carried", "A room's settings are for the people in it to choose.")
