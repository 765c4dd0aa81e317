"""Every URL of ours is made here and taken apart here, and nowhere else (design section 4: decided once).

Lower case, no fragment but in key ids, no port but in development. The tail of a person's address is derived, so it tells nothing.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote, urlsplit

from bridge.model.ids import ACTIVITYPUB, OURS, CommunityId, Native, ObjectId, derive
from bridge.ports import Node

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
_PUBLIC_NAMES = frozenset({PUBLIC, "as:Public", "Public"})
"""Takahe 0.11 writes `as:Public`."""


def is_public(url: str) -> bool:
    return url in _PUBLIC_NAMES


def instance_url(me: Node) -> str:
    return f"{me.origin}/actor"


def shared_inbox(me: Node) -> str:
    """PieFed 1.6 sends group traffic here whatever the actor says."""
    return f"{me.origin}/inbox"


def group_url(me: Node, community: CommunityId) -> str:
    return f"{me.origin}/c/{community}"


def person_url(me: Node, of: Native, incarnation: int = 0) -> str:
    """`incarnation` counts how often this person came back after their actor was deleted: an id is never used twice."""
    return f"{me.origin}/u/{derive(me.secret, 'person', str(of), str(incarnation))}"


def page_url(me: Node, handle: str) -> str:
    """What people open in a browser."""
    return f"{me.origin}/@{handle}"


def object_url(me: Node, object_id: str) -> str:
    return f"{me.origin}/o/{object_id}"


def activity_url(me: Node, tail: str) -> str:
    """`tail`: an item id for what a place says, an event id for what a person did."""
    return f"{me.origin}/a/{tail}"


def thread_url(me: Node, root: str) -> str:
    return f"{me.origin}/t/{root}"


def tag_url(me: Node, name: str) -> str:
    """Where a hashtag points. Nobody keeps a list of what is said under one here; the address leads to the communities."""
    return f"{me.origin}/tags/{quote(name.casefold(), safe='')}"


def key_id(actor: str) -> str:
    """With a fragment: snac 2.94 and Lemmy refuse path-style key ids."""
    return f"{actor}#main-key"


def proof_key_id(actor: str) -> str:
    return f"{actor}#ed25519-key"


def followers_url(actor: str) -> str:
    return f"{actor}/followers"


def moderators_url(group: str) -> str:
    return f"{group}/moderators"


def team_url(group: str) -> str:
    """Who acts for all who look after a group (`team.py`)."""
    return f"{group}/team"


def native(url: str) -> Native:
    return Native(ACTIVITYPUB, url)


def stands_for(community: CommunityId) -> Native:
    """Who a group is the ghost of."""
    return Native(OURS, community)


@lru_cache(maxsize=4_096)
def host_of(url: str) -> str:
    """The server in lower case, with its port where there is one; "" when there is none."""
    try:
        parts = urlsplit(url)
        return parts.netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def is_ours(me: Node, url: str) -> bool:
    """Is this on our own origin? Compared by its parts, never by prefix (rule O1)."""
    return bool(url) and host_of(url) == host_of(me.origin)


def tail_of(me: Node, url: str, kind: str) -> str | None:
    """The id in one of our own URLs: `tail_of(me, "https://D/o/abc", "o")` is `abc`. None for anything else."""
    if not is_ours(me, url):
        return None
    path = urlsplit(url).path
    head, _, tail = path.rpartition("/")
    return tail if head == f"/{kind}" and tail else None


def object_of_url(me: Node, url: str) -> ObjectId | None:
    tail = tail_of(me, url, "o")
    return ObjectId(tail) if tail else None
