"""What pure readers and writers ask for and answer with: a snapshot they look things up in, and frozen values that say what they found.

Pure code asks, the shell fetches (design section 2): what a snapshot does not hold becomes a `Need`, the loop loads it and calls again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from bridge.changes import Change
from bridge.model.actor import Actor, Ghost
from bridge.model.event import Event
from bridge.model.ids import CommunityId, Native, ObjectId, Protocol
from bridge.model.item import Omission
from bridge.model.place import Channel, Community
from bridge.model.record import Follow, KnownObject, Part

__all__ = ["Absent", "Awaits", "Ignored", "Need", "Needs", "Read", "Reading", "Refs", "Wire", "Writing"]


class Need(msgspec.Struct, frozen=True):
    """Something pure code asked for and did not have. `kind` is the name of the `Refs` method, `key` its arguments."""

    kind: str
    key: tuple[str, ...]


class Refs:
    """A snapshot loaded before the call. What is asked for and was never loaded is noted in `missing`; the caller then answers
    `Needs(refs.missing)`, the loop loads it and calls again. None means: looked for, does not exist.

    Needs by kind: `actor(protocol, id)`, `channel(protocol, id)`, `object_at(protocol, id)`, `object(id)`, `copy(object, protocol, place)`,
    `ghost(protocol, id)`, `ghost_of(protocol, of protocol, of id)`, `document(uri)`, `last_in_thread(root, protocol, place)`,
    `community(id)`, `conversation(protocol, id)`, `owner_of(protocol, id)`, `follow(protocol, actor, target)`, `current(object)`,
    `parts(object, protocol, place)`, `actor_called(protocol, handle)`.
    """

    def __init__(self, found: Mapping[Need, Any] | None = None) -> None:
        self.found: dict[Need, Any] = dict(found or {})
        self.missing: list[Need] = []

    def _look(self, kind: str, *key: str) -> Any:
        need = Need(kind, key)
        if need in self.found:
            return self.found[need]
        if need not in self.missing:
            self.missing.append(need)
        return None

    def actor(self, native: Native) -> Actor | None:
        found: Actor | None = self._look("actor", native.protocol, native.id)
        return found

    def channel(self, place: Native) -> Channel | None:
        found: Channel | None = self._look("channel", place.protocol, place.id)
        return found

    def community(self, community: CommunityId) -> Community | None:
        found: Community | None = self._look("community", community)
        return found

    def object_at(self, native: Native) -> KnownObject | None:
        found: KnownObject | None = self._look("object_at", native.protocol, native.id)
        return found

    def object(self, object_id: ObjectId) -> KnownObject | None:
        found: KnownObject | None = self._look("object", object_id)
        return found

    def current(self, object_id: ObjectId) -> Event | None:
        found: Event | None = self._look("current", object_id)
        return found

    def copy(self, object_id: ObjectId, place: Native) -> str | None:
        found: str | None = self._look("copy", object_id, place.protocol, place.id)
        return found

    def parts(self, object_id: ObjectId, place: Native) -> tuple[Part, ...]:
        found: tuple[Part, ...] | None = self._look("parts", object_id, place.protocol, place.id)
        return found or ()

    def actor_called(self, protocol: Protocol, handle: str) -> Native | None:
        found: Native | None = self._look("actor_called", protocol, handle)
        return found

    def last_in_thread(self, root: ObjectId, place: Native) -> str | None:
        found: str | None = self._look("last_in_thread", root, place.protocol, place.id)
        return found

    def ghost(self, native: Native) -> Ghost | None:
        found: Ghost | None = self._look("ghost", native.protocol, native.id)
        return found

    def ghost_of(self, protocol: Protocol, of: Native) -> Ghost | None:
        found: Ghost | None = self._look("ghost_of", protocol, of.protocol, of.id)
        return found

    def follow(self, actor: Native, target: Native) -> Follow | None:
        found: Follow | None = self._look("follow", actor.protocol, actor.id, target.id)
        return found

    def conversation(self, actor: Native) -> Native | None:
        found: Native | None = self._look("conversation", actor.protocol, actor.id)
        return found

    def owner_of(self, conversation: Native) -> Native | None:
        found: Native | None = self._look("owner_of", conversation.protocol, conversation.id)
        return found

    def document(self, uri: str) -> bytes | None:
        found: bytes | None = self._look("document", uri)
        return found


class Read(msgspec.Struct, frozen=True):
    """What the bytes mean: events in order, and changes that are no event (a peer's actor seen on the way)."""

    events: tuple[Event, ...]
    changes: tuple[Change, ...] = ()


class Ignored(msgspec.Struct, frozen=True):
    """Understood and of no concern, or refused by name. `refused`: it broke a rule (recorded as such). `why` names rule and reason."""

    why: str
    refused: bool = False


class Needs(msgspec.Struct, frozen=True):
    """Load these and call again."""

    needs: tuple[Need, ...]


class Awaits(msgspec.Struct, frozen=True):
    """A local thing that has not arrived yet (a parent still in another lane): park, and read again when it does or after `seconds`."""

    native: Native
    seconds: float


Reading = Read | Ignored | Needs | Awaits


class Wire(msgspec.Struct, frozen=True):
    """Ready to send. `method` and `path` in the adapter's own words, `body` bytes; `speaker` is the ghost that signs or masquerades."""

    method: str
    path: str
    body: bytes
    speaker: Native | None = None


Writing = Wire | Needs | Omission


class Absent(msgspec.Struct, frozen=True):
    """Asked its origin: it is not there, or it is not what it should be."""

    why: str
