"""Taking everything back: the order itself, sealed, and the rows in which a name gives way to an alias or goes."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, bindparam, delete, exists, select, update

from bridge.changes import Disown, EraseTraces, ForgetActor, LeaveRoster, PutWithdrawal, Reassign
from bridge.model.actor import Actor, Ghost
from bridge.model.ids import ACTIVITYPUB, Native, RosterId, derive
from bridge.model.item import Item
from bridge.model.withdrawal import Phase, Withdrawal
from storage.changes.cases import forget_in_cases
from storage.changes.files import forget_media
from storage.changes.lanes import leave
from storage.changes.outgoing import decode_item, still_needed
from storage.changes.portals import forget_portals
from storage.changes.seats import forget_seats
from storage.changes.sessions import forget_sessions
from storage.changes.social import forget_actor
from storage.changes.standing import forget_standing
from storage.changes.streams import hush_decision
from storage.columns import micros
from storage.dialect import upsert
from storage.keys import Seal
from storage.schema import (
    actors,
    consents,
    conversations,
    dead,
    destinations,
    events,
    follows,
    ghosts,
    keys,
    lanes,
    let_ins,
    members,
    objects,
    out,
    parts,
    peer_keys,
    rosters,
    withdrawals,
)

__all__ = ["disown", "erase_traces", "open_withdrawal", "put_withdrawal", "reassign", "who"]

_PUT = upsert(withdrawals)
_GHOSTS = select(ghosts.c.body).where(ghosts.c.of == bindparam("whose"))
_UNDER = update(ghosts).where(ghosts.c.native == bindparam("which")).values(of=bindparam("whom"), body=bindparam("new"))
_ROSTERS = select(rosters.c.name).join(members, members.c.roster == rosters.c.id).where(members.c.member == bindparam("whose"))
_RENAME = update(rosters).where(rosters.c.name == bindparam("old")).values(name=bindparam("new"))
_UNFOLLOW = delete(follows).where(follows.c.actor == bindparam("whose"))
_UNFOLLOWED = delete(follows).where(follows.c.target == bindparam("whose"))
_UNSAY = [delete(table).where(table.c.actor == bindparam("whose")) for table in (consents, let_ins)]
_UNKNOW = delete(actors).where(actors.c.native == bindparam("whose"))
_UNKNOW_KEYS = delete(peer_keys).where(peer_keys.c.owner == bindparam("whose"))
_REASSIGN = update(objects).where(objects.c.id.in_(bindparam("which", expanding=True))).values(author=bindparam("alias"))
_UNNAME_OBJECTS = (
    update(objects)
    .where(objects.c.author == bindparam("alias"), objects.c.native.startswith(f"{ACTIVITYPUB}:http"), objects.c.retracted_at.is_not(None))
    .values(native=f"{ACTIVITYPUB}:gone/" + objects.c.id)
)
_UNNAME_PARTS = (
    update(parts)
    .where(parts.c.object.in_(select(objects.c.id).where(objects.c.author == bindparam("alias"), objects.c.retracted_at.is_not(None))))
    .values(source="")
)
_BLANK_EVENTS = update(events).where(events.c.id.in_(bindparam("which", expanding=True)), events.c.ended.is_not(None)).values(body=None)
_ITEMS = select(out.c.seq, out.c.kind, out.c.taken_back, out.c.body, still_needed().label("needed")).where(
    out.c.item.in_(bindparam("which", expanding=True)), out.c.body.is_not(None)
)
_BLANK_ITEM = update(out).where(out.c.seq == bindparam("entry")).values(body=None)
_SKIP_ITEM = update(out).where(out.c.seq == bindparam("entry")).values(body=None, taken_back=True)
_REWRITE_ITEM = update(out).where(out.c.seq == bindparam("entry")).values(body=bindparam("new"))
_LETTERS = select(dead.c.id, dead.c.kind, dead.c.body).where(dead.c.item.in_(bindparam("which", expanding=True)), dead.c.body.is_not(None))
_BLANK_LETTER = update(dead).where(dead.c.id == bindparam("number")).values(body=None)
_REWRITE_LETTER = update(dead).where(dead.c.id == bindparam("number")).values(body=bindparam("new"))
_ALONE = (
    select(destinations.c.id)
    .where(
        destinations.c.protocol == bindparam("protocol"),
        destinations.c.address.in_(bindparam("addresses", expanding=True)),
        ~exists().where(lanes.c.destination == destinations.c.id, lanes.c.awake.is_not(None)),
        ~exists().where(members.c.destination == destinations.c.id),
    )
)  # fmt: skip
_UNNAME_DESTINATION = update(destinations).where(destinations.c.id == bindparam("number")).values(address=bindparam("nowhere"))
_CALM_LANES = update(lanes).where(lanes.c.destination == bindparam("number")).values(last_error=None)
_END_CONVERSATION = delete(conversations).where(conversations.c.actor == bindparam("whose"))
_STILL_SPEAKS = (
    select(lanes.c.destination)
    .join(destinations, destinations.c.id == lanes.c.destination)
    .where(destinations.c.protocol == ghosts.c.protocol, lanes.c.urgent.is_(True), lanes.c.awake.is_not(None))
    .correlate(ghosts)
    .exists()
)
"""What is taken back on its protocol is taken back by the account itself."""

_ENDED_ELSEWHERE = delete(ghosts).where(
    ghosts.c.of == bindparam("alias"), ghosts.c.protocol != ACTIVITYPUB, ghosts.c.ended.is_not(None), ~_STILL_SPEAKS
)
_NATIVES = select(ghosts.c.native).where(ghosts.c.of == bindparam("alias"))
_DROP_KEYS = delete(keys).where(keys.c.owner.in_(bindparam("owners", expanding=True)))

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Withdrawal).decode


def who(secret: bytes, person: Native) -> str:
    """What stays of a person as proof that they withdrew."""
    return derive(secret, "withdrawal", str(person))


def open_withdrawal(secret: bytes, id_: str, sealed: bytes) -> Withdrawal:
    """The reverse of what `put_withdrawal` writes."""
    return _decode(Seal(secret).open(sealed, f"withdrawal|{id_}"))


def put_withdrawal(connection: Connection, change: PutWithdrawal, secret: bytes) -> None:
    one = change.withdrawal
    sealed = None if one.phase is Phase.DONE else Seal(secret).close(_encode(one), f"withdrawal|{one.id}")
    _PUT(
        connection,
        {
            "id": one.id,
            "community": one.community,
            "who": who(secret, one.person.native),
            "phase": str(one.phase),
            "due_at": micros(one.due_at),
            "sealed": sealed,
        },
    )


def disown(connection: Connection, change: Disown, secret: bytes) -> None:
    person = {"whose": str(change.person)}
    for found in connection.execute(_GHOSTS, person).scalars().all():
        ghost = msgspec.msgpack.decode(found, type=Ghost)
        body = msgspec.msgpack.encode(msgspec.structs.replace(ghost, of=change.alias, name="", avatar=None))
        connection.execute(_UNDER, {"which": str(ghost.native), "whom": str(change.alias), "new": body})
    forget_media(connection, str(change.person))
    for name in connection.execute(_ROSTERS, person).scalars().all():
        leave(connection, LeaveRoster(RosterId(name), change.person))
    for old_name, new_name in change.rosters:
        connection.execute(_RENAME, {"old": old_name, "new": new_name})
    for statement in (_UNFOLLOW, *_UNSAY, _UNKNOW):
        connection.execute(statement, person)
    forget_standing(connection, change.person, secret)
    forget_seats(connection, change.person)
    connection.execute(_UNKNOW_KEYS, {"whose": change.person.id})


def reassign(connection: Connection, change: Reassign) -> None:
    connection.execute(_REASSIGN, {"which": list(change.objects), "alias": str(change.alias)})
    for object_id in change.objects:
        hush_decision(connection, object_id)


def erase_traces(connection: Connection, change: EraseTraces, secret: bytes) -> None:
    alias, person = str(change.alias), change.person
    forget_in_cases(connection, person, change.alias, secret)
    connection.execute(_BLANK_EVENTS, {"which": list(change.events)})
    for event in dict.fromkeys((*change.events, *change.decisions)):
        hush_decision(connection, event)
    for row in connection.execute(_ITEMS, {"which": list(change.items)}).all():
        if row.taken_back or not row.needed:
            connection.execute(_BLANK_ITEM, {"entry": row.seq})
        elif row.kind == "retraction":
            connection.execute(_REWRITE_ITEM, {"entry": row.seq, "new": _under(row.body, change)})
        elif row.kind != "notice":
            connection.execute(_SKIP_ITEM, {"entry": row.seq})
    for row in connection.execute(_LETTERS, {"which": list(change.items)}).all():
        if row.kind == "retraction":
            connection.execute(_REWRITE_LETTER, {"number": row.id, "new": _under(row.body, change)})
        else:
            connection.execute(_BLANK_LETTER, {"number": row.id})
    forget_actor(connection, ForgetActor(person.native, change.at))
    forget_sessions(connection, person.native)
    connection.execute(_UNKNOW_KEYS, {"whose": person.native.id})
    connection.execute(_END_CONVERSATION, {"whose": str(person.native)})
    forget_portals(connection, person.native)
    connection.execute(_UNNAME_OBJECTS, {"alias": alias})
    connection.execute(_UNNAME_PARTS, {"alias": alias})
    _leave_no_address(connection, person)
    natives = connection.execute(_NATIVES, {"alias": alias}).scalars().all()
    for native in natives:
        connection.execute(_UNFOLLOW, {"whose": native})
        connection.execute(_UNFOLLOWED, {"whose": native})
    connection.execute(_ENDED_ELSEWHERE, {"alias": alias})
    if change.last:
        connection.execute(_DROP_KEYS, {"owners": list(natives)})


def _leave_no_address(connection: Connection, person: Actor) -> None:
    """Where only this person heard us; the lane is empty, so nothing is sent to a place that is none."""
    ask = {"protocol": person.native.protocol, "addresses": [one for one in (person.native.id, person.route) if one]}
    for number in connection.execute(_ALONE, ask).scalars().all():
        connection.execute(_UNNAME_DESTINATION, {"number": number, "nowhere": f"gone/{number}"})
        connection.execute(_CALM_LANES, {"number": number})


def _under(body: bytes, change: EraseTraces) -> bytes:
    """The same item by the alias."""
    item: Item = decode_item(body)
    nobody = Actor(change.alias, f"@gone@{item.event.author.host}", item.event.author.host)
    event = msgspec.structs.replace(item.event, author=nobody)
    by = change.alias if item.by == change.person.native else item.by
    return msgspec.msgpack.encode(msgspec.structs.replace(item, event=event, by=by))
