"""A handle that people type becomes the actor it names, when both say so: the name's server and the actor.

RFC 7033; activitypub.md 1.2 and rule O16. Akkoma 2024.04.1 and Pleroma believed the first answer, and names could be taken over.
"""

from __future__ import annotations

import re
from urllib.parse import quote

import msgspec

from bridge.errors import Malformed, OperatorError
from protocols.activitypub.fetching import Fetcher
from protocols.activitypub.ids import host_of
from protocols.activitypub.translate.thing import Thing, decode
from protocols.activitypub.wire import is_activity_type

__all__ = ["find"]

_HANDLE = re.compile(r"[@!]?([^@\s/]{1,128})@([^@\s/?#]{1,255})")


class _Name(msgspec.Struct, frozen=True):
    """One answer: `subject` as `user@server`, both in lower case, and the actor it names."""

    subject: str
    actor: str


async def find(fetcher: Fetcher, handle: str) -> str:
    """The id of the actor behind `@user@server` (Lemmy writes `!group@server`).

    The server may call it by another name (`@group@moot.example` served by `social.moot.example`): that name is asked for as well, and the
    actor's own name has to lead back to it. Raises OperatorError when it is no handle, else as `Fetcher.document`.
    """
    read = _HANDLE.fullmatch(handle.strip())
    if read is None:
        raise OperatorError(f"{handle[:100]!r} is not a fediverse address", remedy="Write it as @group@server.example.")
    user, server = read[1].lower(), host_of(fetcher.origin_of(read[2]))
    name = await _ask(fetcher, user, server)
    if name.subject != f"{user}@{server}":
        told = name
        name = await _ask(fetcher, *_halves(told.subject))
        if name != told:
            raise Malformed(f"{server} and {told.subject.partition('@')[2]} do not agree on who that is", path="$.subject")
    actor = decode(await fetcher.document(name.actor))
    if actor is None or actor.id != name.actor:
        raise Malformed(f"{host_of(name.actor)} shows that actor with another id", path="$.id")
    own = f"{actor.text('preferredUsername').lower()}@{host_of(name.actor)}"
    if own != name.subject and await _ask(fetcher, *_halves(own)) != name:
        raise Malformed(f"the actor calls itself @{own} and that name leads elsewhere", path="$.preferredUsername")
    return name.actor


async def _ask(fetcher: Fetcher, user: str, server: str) -> _Name:
    resource = quote(f"acct:{user}@{server}", safe=":@")
    answer = await fetcher.discovery(f"{fetcher.origin_of(server)}/.well-known/webfinger?resource={resource}")
    subject = answer.text("subject").lower()
    user, at, host = subject.removeprefix("acct:").rpartition("@")
    if not (subject.startswith("acct:") and user and at and host):
        raise Malformed(f"{server} does not say whose name that is", path="$.subject")
    actor = next((link.text("href") for link in answer.things("links") if _is_self(link)), "")
    if not actor:
        raise Malformed(f"{server} names no fediverse actor", path="$.links")
    return _Name(f"{user}@{host}", actor)


def _is_self(link: Thing) -> bool:
    return link.text("rel") == "self" and is_activity_type(link.text("type")) and bool(link.text("href"))


def _halves(name: str) -> tuple[str, str]:
    user, _, server = name.rpartition("@")
    return user, server
