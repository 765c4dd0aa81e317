"""How somebody looks now, or that the account has ended."""

from __future__ import annotations

import msgspec

from bridge.model.actor import Actor


class Profile(msgspec.Struct, frozen=True, tag="profile"):
    """The whole new face; `ended` when the account deleted itself."""

    actor: Actor
    ended: bool = False
