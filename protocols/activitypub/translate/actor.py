"""A fediverse actor document is a person (or group) of ours to know; ours are written by `documents.py` and read back by this.

Activitypub.md 1.5, 3.16. The handle is the one its own server would answer WebFinger for (rule O16).
"""

from __future__ import annotations

from collections.abc import Mapping

from bridge.model.actor import Actor, ActorKind, Mark, marks_in
from bridge.model.ids import TERMS, Native
from protocols.activitypub.ids import PUBLIC, host_of, native
from protocols.activitypub.translate.thing import Thing
from protocols.activitypub.wire import moment_of
from protocols.htmltree import scrub
from protocols.richtext import from_html

_KINDS = {
    "Person": ActorKind.PERSON,
    "Organization": ActorKind.PERSON,
    "Group": ActorKind.GROUP,
    "Service": ActorKind.SERVICE,
    "Application": ActorKind.APPLICATION,
}
_BRIDGEABLE = ("bridgeable", f"{TERMS}bridgeable", "folkmoot:bridgeable")
"""FEP-0036, and our own term for the same."""

MOST_NAME = 100
RFC9421 = "https://datatracker.ietf.org/doc/html/rfc9421"
"""The name that FEP-844e gives to it."""


def actor_from_document(document: Mapping[str, object]) -> Actor | None:
    """None when it is no actor: another type, or the key stub of GoToSocial 0.20, which has no inbox."""
    seen = Thing(document)
    kind = _KINDS.get(seen.type)
    host = host_of(seen.id)
    inbox = seen.one_id("inbox")
    name = seen.text("preferredUsername")
    if kind is None or not host or not _web(inbox) or not (name or seen.text("webfinger")):
        return None
    bio = from_html(seen.text("summary"), mention=_nobody)[0]
    endpoints = seen.thing("endpoints")
    shared = (endpoints.one_id("sharedInbox") if endpoints else "") or seen.one_id("sharedInbox")
    marks = set(marks_in(bio.plain, _line(seen.text("name"))))
    if any(seen.flag(name) is False for name in _BRIDGEABLE):
        marks.add(Mark.NOBRIDGE)
    if seen.flag("indexable") is not True or not _searchable(seen):
        marks.add(Mark.NOINDEX)
    picture = seen.thing("icon")
    avatar = picture.one_id("url") if picture else ""
    return Actor(
        native=native(seen.id),
        handle=f"@{_line(name or seen.text('webfinger').partition('@')[0])}@{host}",
        host=host,
        name=_line(seen.text("name")),
        kind=kind,
        url=page_of(seen),
        avatar=avatar if _web(avatar) else None,
        bio=bio or None,
        route=inbox,
        shared_route=shared if host_of(shared) == host else None,
        followers=seen.one_id("followers") or None,
        marks=frozenset(marks),
        joined_network=moment_of(seen.text("published")),
    )


def _searchable(seen: Thing) -> bool:
    """FEP-268d: where it is said who may search, only everybody is everybody."""
    return "searchableBy" not in seen.members or PUBLIC in seen.ids("searchableBy")


def reads_rfc9421(seen: Thing) -> bool:
    """Whether an actor says that its server reads the standard form of signatures (FEP-844e)."""
    generator = seen.thing("generator")
    return generator is not None and RFC9421 in generator.ids("implements")


def page_of(seen: Thing) -> str | None:
    """The page people can open: `url` as a string, a Link, or a list of them (PeerTube), HTML first."""
    links = seen.things("url")
    for link in links:
        if link.text("mediaType").startswith("text/html") and _web(link.text("href")):
            return link.text("href")
    return next((url for url in seen.ids("url") if _web(url)), None)


def _line(text: str) -> str:
    return " ".join(scrub(text).split())[:MOST_NAME]


def _web(url: str) -> bool:
    return url.startswith(("https://", "http://")) and len(url) <= 2_048


def _nobody(_href: str, _shown: str, _classes: str) -> Native | None:
    return None
