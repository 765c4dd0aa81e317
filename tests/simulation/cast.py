"""Who takes part: people in the halls, each with what they said about crossing, and people elsewhere, each with what became of them here."""

from __future__ import annotations

from typing import Final

import msgspec

from tests.simulation.truth import Circle

__all__ = ["ELSEWHERE", "HALL", "RESERVED", "UNSEEN", "Member", "Neighbour"]


class Member(msgspec.Struct, frozen=True):
    """Somebody in a hall. `orders` are what they told the bot in the beginning."""

    name: str
    circle: Circle
    orders: tuple[str, ...] = ()
    grace: float = 15.0


class Neighbour(msgspec.Struct, frozen=True):
    """Somebody on a server elsewhere. `is_known`: a moderator let them in; the words of others wait to be looked at, and nobody looks."""

    name: str
    is_known: bool = True


UNSEEN: Final = "dorothea"
"""She never said yes to anything, so that not even her name is anywhere else."""

HALL: Final = (
    Member("ana", "everybody", ("cross on",)),
    Member("bo", "everybody", ("cross on", "grace 0"), grace=0.0),
    Member("cleo", "quiet", ("cross quiet", "grace 0"), grace=0.0),
    Member("fay", "nobody", ("cross ask",)),
    Member(UNSEEN, "nobody"),
)
RESERVED: Final = frozenset(member.name for member in HALL if member.circle == "nobody")
"""Nothing that they do is seen elsewhere, signs included."""

ELSEWHERE: Final = (
    (Neighbour("sam"), Neighbour("nadia", is_known=False)),
    (Neighbour("lena"), Neighbour("kim")),
    (Neighbour("tomas"),),
    (Neighbour("yusuf"),),
)
