"""Says what an order means, as values: changes to commit, notices to send, and what to cross, keep or take back. Nothing here does anything.

Norms.md N01 (opting in is the person's own act, with the audience named back to them), N02 (only the author takes back).
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from bridge.changes import Change, PutConsent
from bridge.model.actor import Actor, Ghost
from bridge.model.audience import Audience, meet
from bridge.model.content.notice import Notice
from bridge.model.content.release import BY_AUTHOR, Ending, Release
from bridge.model.ids import Native, ObjectId
from bridge.model.place import Community, Place, PlaceKind, ceiling
from bridge.model.record import Hold
from bridge.moderation.commands import GRACES, Cross, CrossThis, ForgetThis, Grace, Help, Order, Plain, Status, Unknown, Who
from bridge.moderation.handles import default_handle, flaw
from bridge.moderation.wording import LEVELS, STATES, counted, notice, room_words
from bridge.norms.context import Consent, Crossing, Keep
from bridge.norms.wording import line

FEW = 5
"""Fewer people than this are not counted aloud: a small number points at somebody."""

_MOST_ROOMS = 3


class Crowd(msgspec.Struct, frozen=True):
    """For `!who`: people whose consent is not off, followers of the group, servers they live on."""

    members: int = 0
    followers: int = 0
    servers: int = 0


class About(msgspec.Struct, frozen=True):
    """The object an order or a sign is about. `author` None: not known to us (it never crossed, and nobody asked its home)."""

    object: ObjectId
    author: Native | None = None
    crossed: bool = False
    retracted: bool = False
    hold: Hold | None = None


class OrderFacts(msgspec.Struct, frozen=True):
    """What the relay loads before asking.

    `needs_consent` as in ActorFacts. `ghost`: their name on the fediverse, None when they have none. `taken`: `handle_wanted` belongs, or
    once belonged, to somebody else. `place`: the room it was said in, None in private. `rooms`: all rooms of the community. `holds`: the
    author's own open ones in this community. `crossed`: how many objects of theirs are out there.
    """

    now: datetime
    domain: str
    author: Actor
    community: Community
    needs_consent: bool
    consent: Consent | None = None
    ghost: Ghost | None = None
    taken: bool = False
    place: Place | None = None
    rooms: tuple[Place, ...] = ()
    answer_in: Native | None = None
    about: About | None = None
    holds: tuple[Hold, ...] = ()
    crossed: int = 0
    crowd: Crowd = Crowd()
    graces: frozenset[int] = GRACES
    default_grace: int = 15


class Embody(msgspec.Struct, frozen=True):
    """Before anything of theirs crosses: `adapter.embody(actor.native, community, handle=handle, actor=actor)` on the group's protocol."""

    actor: Actor
    handle: str


class Acts(msgspec.Struct, frozen=True):
    """What follows, in this order: `embody`, then one transaction of the rest.

    `changes` are committed as they are. `releases` become Release events. `retract` become Retraction events of the author's. `cross` are
    objects that do not wait: their message is judged again with `keep` CROSS. `notices` become Notice items to one person.
    """

    changes: tuple[Change, ...] = ()
    notices: tuple[Notice, ...] = ()
    embody: Embody | None = None
    releases: tuple[Release, ...] = ()
    retract: tuple[ObjectId, ...] = ()
    cross: tuple[ObjectId, ...] = ()


NOTHING = Acts()


def handle_wanted(order: Order | Keep, author: Actor, ghost: Ghost | None) -> str | None:
    """The name that would be given out, for the relay to look up; None when the order gives out none."""
    crosses = (isinstance(order, Cross) and order.state is not Crossing.OFF) or isinstance(order, CrossThis) or order is Keep.CROSS
    if not crosses or (ghost is not None and ghost.ended is None):
        return None
    return (order.handle if isinstance(order, Cross) else None) or default_handle(author.native.id)


def answer(order: Plain | Unknown, facts: OrderFacts) -> Acts:
    """What an order means. Every order is answered with at least one notice to whoever gave it, and to nobody else."""
    match order:
        case Cross():
            return _cross(order, facts) if facts.needs_consent else _cross_addressed(order, facts)
        case CrossThis():
            return _cross_this(facts)
        case Grace():
            consent = replace(_consent(facts), grace=order.seconds)
            return Acts(changes=(PutConsent(consent),), notices=(_say(facts, "grace.set", grace=str(order.seconds)),))
        case ForgetThis():
            return _forget(facts)
        case Who():
            return Acts(notices=(_who(facts),))
        case Help():
            return Acts(notices=(_say(facts, "help", choices=_choices(facts)),))
        case Status():
            return Acts(notices=(_status(facts),))
        case Unknown():
            return Acts(notices=(_say(facts, order.why, **dict(order.args)),))
        case _:
            assert_never(order)


def mark(keep: Keep, facts: OrderFacts) -> Acts:
    """What 📣 or 🏠 means on `facts.about`: an order on one's own message, and on anybody else's only a sign."""
    about = facts.about
    if about is None or about.author != facts.author.native:
        return NOTHING
    match keep:
        case Keep.CROSS:
            done = about.crossed or about.retracted or (about.hold is not None and not _asks(about.hold))
            return NOTHING if done or not facts.needs_consent else _cross_this(facts)
        case Keep.LOCAL:
            if about.hold is not None:
                return Acts(releases=(Release(about.hold.event_id, Ending.LOCAL, BY_AUTHOR),))
            return _forget(facts) if about.crossed and not about.retracted else NOTHING
        case Keep.UNSAID:
            return NOTHING
        case _:
            assert_never(keep)


def _cross(order: Cross, facts: OrderFacts) -> Acts:
    if order.here and facts.place is None:
        return Acts(notices=(_say(facts, "cross.here_nowhere"),))
    consent = _said(order, facts)
    where = _where(facts, here=order.here)
    if order.state is Crossing.OFF:
        waiting = () if order.here else facts.holds
        return Acts(
            changes=(PutConsent(consent),),
            releases=tuple(Release(hold.event_id, Ending.LOCAL, BY_AUTHOR) for hold in waiting),
            notices=(_say(facts, "cross.off", where=where, crossed=_messages(facts.crossed)),),
        )
    name, embody, refusal = _name(order, facts)
    if refusal is not None:
        return Acts(notices=(refusal,))
    level = meet((_chosen(order.state), _open_most(facts, here=order.here)))
    code = "cross.nowhere" if level is Audience.LOCAL else "cross.ask" if order.state is Crossing.ASK else "cross.on"
    return Acts(
        changes=(PutConsent(consent),),
        embody=embody,
        notices=(_say(facts, code, where=where, level=LEVELS[level], name=name),),
    )


def _said(order: Cross, facts: OrderFacts) -> Consent:
    """The person's word, with the room they are in; a general `off` ends every exception, any other keeps those of other rooms."""
    consent = replace(_consent(facts), since=facts.now, opted_in_by_act=order.state is not Crossing.OFF)
    spot = facts.place.native if facts.place is not None else None
    others = tuple(room for room in consent.rooms if room[0] != spot)
    if order.here and spot is not None:
        keeps = consent.state is not Crossing.OFF or any(state is not Crossing.OFF for _, state in others)
        acted = order.state is not Crossing.OFF or keeps
        return replace(consent, rooms=(*others, (spot, order.state)), opted_in_by_act=acted)
    return replace(consent, state=order.state, rooms=() if order.state is Crossing.OFF else others)


def _cross_addressed(order: Cross, facts: OrderFacts) -> Acts:
    """For people who are at home on the group's network: addressing it is the yes, so there is only on and off."""
    if order.here or order.handle is not None or order.state in (Crossing.ASK, Crossing.QUIET):
        return Acts(notices=(_say(facts, "cross.fediverse_choice"),))
    changes = (PutConsent(_said(order, facts)),)
    if order.state is Crossing.ON:
        return Acts(changes=changes, notices=(_say(facts, "cross.fediverse_on"),))
    return Acts(changes=changes, notices=(_say(facts, "cross.fediverse_off", crossed=_messages(facts.crossed)),))


def _cross_this(facts: OrderFacts) -> Acts:
    about = facts.about
    if about is None:
        return Acts(notices=(_say(facts, "this.which"),))
    if about.author != facts.author.native:
        return Acts(notices=(_say(facts, "this.not_yours" if about.author is not None else "this.unknown"),))
    if not facts.needs_consent:
        return Acts(notices=(_say(facts, "this.out" if about.crossed else "this.at_home"),))
    if about.retracted or about.crossed:
        return Acts(notices=(_say(facts, "this.taken_back" if about.retracted else "this.out"),))
    if about.hold is not None and not _asks(about.hold):
        return Acts(notices=(_say(facts, "this.review" if about.hold.kind == "review" else "this.waits"),))
    if _open_most(facts, here=True) is Audience.LOCAL:
        return Acts(notices=(_say(facts, "this.nowhere"),))
    name, embody, refusal = _name(CrossThis(), facts)
    if refusal is not None:
        return Acts(notices=(refusal,))
    consent = _consent(facts)
    state = consent.in_room(facts.place.native) if facts.place is not None else consent.state
    level = meet((_chosen(state), _open_most(facts, here=True)))
    said = _say(
        facts,
        "this.crossing",
        level=LEVELS[level],
        name=name,
        grace="0" if about.hold is not None else str(consent.grace),
        state=STATES[state.value],
    )
    if about.hold is not None:
        return Acts(embody=embody, notices=(said,), releases=(Release(about.hold.event_id, Ending.RELEASE, BY_AUTHOR),))
    return Acts(embody=embody, notices=(said,), cross=(about.object,))


def _forget(facts: OrderFacts) -> Acts:
    about = facts.about
    if about is None:
        return Acts(notices=(_say(facts, "this.which"),))
    if about.author is None or about.retracted:
        return Acts(notices=(_say(facts, "forget.nothing"),))
    if about.author != facts.author.native:
        return Acts(notices=(_say(facts, "this.not_yours"),))
    if about.crossed:
        return Acts(notices=(_say(facts, "forget.going"),), retract=(about.object,))
    if about.hold is not None:
        stay = Release(about.hold.event_id, Ending.LOCAL, BY_AUTHOR)
        return Acts(notices=(_say(facts, "forget.waiting"),), releases=(stay,))
    return Acts(notices=(_say(facts, "forget.nothing"),))


def _asks(hold: Hold) -> bool:
    """Does it wait for its author's yes and nothing else?"""
    return hold.kind == "ask"


def _name(order: Cross | CrossThis, facts: OrderFacts) -> tuple[str, Embody | None, Notice | None]:
    """Full name for people, the face to make if there is none yet, or why this name cannot be."""
    asked = order.handle if isinstance(order, Cross) else None
    if facts.ghost is not None and facts.ghost.ended is None:
        full = f"{facts.ghost.handle}@{facts.domain}"
        stays = _say(facts, "handle.stays", name=full) if asked not in (None, facts.ghost.handle) else None
        return full, None, stays
    handle = asked or default_handle(facts.author.native.id)
    why = flaw(handle, facts.domain) or ("handle.taken" if facts.taken else None)
    refusal = _say(facts, why, handle=handle) if why is not None else None
    return f"{handle}@{facts.domain}", Embody(facts.author, handle), refusal


def _consent(facts: OrderFacts) -> Consent:
    return facts.consent or Consent(facts.author.native, facts.community.id, grace=facts.default_grace)


def _chosen(state: Crossing) -> Audience:
    return Audience.UNLISTED if state is Crossing.QUIET else Audience.PUBLIC


def _open_most(facts: OrderFacts, *, here: bool) -> Audience:
    """The widest circle words could reach from here, or from any room: what is named back is never less than what happens."""
    rooms = (facts.place,) if facts.place is not None and (here or not facts.rooms) else facts.rooms
    return min((ceiling(room) for room in rooms if room.kind is PlaceKind.ROOM), default=Audience.PUBLIC)


def _where(facts: OrderFacts, *, here: bool) -> str:
    rooms = (facts.place,) if facts.place is not None and here else facts.rooms
    if len(rooms) == 1 and rooms[0].name:
        return f"“{line(rooms[0].name)}”"
    return "this room" if here else f"the rooms of {_community(facts)}"


def _community(facts: OrderFacts) -> str:
    return line(facts.community.name) or facts.community.handle


def _who(facts: OrderFacts) -> Notice:
    rooms = (facts.place,) if facts.place is not None and facts.place.kind is PlaceKind.ROOM else facts.rooms
    told = " ".join(room_words(room) for room in rooms[:_MOST_ROOMS])
    if len(rooms) > _MOST_ROOMS:
        told += f" And {counted(len(rooms) - _MOST_ROOMS, 'other room', 'other rooms')}."
    crowd = facts.crowd
    return _say(
        facts,
        "who",
        rooms=told or "No room is linked yet.",
        followers=counted(crowd.followers, "follower", "followers"),
        servers=counted(crowd.servers, "server", "servers"),
        members=f"{crowd.members} people" if crowd.members >= FEW else "Fewer than five people",
    )


def _status(facts: OrderFacts) -> Notice:
    consent = _consent(facts)
    state = consent.in_room(facts.place.native) if facts.place is not None else consent.state
    words = STATES[state.value]
    if not facts.needs_consent and (state is not Crossing.OFF or consent.since is None):
        words = STATES["addressed"]
    name = f"@{facts.ghost.handle}@{facts.domain}" if facts.ghost is not None and facts.ghost.ended is None else "none"
    return _say(
        facts,
        "status",
        state=words,
        name=name if facts.needs_consent else facts.author.handle,
        grace=str(consent.grace) if facts.needs_consent else "0",
        crossed=_messages(facts.crossed),
        waiting=_messages(len(facts.holds)),
    )


def _messages(number: int) -> str:
    return counted(number, "message", "messages")


def _choices(facts: OrderFacts) -> str:
    return ", ".join(str(seconds) for seconds in sorted(facts.graces))


def _say(facts: OrderFacts, code: str, /, **args: str) -> Notice:
    known = {"group": f"@{facts.community.handle}@{facts.domain}", "community": _community(facts)}
    text = notice(code, (known | args).items())
    return Notice(to=facts.author.native, text=text, answer_in=facts.answer_in)
