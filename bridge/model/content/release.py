"""A wait that ends: grace is over, a hold came due, or a person decided."""

from __future__ import annotations

import enum

import msgspec

from bridge.model.ids import EventId

BY_AUTHOR = "author"
"""`Release.by` of a wait that its author ended; judging it again, `context.keep` is CROSS."""

OPERATOR = "operator"
"""`Release.by` of a wait that whoever runs the node ended."""


class Ending(enum.StrEnum):
    RELEASE = "release"
    RETURN = "return"
    LOCAL = "local"


class Release(msgspec.Struct, frozen=True, tag="release"):
    """`held` is the event that waited; `by` is empty when time decided, else who (a role or handle, for the record)."""

    held: EventId
    ending: Ending
    by: str = ""
    reason: str = ""
