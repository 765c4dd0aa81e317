"""Values the storage tests speak of: Ana's words in a room of Matrix, the Makers' group, and servers that hear it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content import Content, Edit, Message, Reaction, Retraction
from bridge.model.content.release import Ending
from bridge.model.event import Event, Provenance, encode, object_of
from bridge.model.ids import ACTIVITYPUB, MATRIX, OURS, ChannelId, CommunityId, ItemId, Native, ObjectId, RosterId, event_id, item_id
from bridge.model.item import Destination, Item
from bridge.model.record import Hold, KnownObject
from bridge.model.richtext import from_plain
from bridge.norms.decision import Decision, Explanation, Reason, Ruling, Rung, Tell, Verdict
from bridge.streams import Intake

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MAKERS = CommunityId("makers")
BENCH = ChannelId("bench")
ROOM = Native(MATRIX, "!room:hs.example")
GROUP = Native(ACTIVITYPUB, "https://moot.example/c/makers")
ANA = Native(MATRIX, "@ana:hs.example")
FOLLOWERS = RosterId("followers:makers")
SECRET = b"s" * 32
WORDS = "the words themselves, which are Ana's"


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def intake(key: str, lane: str = "!room:hs.example", body: bytes = b"{}", **more: object) -> Intake:
    return Intake(key, lane, MATRIX, "event", body, NOW, **more)  # type: ignore[arg-type]


def actor(native: Native = ANA) -> Actor:
    return Actor(native, "@ana:hs.example", "hs.example", name="Ana")


def event(name: str, content: Content | None = None, *, community: str = MAKERS, words: str = WORDS) -> Event:
    native = Native(MATRIX, f"${name}")
    return Event(
        id=event_id(SECRET, native),
        community=CommunityId(community),
        channel=BENCH,
        place=ROOM,
        author=actor(),
        content=content or Message(from_plain(words)),
        audience=Audience.PUBLIC,
        at=NOW,
        received_at=NOW,
        provenance=Provenance(native),
    )


def edit(name: str, of: Event, words: str) -> Event:
    return event(name, Edit(object_of(of), Message(from_plain(words))))


def reaction(name: str, to: Event) -> Event:
    return event(name, Reaction(object_of(to), "👍"))


def retraction(name: str, of: Event) -> Event:
    return event(name, Retraction(ObjectId(of.id)))


def item(of: Event, form: str = "wrap", **more: object) -> Item:
    fields: dict[str, object] = {"roster": FOLLOWERS, **more}
    return Item(
        id=ItemId(item_id(SECRET, of.id, GROUP, form)),
        event_id=of.id,
        community=of.community,
        object=object_of(of),
        thread=object_of(of),
        place=GROUP,
        form=form,
        by=Native(OURS, of.community),
        event=of,
        **fields,  # type: ignore[arg-type]
    )


def server(name: str) -> Destination:
    return Destination(ACTIVITYPUB, f"https://{name}.example/inbox", f"{name}.example")


def follower(name: str, host: str) -> Native:
    return Native(ACTIVITYPUB, f"https://{host}.example/u/{name}")


def known(of: Event, **more: object) -> KnownObject:
    fields: dict[str, object] = {"kind": "message", "crossed_at": NOW, **more}
    return KnownObject(
        id=ObjectId(of.id),
        community=of.community,
        channel=of.channel,
        native=of.provenance.native,
        place=of.place,
        author=of.author.native,
        audience=of.audience,
        **fields,  # type: ignore[arg-type]
    )


def hold(of: Event, kind: str = "grace", *, seconds: float = 15, since: datetime = NOW) -> Hold:
    return Hold(
        event_id=of.id,
        community=of.community,
        object=object_of(of),
        author=of.author.native,
        kind=kind,
        code=f"N02.{kind}",
        since=since,
        due_at=since + timedelta(seconds=seconds),
        on_expiry=Ending.RELEASE,
        body=encode(of),
        handle="@ana:hs.example",
    )


def decision(of: Event, verdict: Verdict = Verdict.PASS) -> Decision:
    return Decision(
        event_id=of.id,
        norms="1",
        rulings=((GROUP, Ruling(verdict, Audience.PUBLIC)),),
        rung=Rung.LOCAL if verdict is Verdict.STAY else Rung.ALLOW,
        reasons=(Reason("N01", "N01.off", Rung.LOCAL),),
        explanation=Explanation("N01.off", (("person", str(of.author.native)),)),
        tells=(Tell(of.author.native, "N01.off"),),
    )
