"""What a hall can carry, as data: everything that people say and do, in one form each."""

from __future__ import annotations

from typing import Final

from bridge.model.audience import Audience
from bridge.model.capability import Born, Capabilities, Carry, Hearers, Patience

__all__ = ["HALL", "PATIENCE"]

PATIENCE: Final = Patience(first=0.2, longest=5.0, parallel=1)
"""The hall is in this process, so it is asked again soon; one item in flight per room keeps the order."""

_HERE = Carry("send", Hearers.ROSTER)

HALL: Final = Capabilities(
    carries={
        "message": (_HERE,),
        "edit": (_HERE,),
        "reaction": (_HERE,),
        "boost": (_HERE,),
        "membership": (_HERE,),
        "profile": (_HERE, Carry("send", Hearers.ROSTER, urgent=True, keep_days=30, ends=True)),
        "retraction": (Carry("send", Hearers.ROSTER, urgent=True, keep_days=30),),
        "sanction": (Carry("send", Hearers.ROSTER, by_place=True, born=Born.ANYWHERE, urgent=True, keep_days=30),),
        "lock": (Carry("send", Hearers.ROSTER, by_place=True, born=Born.ANYWHERE),),
        "notice": (Carry("say", Hearers.AUTHOR, by_place=True, born=Born.ANYWHERE),),
    },
    # Whether a room may show words for the community, or for one person, depends on the room (model.place.admits).
    audiences=frozenset({Audience.PUBLIC, Audience.UNLISTED, Audience.COMMUNITY, Audience.DIRECT}),
    omission="The built-in place has no way to show a {kind}.",
)
