"""The rooms and people of the scenarios, as small values for the tests of norms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content import Content
from bridge.model.content.boost import Boost
from bridge.model.content.edit import Edit
from bridge.model.content.membership import Change, Membership
from bridge.model.content.message import Message
from bridge.model.content.profile import Profile
from bridge.model.content.reaction import Reaction
from bridge.model.content.retraction import Retraction
from bridge.model.event import Event, Provenance
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, MATRIX, ChannelId, CommunityId, EventId, Native, ObjectId
from bridge.model.place import OPEN, History, Join, Openness, Place, PlaceKind
from bridge.model.richtext import from_plain
from bridge.norms.context import ActorFacts, Consent, Context, Crossing, Rank, TargetFacts
from bridge.norms.decision import Ruling, Verdict
from bridge.norms.judge import judge

T0 = datetime(2026, 11, 22, 18, 40, tzinfo=UTC)
NODE = "bridge.example"
COMMUNITY = CommunityId("asynco")
ROOT = ObjectId("root")

COMMONS = Place(Native(MATRIX, "!commons:hs.example"), PlaceKind.ROOM, "Commons", OPEN)
PORCH = Place(Native(MATRIX, "!porch:hs.example"), PlaceKind.ROOM, "Porch", Openness(Join.PUBLIC, History.SHARED))
STUDIO = Place(Native(MATRIX, "!studio:hs.example"), PlaceKind.ROOM, "Studio", Openness(Join.INVITE, History.SHARED))
CELLAR = Place(Native(MATRIX, "!cellar:hs.example"), PlaceKind.ROOM, "Cellar", Openness(Join.PUBLIC, History.WORLD, encrypted=True))
LOOP = Place(Native(LOOPBACK, "hall"), PlaceKind.ROOM, "Hall", OPEN)
GROUP = Place(Native(ACTIVITYPUB, "https://bridge.example/c/1"), PlaceKind.GROUP, "Async Collaboration")
ABROAD = Place(Native(ACTIVITYPUB, "https://a.example/c/9"), PlaceKind.FOREIGN_GROUP, "Theirs")

ANA = Actor(Native(MATRIX, "@ana:hs.example"), "@ana:hs.example", "hs.example", "Ana")
BO = Actor(Native(MATRIX, "@bo:hs.example"), "@bo:hs.example", "hs.example", "Bo")
ELI = Actor(Native(MATRIX, "@eli:hs.example"), "@eli:hs.example", "hs.example", "Eli")
GUS = Actor(Native(ACTIVITYPUB, "https://gts.example/users/gus"), "@gus@gts.example", "gts.example", "Gus")
SAM = Actor(Native(ACTIVITYPUB, "https://masto.example/users/sam"), "@sam@masto.example", "masto.example", "Sam")

MARKED = Provenance(Native(ACTIVITYPUB, "https://b2.example/o/1"), node="b2.example", hops=1)


def event(content: Content, author: Actor = BO, place: Place = COMMONS, **more: object) -> Event:
    """An event of `author` in `place`; other fields by name."""
    made = Event(
        id=EventId("event"),
        community=COMMUNITY,
        channel=ChannelId("commons"),
        place=place.native,
        author=author,
        content=content,
        audience=Audience.PUBLIC,
        at=T0,
        received_at=T0,
        provenance=Provenance(Native(place.native.protocol, "$1")),
    )
    return msgspec.structs.replace(made, **more)


def post(text: str = "Hello", author: Actor = BO, place: Place = COMMONS, **more: object) -> Event:
    return event(Message(from_plain(text)), author, place, **more)


def reply(author: Actor = BO, place: Place = COMMONS) -> Event:
    return event(Message(from_plain("Yes"), reply_to=ROOT, thread=ROOT), author, place)


def edit(text: str = "Hello!", author: Actor = BO, place: Place = COMMONS) -> Event:
    return event(Edit(ROOT, Message(from_plain(text))), author, place)


def reaction(author: Actor = BO, place: Place = COMMONS) -> Event:
    return event(Reaction(ROOT, "🌻"), author, place)


def boost(author: Actor = SAM, place: Place = GROUP) -> Event:
    return event(Boost(ROOT), author, place)


def retraction(author: Actor = BO, place: Place = COMMONS) -> Event:
    return event(Retraction(ROOT), author, place)


def coming(change: Change, author: Actor = SAM, place: Place = GROUP) -> Event:
    return event(Membership(change, author.native, place.native), author, place)


def face(author: Actor = BO, *, ended: bool = False) -> Event:
    return event(Profile(author, ended), author, COMMONS)


def said(state: Crossing, actor: Actor = BO, *, grace: int = 0, since: datetime | None = T0 - timedelta(days=1), **more: object) -> Consent:
    """What somebody said about crossing, a day ago."""
    consent = Consent(actor.native, COMMUNITY, state, grace=grace, since=since, opted_in_by_act=state is not Crossing.OFF)
    return msgspec.structs.replace(consent, **more)


def member(state: Crossing | None = Crossing.ON, **more: object) -> ActorFacts:
    """A known person who needs consent; `state` None: nothing is known of their consent."""
    facts = ActorFacts(rank=Rank.KNOWN, needs_consent=True, consent=None if state is None else said(state))
    return msgspec.structs.replace(facts, **more)


def follower(rank: Rank = Rank.KNOWN, **more: object) -> ActorFacts:
    """Somebody on the fediverse."""
    return msgspec.structs.replace(ActorFacts(rank=rank, needs_consent=False), **more)


def at(origin: Place, *destinations: Place, author: ActorFacts | None = None, **more: object) -> Context:
    """Judged at T0 in `origin`; Matrix authors cross, fediverse authors are known, unless said otherwise."""
    if author is None:
        author = follower() if origin.native.protocol == ACTIVITYPUB else member()
    return msgspec.structs.replace(Context(now=T0, node=NODE, origin=origin, destinations=destinations, author=author), **more)


def crossed(author: Actor = BO, **more: object) -> TargetFacts:
    """A target that is out there."""
    return msgspec.structs.replace(TargetFacts(author.native, crossed=True, crossed_at=T0 - timedelta(hours=1)), **more)


def ruled(what: Event, context: Context, place: Place) -> Ruling:
    """The ruling for one destination."""
    ruling = judge(what, context).ruling(place.native)
    assert ruling is not None
    return ruling


def verdicts(what: Event, context: Context) -> tuple[Verdict, ...]:
    return tuple(ruling.verdict for _, ruling in judge(what, context).rulings)
