"""What a Matrix room can carry, as data: everything but boosts, which have no shape there.

Limits: matrix.md sections 12.2 and 13. An edit carries its words twice, each with HTML, inside 65,536 bytes of signed event.
"""

from __future__ import annotations

from bridge.model.audience import Audience
from bridge.model.capability import Born, Capabilities, Carry, Hearers, Patience

__all__ = ["MOST_CONTENT", "PATIENCE", "ROOM"]

MOST_CONTENT = 60_000
"""Bytes of event content we send at most; Synapse 1.163 refuses 65,000 with M_TOO_LARGE."""

MOST_TEXT = 12_000
"""Bytes of HTML in one form of a message: twice HTML and twice plain text leave room for links that grow when written out."""

PATIENCE = Patience(first=0.5, longest=30.0, parallel=1)
"""The homeserver is the operator's own and near; one request in flight per room keeps the order (matrix.md section 5)."""

_HERE = Hearers.ROSTER

ROOM = Capabilities(
    carries={
        "message": (Carry("send", _HERE),),
        "edit": (Carry("send", _HERE),),
        "reaction": (Carry("send", _HERE),),
        "retraction": (Carry("send", _HERE, urgent=True, keep_days=30),),
        "profile": (Carry("update", _HERE), Carry("end", _HERE, urgent=True, keep_days=30, ends=True)),
        "sanction": (Carry("send", _HERE, by_place=True, born=Born.ANYWHERE, urgent=True, keep_days=30),),
        "notice": (Carry("say", Hearers.AUTHOR, by_place=True),),
    },
    # Whether a room may show words for the community, or for one person, depends on the room (model.place.admits).
    audiences=frozenset({Audience.PUBLIC, Audience.UNLISTED, Audience.COMMUNITY, Audience.DIRECT}),
    edits=True,
    max_text=MOST_TEXT,
    omission="A Matrix room has no way to show a {kind}.",
)
