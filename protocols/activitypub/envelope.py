"""What an activity says about itself on the outside: enough to know it again, and not one member more.

Design section 2 · activitypub.md 1.6, 2.8 (O6), 6.4 · peers-on-the-wire.md section 2
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from bridge.errors import Malformed
from bridge.model.ids import ACTIVITYPUB, derive
from protocols.activitypub.ids import host_of
from protocols.activitypub.parsing import parse
from protocols.activitypub.translate.thing import Thing

__all__ = ["LONGEST_ID", "Envelope", "key_of", "read_envelope"]

LONGEST_ID = 2_048

_STATES = frozenset({"Follow", "Undo", "Accept", "Reject", "Block"})
"""What brings a standing about, and may do so again with the same bytes: Misskey's Follow has one id for each pair of accounts, for
ever, and so has its Undo; Takahe 0.11 keeps the id of a Follow that was ended and makes those of its Undo and Accept from it."""


class Envelope(msgspec.Struct, frozen=True):
    """`object`: its id, "" when it has none. `digest`, of an Update alone: of the object where it is embedded, else of the whole activity."""

    id: str
    type: str
    actor: str
    object: str
    digest: str

    @property
    def is_about_itself(self) -> bool:
        """`Update` or `Delete` of an actor by that actor."""
        return self.type in {"Update", "Delete"} and self.object == self.actor

    @property
    def is_farewell(self) -> bool:
        """`Delete` of an actor by that actor: sent to every server it ever knew, when its key is gone already."""
        return self.type == "Delete" and self.object == self.actor


def read_envelope(body: bytes) -> Envelope:
    """Raises Malformed, naming the member, for what is no JSON object within bounds or has no id, type or actor."""
    activity = Thing(parse(body))
    _require(activity.type, "type")
    _require(activity.id, "id")
    actor = activity.one_id("actor")
    _require(actor, "actor")
    for name, url in (("id", activity.id), ("actor", actor)):
        if len(url) > LONGEST_ID or not host_of(url):
            raise Malformed(f"the {name} is not a web address", path=f"$.{name}")
    digest = _digest_of(activity) if activity.type == "Update" else ""
    return Envelope(activity.id, activity.type[:64], actor, activity.one_id("object"), digest)


def _digest_of(activity: Thing) -> str:
    embedded = activity.thing("object")
    seen = activity.members if embedded is None else embedded.members
    return hashlib.blake2b(msgspec.json.encode(seen, order="sorted"), digest_size=16).hexdigest()


def key_of(secret: bytes, envelope: Envelope, signer: str, signed_at: datetime) -> str:
    """The intake key: the same for a repeat, whichever way it came, and another for everything else.

    A Create is known by what it creates, an Update also by what that has become (GoToSocial 0.20 and Takahe 0.11 reuse the activity
    id), what brings a standing about by when it was signed as well, the rest by its own id. The signer is part of each: nobody can
    take the place of what somebody else is going to say.
    """
    match envelope.type:
        case "Create" if envelope.object:
            parts: tuple[str, ...] = ("object", envelope.object)
        case "Update":
            parts = ("update", envelope.id, envelope.object, envelope.digest)
        case kind if kind in _STATES:
            parts = ("state", envelope.id, signed_at.isoformat())
        case kind:
            parts = ("activity", kind, envelope.id)
    return derive(secret, "intake", ACTIVITYPUB, signer, *parts)


def _require(text: str, name: str) -> None:
    if not text:
        raise Malformed(f"the activity has no {name}", path=f"$.{name}")
