"""A `Create` is a message; a message is a `Create` by its author's own actor, of a `Note`, or for group software of a `Page`.

Activitypub.md 3.2, 3.3, 4.1–4.3. One activity id per event, the same wrapped and direct, so that receivers see one.
"""

from __future__ import annotations

import msgspec

from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content import Edit, Message
from bridge.model.event import Event
from bridge.model.ids import MATRIX, Native, ObjectId, event_id, revision_id
from bridge.model.record import KnownObject
from bridge.refs import Ignored, Read, Reading
from protocols.activitypub.ids import is_ours, native
from protocols.activitypub.translate.addressing import audience_of, recipients
from protocols.activitypub.translate.arrival import Arrival, Spot, group_spot, known_spot, refused, same_server
from protocols.activitypub.translate.command import read_command
from protocols.activitypub.translate.note import SAID, People, digest_of, is_vote, note_of, only_a_tally, provenance_of, read_message
from protocols.activitypub.translate.outgoing import Lack, Made, Outgoing
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import OBJECT_CONTEXT, Document, clamped, stamp


class _Parent(msgspec.Struct, frozen=True):
    """What is answered: something known, or what was fetched for it; `events` come first, the oldest in front."""

    object_id: ObjectId
    thread: ObjectId
    author: Native
    events: tuple[Event, ...] = ()
    spot: Spot | None = None


def read_create(arrival: Arrival) -> Reading:
    """`Create{Note}` and its relatives, embedded or by id."""
    said = _object(arrival)
    if said is None:
        return arrival.needs() or Ignored("Create: what it creates is neither here nor at its own address")
    return read_said(arrival, said)


def read_update(arrival: Arrival) -> Reading:
    """`Update{Note}` and its relatives: the words as they are now (rule O9)."""
    said = _object(arrival)
    if said is None:
        return arrival.needs() or Ignored("Update: what it changes is neither here nor at its own address")
    if only_a_tally(said):
        return Ignored("Update: only the votes were counted again")
    return read_said(arrival, said, edit=True)


def read_said(arrival: Arrival, said: Thing, *, edit: bool = False) -> Reading:
    """One thing said, by the actor of the arrival. Events: the parent first, when it had to be fetched."""
    kind = arrival.activity.type
    if said.type not in SAID:
        return Ignored(f"{kind}: a {said.type or 'thing without a type'} is not something said")
    if not said.id:
        return refused("O6", f"{kind}: what is said has no id")
    author_id = said.one_id("attributedTo") or said.one_id("actor")
    if author_id != arrival.actor:
        return refused("O8" if not edit else "O9", f"{kind} by {arrival.actor} of words attributed to {author_id or 'nobody'}")
    if not same_server(said.id, arrival.actor):
        return refused("O8", f"{kind} by {arrival.actor} of an object that lives on another server")
    if is_ours(arrival.me, arrival.actor):
        return Ignored("our own words coming back")
    if is_vote(said):
        return Ignored("a vote in a poll; polls do not cross yet")
    known = arrival.known(said.id) if edit else None
    if known is not None and known.author != native(arrival.actor):
        return refused("O9", f"Update by {arrival.actor} of something {known.author.id} said")
    return _placed(arrival, said, edit=edit)


def _object(arrival: Arrival) -> Thing | None:
    embedded = arrival.activity.thing("object")
    if embedded is not None:
        return embedded
    url = arrival.activity.one_id("object")
    return arrival.fetched(url) if url and same_server(url, arrival.actor) else None


def _placed(arrival: Arrival, said: Thing, *, edit: bool) -> Reading:
    named = [*recipients(arrival.activity, said), *(tag.text("href") for tag in said.tagged("Mention"))]
    addressed = arrival.group or group_spot(arrival, named)
    answered = said.one_id("inReplyTo")
    known = arrival.known(answered)
    author = arrival.author()
    if waits := arrival.needs():
        return waits
    if author is None:
        return Ignored(f"the author {arrival.actor} could not be fetched")
    audience = audience_of(arrival.activity, said, author.followers)
    if audience is Audience.DIRECT and arrival.group is None:
        # Whoever is only mentioned in private words is not spoken to.
        return read_command(arrival, said, author, group_spot(arrival, recipients(arrival.activity, said)), known, edit=edit)
    parent = _known_parent(arrival, known) if known else None
    spot = addressed or (parent.spot if parent else None)
    if spot is None:
        return arrival.needs() or Ignored("addresses no community here")
    if parent is None and answered not in {"", said.id} and not edit:
        parent = _fetched_parent(arrival, answered, spot)
    if parent is not None and spot.channel.id != (parent.spot or spot).channel.id:
        parent = None
    ours = _lives_here(arrival, said)
    people = People(said, arrival.refs, arrival.me)
    if waits := arrival.needs():
        return waits
    if ours:
        return Ignored("our own words coming back: it was born in a room that is linked here")
    message = read_message(
        said,
        people,
        reply_to=parent.object_id if parent else None,
        thread=parent.thread if parent else None,
        parent=parent.author if parent else None,
    )
    event = _event(arrival, said, spot, author, message, audience=audience, edit=edit)
    return Read((*(parent.events if parent is not None else ()), event))


def _event(arrival: Arrival, said: Thing, spot: Spot, author: Actor, message: Message, *, audience: Audience, edit: bool) -> Event:
    born = event_id(arrival.me.secret, native(said.id))
    come = provenance_of(said)
    if edit:
        return arrival.event(
            revision_id(arrival.me.secret, native(said.id), digest_of(said)),
            spot,
            author,
            Edit(ObjectId(born), message),
            audience=audience,
            at=clamped(said.text("updated") or arrival.activity.text("published"), arrival.received_at),
            come=come,
        )
    return arrival.event(born, spot, author, message, audience=audience, at=clamped(said.text("published"), arrival.received_at), come=come)


def _known_parent(arrival: Arrival, known: KnownObject) -> _Parent:
    return _Parent(object_id=known.id, thread=known.thread or known.id, author=known.author, spot=known_spot(arrival, known))


def _fetched_parent(arrival: Arrival, url: str, spot: Spot) -> _Parent | None:
    """A parent we never heard of is asked for once, and believed when it is of the same community; else this starts a thread. So are its
    own parents: after an outage servers send again in any order, and an answer to an answer may come first."""
    said = arrival.fetched(url)
    if said is None or said.type not in SAID:
        return None
    author = said.one_id("attributedTo")
    reading = read_said(
        Arrival(
            activity=Thing({"type": "Create", "actor": author, "object": said.members}),
            actor=author,
            refs=arrival.refs,
            me=arrival.me,
            received_at=arrival.received_at,
            group=arrival.group,
            above=arrival.above - 1,
        ),
        said,
    )
    if not isinstance(reading, Read):
        return None
    event = reading.events[-1]
    if not isinstance(event.content, Message) or event.channel != spot.channel.id:
        return None
    born = ObjectId(event.id)
    return _Parent(object_id=born, thread=event.content.thread or born, author=event.author.native, events=reading.events)


def _lives_here(arrival: Arrival, said: Thing) -> bool:
    """FEP-fffd: another bridge's copy of a message from a Matrix room that is one of ours would be its second copy."""
    for link in said.things("url"):
        href = link.text("href")
        if link.text("rel") == "canonical" and href.startswith("https://matrix.to/#/!"):
            room = href.removeprefix("https://matrix.to/#/").partition("/")[0].partition("?")[0]
            if arrival.refs.channel(Native(MATRIX, room)) is not None:
                return True
    mark = said.thing("origin")
    return mark is not None and mark.text("node") == arrival.me.domain


# ----------------------------------------------------------------------------------------------------------------- writing


def write_create(out: Outgoing, message: Message, *, page: bool) -> Made:
    """What the author did. `page`: inside a group's wrap."""
    note = note_of(out, message, edited=False, published=out.event.at, page=page)
    return note if isinstance(note, Lack) else _did(out, "Create", note, out.own_activity())


def write_update(out: Outgoing, edit: Edit, *, page: bool) -> Made:
    """The whole object again. Its `published` is the first one's; Mastodon wants `updated` to be newer."""
    known, current = out.object(edit.target), out.refs.current(edit.target)
    born = current.at if current is not None and isinstance(current.content, Message) else known.crossed_at if known else None
    note = note_of(out, edit.message, edited=True, published=born, page=page)
    return note if isinstance(note, Lack) else _did(out, "Update", note, out.own_activity())


def _did(out: Outgoing, kind: str, note: Document, activity: str) -> Document:
    inner = {name: value for name, value in note.items() if name != "@context"}
    return {
        "@context": OBJECT_CONTEXT,
        "id": activity,
        "type": kind,
        "actor": note["attributedTo"],
        "published": stamp(out.event.at),
        "to": note["to"],
        "cc": note["cc"],
        "audience": out.group.id,
        "object": inner,
    }
