"""What people on both sides of a conversation will do, all of it decided beforehand by a seed: the same seed is the same conversation.

Whatever an act is about stands before it. What will be taken back is never answered, and nobody puts the same sign under the same words twice.
"""

from __future__ import annotations

from random import Random
from typing import Final, Literal

import msgspec

__all__ = ["FAR", "PEOPLE", "ROOM", "Act", "Kind", "Side", "write_script"]

Side = Literal["room", "far"]
Kind = Literal["message", "edit", "sign", "unsign", "deletion"]

ROOM: Final[Side] = "room"
FAR: Final[Side] = "far"
PEOPLE: Final[dict[Side, tuple[str, ...]]] = {ROOM: ("ana", "bo", "cleo", "dara"), FAR: ("sam", "kim", "lena", "tomas")}

_MIX: Final[dict[Kind, int]] = {"message": 54, "edit": 14, "sign": 16, "unsign": 5, "deletion": 11}
"""Percent."""
_SIGNS: Final = ("👍", "🎉", "❤️", "🔧", "🌱", "😄")
_RECENT: Final = 25
"""People mostly talk about what was said last."""


class Act(msgspec.Struct, frozen=True):
    """`about`: the act that said what this answers, edits or takes back, or what it puts a sign under; the sign itself for `unsign`.

    `root`: the act that began the thread of a message. `text` is the name of the act and of all that it changes, in words.
    """

    number: int
    side: Side
    who: str
    kind: Kind
    about: int | None = None
    root: int | None = None
    text: str = ""
    sign: str = ""

    @property
    def name(self) -> str:
        """In the text of whatever this act says, and of nothing else."""
        return name_of(self.number)


def name_of(number: int) -> str:
    return f"w{number:04}"


class _Conversation:
    """What there is to talk about while the script is written."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.acts: list[Act] = []
        self.answered: set[int] = set()
        self.gone: set[int] = set()
        self.signed: set[tuple[str, int, str]] = set()

    def standing(self, kind: Kind, who: str = "") -> list[Act]:
        """Of this kind, not taken back, by this person or by anybody."""
        return [act for act in self.acts if act.kind == kind and act.number not in self.gone and who in ("", act.who)]

    def recent(self, among: list[Act]) -> Act | None:
        return self.random.choice(among[-_RECENT:]) if among else None

    def act(self, number: int, side: Side) -> Act:
        who = self.random.choice(PEOPLE[side])
        kind = self.random.choices(list(_MIX), list(_MIX.values()))[0]
        found: Act | None = None
        match kind:
            case "edit":
                found = self._edit(number, side, who)
            case "sign":
                found = self._sign(number, side, who)
            case "unsign":
                found = self._unsign(number, side, who)
            case "deletion":
                found = self._deletion(number, side, who)
        return found or self._message(number, side, who)

    def _message(self, number: int, side: Side, who: str) -> Act:
        parent = self.recent(self.standing("message")) if self.random.random() < 0.6 else None
        text = f"{name_of(number)} said by {who}"
        if parent is None:
            return Act(number, side, who, "message", text=text)
        self.answered.add(parent.number)
        root = parent.root if parent.root is not None else parent.number
        return Act(number, side, who, "message", parent.number, root, text)

    def _edit(self, number: int, side: Side, who: str) -> Act | None:
        target = self.recent(self.standing("message", who))
        return Act(number, side, who, "edit", target.number, text=f"{target.text} {name_of(number)}") if target else None

    def _sign(self, number: int, side: Side, who: str) -> Act | None:
        target, sign = self.recent(self.standing("message")), self.random.choice(_SIGNS)
        if target is None or (who, target.number, sign) in self.signed:
            return None
        self.signed.add((who, target.number, sign))
        return Act(number, side, who, "sign", target.number, sign=sign)

    def _unsign(self, number: int, side: Side, who: str) -> Act | None:
        target = self.recent([act for act in self.standing("sign", who) if act.about not in self.gone])
        if target is None:
            return None
        self.gone.add(target.number)
        return Act(number, side, who, "unsign", target.number)

    def _deletion(self, number: int, side: Side, who: str) -> Act | None:
        target = self.recent([act for act in self.standing("message", who) if act.number not in self.answered])
        if target is None:
            return None
        self.gone.add(target.number)
        return Act(number, side, who, "deletion", target.number)


def write_script(seed: int, each_way: int) -> list[Act]:
    """So many acts by people of each side, in the order in which they are begun."""
    random = Random(seed)
    sides: list[Side] = [ROOM, FAR] * each_way
    random.shuffle(sides)
    talk = _Conversation(random)
    for number, side in enumerate(sides):
        talk.acts.append(talk.act(number, side))
    return talk.acts
