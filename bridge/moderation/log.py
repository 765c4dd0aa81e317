"""The log in words: what of a decision goes into it, whether its chain holds, and the view that everybody may see, without names.

Norms.md 4.6, 3.7 (exceptions to I2 are counted), 3.14.13 (no person in aggregates).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from bridge.model.content import tag_of
from bridge.model.content.release import OPERATOR, Release
from bridge.model.event import Event, decode, object_of
from bridge.model.ids import derive
from bridge.model.logentry import AUTOMATIC, GENESIS, Doing, LogEntry, Names, chained
from bridge.model.place import Join, Place, PlaceKind
from bridge.model.record import Hold
from bridge.norms.decision import Decision, Reason, Rung, Verdict

FEWEST = 5
"""Groups of fewer deeds in a month are not shown apart: a small number points at somebody."""

EFFECTS: Mapping[str, str] = {
    "slow": "it was slowed down",
    "hold": "it waited for a person",
    "local": "it stayed where it was written",
    "decline": "it was not let in",
    "label": "a note was added",
    "remove": "it was taken down",
    "return": "it was given back",
    "release": "it was let in",
    "limit": "limited for a time",
    "rest": "a rest from writing",
    "ban": "banned for a time",
    "warn": "a word in private",
    "restore": "it was put back",
    "case note": "a note was added",
    "case remove": "it was taken down",
    "case restriction": "limited for a time",
    "case restore": "it was put back",
    "appeal": "somebody looked at it again",
}
"""What is done, for whoever it concerns."""

UNLOGGED = frozenset({"N01", "N02", "grace", "loop", "audience"})
"""What their author chose, what only waits its turn, and what the transport refused: not an effect of the community's norms (3.12)."""


def logged(reasons: Iterable[Reason]) -> Reason | None:
    """The reason that is named in the log: the heaviest from *slow* up that is an effect of a norm; None when there is none."""
    named = [one for one in reasons if one.rung >= Rung.SLOW and one.norm not in UNLOGGED]
    return max(named, key=lambda one: one.rung, default=None)


def automatic(event: Event, decision: Decision, *, standing: str, place: Place, now: datetime, secret: bytes) -> LogEntry | None:
    """The line of a decision that a norm made; None where none from *slow* up did. The same decision is the same line."""
    reason = logged(decision.reasons)
    if reason is None:
        return None
    waits = [ruling.until for _, ruling in decision.rulings if ruling.until is not None and ruling.verdict >= Verdict.DELAY]
    doing = Doing(
        effect=reason.rung.name.lower(),
        by=AUTOMATIC,
        norm=reason.norm,
        version=decision.norms,
        item=tag_of(event.content),
        place=place_class(place),
        standing=standing,
        platform=event.author.native.protocol,
        seconds=max(0, round((max(waits) - now).total_seconds())) if waits else None,
    )
    names = Names(whom=event.author.native, event=event.id, object=object_of(event), code=reason.code)
    return LogEntry(derive(secret, "log", "decision", event.id, reason.code), event.community, now, doing, names)


def ended(hold: Hold, release: Release, *, now: datetime, secret: bytes) -> LogEntry | None:
    """The line of a wait for a person that time or the operator ended; None where nobody's business, or a moderator's own line says it."""
    if hold.kind != "review" or release.by not in ("", OPERATOR):
        return None
    waited = decode(hold.body)
    doing = Doing(
        effect=str(release.ending),
        by=release.by or AUTOMATIC,
        norm=hold.code.partition(".")[0],
        item=tag_of(waited.content),
        platform=hold.author.protocol,
    )
    names = Names(whom=hold.author, event=hold.event_id, object=hold.object, reason=release.reason, code=hold.code)
    return LogEntry(derive(secret, "log", "ended", hold.event_id, hold.since.isoformat()), hold.community, now, doing, names)


def place_class(place: Place) -> str:
    """A class of place, never which one."""
    if place.kind is not PlaceKind.ROOM:
        return "group"
    return "open room" if place.openness.join is Join.PUBLIC else "closed room"


class Broken(msgspec.Struct, frozen=True):
    """The first entry that does not fit, and why."""

    seq: int
    why: str


def verify(entries: Iterable[LogEntry], previous: str = GENESIS, after: int = 0) -> tuple[str, int] | Broken:
    """Hash and number of the last entry when every one of them follows from the one before; `previous`, `after`: where they go on from."""
    for entry in entries:
        if entry.seq != after + 1:
            return Broken(entry.seq, f"entry {after + 1} is missing before it")
        if entry.previous != previous:
            return Broken(entry.seq, "it does not follow from the entry before it")
        if chained(previous, entry) != entry.hash:
            return Broken(entry.seq, "it was changed after it was written")
        previous, after = entry.hash, entry.seq
    return previous, after


class Line(msgspec.Struct, frozen=True, order=True):
    """One line of the public view: how often something was done in a month (`2026-11`). `doing` None: several kinds, each of them rare."""

    month: str
    count: int
    effect: str = ""
    by: str = ""
    norm: str = ""
    item: str = ""
    place: str = ""
    standing: str = ""
    platform: str = ""
    result: str = ""


class ServerDeed(msgspec.Struct, frozen=True):
    """What was decided about a server is public one by one, by its domain and its norm."""

    at: datetime
    domain: str
    effect: str
    norm: str
    seconds: int | None


class PublicLog(msgspec.Struct, frozen=True):
    """`rare`: by month, how many deeds belong to groups of fewer than `FEWEST`; a month with fewer than that in all is counted with the next."""

    lines: tuple[Line, ...]
    rare: Mapping[str, int]
    servers: tuple[ServerDeed, ...]
    head: str


def public(entries: Iterable[LogEntry]) -> PublicLog:
    """No name, no id, no hash of one: counts by kind and month; what was rare is one number."""
    counts: Counter[tuple[str, Doing]] = Counter()
    servers: list[ServerDeed] = []
    head = GENESIS
    for entry in entries:
        head = entry.hash
        doing = entry.doing
        if doing.domain:
            servers.append(ServerDeed(entry.at, doing.domain, doing.effect, doing.norm, doing.seconds))
            continue
        counts[entry.at.strftime("%Y-%m"), msgspec.structs.replace(doing, seconds=None, version="")] += 1
    lines = [
        Line(month, count, doing.effect, doing.by, doing.norm, doing.item, doing.place, doing.standing, doing.platform, doing.result)
        for (month, doing), count in counts.items()
        if count >= FEWEST
    ]
    few: Counter[str] = Counter()
    for (month, _), count in counts.items():
        if count < FEWEST:
            few[month] += count
    return PublicLog(tuple(sorted(lines)), _merged(few), tuple(servers), head)


def _merged(few: Counter[str]) -> Mapping[str, int]:
    """Months with too little in them go together with the ones after; the last stays untold until it has enough."""
    found: dict[str, int] = {}
    waiting = 0
    for month in sorted(few):
        waiting += few[month]
        if waiting >= FEWEST:
            found[month], waiting = waiting, 0
    return found
