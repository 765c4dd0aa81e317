"""Random values of the model for property tests: any actor, text, content, event, and any context an event may be judged in."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import strategies as st

from bridge.model.actor import Actor, ActorKind, Mark
from bridge.model.audience import Audience
from bridge.model.content import CONTENT_TYPES, Content
from bridge.model.content.appointment import Appointment
from bridge.model.content.boost import Boost
from bridge.model.content.command import Command
from bridge.model.content.edit import Edit
from bridge.model.content.lock import Lock
from bridge.model.content.membership import Change, Membership
from bridge.model.content.message import Attachment, ContentNote, Emoji, Location, Manner, Mention, Message
from bridge.model.content.notice import Notice
from bridge.model.content.profile import Profile
from bridge.model.content.reaction import Reaction
from bridge.model.content.release import Ending, Release
from bridge.model.content.report import Category, Report
from bridge.model.content.restoration import Restoration
from bridge.model.content.retraction import Retraction
from bridge.model.content.sanction import Sanction
from bridge.model.content.setting import Setting
from bridge.model.content.sighting import Sighting
from bridge.model.event import Event, Provenance
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, MATRIX, ChannelId, CommunityId, EventId, Native, ObjectId, derive
from bridge.model.place import History, Join, Openness, Place, PlaceKind
from bridge.model.restriction import Measure
from bridge.model.richtext import RichText, from_plain
from bridge.norms.context import ActorFacts, Consent, Context, Crossing, Keep, Rank, TargetFacts

NODE = "moot.example"
COMMUNITY = CommunityId("commons")
CHANNEL = ChannelId("main")

HOSTS = ("hs.example", "a.example", "b2.example", "n1.example", "xn--bcher-kva.example")
NAMES = ("ana", "bo", "chi", "eli", "sam", "mal")


@functools.cache
def moments() -> st.SearchStrategy[datetime]:
    """Aware, UTC, in a decade around now."""
    return st.datetimes(datetime(2022, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC))


@functools.cache
def words() -> st.SearchStrategy[str]:
    """What people type, with the words that mean something to a norm mixed in."""
    said = st.one_of(
        st.text(max_size=30), st.sampled_from(("#nobridge", "#local", "!local", "#locality", "!cross on", "hello", "\u202e", "\x00"))
    )
    return st.lists(said, max_size=4).map(" ".join)


@functools.cache
def richtexts() -> st.SearchStrategy[RichText]:
    return words().map(from_plain)


@functools.cache
def natives() -> st.SearchStrategy[Native]:
    return st.one_of(
        st.builds(lambda name, host: Native(MATRIX, f"@{name}:{host}"), st.sampled_from(NAMES), st.sampled_from(HOSTS)),
        st.builds(lambda name, host: Native(ACTIVITYPUB, f"https://{host}/u/{name}"), st.sampled_from(NAMES), st.sampled_from(HOSTS)),
        st.builds(lambda name: Native(LOOPBACK, name), st.sampled_from(NAMES)),
    )


@functools.cache
def actors() -> st.SearchStrategy[Actor]:
    return st.builds(
        Actor,
        native=natives(),
        handle=st.builds(lambda name, host: f"@{name}@{host}", st.sampled_from(NAMES), st.sampled_from(HOSTS)),
        host=st.sampled_from(HOSTS),
        name=st.text(max_size=20),
        kind=st.sampled_from(ActorKind),
        bio=st.none() | richtexts(),
        marks=st.frozensets(st.sampled_from(Mark)),
        joined_network=st.none() | moments(),
    )


@functools.cache
def event_ids() -> st.SearchStrategy[EventId]:
    return st.integers(0, 999).map(lambda number: EventId(derive(b"0" * 32, "strategy", str(number))))


@functools.cache
def object_ids() -> st.SearchStrategy[ObjectId]:
    return event_ids().map(ObjectId)


@functools.cache
def places(kind: PlaceKind | None = None) -> st.SearchStrategy[Place]:
    """Of the given kind, or of any."""
    return (st.just(kind) if kind is not None else st.sampled_from(PlaceKind)).flatmap(_places)


@functools.cache
def _places(kind: PlaceKind) -> st.SearchStrategy[Place]:
    number = st.integers(0, 9)
    if kind is PlaceKind.ROOM:
        native = st.one_of(
            st.builds(lambda n, host: Native(MATRIX, f"!room{n}:{host}"), number, st.sampled_from(HOSTS)),
            st.builds(lambda n: Native(LOOPBACK, f"room{n}"), number),
        )
    else:
        native = st.builds(lambda n, host: Native(ACTIVITYPUB, f"https://{host}/c/{n}"), number, st.sampled_from(HOSTS))
    openness = st.builds(Openness, join=st.sampled_from(Join), history=st.sampled_from(History), encrypted=st.booleans())
    return st.builds(Place, native=native, kind=st.just(kind), name=st.text(max_size=12), openness=openness)


@functools.cache
def messages() -> st.SearchStrategy[Message]:
    return st.builds(
        Message,
        text=richtexts(),
        reply_to=st.none() | object_ids(),
        thread=st.none() | object_ids(),
        mentions=st.lists(st.builds(Mention, actor=natives(), name=st.text(max_size=10)), max_size=2).map(tuple),
        language=st.none() | st.sampled_from(("en", "es", "pt-BR")),
        title=st.none() | words(),
        note=st.none() | st.builds(ContentNote, text=words()),
        attachments=st.lists(
            st.builds(Attachment, url=st.just("https://media.example/1"), media_type=st.sampled_from(("image/png", "video/mp4"))),
            max_size=2,
        ).map(tuple),
        manner=st.sampled_from(Manner),
        emojis=st.lists(st.builds(Emoji, name=st.sampled_from(NAMES), url=st.just("mxc://hs.example/1")), max_size=2).map(tuple),
        location=st.none()
        | st.builds(Location, name=words(), latitude=st.none() | st.floats(-90, 90), longitude=st.none() | st.floats(-180, 180)),
        poll=st.booleans(),
    )


_CONTENTS: Mapping[type, st.SearchStrategy[Content]] = {
    Message: messages(),
    Edit: st.builds(Edit, target=object_ids(), message=messages()),
    Retraction: st.builds(Retraction, target=object_ids(), reason=words(), moderator=st.booleans()),
    Reaction: st.builds(Reaction, target=object_ids(), key=st.sampled_from(("👍", "📣", "🏠", ":blob:"))),
    Boost: st.builds(Boost, target=object_ids()),
    Membership: st.builds(Membership, change=st.sampled_from(Change), subject=natives(), target=natives(), request=st.none()),
    Profile: st.builds(Profile, actor=actors(), ended=st.booleans()),
    Command: st.builds(Command, words=words(), private=st.booleans(), about=st.none() | object_ids()),
    Release: st.builds(Release, held=event_ids(), ending=st.sampled_from(Ending), by=words(), reason=words()),
    Setting: st.builds(Setting, openness=st.none(), name=st.none() | words()),
    Sighting: st.builds(Sighting, target=object_ids(), native=st.just("$copy")),
    Notice: st.builds(Notice, to=natives(), text=richtexts()),
    Report: st.builds(
        Report,
        objects=st.lists(object_ids(), max_size=2).map(tuple),
        person=st.none() | natives(),
        category=st.sampled_from(Category),
        words=words(),
    ),
    Sanction: st.builds(
        Sanction, whom=natives(), measure=st.sampled_from(Measure), until=st.none() | moments(), reason=words(), lifted=st.booleans()
    ),
    Lock: st.builds(Lock, target=object_ids(), locked=st.booleans(), reason=words()),
    Restoration: st.builds(Restoration, target=object_ids(), reason=words()),
    Appointment: st.builds(Appointment, whom=natives(), ended=st.booleans()),
}


@functools.cache
def contents(*kinds: type) -> st.SearchStrategy[Content]:
    """Of the given content types, or of any. A content type without a strategy fails here, by name."""
    return st.one_of([_CONTENTS[kind] for kind in kinds or CONTENT_TYPES])


@functools.cache
def events(*kinds: type) -> st.SearchStrategy[Event]:
    """Events of the given content types (any, when none is named)."""
    return st.builds(
        Event,
        id=event_ids(),
        community=st.just(COMMUNITY),
        channel=st.just(CHANNEL),
        place=places().map(lambda place: place.native),
        author=actors(),
        content=contents(*kinds),
        audience=st.sampled_from(Audience),
        at=moments(),
        received_at=moments(),
        provenance=st.builds(
            Provenance, native=natives(), node=st.sampled_from(("", "", "", NODE, "b2.example")), hops=st.sampled_from((0, 0, 0, 1, 2, 9))
        ),
    )


@functools.cache
def _states() -> st.SearchStrategy[Consent | None]:
    """What somebody said, about the community and maybe about the room (an empty id, filled in by whoever draws)."""
    return st.none() | st.builds(
        Consent,
        actor=st.just(NOBODY),
        community=st.just(COMMUNITY),
        state=st.sampled_from(Crossing),
        rooms=st.sampled_from(((), *(((NOBODY, state),) for state in Crossing))),
        grace=st.sampled_from((0, 2, 15, 60)),
        since=st.none() | moments(),
        opted_in_by_act=st.booleans(),
    )


@functools.cache
def _facts() -> st.SearchStrategy[ActorFacts]:
    seldom = st.sampled_from((False, False, False, True))
    return st.builds(
        ActorFacts,
        rank=st.sampled_from(Rank),
        needs_consent=st.booleans(),
        marks=st.sampled_from((frozenset[Mark](), frozenset[Mark](), frozenset({Mark.NOBRIDGE}), frozenset({Mark.NOBOT}))),
        ghost_of_ours=seldom,
        ghost_of_other=seldom,
        automated=seldom,
        released=st.sampled_from((0, 1, 5)),
    )


@functools.cache
def _targets() -> st.SearchStrategy[TargetFacts]:
    return st.builds(
        TargetFacts,
        author=st.sampled_from((NOBODY, Native(MATRIX, "@somebody:else.example"))),
        crossed=st.booleans(),
        audience=st.sampled_from(Audience),
        held_for_review=st.booleans(),
        retracted=st.sampled_from((False, False, True)),
        crossed_at=st.none() | moments(),
    )


@functools.cache
def _rest() -> st.SearchStrategy[Context]:
    return st.builds(
        Context,
        now=moments(),
        node=st.just(NODE),
        origin=places(),
        destinations=st.lists(places(), max_size=3, unique_by=lambda place: place.native).map(tuple),
        author=_facts(),
        target=st.none() | _targets(),
        keep=st.sampled_from(Keep),
        released=st.sampled_from((None, None, None, *Ending)),
        waits=st.sampled_from((frozenset[str](), frozenset({"N01.ask"}), frozenset({"N05.first_contact"}), frozenset({"grace.own"}))),
        relayed_before=st.sampled_from((False, False, False, True)),
        unlinked=st.sampled_from((frozenset[Native](), frozenset({NOBODY}))),
    )


NOBODY = Native(MATRIX, "@nobody:hs.example")
_WAITS = st.none() | st.timedeltas(timedelta(hours=-1), timedelta(hours=25))
_COINS = st.integers(0, 15)


@st.composite
def contexts(draw: st.DrawFn, event: Event | None = None) -> Context:
    """Any facts that may stand beside `event` (beside some event, when none is given), as the relay would load them."""
    if event is None:
        event = draw(events())
    context, consent, wait, coins = draw(_rest()), draw(_states()), draw(_WAITS), draw(_COINS)
    origin = msgspec.structs.replace(context.origin, native=event.place)
    destinations = tuple(place for place in context.destinations if place.native != origin.native)
    if origin.kind is not PlaceKind.ROOM and coins & 1:
        destinations = (*destinations, origin)
    if consent is not None:
        rooms = tuple((event.place, state) for _, state in consent.rooms)
        consent = msgspec.structs.replace(consent, actor=event.author.native, rooms=rooms)
    target = context.target
    if target is not None:
        author = event.author.native if target.author == NOBODY else target.author
        target = msgspec.structs.replace(target, author=author, held_until=None if wait is None else context.now + wait)
    return msgspec.structs.replace(
        context,
        origin=origin,
        destinations=destinations,
        author=msgspec.structs.replace(context.author, consent=consent),
        target=target,
        others=tuple((place.native, frozenset({"b2.example"})) for place in destinations) if coins & 2 else (),
    )


_SPARE = (
    Place(Native(ACTIVITYPUB, f"https://{NODE}/c/spare"), PlaceKind.GROUP),
    Place(Native(MATRIX, "!spare:hs.example"), PlaceKind.ROOM, "Spare", Openness(Join.PUBLIC, History.WORLD)),
)


@st.composite
def cases(draw: st.DrawFn, *kinds: type) -> tuple[Event, Context]:
    """An event and a context it can be judged in, with at least one destination."""
    event = draw(events(*kinds))
    context = draw(contexts(event))
    if not context.destinations:
        context = msgspec.structs.replace(context, destinations=_SPARE)
    return event, context
