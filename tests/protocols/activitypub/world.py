"""One small community for every test of translation: Ana said yes, Eli did not, Sam lives elsewhere; needs are answered as the loop would.

The same people and objects as in the Matrix tests, so that the goldens are shared.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from bridge.model.actor import Actor, ActorKind, Ghost
from bridge.model.audience import Audience
from bridge.model.content import Content, tag_of
from bridge.model.event import Event, Provenance, object_of
from bridge.model.ids import ACTIVITYPUB, MATRIX, OURS, ChannelId, CommunityId, ItemId, Native, ObjectId, Protocol, event_id
from bridge.model.item import Item
from bridge.model.place import OPEN, Channel, Community, Place, PlaceKind
from bridge.model.record import Follow, KnownObject
from bridge.ports import Node
from bridge.refs import Need, Needs, Read, Reading, Refs, Wire, Writing
from protocols.activitypub.ids import native
from protocols.activitypub.translate.read import read_activity
from protocols.activitypub.translate.write import write

ME = Node(domain="moot.example", origin="https://moot.example", secret=b"a secret of sixteen bytes or more")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ROOM = Native(MATRIX, "!commons")
GROUP = native("https://moot.example/c/commons")
FAR_GROUP = native("https://far.example/c/guild")
COMMUNITY = Community(CommunityId("commons"), "commons", "Commons", "Neighbours who share tools.")
CHANNEL = Channel(
    ChannelId("channel"), COMMUNITY.id, (Place(ROOM, PlaceKind.ROOM, "Commons", OPEN), Place(GROUP, PlaceKind.GROUP, "Commons"))
)
GUILD_ROOM = Native(MATRIX, "!guild")
GUILD = Channel(
    ChannelId("guild"), COMMUNITY.id, (Place(GUILD_ROOM, PlaceKind.ROOM, "Guild", OPEN), Place(FAR_GROUP, PlaceKind.FOREIGN_GROUP, "Guild"))
)

ANA = Actor(Native(MATRIX, "@ana:hs.test"), "@ana:hs.test", "hs.test", name="Ana", url="https://matrix.to/#/@ana:hs.test")
ELI = Actor(Native(MATRIX, "@eli:hs.test"), "@eli:hs.test", "hs.test", name="Eli", url="https://matrix.to/#/@eli:hs.test")


def stranger(name: str, host: str, **more: Any) -> Actor:
    """Somebody on another server."""
    return Actor(
        native=native(f"https://{host}/u/{name}"),
        handle=f"@{name}@{host}",
        host=host,
        name=name.title(),
        url=f"https://{host}/@{name}",
        route=f"https://{host}/u/{name}/inbox",
        followers=f"https://{host}/u/{name}/followers",
        **more,
    )


SAM = stranger("sam", "a.example")
KIM = stranger("kim", "b.example")
FAR = Actor(FAR_GROUP, "@guild@far.example", "far.example", name="Guild", kind=ActorKind.GROUP, route="https://far.example/inbox")
OTHER_GROUP = Actor(native("https://b.example/c/other"), "@other@b.example", "b.example", kind=ActorKind.GROUP)
ANA_GHOST = Ghost(
    native=native("https://moot.example/u/ana"),
    of=ANA.native,
    handle="ana_hs.test",
    kind=ActorKind.PERSON,
    community=COMMUNITY.id,
    name="Ana",
)
GROUP_GHOST = Ghost(
    native=GROUP, of=Native(OURS, "commons"), handle="commons", kind=ActorKind.GROUP, community=COMMUNITY.id, name="Commons"
)
TEAM = native("https://moot.example/c/commons/team")
SAM_GHOST = Ghost(Native(MATRIX, "@_moot_sam=40a.example:hs.test"), SAM.native, "_moot_sam=40a.example", ActorKind.PERSON, COMMUNITY.id)


def born(where: Native, author: Actor, *, place: Native, kind: str = "message", channel: Channel = CHANNEL, **more: Any) -> KnownObject:
    return KnownObject(
        id=ObjectId(event_id(ME.secret, where)),
        community=channel.community,
        channel=channel.id,
        native=where,
        place=place,
        author=author.native,
        kind=kind,
        audience=more.pop("audience", Audience.PUBLIC),
        **more,
    )


ROOT = born(Native(MATRIX, "$root"), ANA, place=ROOM)
MINE = born(Native(MATRIX, "$mine"), ANA, place=ROOM, crossed_at=NOW)
ANSWER = born(native("https://a.example/o/answer"), SAM, place=GROUP, thread=ROOT.id, reply_to=ROOT.id)
POST = born(native("https://a.example/o/post"), SAM, place=GROUP)
SIGN = born(Native(MATRIX, "$sign"), ANA, place=ROOM, kind="reaction", reply_to=POST.id)
GUILD_POST = born(native("https://b.example/o/guild"), KIM, place=FAR_GROUP, channel=GUILD)


def url_of(known: KnownObject) -> str:
    """What the fediverse calls it."""
    return known.native.id if known.native.protocol == ACTIVITYPUB else f"https://moot.example/o/{known.id}"


class World:
    """What the store knows, and what other servers would answer; `answer` is what the reader loop does with a need."""

    def __init__(self) -> None:
        self.me = ME
        self.channels = {ROOM: CHANNEL, GROUP: CHANNEL, FAR_GROUP: GUILD, GUILD_ROOM: GUILD}
        self.actors = {actor.native: actor for actor in (SAM, KIM, FAR, OTHER_GROUP)}
        self.ghosts = [ANA_GHOST, GROUP_GHOST, SAM_GHOST]
        self.follows: list[Follow] = []
        self.documents: dict[str, bytes] = {ANA_GHOST.native.id: b'{"id":"https://moot.example/u/ana","type":"Person"}'}
        self.asked: list[Need] = []
        self.events: dict[str, Event] = {}
        self.known = [ROOT, MINE, ANSWER, POST, SIGN, GUILD_POST]

    def serve(self, document: dict[str, Any]) -> None:
        """Its own server serves this from now on."""
        self.documents[document["id"]] = msgspec.json.encode(document)

    def answer(self, need: Need) -> Any:
        key = need.key
        one = Native(Protocol(key[0]), key[1]) if len(key) == 2 else None
        match need.kind:
            case "channel":
                return self.channels.get(one) if one else None
            case "actor":
                return self.actors.get(one) if one else None
            case "ghost":
                return next((ghost for ghost in self.ghosts if ghost.native == one), None)
            case "ghost_of":
                of = Native(Protocol(key[1]), key[2])
                return next((ghost for ghost in self.ghosts if ghost.of == of and ghost.native.protocol == key[0]), None)
            case "object_at":
                return next((known for known in self.known if one in {known.native, native(url_of(known))}), None)
            case "object":
                return next((known for known in self.known if known.id == key[0]), None)
            case "copy":
                return next((url_of(known) for known in self.known if known.id == key[0]), None)
            case "current":
                return self.events.get(key[0])
            case "follow":
                pair = (Native(Protocol(key[0]), key[1]), native(key[2]))
                return next((follow for follow in self.follows if (follow.actor, follow.target) == pair), None)
            case "document":
                return self.documents.get(key[0])
            case _:
                raise AssertionError(f"nobody answers {need}")

    def read(self, raw: dict[str, Any] | bytes, signer: str | None = None) -> Reading:
        body = raw if isinstance(raw, bytes) else msgspec.json.encode(raw)
        if signer is None and isinstance(raw, dict):
            signer = raw.get("actor")
        return self.settled(lambda refs: read_activity(body, signer, refs, self.me, NOW))

    def write(self, item: Item) -> Writing:
        return self.settled(lambda refs: write(item, refs, self.me))

    def settled(self, call: Callable[[Refs], _Answer]) -> _Answer:
        refs = Refs()
        for _ in range(30):
            answer = call(refs)
            if not isinstance(answer, Needs):
                return answer
            self.asked += answer.needs
            refs = Refs({**refs.found, **{need: self.answer(need) for need in answer.needs}})
        raise AssertionError("it never stops asking")


_Answer = TypeVar("_Answer")

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


def note(tail: str = "new", author: Actor = SAM, **more: Any) -> dict[str, Any]:
    """A public Note to the group, as Mastodon sends one."""
    host = author.host
    return {
        "id": f"https://{host}/o/{tail}",
        "type": "Note",
        "attributedTo": author.native.id,
        "to": [PUBLIC],
        "cc": [author.followers, GROUP.id],
        "content": "<p>Hello</p>",
        "published": "2026-11-24T11:59:00Z",
        "tag": [],
        **more,
    }


def create(said: dict[str, Any], kind: str = "Create", **more: Any) -> dict[str, Any]:
    return {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": f"{said['id']}/activity",
        "type": kind,
        "actor": said["attributedTo"],
        "to": said.get("to", []),
        "cc": said.get("cc", []),
        "object": said,
        **more,
    }


def deed(kind: str, target: object, actor: Actor = SAM, **more: Any) -> dict[str, Any]:
    """An activity of few words: Like, Follow, Undo …"""
    return {"id": f"https://{actor.host}/a/{kind.lower()}", "type": kind, "actor": actor.native.id, "object": target, **more}


def announced(inner: object, group: Actor = FAR) -> dict[str, Any]:
    return {"id": f"https://{group.host}/a/announce", "type": "Announce", "actor": group.native.id, "to": [PUBLIC], "object": inner}


def only(reading: Reading) -> Event:
    """The one event of a reading that succeeded."""
    assert isinstance(reading, Read), reading
    assert len(reading.events) == 1, reading
    return reading.events[0]


def item(content: Content, form: str, author: Actor = ANA, *, place: Native = GROUP, **more: Any) -> Item:
    """An outgoing item for the group: something Ana did in the room, or with `author` Sam, something passed on."""
    where = more.pop("where", None) or (Native(MATRIX, "$new") if author.native.protocol == MATRIX else native("https://a.example/o/new"))
    event = Event(
        id=event_id(ME.secret, where),
        community=CHANNEL.community,
        channel=CHANNEL.id,
        place=GROUP if where.protocol == ACTIVITYPUB else ROOM,
        author=author,
        content=content,
        audience=more.pop("audience", Audience.PUBLIC),
        at=NOW,
        received_at=NOW,
        provenance=more.pop("provenance", None) or Provenance(where, url="https://matrix.to/#/!commons/$new"),
        wire=more.pop("wire", None),
    )
    return Item(
        id=ItemId(f"item{form}"),
        event_id=event.id,
        community=event.community,
        object=object_of(event),
        thread=object_of(event),
        place=place,
        form=form,
        by=author.native,
        event=event,
        **more,
    )


def sent(writing: Writing) -> dict[str, Any]:
    """The activity that was written."""
    assert isinstance(writing, Wire), writing
    made: dict[str, Any] = msgspec.json.decode(writing.body)
    return made


def tag(content: Content) -> str:
    return tag_of(content)
