"""Somebody becomes a moderator of a community, or is one no longer."""

from __future__ import annotations

import msgspec

from bridge.model.ids import Native


class Appointment(msgspec.Struct, frozen=True, tag="appointment"):
    """`whom` as their own network names them. Networks know this one seat; the others are the community's own affair."""

    whom: Native
    ended: bool = False
