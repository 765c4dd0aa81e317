"""From an event and its decision to outgoing items and omissions: pure, and blind to which protocol it serves.

Everything it knows about a place is that place's `Capabilities`. The same input gives the same items with the same ids, so planning twice
sends once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bridge.model.capability import Born, Capabilities, Carry, Hearers
from bridge.model.content import Content, Edit, Message, Profile, Retraction, tag_of
from bridge.model.content.message import Attachment
from bridge.model.event import Event, object_of
from bridge.model.ids import OURS, CommunityId, Native, ObjectId, RosterId, derive, item_id
from bridge.model.item import Destination, Item, Omission
from bridge.model.place import Place, PlaceKind
from bridge.norms.decision import Decision, Verdict
from bridge.norms.wording import sentence
from bridge.relay.degrade import degrade, transformed


class Route(msgspec.Struct, frozen=True):
    """One place of the channel, with what it can carry and where people involved in this event hear it.

    `involved`: authors answered and people mentioned who live on that protocol, and a foreign group's own inbox; of a person, theirs alone.
    `author`: where the event's author hears us there, when they live there.
    """

    place: Place
    capabilities: Capabilities
    involved: tuple[Destination, ...] = ()
    author: tuple[Destination, ...] = ()


class Plan(msgspec.Struct, frozen=True):
    items: tuple[Item, ...]
    omissions: tuple[Omission, ...]


def place_roster(place: Place, community: CommunityId) -> RosterId:
    """Who hears a place: a group's followers, or the one room."""
    if place.kind is PlaceKind.GROUP:
        return RosterId(f"followers:{community}")
    return RosterId(f"place:{place.native}")


def person_roster(secret: bytes, person: Native) -> RosterId:
    """Those who follow one of our people, not the group; named by a keyed hash."""
    return RosterId(f"person:{derive(secret, 'person', str(person))}")


def plan(
    event: Event,
    decision: Decision,
    routes: Sequence[Route],
    secret: bytes,
    *,
    is_root: bool,
    earlier: Mapping[Native, bool] | None = None,
    unlinked: frozenset[Native] = frozenset(),
    files: Mapping[str, Attachment] | None = None,
) -> Plan:
    """Items for every place whose ruling is PASS, an omission for every place that cannot have it; what waits gives neither.

    `is_root`: nothing it answers has crossed, so elsewhere it starts a thread. `earlier`: for what is about an object, whether that is
    known to be in the place at all (True when unknown). `unlinked`: the people whom the transform `unlink` makes plain text. `files`: by
    source, those that others can fetch from us.
    """
    items: list[Item] = []
    omissions: list[Omission] = []
    for route in routes:
        ruling = decision.ruling(route.place.native)
        if ruling is None:
            continue
        if ruling.verdict in (Verdict.DELAY, Verdict.HOLD):
            continue
        if ruling.verdict is not Verdict.PASS:
            omissions.append(Omission(event.id, route.place.native, ruling.reason, sentence(ruling.reason)))
            continue
        if earlier is not None and not earlier.get(route.place.native, True):
            continue
        if ruling.audience not in route.capabilities.audiences:
            code = "audience.not_carried"
            omissions.append(Omission(event.id, route.place.native, code, sentence(code)))
            continue
        placed = msgspec.structs.replace(transformed(event, ruling.transforms, unlinked), audience=ruling.audience)
        items += _items_for(placed, route, secret, omissions, is_root=is_root, files=files)
    return Plan(tuple(items), tuple(omissions))


def _items_for(
    event: Event, route: Route, secret: bytes, omissions: list[Omission], *, is_root: bool, files: Mapping[str, Attachment] | None
) -> list[Item]:
    tag = tag_of(event.content)
    if route.place.kind in (PlaceKind.FOREIGN_GROUP, PlaceKind.PERSON) and not route.involved:
        whom = "group" if route.place.kind is PlaceKind.FOREIGN_GROUP else "person"
        text = f"The {whom} that this was for is gone, or has no address any more."
        omissions.append(Omission(event.id, route.place.native, "place.gone", text))
        return []
    carries = route.capabilities.carries.get(tag)
    if carries is None:
        text = route.capabilities.omission.replace("{kind}", tag)
        omissions.append(Omission(event.id, route.place.native, f"{tag}.not_carried", text))
        return []
    born = Born.HERE if event.place == route.place.native else Born.ELSEWHERE
    fitted = msgspec.structs.replace(event, content=degrade(event.content, route.capabilities, event.provenance.url, files))
    return [
        _item(fitted, route, carry, secret)
        for carry in carries
        if carry.born in (Born.ANYWHERE, born)
        and not (carry.roots_only and not is_root)
        and carry.ends is _ends(event.content)
        and (not carry.removes or _removes(event.content))
    ]


def _item(event: Event, route: Route, carry: Carry, secret: bytes) -> Item:
    roster: RosterId | None
    match carry.hearers:
        case Hearers.ROSTER:
            roster, to = place_roster(route.place, event.community), route.author
        case Hearers.REACHED:
            roster, to = place_roster(route.place, event.community), route.involved
        case Hearers.INVOLVED:
            roster, to = person_roster(secret, event.author.native), route.involved
        case Hearers.AUTHOR:
            roster, to = None, route.author
        case Hearers.PERSON:
            roster, to = None, route.involved
    return Item(
        id=item_id(secret, event.id, route.place.native, carry.form),
        event_id=event.id,
        community=event.community,
        object=object_of(event),
        thread=thread_of(event),
        place=route.place.native,
        form=carry.form,
        by=Native(OURS, event.community) if carry.by_place else event.author.native,
        event=event,
        urgent=carry.urgent,
        roster=roster,
        to=tuple(dict.fromkeys(to)),
        reached=carry.hearers is Hearers.REACHED,
        keep_days=carry.keep_days,
    )


def _ends(content: Content) -> bool:
    return isinstance(content, Profile) and content.ended


def _removes(content: Content) -> bool:
    return isinstance(content, Retraction) and content.moderator


def thread_of(event: Event) -> str:
    """What keeps order at a destination: the thread, else the object itself."""
    message = said(event.content)
    if message is not None and message.thread is not None:
        return message.thread
    return object_of(event)


def said(content: Content) -> Message | None:
    """The words of a message or of an edit."""
    if isinstance(content, Message):
        return content
    if isinstance(content, Edit):
        return content.message
    return None


def targets_of(content: Content) -> tuple[ObjectId, ...]:
    """The objects an event is about: what it answers, edits, reacts to or takes back; nearest first."""
    if isinstance(content, Message):
        return tuple(dict.fromkeys(target for target in (content.reply_to, content.thread) if target is not None))
    target = getattr(content, "target", None)
    return (ObjectId(target),) if isinstance(target, str) else ()
