"""People, ghosts, places and what they said yes to."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, bindparam, delete, select, update

from bridge.changes import (
    DropFollow,
    DropPlace,
    EndGhost,
    ForgetActor,
    NoteRelayed,
    PutActor,
    PutChannel,
    PutCommunity,
    PutConsent,
    PutConversation,
    PutFollow,
    PutGhost,
    PutPlace,
)
from bridge.errors import Conflict
from bridge.model.actor import ActorKind, Ghost
from bridge.model.ids import ACTIVITYPUB, derive
from bridge.model.place import Place
from storage.changes.files import forget_media
from storage.columns import called_as, micros
from storage.dialect import upsert
from storage.schema import actors, channels, communities, consents, conversations, follows, ghosts, places, relayed

__all__ = [
    "drop_follow",
    "drop_place",
    "end_ghost",
    "forget_actor",
    "ghost_row",
    "hidden_handle",
    "note_relayed",
    "put_actor",
    "put_channel",
    "put_community",
    "put_consent",
    "put_conversation",
    "put_follow",
    "put_ghost",
    "put_place",
]

_ACTOR = upsert(actors, where=lambda new: new.at >= actors.c.at)
_FORGET = delete(actors).where(actors.c.native == bindparam("who"), actors.c.at <= bindparam("moment"))
_GHOST = upsert(ghosts)
_GHOST_BODY = select(ghosts.c.body).where(ghosts.c.native == bindparam("which"))
_NAMED = select(ghosts.c.native).where(ghosts.c.protocol == bindparam("protocol"), ghosts.c.folded.in_(bindparam("names", expanding=True)))
_FOLLOW = upsert(follows)
_UNFOLLOW = delete(follows).where(follows.c.actor == bindparam("who"), follows.c.target == bindparam("whom"))
_CONSENT = upsert(consents)
_RELAYED = upsert(relayed)
_CONVERSATION = upsert(conversations)
_END_CONVERSATION = delete(conversations).where(conversations.c.actor == bindparam("who"))
_COMMUNITY = upsert(communities)
_CHANNEL = upsert(channels)
_PLACE = upsert(places)
_PLACES = select(places.c.native, places.c.channel).where(places.c.native.in_(bindparam("natives", expanding=True)))
_OTHER_PLACES = delete(places).where(places.c.channel == bindparam("which"), places.c.native.not_in(bindparam("natives", expanding=True)))
_DROP_PLACE = delete(places).where(places.c.channel == bindparam("which"), places.c.native == bindparam("where"))
_RENEW_PLACE = (
    update(places)
    .where(places.c.native == bindparam("where"))
    .values(
        kind=bindparam("sort"),
        name=bindparam("called"),
        entry=bindparam("door"),
        history=bindparam("past"),
        encrypted=bindparam("shut"),
        bridges=bindparam("seen"),
    )
)


def put_actor(connection: Connection, change: PutActor) -> None:
    """An older look never replaces a newer one."""
    actor = change.actor
    called = called_as(actor.native.protocol, actor.handle)
    _ACTOR(connection, {"native": str(actor.native), "at": micros(change.at), "body": msgspec.msgpack.encode(actor), "called": called})


def forget_actor(connection: Connection, change: ForgetActor) -> None:
    connection.execute(_FORGET, {"who": str(change.native), "moment": micros(change.at)})


def hidden_handle(secret: bytes, handle: str) -> str:
    """What stays of a name that was taken back, so that nobody else is ever given it."""
    return f"gone:{derive(secret, 'handle', handle.casefold())}"


def put_ghost(connection: Connection, change: PutGhost, secret: bytes) -> None:
    """On ActivityPub a name is given out once and an actor that was deleted stays deleted; elsewhere a ghost may come back."""
    ghost = change.ghost
    if ghost.native.protocol == ACTIVITYPUB:
        names = [ghost.handle.casefold(), hidden_handle(secret, ghost.handle)]
        owner = connection.execute(_NAMED, {"protocol": ACTIVITYPUB, "names": names}).scalar()
        if owner is not None and owner != str(ghost.native):
            raise Conflict(f"The name {ghost.handle!r} belongs to somebody else already; choose another one.")
        before = connection.execute(_GHOST_BODY, {"which": str(ghost.native)}).scalar()
        if before is not None and msgspec.msgpack.decode(before, type=Ghost).ended is not None:
            return
    _GHOST(connection, ghost_row(ghost))


def ghost_row(ghost: Ghost) -> dict[str, object]:
    """As it stands in the table."""
    return {
        "native": str(ghost.native),
        "protocol": ghost.native.protocol,
        "of": str(ghost.of),
        "handle": ghost.handle,
        "folded": ghost.handle.casefold(),
        "community": ghost.community,
        "since": micros(ghost.since),
        "ended": micros(ghost.ended),
        "body": msgspec.msgpack.encode(ghost),
    }


def end_ghost(connection: Connection, change: EndGhost, secret: bytes) -> None:
    """Its face goes, the picture we served of it too. Its name is never given out again: of a person's, a keyed hash stays to tell."""
    before = connection.execute(_GHOST_BODY, {"which": str(change.native)}).scalar()
    if before is None:
        return
    ghost = msgspec.msgpack.decode(before, type=Ghost)
    if ghost.ended is None:
        row = ghost_row(msgspec.structs.replace(ghost, name="", avatar=None, ended=change.at))
        if ghost.native.protocol == ACTIVITYPUB and ghost.kind is not ActorKind.GROUP:
            nameless = msgspec.structs.replace(ghost, name="", avatar=None, ended=change.at, handle="")
            row = {**ghost_row(nameless), "folded": hidden_handle(secret, ghost.handle)}
        _GHOST(connection, row)
        forget_media(connection, str(ghost.of))


def put_follow(connection: Connection, change: PutFollow) -> None:
    follow = change.follow
    row = {"actor": str(follow.actor), "target": str(follow.target), "request": follow.request}
    _FOLLOW(connection, {**row, "since": micros(follow.since), "accepted": micros(follow.accepted)})


def drop_follow(connection: Connection, change: DropFollow) -> None:
    connection.execute(_UNFOLLOW, {"who": str(change.actor), "whom": str(change.target)})


def put_consent(connection: Connection, change: PutConsent) -> None:
    consent = change.consent
    row = {"actor": str(consent.actor), "community": consent.community, "state": str(consent.state)}
    _CONSENT(connection, {**row, "body": msgspec.msgpack.encode(consent)})


def note_relayed(connection: Connection, change: NoteRelayed) -> None:
    _RELAYED(connection, {"hash": change.hash_, "until": micros(change.until)})


def put_conversation(connection: Connection, change: PutConversation) -> None:
    if change.place is None:
        connection.execute(_END_CONVERSATION, {"who": str(change.actor)})
    else:
        _CONVERSATION(connection, {"actor": str(change.actor), "place": str(change.place)})


def put_community(connection: Connection, change: PutCommunity) -> None:
    community = change.community
    row = {"id": community.id, "handle": community.handle, "name": community.name}
    _COMMUNITY(connection, {**row, "about": community.about, "retired": community.retired})


def put_channel(connection: Connection, change: PutChannel) -> None:
    """The whole channel: places that are not named any more leave it. Raises Conflict when a place is in another channel."""
    channel = change.channel
    natives = [str(place.native) for place in channel.places]
    for native, owner in connection.execute(_PLACES, {"natives": natives}):
        if owner != channel.id:
            raise Conflict(f"{native} carries another conversation already; unlink it there first.")
    _CHANNEL(connection, {"id": channel.id, "community": channel.community})
    connection.execute(_OTHER_PLACES, {"which": channel.id, "natives": natives})
    _PLACE(connection, [{**_place_row(place), "channel": channel.id, "ordinal": at} for at, place in enumerate(channel.places)])


def _place_row(place: Place) -> dict[str, object]:
    return {
        "native": str(place.native),
        "kind": str(place.kind),
        "name": place.name,
        "entry": str(place.openness.join),
        "history": str(place.openness.history),
        "encrypted": place.openness.encrypted,
        "bridges": " ".join(place.bridges) or None,
    }


def drop_place(connection: Connection, change: DropPlace) -> None:
    connection.execute(_DROP_PLACE, {"which": change.channel, "where": str(change.place)})


def put_place(connection: Connection, change: PutPlace) -> None:
    """Nothing happens when it is in no channel."""
    row = _place_row(change.place)
    told = {"where": row["native"], "sort": row["kind"], "called": row["name"], "door": row["entry"]}
    connection.execute(_RENEW_PLACE, {**told, "past": row["history"], "shut": row["encrypted"], "seen": row["bridges"]})
