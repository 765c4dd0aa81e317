"""Which norms are in force where: read at the start and whenever a norm file changes, asked for every event."""

from __future__ import annotations

from bridge.model.event import Event
from bridge.norms import DEFAULT
from bridge.norms.normset import NormSet

__all__ = ["InForce"]


class InForce:
    """`at` gives the norms of the spot where an event was said."""

    def __init__(self, normset: NormSet = DEFAULT) -> None:
        self._normset = normset

    def at(self, event: Event) -> NormSet:  # noqa: ARG002  (one set for the whole node until a file says otherwise)
        return self._normset
