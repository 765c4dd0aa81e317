"""What judging gives: a verdict per destination, every reason, an explanation, and what to count.

Norms.md 3.1. Verdicts, delays, audiences, transforms and rungs combine by maximum, meet and union, so the order of norms cannot matter.
"""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from bridge.model.audience import Audience
from bridge.model.content.release import Ending
from bridge.model.ids import EventId, Native


class Verdict(enum.IntEnum):
    """What happens to one crossing, mildest first. STAY: lives on where it was written. DECLINE: also refused at our edge."""

    PASS = 0
    DELAY = 1
    HOLD = 2
    STAY = 3
    DECLINE = 4


class Rung(enum.IntEnum):
    """The human ladder, mildest first (norms.md 3.5)."""

    ALLOW = 0
    NUDGE = 1
    LABEL = 2
    SLOW = 3
    HOLD = 4
    LOCAL = 5
    DECLINE = 6
    BLOCK = 7


class Reason(msgspec.Struct, frozen=True, order=True):
    """`norm` as `N01`, `code` as `N01.off`: the key of the sentence people read (norms/wording.py)."""

    norm: str
    code: str
    rung: Rung


class Ruling(msgspec.Struct, frozen=True):
    """For one destination. DELAY and HOLD carry `until` and what happens then. `reason` is the code that decided here, "" for a plain PASS."""

    verdict: Verdict
    audience: Audience
    until: datetime | None = None
    on_expiry: Ending = Ending.RELEASE
    transforms: frozenset[str] = frozenset()
    reason: str = ""


class Explanation(msgspec.Struct, frozen=True):
    """`code` names the sentence, `args` fill it in; `appeal` is the word to answer with."""

    code: str
    args: tuple[tuple[str, str], ...] = ()
    appeal: str = ""


class Tell(msgspec.Struct, frozen=True):
    """A sentence for one person, or with `sign` only a neutral mark on their message."""

    to: Native
    code: str
    args: tuple[tuple[str, str], ...] = ()
    sign: str = ""


class Tally(enum.StrEnum):
    """How something is counted (norms.md 3.11)."""

    COUNT = "count"
    """How often, within the window."""
    DISTINCT = "distinct"
    """How many different members, within the window; as far as `cap`."""
    LEAKY = "leaky"
    """Grows by one and runs empty: `cap` runs out in the length of the window."""


class CounterOp(msgspec.Struct, frozen=True):
    """One more of something. `key`, `member` and `who` are keyed hashes (counters.key), never names; `who` is the person that the counter is
    about, so that it goes when they withdraw, "" for nobody. `window` in seconds, at most seven days. `cap`: the highest threshold plus one.
    """

    kind: Tally
    key: str
    window: int
    member: str = ""
    cap: int = 64
    who: str = ""


class ModeOp(msgspec.Struct, frozen=True):
    """Start or end a mode (`guard`, `shutters` …) on a target, always with an end."""

    mode: str
    target: str
    until: datetime


class Finding(msgspec.Struct, frozen=True):
    """What one norm has to say. `places` None means every destination. DELAY and HOLD need `until`, or `wait` in seconds from now.

    `explain` False: nobody is written to, because it was the author's own choice, or the transport's (norms.md 3.7).
    """

    reason: Reason
    verdict: Verdict = Verdict.PASS
    places: frozenset[Native] | None = None
    wait: float | None = None
    until: datetime | None = None
    on_expiry: Ending = Ending.RELEASE
    audience: Audience = Audience.PUBLIC
    transforms: frozenset[str] = frozenset()
    explain: bool = True
    args: tuple[tuple[str, str], ...] = ()
    tells: tuple[Tell, ...] = ()
    counter_ops: tuple[CounterOp, ...] = ()
    mode_ops: tuple[ModeOp, ...] = ()


class Decision(msgspec.Struct, frozen=True):
    """`rulings` in the order of the context's destinations; `norms` names the version in force."""

    event_id: EventId
    norms: str
    rulings: tuple[tuple[Native, Ruling], ...]
    rung: Rung
    reasons: tuple[Reason, ...] = ()
    explanation: Explanation | None = None
    tells: tuple[Tell, ...] = ()
    counter_ops: tuple[CounterOp, ...] = ()
    mode_ops: tuple[ModeOp, ...] = ()

    def ruling(self, place: Native) -> Ruling | None:
        return next((ruling for native, ruling in self.rulings if native == place), None)

    @property
    def strictest(self) -> Verdict:
        return max((ruling.verdict for _, ruling in self.rulings), default=Verdict.STAY)

    @property
    def mildest(self) -> Verdict:
        return min((ruling.verdict for _, ruling in self.rulings), default=Verdict.STAY)
