"""One hall for every test of translation: Lena and Tomas live in it, Sam and Eli are shown there; needs are answered as the loop would.

Objects have the ids of the other protocols' tests, so that the goldens are shared.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from bridge.model.actor import Actor, ActorKind, Ghost
from bridge.model.audience import Audience
from bridge.model.content import Content, Notice
from bridge.model.event import Event, Provenance, object_of
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, MATRIX, OURS, ChannelId, CommunityId, ItemId, Native, ObjectId, event_id
from bridge.model.item import Item
from bridge.model.place import OPEN, Channel, Community, Place, PlaceKind
from bridge.model.record import Follow, KnownObject
from bridge.ports import Node
from bridge.refs import Need, Needs, Read, Reading, Refs, Writing
from protocols.loopback import translate
from protocols.loopback.translate.frame import person
from protocols.loopback.wire import Account, Act, Deed, Draft, Mark, decode, dump

ME = Node("moot.example", "https://moot.example", b"a secret of sixteen bytes or more")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HALL = Native(LOOPBACK, "hall")
KITCHEN = Native(LOOPBACK, "kitchen")
TALK = Native(LOOPBACK, "talk/lena")
GROUP = Native(ACTIVITYPUB, "https://moot.example/c/commons")
COMMONS = Community(CommunityId("commons"), "commons", "Commons")
CHANNEL = Channel(ChannelId("channel"), COMMONS.id, (Place(HALL, PlaceKind.ROOM, "Hall", OPEN), Place(GROUP, PlaceKind.GROUP, "Commons")))

LENA = person(Account("lena", "Lena"), ME)
TOMAS = person(Account("tomas", "Tomas"), ME)
ELI = Actor(Native(MATRIX, "@eli:hs.test"), "@eli:hs.test", "hs.test", "Eli")
SAM = Actor(Native(ACTIVITYPUB, "https://a.example/u/sam"), "@sam@a.example", "a.example", "Sam")
SAM_GHOST = Ghost(Native(LOOPBACK, "sam@a.example"), SAM.native, "sam@a.example", ActorKind.PERSON, COMMONS.id)
ELI_GHOST = Ghost(Native(LOOPBACK, "eli@hs.test"), ELI.native, "eli@hs.test", ActorKind.PERSON, COMMONS.id)
LENA_OUT = Ghost(Native(ACTIVITYPUB, "https://moot.example/u/lena"), LENA.native, "lena", ActorKind.PERSON, COMMONS.id)
FAR = Native(ACTIVITYPUB, "https://far.example/c/guild")


def known(id_of: Native, author: Actor, *, native: Native, place: Native, kind: str = "message", **more: Any) -> KnownObject:
    """Under the id that the other tests have for `id_of`."""
    return KnownObject(
        id=ObjectId(event_id(ME.secret, id_of)),
        community=COMMONS.id,
        channel=CHANNEL.id,
        native=native,
        place=place,
        author=author.native,
        kind=kind,
        audience=Audience.PUBLIC,
        **more,
    )


def here(name: str, author: Actor = LENA, **more: Any) -> tuple[str, KnownObject]:
    """Said in the hall, where it is called `name`."""
    return name, known(Native(MATRIX, f"${name}"), author, native=Native(LOOPBACK, name), place=HALL, **more)


def there(name: str, author: Actor = SAM, **more: Any) -> tuple[str, KnownObject]:
    """Said elsewhere; its copy in the hall is called `name`."""
    native = Native(ACTIVITYPUB, f"https://a.example/o/{name}")
    return name, known(native, author, native=native, place=GROUP, **more)


class World:
    """What the store knows; whatever is not listed does not exist."""

    def __init__(self) -> None:
        self.facts: dict[Need, Any] = {
            Need("channel", (LOOPBACK, HALL.id)): CHANNEL,
            Need("channel", (ACTIVITYPUB, GROUP.id)): CHANNEL,
            Need("ghost_of", (ACTIVITYPUB, LOOPBACK, LENA.native.id)): LENA_OUT,
            Need("follow", (ACTIVITYPUB, LENA_OUT.native.id, FAR.id)): Follow(LENA_OUT.native, FAR, "https://moot.example/a/asked", NOW),
        }
        for ghost in (SAM_GHOST, ELI_GHOST):
            self.facts[Need("ghost", (LOOPBACK, ghost.native.id))] = ghost
            self.facts[Need("ghost_of", (LOOPBACK, ghost.of.protocol, ghost.of.id))] = ghost
        self.ids: dict[str, ObjectId] = {}
        root = self.add(*here("root"))
        self.add(*here("mine"))
        self.add(*here("sign", kind="reaction"))
        self.add(*there("post"))
        self.add(*there("answer", thread=root.id, reply_to=root.id))

    def add(self, copy: str, what: KnownObject, room: Native = HALL) -> KnownObject:
        """`room` calls it `copy`."""
        self.ids[copy] = what.id
        self.facts[Need("object", (what.id,))] = what
        self.facts[Need("object_at", (LOOPBACK, copy))] = what
        self.facts[Need("copy", (what.id, LOOPBACK, room.id))] = copy
        return what

    def read(self, deed: Deed | bytes) -> Reading:
        body = deed if isinstance(deed, bytes) else dump(deed)
        return self.settled(lambda refs: translate.read(body, NOW, refs, ME))

    def write(self, item: Item) -> Writing:
        return self.settled(lambda refs: translate.write(item, refs, ME))

    def settled(self, call: Callable[[Refs], _Answer]) -> _Answer:
        refs = Refs()
        for _ in range(10):
            answer = call(refs)
            if not isinstance(answer, Needs):
                return answer
            refs = Refs({**refs.found, **{need: self.facts.get(need) for need in answer.needs}})
        raise AssertionError("it never stops asking")


_Answer = TypeVar("_Answer")


def deed(act: Act, by: str = "lena", *, room: str = HALL.id, name: str = "new", mark: Mark | None = None) -> Deed:
    """As the hall tells it."""
    return Deed(name, room, Account(by, by.title()), NOW, act, mark)


def drafted(body: bytes) -> Act:
    """What a wire asks the hall for."""
    return decode(body, Draft).act


def only(reading: Reading) -> Event:
    """The one event of a reading that succeeded."""
    assert isinstance(reading, Read), reading
    assert len(reading.events) == 1
    return reading.events[0]


def item(content: Content, author: Actor = SAM, *, number: int = 0, origin: Native | None = None) -> Item:
    """An outgoing item for the hall: something Sam did elsewhere, or what the bridge says."""
    notice = isinstance(content, Notice)
    event = Event(
        id=event_id(ME.secret, Native(ACTIVITYPUB, f"https://a.example/o/new{number or ''}")),
        community=COMMONS.id,
        channel=CHANNEL.id,
        place=GROUP if origin is None else HALL,
        author=author,
        content=content,
        audience=Audience.PUBLIC,
        at=NOW,
        received_at=NOW,
        provenance=Provenance(native=origin or Native(ACTIVITYPUB, f"https://a.example/o/new{number or ''}")),
    )
    return Item(
        id=ItemId("abcdefghijklmnopqrstuvwxyz" if not number else f"item{number:022}"),
        event_id=event.id,
        community=event.community,
        object=object_of(event),
        thread=object_of(event),
        place=HALL,
        form="say" if notice else "send",
        by=Native(OURS, COMMONS.id) if notice else author.native,
        event=event,
    )
