"""A decision about somebody, placed or lifted: heard from a moderator's own client, and told to the places that have to keep it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bridge.model.ids import Native
from bridge.model.restriction import Measure


class Sanction(msgspec.Struct, frozen=True, tag="sanction"):
    """`whom` is a person, never their ghost, or a whole server. `until` None: heard, that no end was named; told, that there is none.

    `reason` is what a moderator wrote; it goes to the person, so no place is told of it (N13), nor of who decided (scenario S06). `tidy`: what
    they said goes too. `request` is the Follow of theirs that ends with it.
    """

    whom: Native
    measure: Measure
    until: datetime | None = None
    reason: str = ""
    lifted: bool = False
    tidy: bool = False
    request: str | None = None
