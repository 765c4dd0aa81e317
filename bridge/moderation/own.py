"""Tells a person what is kept about them, as data of theirs, and how they look on the other side (norms.md N01, T52)."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from bridge.model.actor import Actor, Ghost
from bridge.model.audience import Audience
from bridge.model.case import Case
from bridge.model.content import Boost, Edit, Message, Reaction
from bridge.model.content.notice import Notice
from bridge.model.event import Event, decode
from bridge.model.ids import Native
from bridge.model.logentry import LogEntry
from bridge.model.place import Community, Place, PlaceKind, ceiling
from bridge.model.portal import Door, Portal
from bridge.model.record import Hold, KnownObject
from bridge.model.richtext import RichText
from bridge.model.role import Seat
from bridge.moderation.concerning import cases_of, deeds_of
from bridge.moderation.handles import default_handle
from bridge.moderation.wording import LEVELS, STATES, counted, notice, room_words
from bridge.norms.context import Consent, Crossing
from bridge.norms.wording import line

MOST_BYTES = 6_000
"""Of JSON in one message: twice that, as text and as HTML, still fits what a homeserver takes."""

MOST_POSTS = 1_000
"""In one answer; `!export since` gives the later ones."""

_MOST_ROOMS = 3


class Posted(msgspec.Struct, frozen=True):
    """Something of theirs that crossed, as it is now. `addresses`: what other places call it."""

    known: KnownObject
    event: Event
    addresses: tuple[str, ...] = ()


class Membership(msgspec.Struct, frozen=True):
    """What one community keeps of a person."""

    community: Community
    consent: Consent | None
    let_in: int = 0
    seats: tuple[Seat, ...] = ()


class Owned(msgspec.Struct, frozen=True):
    """All of it. `ghosts`: their names elsewhere. `more`: the day from which `!export since` goes on, when there is more than fits."""

    person: Actor
    domain: str
    now: datetime
    memberships: tuple[Membership, ...]
    ghosts: tuple[Ghost, ...]
    holds: tuple[Hold, ...]
    posts: tuple[Posted, ...]
    since: datetime | None = None
    more: datetime | None = None
    answer_in: Native | None = None
    cases: tuple[Case, ...] = ()
    log: tuple[LogEntry, ...] = ()
    door: Door | None = None
    portals: tuple[tuple[Portal, Actor | None], ...] = ()


def export(owned: Owned) -> tuple[Notice, ...]:
    """Messages of whole JSON documents: who they are here, what waits, and their posts, oldest first."""
    waiting = [_waiting(hold) for hold in owned.holds]
    posts = [_posted(posted) for posted in owned.posts]
    looked_at = [*_pages("cases", cases_of(owned.person.native, owned.cases)), *_pages("decisions", deeds_of(owned.log))]
    pages = [_about(owned), *_pages("waiting", waiting), *looked_at, *_pages("posts", posts)]
    notices = [
        _code(msgspec.json.format(msgspec.json.encode({"part": number, "of": len(pages), **page}), indent=1).decode(), owned)
        for number, page in enumerate(pages, 1)
    ]
    intro = notice("export.begins", (("parts", str(len(pages))), ("posts", str(len(posts))), ("waiting", str(len(waiting)))))
    told = [Notice(owned.person.native, intro, answer_in=owned.answer_in), *notices]
    if owned.more is not None:
        on = notice("export.more", (("day", owned.more.date().isoformat()),))
        told.append(Notice(owned.person.native, on, answer_in=owned.answer_in))
    return tuple(told)


def _code(text: str, owned: Owned) -> Notice:
    shown = RichText(html=f"<pre><code>{html.escape(text, quote=False)}</code></pre>", plain=text)
    return Notice(owned.person.native, shown, answer_in=owned.answer_in)


def _pages(name: str, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As many to a page as fit; one that is larger by itself has a page of its own."""
    pages: list[dict[str, Any]] = []
    room = 0
    for entry in entries:
        size = len(msgspec.json.format(msgspec.json.encode(entry), indent=1))
        if not pages or size > room:
            pages.append({name: []})
            room = MOST_BYTES
        pages[-1][name].append(entry)
        room -= size
    return pages


def _about(owned: Owned) -> dict[str, Any]:
    person = owned.person
    return {
        "what": "What this bridge keeps about you",
        "made_at": _moment(owned.now),
        "you": _filled({"id": person.native.id, "handle": person.handle, "name": person.name, "picture": person.avatar}),
        "names_elsewhere": [
            _filled({
                "address": f"@{ghost.handle}@{owned.domain}" if ghost.native.id.startswith("http") else ghost.native.id,
                "id": ghost.native.id,
                "name": ghost.name,
                "picture": ghost.avatar,
                "since": _moment(ghost.since),
            })
            for ghost in owned.ghosts
        ],
        "communities": [_membership(membership) for membership in owned.memberships],
        **_private(owned),
    }  # fmt: skip


def _private(owned: Owned) -> dict[str, Any]:
    """Whom they let knock, and with whom they write in private. Whoever wrote to somebody is not told what that one answered."""
    mine = owned.person.native
    talks = [
        _filled({
            "with": other.handle if other is not None else (portal.correspondent if portal.member == mine else portal.member).id,
            "since": _moment(portal.since),
            "state": str(portal.stance) if portal.member == mine else None,
            "room": portal.room.id if portal.room is not None and portal.member == mine else None,
        })
        for portal, other in owned.portals
    ]  # fmt: skip
    door = owned.door
    if door is None:
        return _filled({"private_conversations": talks})
    knocks = _filled(
        {"from": str(door.callers), "no_strangers_until": _moment(door.strangers_after), "told_who_can_read": _moment(door.warned)}
    )
    return _filled({"knocks": knocks, "private_conversations": talks})


def _membership(membership: Membership) -> dict[str, Any]:
    consent = membership.consent
    found: dict[str, Any] = {"community": membership.community.handle, "posts_let_in": membership.let_in}
    if consent is not None:
        found["crossing"] = _filled({
            "state": consent.state.value,
            "rooms": {place.id: state.value for place, state in consent.rooms},
            "grace_seconds": consent.grace,
            "since": _moment(consent.since),
        })  # fmt: skip
    if membership.seats:
        found["seats"] = [
            _filled({"role": str(seat.role), "topic": seat.topic or None, "since": _moment(seat.since), "until": _moment(seat.until)})
            for seat in membership.seats
        ]
    return found


def _waiting(hold: Hold) -> dict[str, Any]:
    return {"since": _moment(hold.since), "until": _moment(hold.due_at), "why": hold.kind, **_words(decode(hold.body))}


def _posted(posted: Posted) -> dict[str, Any]:
    known = posted.known
    return _filled({
        "id": known.native.id,
        "place": known.place.id,
        "crossed_at": _moment(known.crossed_at),
        "audience": known.audience.name.lower(),
        "answers": known.reply_to,
        "copies": list(posted.addresses),
        **_words(posted.event),
    })  # fmt: skip


def _words(event: Event) -> dict[str, Any]:
    content = event.content
    said: dict[str, Any] = {"said_at": _moment(event.at)}
    match content:
        case Message() | Edit():
            message = content.message if isinstance(content, Edit) else content
            said |= {
                "text": message.text.plain,
                "title": message.title,
                "note": message.note.text if message.note is not None else None,
                "language": message.language,
                "files": [
                    _filled({"address": one.url, "type": one.media_type, "description": one.description}) for one in message.attachments
                ],
            }
        case Reaction(key=key):
            said["sign"] = key
        case Boost(target=target):
            said["passed_on"] = target
        case _:
            pass
    return _filled(said)


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def _moment(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at is not None else None


# ------------------------------------------------------------------------------------------------------------------- looks


class LookFacts(msgspec.Struct, frozen=True):
    """`needs_consent` as in ActorFacts. `ghost`: who stands for them on the other side now, None for nobody. `rooms`: of the community."""

    person: Actor
    domain: str
    community: Community
    needs_consent: bool
    consent: Consent | None = None
    ghost: Ghost | None = None
    rooms: tuple[Place, ...] = ()
    answer_in: Native | None = None


def look(facts: LookFacts) -> Notice:
    """Handle, name, picture, what stands beside them, and who can see it: as it is, or as it would be."""
    code, args = _over_there(facts) if facts.needs_consent else _in_the_rooms(facts)
    return Notice(facts.person.native, notice(code, args.items()), answer_in=facts.answer_in)


def _over_there(facts: LookFacts) -> tuple[str, Mapping[str, str]]:
    ghost = facts.ghost
    handle = ghost.handle if ghost is not None else default_handle(facts.person.native.id)
    consent = facts.consent
    state = consent.state if consent is not None else Crossing.OFF
    rooms = [room for room in facts.rooms if room.kind is PlaceKind.ROOM]
    widest = min((ceiling(room) for room in rooms), default=Audience.PUBLIC)
    level = max(Audience.UNLISTED if state is Crossing.QUIET else Audience.PUBLIC, widest)
    name = (ghost.name if ghost is not None else facts.person.name) or handle
    picture = ghost.avatar if ghost is not None else facts.person.avatar
    args = {
        "handle": f"@{handle}@{facts.domain}",
        "name": line(name),
        "picture": "the one you have here" if picture else "none",
        "home": facts.person.native.id,
        "group": f"@{facts.community.handle}@{facts.domain}",
        "level": LEVELS[level],
        "state": STATES[state.value],
    }
    return ("look.there" if ghost is not None else "look.before"), args


def _in_the_rooms(facts: LookFacts) -> tuple[str, Mapping[str, str]]:
    rooms = [room for room in facts.rooms if room.kind is PlaceKind.ROOM]
    told = " ".join(room_words(room) for room in rooms[:_MOST_ROOMS]) or "No room is linked yet."
    ghost = facts.ghost
    args = {
        "name": line(ghost.name if ghost is not None and ghost.name else f"{facts.person.name} ({facts.person.handle})".strip()),
        "picture": "yours" if facts.person.avatar else "none",
        "rooms": told,
        "community": line(facts.community.name) or facts.community.handle,
    }
    return ("look.rooms" if ghost is not None else "look.rooms_before"), args


def welcome(person: Native, community: Community, group: str, rooms: Sequence[Place]) -> Notice:
    """To somebody on the group's own network who has just come: what this is, who can read it, how to leave."""
    told = " ".join(room_words(room) for room in rooms[:_MOST_ROOMS]) or "No room is linked yet."
    args = {"group": group, "community": line(community.name) or community.handle, "rooms": told}
    return Notice(person, notice("look.welcome", args.items()))


def marked(person: Native, crossed: int) -> Notice:
    """To somebody whose profile has begun to ask not to be bridged."""
    return Notice(person, notice("look.marked", (("crossed", counted(crossed, "message", "messages")),)))
