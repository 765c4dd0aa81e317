"""Understands what is said of a case: `case ID verb …`, one line, the same in the moderation room, by direct message and on the desk."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping

import msgspec

from bridge.model.case import Outcome, Ruled


class View(enum.StrEnum):
    LIST = "list"
    SHOW = "show"
    OPEN = "open"
    """The sealed copies."""
    SEEN = "seen"


class CaseWord(msgspec.Struct, frozen=True):
    """`case`: the beginning of its id, "" for `list`. Exactly one of the others is set; `hands` are numbers of reports, from 1 on."""

    case: str = ""
    view: View | None = None
    outcome: Outcome | None = None
    ruled: Ruled | None = None
    into: str = ""
    hands: frozenset[int] = frozenset()
    reason: str = ""


_OUTCOMES: Mapping[str, Outcome] = {
    **{str(outcome): outcome for outcome in Outcome if outcome is not Outcome.STAYS},
    "close": Outcome.NOTHING,
    "noted": Outcome.NOTE,
    "removed": Outcome.REMOVE,
    "restricted": Outcome.RESTRICTION,
    "restored": Outcome.RESTORE,
}
_RULED = {str(ruled): ruled for ruled in Ruled}
_ID = re.compile(r"[a-z2-7]{4,26}")


def read(words: str) -> CaseWord | None:
    """`words` after `case`. None: it cannot be understood, and then nothing of it is done."""
    first, *rest = words.split() or [""]
    if first.lower() in ("", "list"):
        return CaseWord(view=View.LIST) if not rest else None
    case = first.lower()
    if not _ID.fullmatch(case):
        return None
    if not rest:
        return CaseWord(case, view=View.SHOW)
    verb, reason = rest[0].lower().strip(".,:;"), " ".join(rest[1:])
    if verb in _OUTCOMES:
        return CaseWord(case, outcome=_OUTCOMES[verb], reason=reason)
    if verb in _RULED:
        return CaseWord(case, ruled=_RULED[verb], reason=reason)
    if verb in (View.OPEN, View.SEEN, View.SHOW) and not reason:
        return CaseWord(case, view=View(verb))
    if verb == "merge" and len(rest) == 2 and _ID.fullmatch(rest[1].lower()):
        return CaseWord(case, into=rest[1].lower())
    if verb == "split" and len(rest) > 1 and all(number.isdecimal() and 0 < int(number) <= 100 for number in rest[1:]):
        return CaseWord(case, hands=frozenset(int(number) for number in rest[1:]))
    return None
