"""Signing in at the desk: a link that works once, and the session it opens; what is kept of either is only a digest of its secret."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

import msgspec

from bridge.model.ids import OURS, Native

LINK_LIVES: Final = timedelta(minutes=10)
SESSION_LIVES: Final = timedelta(hours=12)

OPERATOR: Final = Native(OURS, "operator")
"""Who signs in with a link that the command line made: whoever runs the node, and no member of anything."""


class SignInLink(msgspec.Struct, frozen=True):
    """`digest` of the secret in its address; `who` asked for it, and nobody else is signed in by it."""

    digest: str
    who: Native
    since: datetime
    until: datetime


class Session(msgspec.Struct, frozen=True):
    """`digest` of the secret in the cookie. It ends at `until`, or when somebody signs out, or with their last seat."""

    digest: str
    who: Native
    since: datetime
    until: datetime


def digest(secret: str) -> str:
    """What is kept of a secret of 128 bits or more, in hexadecimal. The secret cannot be had from it."""
    return hashlib.blake2b(secret.encode("utf-8", "surrogatepass"), digest_size=32, person=b"moot-desk").hexdigest()
