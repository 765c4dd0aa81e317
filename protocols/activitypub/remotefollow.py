"""Somebody with an account elsewhere is led to the page of their own server where they can follow one of ours.

The server says where that is: WebFinger, `http://ostatus.org/schema/1.0/subscribe` (Mastodon, Misskey, Akkoma) or the Follow intent of FEP-3b86.
Strangers cause these questions, so few are under way at once, and what one was answered is remembered for a while.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from urllib.parse import quote

import msgspec

from bridge.errors import Malformed, PeerError, Refused, Unreachable
from bridge.ports import Clock
from protocols.activitypub.fetching import Fetcher
from protocols.activitypub.ids import host_of
from protocols.activitypub.recent import Recent

__all__ = ["RemoteFollow", "Way"]

AT_ONCE = 4
MOST_REMEMBERED = 512
REMEMBERED_FOR = timedelta(minutes=10)
MOST_ADDRESS = 2_048

_ADDRESS = re.compile(r"@?([^@\s/]{1,128})@([^@\s/?#]{1,255})")
_TEMPLATES = {"http://ostatus.org/schema/1.0/subscribe": "{uri}", "https://w3id.org/fep/3b86/Follow": "{object}"}


class Way(msgspec.Struct, frozen=True):
    """Where to go on: `url` on `server`; "" with `why` when that is not known."""

    url: str = ""
    server: str = ""
    why: str = ""


class _Told(msgspec.Struct, frozen=True):
    template: str
    slot: str
    why: str
    until: datetime


class RemoteFollow:
    """`way(account, actor)` for one of our actors."""

    def __init__(self, fetcher: Fetcher, clock: Clock) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._told: Recent[_Told] = Recent(MOST_REMEMBERED)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def way(self, account: str, actor: str) -> Way:
        """`account` as somebody typed it. Never raises for what they or their server can say."""
        read = _ADDRESS.fullmatch(account.strip())
        if read is None:
            return Way(why="That is not a fediverse address. Write it as @you@server.example.")
        if self._turns.locked():
            return Way(why="Many people are asking just now.")
        user, server = read[1].lower(), read[2].lower()
        told = self._told.get(f"{user}@{server}")
        if told is None or told.until <= self._clock.now():
            async with self._turns:
                template, slot, why = await self._ask(user, server)
            told = self._told.put(f"{user}@{server}", _Told(template, slot, why, self._clock.now() + REMEMBERED_FOR))
        url = told.template.replace(told.slot, quote(actor, safe="")) if told.template else ""
        return Way(url, host_of(url), told.why)

    async def _ask(self, user: str, server: str) -> tuple[str, str, str]:
        try:
            resource = quote(f"acct:{user}@{server}", safe=":@")
            answer = await self._fetcher.discovery(f"{self._fetcher.origin_of(server)}/.well-known/webfinger?resource={resource}")
        except Unreachable:
            return "", "", f"{server} does not answer."
        except (Refused, Malformed, PeerError):
            return "", "", f"{server} knows nobody of that name, or does not say so in a way this server understands."
        for link in answer.things("links"):
            slot, template = _TEMPLATES.get(link.text("rel")), link.text("template")
            if slot is not None and slot in template and template.startswith(("https://", "http://")) and len(template) <= MOST_ADDRESS:
                return template, slot, ""
        return "", "", f"{server} does not say where its people follow others."
