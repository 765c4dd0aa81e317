"""Who does something, on any protocol, as far as the other side needs to know."""

from __future__ import annotations

import enum
import re
from datetime import datetime

import msgspec

from bridge.model.ids import CommunityId, Native
from bridge.model.richtext import RichText


class ActorKind(enum.StrEnum):
    PERSON = "person"
    GROUP = "group"
    SERVICE = "service"
    """A bot or any account that says it is automated."""
    APPLICATION = "application"


class Mark(enum.StrEnum):
    """What an account says of itself about being bridged (norms.md N01, precedence 1)."""

    NOBRIDGE = "nobridge"
    NOBOT = "nobot"
    NOINDEX = "noindex"


_SAYS = {mark: re.compile(rf"(?<![\w&/#])#{mark.value}(?![\w-])", re.IGNORECASE) for mark in (Mark.NOBRIDGE, Mark.NOBOT)}


def marks_in(*texts: str) -> frozenset[Mark]:
    """What a name or a profile says about being bridged, by hashtag."""
    return frozenset(mark for mark, said in _SAYS.items() if any(said.search(text) for text in texts))


class Actor(msgspec.Struct, frozen=True):
    """One account. `handle` is what people type (`@bo:hs`, `@sam@a.example`); `host` its server in lower case.

    `route` is where this actor alone hears us, `shared_route` where its whole server does (ActivityPub inboxes; None on Matrix).
    """

    native: Native
    handle: str
    host: str
    name: str = ""
    kind: ActorKind = ActorKind.PERSON
    url: str | None = None
    avatar: str | None = None
    bio: RichText | None = None
    route: str | None = None
    shared_route: str | None = None
    followers: str | None = None
    marks: frozenset[Mark] = frozenset()
    joined_network: datetime | None = None


class Ghost(msgspec.Struct, frozen=True):
    """An actor we control that stands for `of`: an appservice user, or an ActivityPub actor we serve.

    A community's group is the ActivityPub ghost of `Native("folkmoot", community id)`. `handle` is the bare name, one namespace per
    node on ActivityPub, never given out again; `ended` is set when it was taken back (its URLs then answer 410).
    """

    native: Native
    of: Native
    handle: str
    kind: ActorKind
    community: CommunityId | None = None
    name: str = ""
    avatar: str | None = None
    since: datetime | None = None
    ended: datetime | None = None
