"""Promises that two accounts never share a ghost, and that a repeated send carries the same transaction id; nothing here is ever decoded.

Grammar of localparts: https://spec.matrix.org/v1.18/appendices/#user-identifiers. Matrix findings F4 and F5 decide the transaction id,
design section 4 the form of a ghost. Room ids are opaque: from room version 12 they have no server part.
"""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import quote, unquote

import msgspec

from bridge.model.ids import MATRIX, ItemId, Native, derive

__all__ = [
    "DEVICE",
    "Me",
    "actor_link",
    "event_link",
    "ghost_id",
    "host_of",
    "is_user_id",
    "linked_user",
    "split_handle",
    "transaction_id",
    "users_in",
]

DEVICE = "MOOT"
"""The one key-less device of every ghost: with it the homeserver remembers a transaction id over its own restart (F5)."""

LONGEST = 255
"""Bytes of a whole Matrix id, `@` and server name included."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
_DISTINCT = "=="
"""Stands before the hash that tells equal names apart; an escape is `=` and two digits, so two `=` in a row mean nothing else."""

_USER = re.compile(r"@[^\s:\x00-\x1f\x7f]{1,250}:(?:[A-Za-z0-9.-]{1,230}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_IN_WORDS = re.compile(
    r"(?<!\w)@[^\s:<>\"'\x00-\x1f\x7f]{1,250}:(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
)
"""With a dot in the server's name: `cc @kim:thanks` names no account."""
_MATRIX_TO = re.compile(r"https?://matrix\.to/#/([^/?#]+)/?(?:\?.*)?", re.IGNORECASE)
_MATRIX_URI = re.compile(r"matrix:u/([^/?#]+)(?:\?.*)?", re.IGNORECASE)


class Me(msgspec.Struct, frozen=True):
    """What the pure half must know of this node: its names on the homeserver, its domain, its secret.

    `bot` is the whole Matrix id; `prefix` the start of every ghost's localpart.
    """

    server_name: str
    prefix: str
    bot: str
    domain: str
    secret: bytes

    def is_ghost(self, user: str) -> bool:
        """Is this an account of ours that stands for somebody?"""
        return user.startswith(f"@{self.prefix}") and host_of(user) == self.server_name

    def is_ours(self, user: str) -> bool:
        """A ghost, or the bot."""
        return user == self.bot or self.is_ghost(user)


def host_of(user: str) -> str:
    """The server of a Matrix user id: everything behind the first colon."""
    return user.partition(":")[2]


def is_user_id(text: str) -> bool:
    """Is this a whole Matrix user id of at most 255 bytes?"""
    return _USER.fullmatch(text) is not None and len(text.encode("utf-8", "replace")) <= LONGEST


def users_in(text: str) -> tuple[str, ...]:
    """The whole Matrix ids that stand in plain words, each once."""
    return tuple(dict.fromkeys(user for user in _IN_WORDS.findall(text) if is_user_id(user)))


def split_handle(handle: str, host: str) -> tuple[str, str]:
    """`@sam@a.example` → `sam`, `a.example`; a handle of another make is all name, and the actor's own host completes it."""
    name, at, server = handle.removeprefix("@").rpartition("@")
    return (name, server) if at and name and server else (handle.removeprefix("@"), host)


def ghost_id(me: Me, of: Native, handle: str, host: str, *, distinct: bool = False) -> str:
    """The Matrix id for somebody called `handle` on `host`: `@_moot_sam=40a.example:hs`.

    `distinct`: the plain name belongs to somebody else already (a handle registered anew). A keyed hash of `of` then tells them apart, as
    it does when upper case was folded or the name had to be cut. The host stays last, so that a ban by glob on it works.
    """
    name, server = split_handle(handle, host)
    server = server.lower()
    escaped, home = _escape(name.lower()), _escape(server)
    room = LONGEST - len(f"@{me.prefix}=40:{me.server_name}".encode())
    folded = name.lower() != name
    if not (distinct or folded) and len(escaped) + len(home) <= room:
        return f"@{me.prefix}{escaped}=40{home}:{me.server_name}"
    mark = _DISTINCT + derive(me.secret, "ghost", str(of))[:12]
    home = home[-max(0, room - len(mark)) :] if len(home) > room - len(mark) else home
    kept = _cut(escaped, room - len(mark) - len(home))
    return f"@{me.prefix}{kept}{mark}=40{home}:{me.server_name}"


def _escape(text: str) -> str:
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"={byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))


def _cut(escaped: str, room: int) -> str:
    """At most `room` characters, never through the middle of an escape."""
    kept = escaped[:room]
    broken = kept.rfind("=")
    return kept[:broken] if broken >= 0 and len(kept) - broken < 3 else kept


def transaction_id(item: ItemId, speaker: str, part: str = "") -> str:
    """42 characters, the same for the same item, speaker and part.

    The speaker is in it because Synapse 1.163 keys its memory of transaction ids by path and application service, not by account (F4).
    """
    digest = hashlib.blake2b(f"{speaker}\n{part}".encode(), digest_size=10).digest()
    return f"{item:.26}{base64.b32encode(digest).decode('ascii').lower()}"


def actor_link(user: str) -> str:
    """Where a pill points."""
    return f"https://matrix.to/#/{quote(user, safe='@:')}"


def event_link(room: str, event: str, via: str) -> str:
    """A page on which people can open one message."""
    return f"https://matrix.to/#/{quote(room, safe='!:')}/{quote(event, safe='$')}?via={quote(via, safe='')}"


def linked_user(href: str) -> Native | None:
    """Whom a link names: a matrix.to page or a `matrix:` address of an account, and nothing else."""
    found = _MATRIX_TO.fullmatch(href) or _MATRIX_URI.fullmatch(href)
    if found is None:
        return None
    user = unquote(found[1])
    if href[:7].lower() == "matrix:":
        user = f"@{user}"
    return Native(MATRIX, user) if is_user_id(user) else None
