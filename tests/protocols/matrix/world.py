"""One small room for every test of translation: Ana and Eli are in it, Sam follows from elsewhere; needs are answered as the loop would."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from bridge.model.actor import Actor, ActorKind, Ghost
from bridge.model.audience import Audience
from bridge.model.content import Content, Message
from bridge.model.event import Event, Provenance, object_of
from bridge.model.ids import ACTIVITYPUB, MATRIX, ChannelId, CommunityId, ItemId, Native, ObjectId, event_id
from bridge.model.item import Item
from bridge.model.place import Channel, History, Join, Openness, Place, PlaceKind
from bridge.model.record import KnownObject, Part
from bridge.model.richtext import RichText
from bridge.refs import Need, Needs, Read, Reading, Refs, Writing
from protocols.matrix.ids import Me
from protocols.matrix.translate import read, write
from protocols.matrix.translate.emoji import FILE
from protocols.matrix.translate.frame import account

ME = Me(server_name="hs.test", prefix="_moot_", bot="@moot:hs.test", domain="moot.example", secret=b"a secret of sixteen bytes or more")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MILLIS = int(NOW.timestamp() * 1000)
ROOM = Native(MATRIX, "!commons")
OTHER_ROOM = Native(MATRIX, "!elsewhere")
GROUP = Native(ACTIVITYPUB, "https://moot.example/c/commons")
TALK = Native(MATRIX, "!talk")
OPEN_ROOM = Place(ROOM, PlaceKind.ROOM, "Commons", Openness(Join.PUBLIC, History.WORLD))
CHANNEL = Channel(ChannelId("channel"), CommunityId("commons"), (OPEN_ROOM, Place(GROUP, PlaceKind.GROUP, "Commons")))

ANA = account("@ana:hs.test", "Ana", "mxc://hs.test/ana")
ELI = account("@eli:hs.test", "Eli")
SAM = Actor(
    native=Native(ACTIVITYPUB, "https://a.example/u/sam"),
    handle="@sam@a.example",
    host="a.example",
    name="Sam",
    url="https://a.example/@sam",
)
SAM_GHOST = Ghost(
    native=Native(MATRIX, "@_moot_sam=40a.example:hs.test"),
    of=SAM.native,
    handle="_moot_sam=40a.example",
    kind=ActorKind.PERSON,
    name="Sam (@sam@a.example)",
)


def born_here(name: str, author: Actor = ANA, **more: Any) -> tuple[str, KnownObject]:
    """A known object whose matrix event is `$name`."""
    native = Native(MATRIX, f"${name}")
    known = KnownObject(
        id=ObjectId(event_id(ME.secret, native)),
        community=CHANNEL.community,
        channel=CHANNEL.id,
        native=native,
        place=more.pop("place", ROOM),
        author=author.native,
        kind="message",
        audience=Audience.PUBLIC,
        **more,
    )
    return f"${name}", known


def born_there(name: str, author: Actor = SAM, **more: Any) -> tuple[str, KnownObject]:
    """A known object from elsewhere whose copy in the room is `$name`."""
    native = Native(ACTIVITYPUB, f"https://a.example/o/{name}")
    known = KnownObject(
        id=ObjectId(event_id(ME.secret, native)),
        community=CHANNEL.community,
        channel=CHANNEL.id,
        native=native,
        place=GROUP,
        author=author.native,
        kind="message",
        audience=Audience.PUBLIC,
        **more,
    )
    return f"${name}", known


class World:
    """What the store and the homeserver know; `answer` is what the reader loop does with a need."""

    def __init__(self) -> None:
        self.channels = {ROOM: CHANNEL}
        self.actors = {actor.native: actor for actor in (ANA, ELI, SAM)}
        self.ghosts = [SAM_GHOST]
        self.owners = {TALK: ANA.native}
        self.documents: dict[str, bytes] = {}
        self.wanted: list[Need] = []
        """Documents that were asked for."""
        self.events: dict[str, Event] = {}
        self.newest: dict[str, str] = {}
        self.known: dict[str, KnownObject] = {}
        """By what the room calls them."""
        self.parts: dict[str, tuple[Part, ...]] = {}
        """Of what is in ROOM."""
        self.rooms: dict[str, Native] = {}
        """Copies that are in another room than ROOM."""
        root, known = born_here("root")
        self.add(root, known)
        self.add(*born_there("answer", thread=known.id, reply_to=known.id))
        self.add(*born_there("post"))
        self.add(*born_here("mine", ANA))

    def add(self, copy: str, known: KnownObject, room: Native = ROOM) -> KnownObject:
        self.known[copy] = known
        self.rooms[copy] = room
        return known

    def id_of(self, copy: str) -> ObjectId:
        return self.known[copy].id

    def answer(self, need: Need) -> Any:
        key = need.key
        native = Native(key[0], key[1]) if len(key) == 2 else None  # type: ignore[arg-type]
        match need.kind:
            case "channel":
                return self.channels.get(native)  # type: ignore[arg-type]
            case "actor":
                return self.actors.get(native)  # type: ignore[arg-type]
            case "owner_of":
                return self.owners.get(native)  # type: ignore[arg-type]
            case "conversation":
                return next((room for room, owner in self.owners.items() if owner == native), None)
            case "ghost":
                return next((ghost for ghost in self.ghosts if ghost.native == native), None)
            case "ghost_of":
                of = Native(key[1], key[2])  # type: ignore[arg-type]
                return next((ghost for ghost in self.ghosts if ghost.of == of), None)
            case "object_at":
                found = self.known.get(key[1])
                return found or next((known for known in self.known.values() if known.native == native), None)
            case "object":
                return next((known for known in self.known.values() if known.id == key[0]), None)
            case "copy":
                place = Native(key[1], key[2])  # type: ignore[arg-type]
                return next((copy for copy, known in self.known.items() if known.id == key[0] and self.rooms[copy] == place), None)
            case "parts":
                return self.parts.get(key[0], ()) if Native(key[1], key[2]) == ROOM else ()  # type: ignore[arg-type]
            case "actor_called":
                return next((actor.native for actor in self.actors.values() if actor.handle == f"@{key[1].removeprefix('@')}"), None)
            case "last_in_thread":
                return self.newest.get(key[0])
            case "current":
                return self.events.get(key[0])
            case "document":
                self.wanted.append(need)
                return self.documents.get(key[0])
            case _:
                raise AssertionError(f"nobody answers {need}")

    def read(self, raw: dict[str, Any] | bytes) -> Reading:
        body = raw if isinstance(raw, bytes) else msgspec.json.encode(raw)
        return self.settled(lambda refs: read(body, NOW, refs, ME))

    def write(self, item: Item) -> Writing:
        return self.settled(lambda refs: write(item, refs, ME))

    def asked_outside(self, item: Item) -> list[Need]:
        """The pictures that writing it wants from the homeserver."""
        self.wanted.clear()
        self.write(item)
        return [need for need in self.wanted if need.key[0].startswith(FILE)]

    def settled(self, call: Callable[[Refs], _Answer]) -> _Answer:
        refs = Refs()
        for _ in range(20):
            answer = call(refs)
            if not isinstance(answer, Needs):
                return answer
            refs = Refs({**refs.found, **{need: self.answer(need) for need in answer.needs}})
        raise AssertionError("it never stops asking")


_Answer = TypeVar("_Answer")


def matrix_event(kind: str = "m.room.message", content: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A client event as Synapse sends it."""
    return {
        "type": kind,
        "sender": "@ana:hs.test",
        "event_id": "$new",
        "room_id": ROOM.id,
        "origin_server_ts": MILLIS,
        "content": content if content is not None else {"msgtype": "m.text", "body": "Hello"},
        **more,
    }


def text(body: str, html: str | None = None, **more: Any) -> dict[str, Any]:
    """The content of an ordinary message."""
    formatted = {"format": "org.matrix.custom.html", "formatted_body": html} if html is not None else {}
    return {"msgtype": "m.text", "body": body, "m.mentions": {}, **formatted, **more}


def only(reading: Reading) -> Event:
    """The one event of a reading that succeeded."""
    assert isinstance(reading, Read), reading
    assert len(reading.events) == 1
    return reading.events[0]


def words(plain: str, **more: Any) -> Message:
    """A message as it is in the middle: one paragraph."""
    return Message(text=RichText(html=f"<p>{plain}</p>", plain=plain), **more)


def item(content: Content, author: Actor = SAM, *, form: str = "send", native: Native | None = None, by: Native | None = None) -> Item:
    """An outgoing item for the room: something Sam did elsewhere."""
    event = Event(
        id=event_id(ME.secret, Native(ACTIVITYPUB, "https://a.example/o/new")),
        community=CHANNEL.community,
        channel=CHANNEL.id,
        place=GROUP,
        author=author,
        content=content,
        audience=Audience.PUBLIC,
        at=NOW,
        received_at=NOW,
        provenance=Provenance(native=native or Native(ACTIVITYPUB, "https://a.example/o/new"), url="https://a.example/@sam/new"),
    )
    return Item(
        id=ItemId("abcdefghijklmnopqrstuvwxyz"),
        event_id=event.id,
        community=event.community,
        object=object_of(event),
        thread=object_of(event),
        place=ROOM,
        form=form,
        by=by or author.native,
        event=event,
    )
