"""Signing in and out: a link is used up in the transaction that opens its session, so that it never opens two."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, insert, select

from bridge.changes import EndSession, PutLink, PutSession
from bridge.errors import Conflict
from bridge.model.ids import Native
from storage.columns import micros
from storage.desk_schema import desk_links, desk_sessions
from storage.dialect import once

__all__ = ["end_session", "forget_sessions", "put_link", "put_session"]

_OTHERS = delete(desk_links).where(desk_links.c.who == bindparam("whose"), desk_links.c.digest != bindparam("which"))
_LINK = once(desk_links)
_USE = delete(desk_links).where(
    desk_links.c.digest == bindparam("which"), desk_links.c.who == bindparam("whose"), desk_links.c.until > bindparam("now")
)
_OPEN = select(desk_sessions.c.digest).where(desk_sessions.c.digest == bindparam("which"))
_SESSION = insert(desk_sessions)
_END = delete(desk_sessions).where(desk_sessions.c.digest == bindparam("which"))
_FORGET = [delete(table).where(table.c.who == bindparam("whose")) for table in (desk_links, desk_sessions)]


def put_link(connection: Connection, change: PutLink) -> None:
    link = change.link
    connection.execute(_OTHERS, {"whose": str(link.who), "which": link.digest})
    row = {"digest": link.digest, "who": str(link.who), "since": micros(link.since), "until": micros(link.until)}
    _LINK(connection, row)


def put_session(connection: Connection, change: PutSession) -> None:
    session = change.session
    if connection.execute(_OPEN, {"which": session.digest}).first() is not None:
        return
    used = connection.execute(_USE, {"which": change.link, "whose": str(session.who), "now": micros(session.since)})
    if used.rowcount == 0:
        raise Conflict("This link was used before, or its time is over.")
    row = {"digest": session.digest, "who": str(session.who), "since": micros(session.since), "until": micros(session.until)}
    connection.execute(_SESSION, row)


def end_session(connection: Connection, change: EndSession) -> None:
    connection.execute(_END, {"which": change.digest})


def forget_sessions(connection: Connection, who: Native) -> None:
    """Whoever is forgotten is signed out everywhere."""
    for statement in _FORGET:
        connection.execute(statement, {"whose": str(who)})
