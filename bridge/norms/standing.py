"""Says who somebody is to a community: visitor, reader, newcomer or known, and whether somebody vouched for them; never a number to anyone.

Norms.md 3.3. Standing is per community and private to the member and the hosts.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from bridge.model.ids import CommunityId, Native
from bridge.norms.context import Rank

NEWCOMER_DAYS = 14
NEWCOMER_MESSAGES = 3
VOUCH_DAYS = 30


class Vouch(msgspec.Struct, frozen=True):
    """`by` says "I know them" of `person`. `host`: the voucher was one when they said so, and one host is enough (N05, vouching)."""

    community: CommunityId
    person: Native
    by: Native
    at: datetime
    until: datetime
    host: bool = False


class Tenure(msgspec.Struct, frozen=True):
    """What is kept of somebody's standing. `since`: member since then, None when nobody saw them become one. `released`: items of theirs
    that were let in or passed, counted up to a few; `careful`: those among them with a link, a file or many mentions."""

    since: datetime | None = None
    released: int = 0
    careful: int = 0
    vouches: tuple[Vouch, ...] = ()

    def vouched(self, now: datetime) -> bool:
        """One host or two known members, within their 30 days."""
        current = {vouch.by: vouch for vouch in self.vouches if vouch.until > now}
        return len(current) >= 2 or any(vouch.host for vouch in current.values())


def rank(
    tenure: Tenure,
    now: datetime,
    *,
    at_home: bool,
    follows: bool,
    days: int = NEWCOMER_DAYS,
    messages: int = NEWCOMER_MESSAGES,
) -> Rank:
    """`at_home`: they live on the group's own network, where one is a reader before one is a member; in a room the door is the room's own.

    Somebody in a room whose coming nobody saw was there before the bridge was, so they are known.
    """
    vouched = tenure.vouched(now)
    if tenure.since is None and at_home:
        if not follows:
            return Rank.NEWCOMER if vouched else Rank.VISITOR
        if not tenure.released and not vouched:
            return Rank.READER
    if tenure.since is None and not at_home:
        return Rank.KNOWN
    old = tenure.since is not None and now - tenure.since >= timedelta(days=days)
    return Rank.KNOWN if old or vouched or tenure.released >= messages else Rank.NEWCOMER
