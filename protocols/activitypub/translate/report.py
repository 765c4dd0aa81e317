"""A `Flag` is a raised hand, and a `Resolve` of ours the answer to it; a report leaves as a `Flag` by the group's team, without who raised it.

Activitypub.md 6.1, rule O12: what is reported may be anybody's. Only what crossed here is looked at, from our own copies.
"""

from __future__ import annotations

import msgspec

from bridge.model.audience import Audience
from bridge.model.content.report import Report
from bridge.model.event import Event, Provenance
from bridge.model.ids import ACTIVITYPUB, ItemId, Native, ObjectId, event_id
from bridge.refs import Ignored, Read, Reading
from protocols.activitypub.ids import is_ours, native, tail_of
from protocols.activitypub.translate.addressing import recipients
from protocols.activitypub.translate.arrival import Arrival, Spot, group_spot, known_spot, refused
from protocols.activitypub.translate.membership import followed_spot
from protocols.activitypub.translate.outgoing import Lack, Made, Outgoing
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import ACTIVITY_STREAMS, Document, clamped, stamp
from protocols.htmltree import flat

__all__ = ["read_flag", "read_resolve", "write_flag"]

MOST_LOOKED_AT = 40
"""Ids in one Flag; a report of more is about the person."""
MOST_OBJECTS = 20
MOST_WORDS = 500


class _Meant(msgspec.Struct, frozen=True):
    """What of a Flag is about one community."""

    spot: Spot
    objects: tuple[ObjectId, ...] = ()
    person: Native | None = None


def read_flag(arrival: Arrival) -> Reading:
    """One event for every community it is about. GoToSocial 0.20 and Mastodon send [account, posts…] by their instance actor and without `to`,
    Lemmy and PieFed one id by a person."""
    urls = arrival.activity.ids("object")[:MOST_LOOKED_AT]
    if not urls:
        return refused("O6", "Flag of nothing")
    meant = _meant(arrival, urls)
    author = arrival.author_or_name() if meant else None
    if waits := arrival.needs():
        return waits
    if author is None:
        return Ignored("Flag: about nothing that is in a community here")
    activity, secret = arrival.activity, arrival.me.secret
    words = " ".join(flat(activity.text("content") or activity.text("summary")).split())[:MOST_WORDS]
    events: list[Event] = []
    for one in meant:
        name = f"{activity.id}#{one.spot.channel.community}" if events else activity.id
        content = Report(one.objects[:MOST_OBJECTS], one.person, words=words)
        event = arrival.event(
            event_id(secret, native(name)),
            one.spot,
            author,
            content,
            audience=Audience.DIRECT,
            at=clamped(activity.text("published"), arrival.received_at),
            come=Provenance(native(activity.id)),
        )
        events.append(msgspec.structs.replace(event, wire=None))
    return Read(tuple(events))


def _meant(arrival: Arrival, urls: list[str]) -> list[_Meant]:
    """In the order in which they are named; whoever is named without anything of theirs is reported where they take part."""
    found: dict[str, _Meant] = {}
    accounts: list[str] = []
    for url in urls:
        known = arrival.known(url)
        spot = known_spot(arrival, known) if known is not None else None
        if known is None or spot is None:
            accounts.append(url)
            continue
        before = found.get(spot.channel.community) or _Meant(spot, person=known.author)
        found[spot.channel.community] = msgspec.structs.replace(before, objects=(*before.objects, known.id))
    if found:
        return list(found.values())
    addressed = group_spot(arrival, recipients(arrival.activity))
    for url in accounts:
        ghost = arrival.refs.ghost(native(url)) if is_ours(arrival.me, url) else None
        spot = followed_spot(arrival, url) if ghost is not None else addressed
        if spot is not None and tail_of(arrival.me, url, "c") is None:
            return [_Meant(spot, person=ghost.of if ghost is not None else native(url))]
    return []


def read_resolve(arrival: Arrival) -> Reading:
    """Lemmy 1.0: somebody there has looked at a report of ours. Whose word counts is for whoever keeps the case."""
    flag = arrival.activity.thing("object") or Thing({})
    tail = tail_of(arrival.me, arrival.activity.one_id("object"), "a")
    spot = group_spot(arrival, recipients(arrival.activity, flag))
    author = arrival.author_or_name() if tail and spot else None
    if waits := arrival.needs():
        return waits
    if tail is None or spot is None or author is None:
        return Ignored("Resolve: of no report of ours")
    event = arrival.event(
        event_id(arrival.me.secret, native(arrival.activity.id)),
        spot,
        author,
        Report(resolves=ItemId(tail)),
        audience=Audience.DIRECT,
        at=clamped(arrival.activity.text("published"), arrival.received_at),
        come=Provenance(native(arrival.activity.id)),
    )
    return Read((msgspec.structs.replace(event, wire=None),))


# ----------------------------------------------------------------------------------------------------------------- writing


def write_flag(out: Outgoing, report: Report, *, activity: str) -> Made:
    """To one server. The account first: Misskey looks for that alone, GoToSocial wants it there; Lemmy takes the first that is a post, reads the
    reason in `summary`, and wants exactly one group in `to`."""
    urls = [url for target in report.objects if (url := out.url(target)) is not None]
    person = report.person.id if report.person is not None and report.person.protocol == ACTIVITYPUB else None
    about = [*([person] if person else []), *urls]
    if not about:
        return Lack("report.nothing", "What this report is about has no address on the fediverse.")
    flag: Document = {
        "@context": ACTIVITY_STREAMS,
        "id": activity,
        "type": "Flag",
        "actor": out.team(),
        "content": report.words,
        "summary": report.words,
        "object": about,
        "to": [out.group.id],
        "cc": [],
        "audience": out.group.id,
        "published": stamp(out.event.at),
    }
    return flag
