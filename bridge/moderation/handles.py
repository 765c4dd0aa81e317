"""Names people get on the fediverse: which are possible, which are taken by us, and the one a Matrix id suggests.

Design section 4: one namespace per node, lower case, stored and never parsed back.
"""

from __future__ import annotations

import base64
import hashlib
import re

LONGEST = 64

TEAM = "-team"
"""After a group's name, it is the name of those who look after it."""

_SHAPE = re.compile(r"[a-z0-9_]+(?:[.-]+[a-z0-9_]+)*\Z")
_SERVER = re.compile(r"[a-z0-9.-]+(?::[0-9]+)?\Z")
_OTHER = re.compile(r"[^a-z0-9_.-]+")

RESERVED = frozenset({
    "a", "abuse", "about", "account", "accounts", "actor", "admin", "administrator", "announce", "api", "bot", "bridge", "c", "community",
    "contact", "everyone", "all", "folkmoot", "followers", "following", "group", "health", "help", "here", "host", "hosts", "hostmaster",
    "inbox", "info", "instance", "mail", "mailer-daemon", "me", "media", "metrics", "mod", "moderation", "moderator", "moderators", "moot",
    "nodeinfo", "noreply", "no-reply", "null", "o", "official", "operator", "outbox", "owner", "postmaster", "privacy", "relay", "room",
    "root", "rules", "security", "server", "staff", "status", "support", "system", "t", "team", "u", "undefined", "user", "users",
    "webfinger", "webmaster", "well-known", "www",
    "ask", "cancel", "confirm", "cross", "export", "forget", "grace", "look", "off", "on", "quiet", "since", "this", "thread", "who",
})  # fmt: skip
"""Words of our own addresses, of roles, and words that would speak for the place itself."""


def flaw(handle: str, domain: str = "") -> str | None:
    """Why this cannot be somebody's name, as a code of `moderation/wording.py`; None when it can. `domain` is the node's own."""
    if not _SHAPE.match(handle):
        return "handle.shape"
    if len(handle) > LONGEST:
        return "handle.long"
    if handle in RESERVED or handle.endswith(TEAM) or (domain and handle == domain.lower()):
        return "handle.reserved"
    return None


def default_handle(native_id: str) -> str:
    """`@alice:hs.example` → `alice_hs.example`; always possible, at most 64 characters.

    What cannot be kept as it is (other characters, capitals, too long) gets the first characters of its hash, so that different ids have
    different names; whoever still finds the name taken is told by the directory.
    """
    localpart, _, server = native_id.removeprefix("@").partition(":")
    plain = f"{localpart}_{server}" if server else localpart
    name = plain.replace(":", "_") if _SERVER.match(server) else plain
    if flaw(name) is None:
        return name
    stem = _OTHER.sub("_", name.lower())[: LONGEST - 11].strip(".-") or "x"
    digest = hashlib.blake2b(native_id.encode("utf-8", "surrogatepass"), digest_size=5).digest()
    return f"{stem}_{base64.b32encode(digest).decode('ascii').lower()}"
