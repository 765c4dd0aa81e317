"""On Matrix a new face is an `m.room.member` event whose membership stays `join`; our ghosts' faces are set on their account.

https://spec.matrix.org/v1.18/client-server-api/#profiles. Setting an account's name makes one event in each of its rooms, so a face that did
not change is not set again.
"""

from __future__ import annotations

import re

import msgspec

from bridge.model.actor import Actor
from bridge.model.content.profile import Profile
from bridge.model.ids import MATRIX
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.htmltree import scrub
from protocols.matrix.ids import split_handle
from protocols.matrix.translate.frame import Frame, account, make
from protocols.matrix.translate.outgoing import UPDATE
from protocols.matrix.wire import MemberContent, dump

__all__ = ["Face", "face_of", "read", "write"]

MOST_NAME = 100
"""Characters; Synapse 1.163 refuses more than 256."""

_TURNING = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


class Face(msgspec.Struct):
    """What a ghost shows. `ended`: it leaves its rooms; it is not deactivated, since nobody could ever undo that (matrix.md 3.1)."""

    name: str
    ended: bool = False


def face_of(actor: Actor) -> str:
    """`Sam (@sam@a.example)`: their name and their home address, in at most 100 characters without tricks."""
    user, server = split_handle(actor.handle, actor.host)
    address = f"@{user}@{server}" if server else actor.handle
    name = " ".join(_TURNING.sub("", scrub(actor.name)).split())
    if not name or name == address:
        return address[:MOST_NAME]
    room = MOST_NAME - len(address) - 3
    return f"{name[:room].rstrip()} ({address})" if room >= 8 else address[:MOST_NAME]


def read(frame: Frame, _refs: Refs, user: str, now: MemberContent, before: MemberContent) -> Reading:
    """`before`: what the same member event said last."""
    if (now.displayname, now.avatar_url) == (before.displayname, before.avatar_url):
        return Ignored("a membership that did not change")
    actor = account(user, now.displayname, now.avatar_url)
    return make(frame, Profile(actor=actor), actor)


def write(profile: Profile, refs: Refs) -> Wire:
    """An account that has ended leaves every room it was in, also those it comes to after its end was recorded."""
    face = Face(name=face_of(profile.actor), ended=profile.ended)
    ghost = refs.ghost_of(MATRIX, profile.actor.native)
    speaker = ghost.native if ghost is not None and (ghost.ended is None or profile.ended) else None
    return Wire(method=UPDATE, path="", body=dump(face), speaker=speaker)
