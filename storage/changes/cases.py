"""Cases, their sealed copies and the log: what is written of them, and what is left when somebody withdraws."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from bridge.changes import AppendLog, DropEvidence, PutCase, PutEvidence
from bridge.errors import Conflict
from bridge.model.actor import Actor
from bridge.model.case import Case
from bridge.model.event import Event, decode, encode
from bridge.model.ids import CommunityId, Native, ObjectId, derive
from bridge.model.logentry import GENESIS, Names, chained
from storage.columns import micros
from storage.dialect import once, upsert
from storage.heads import take
from storage.keys import Seal
from storage.moderation_schema import case_people, cases, evidence, log
from storage.schema import heads

__all__ = [
    "append_log",
    "drop_evidence",
    "forget_in_cases",
    "open_case",
    "open_evidence",
    "open_names",
    "person_key",
    "put_case",
    "put_evidence",
    "subject_key",
]

_PUT = upsert(cases)
_STANDS = select(cases.c.version, cases.c.sealed).where(cases.c.id == bindparam("which"))
_NAMED = once(case_people)
_UNNAME = delete(case_people).where(case_people.c.case == bindparam("which"))
_EVIDENCE = once(evidence)
_DROP = delete(evidence).where(evidence.c.case == bindparam("which"))
_HEAD = once(heads)
_KNOWN = select(log.c.seq).where(log.c.community == bindparam("whose"), log.c.id == bindparam("which"))
_LAST = select(log.c.hash).where(log.c.community == bindparam("whose"), log.c.seq == bindparam("place"))
_CASES_OF = select(cases).join(case_people, case_people.c.case == cases.c.id).where(case_people.c.who == bindparam("whose"))
_REWRITE = update(cases).where(cases.c.id == bindparam("which")).values(version=bindparam("newer"), sealed=bindparam("new"))
_EVIDENCE_OF = (
    select(evidence, cases.c.due_at.label("due"), cases.c.stage)
    .join(cases, cases.c.id == evidence.c.case)
    .where(evidence.c.who == bindparam("whose"))
)
_CUT_EVIDENCE = delete(evidence).where(evidence.c.case == bindparam("which"), evidence.c.object == bindparam("what"))
_UNDER_ALIAS = (
    update(evidence)
    .where(evidence.c.case == bindparam("which"), evidence.c.object == bindparam("what"))
    .values(who=bindparam("whom"), sealed=bindparam("new"))
)
_CUT_LOG = update(log).where(log.c.who == bindparam("whose")).values(who=None, by=None, sealed=None)
_CUT_DEEDS = update(log).where(log.c.by == bindparam("whose")).values(who=None, by=None, sealed=None)

_encode = msgspec.msgpack.Encoder().encode
_case = msgspec.msgpack.Decoder(Case).decode
_names = msgspec.msgpack.Decoder(Names).decode


def person_key(secret: bytes, person: Native) -> str:
    """By what somebody is found in cases and in the log, and not told from it."""
    return derive(secret, "case", "person", str(person))


def subject_key(secret: bytes, community: CommunityId, object_id: ObjectId | None, person: Native | None, week: str) -> str:
    """By what a second report finds the case that the first one opened."""
    return derive(secret, "case", community, *(("object", object_id) if object_id is not None else ("person", str(person), week)))


def open_case(secret: bytes, id_: str, sealed: bytes) -> Case:
    """The reverse of what `put_case` writes."""
    return _case(Seal(secret).open(sealed, f"case|{id_}"))


def open_evidence(secret: bytes, case: str, object_id: str, sealed: bytes) -> Event:
    return decode(Seal(secret).open(sealed, f"evidence|{case}|{object_id}"))


def open_names(secret: bytes, community: str, id_: str, sealed: bytes | None) -> Names | None:
    return None if sealed is None else _names(Seal(secret).open(sealed, f"log|{community}|{id_}"))


def put_case(connection: Connection, change: PutCase, secret: bytes) -> None:
    """Raises Conflict when somebody wrote this version first."""
    one = change.case
    stands = connection.execute(_STANDS, {"which": one.id}).first()
    if stands is not None and stands.version >= one.version:
        if open_case(secret, one.id, stands.sealed) == one:
            return
        raise Conflict(f"The case {one.id} was changed by somebody else meanwhile.")
    _PUT(
        connection,
        {
            "id": one.id,
            "community": one.community,
            "subject": subject_key(secret, one.community, one.object, one.person, one.week),
            "stage": str(one.stage),
            "version": one.version,
            "opened_at": micros(one.opened_at),
            "due_at": micros(one.due_at),
            "sealed": Seal(secret).close(_encode(one), f"case|{one.id}"),
        },
    )
    connection.execute(_UNNAME, {"which": one.id})
    _NAMED(connection, [{"case": one.id, "who": person_key(secret, person)} for person in _people(one)])


def _people(one: Case) -> list[Native]:
    """Everybody whom the case names."""
    named = [one.person, one.seen_by, *(raised.by for raised in one.raised), *(opening.by for opening in one.openings)]
    if one.settlement is not None:
        named.append(one.settlement.by)
    if one.appeal is not None:
        named += [one.appeal.by, one.appeal.reviewer]
    return list(dict.fromkeys(person for person in named if person is not None))


def put_evidence(connection: Connection, change: PutEvidence, secret: bytes) -> None:
    _EVIDENCE(connection, _copy(change.case, change.event, change.until, secret))


def _copy(case: str, event: Event, until: datetime, secret: bytes) -> dict[str, object]:
    return {
        "case": case,
        "object": event.id,
        "who": person_key(secret, event.author.native),
        "until": micros(until),
        "sealed": Seal(secret).close(encode(event), f"evidence|{case}|{event.id}"),
    }


def drop_evidence(connection: Connection, change: DropEvidence) -> None:
    connection.execute(_DROP, {"which": change.case})


def append_log(connection: Connection, change: AppendLog, secret: bytes) -> None:
    """The row of `heads` is locked until the transaction ends, so that the chain has one order on every database."""
    entry = change.entry
    if connection.execute(_KNOWN, {"whose": entry.community, "which": entry.id}).first() is not None:
        return
    name = f"log/{entry.community}"
    _HEAD(connection, {"name": name, "seq": 0})
    seq = take(connection, name)
    previous = connection.execute(_LAST, {"whose": entry.community, "place": seq - 1}).scalar() if seq > 1 else GENESIS
    names = entry.names
    body = _encode(names) if names is not None else b""
    entry = msgspec.structs.replace(entry, seq=seq, digest=derive(secret, "log", entry.id, body.hex()), previous=previous)
    connection.execute(
        insert(log),
        {
            "community": entry.community,
            "seq": seq,
            "id": entry.id,
            "at": micros(entry.at),
            "doing": _encode(entry.doing),
            "digest": entry.digest,
            "previous": entry.previous,
            "hash": chained(entry.previous, entry),
            "who": person_key(secret, names.whom) if names is not None and names.whom is not None else None,
            "by": person_key(secret, names.decided_by) if names is not None and names.decided_by is not None else None,
            "sealed": Seal(secret).close(body, f"log|{entry.community}|{entry.id}") if names is not None else None,
        },
    )


def forget_in_cases(connection: Connection, person: Actor, alias: Native, secret: bytes) -> None:
    """Cases go on under the alias; what is in the log about them, or was decided by them, names nobody. A copy that was sealed for an open
    case stays for its time (norms.md N02), by the alias too."""
    whose = {"whose": person_key(secret, person.native)}
    seal = Seal(secret)
    for row in connection.execute(_CASES_OF, whose).all():
        one = _unnamed(open_case(secret, row.id, row.sealed), person, alias)
        sealed = seal.close(_encode(one), f"case|{row.id}")
        connection.execute(_REWRITE, {"which": row.id, "newer": one.version, "new": sealed})
        connection.execute(_UNNAME, {"which": row.id})
        _NAMED(connection, [{"case": row.id, "who": person_key(secret, named)} for named in _people(one)])
    for row in connection.execute(_EVIDENCE_OF, whose).all():
        if row.stage in {"closed", "merged", "pseudonymised"}:
            connection.execute(_CUT_EVIDENCE, {"which": row.case, "what": row.object})
            continue
        event = open_evidence(secret, row.case, row.object, row.sealed)
        nobody = Actor(alias, f"@gone@{event.author.host}", event.author.host)
        sealed = seal.close(encode(msgspec.structs.replace(event, author=nobody)), f"evidence|{row.case}|{row.object}")
        connection.execute(_UNDER_ALIAS, {"which": row.case, "what": row.object, "whom": person_key(secret, alias), "new": sealed})
    connection.execute(_CUT_LOG, whose)
    connection.execute(_CUT_DEEDS, whose)


def _unnamed(one: Case, person: Actor, alias: Native) -> Case:
    def other(native: Native | None) -> Native | None:
        return alias if native == person.native else native

    def by(native: Native) -> Native:
        return alias if native == person.native else native

    replace = msgspec.structs.replace
    return replace(
        one,
        version=one.version + 1,
        person=other(one.person),
        url="" if one.person == person.native else one.url,
        seen_by=other(one.seen_by),
        raised=tuple(replace(raised, by=alias, words="") if raised.by == person.native else raised for raised in one.raised),
        openings=tuple(replace(opening, by=by(opening.by)) for opening in one.openings),
        settlement=replace(one.settlement, by=other(one.settlement.by)) if one.settlement is not None else None,
        appeal=replace(one.appeal, by=by(one.appeal.by), reviewer=other(one.appeal.reviewer)) if one.appeal is not None else None,
    )
