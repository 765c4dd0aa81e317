"""Names lead to actors, and anybody may ask what runs here and how many take part: WebFinger, host-meta, NodeInfo.

RFC 7033; RFC 6415; https://nodeinfo.diaspora.software; activitypub.md 1.2 to 1.4. Whatever the Accept header says: PieFed 1.6 asks NodeInfo for
ActivityPub, and takes a server that answers 406 for one of no known kind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from aiohttp import web

from bridge.model.actor import ActorKind, Ghost
from bridge.model.ids import ACTIVITYPUB
from bridge.ports import Clock, Node, Store
from protocols.activitypub.answers import JRD, SOON, answering, document, sentence
from protocols.activitypub.documents import (
    ResourceKind,
    Usage,
    host_meta,
    jrd,
    node_jrd,
    nodeinfo,
    nodeinfo_links,
    read_resource,
)
from protocols.activitypub.ids import native
from protocols.activitypub.team import called, team_at
from protocols.activitypub.wire import Document

__all__ = ["Discovery"]

LONG = 259_200
"""Seconds a name that stays may be kept, as Mastodon has it. A person's is kept no longer than their actor: they may take it back."""

COUNTED_FOR = timedelta(hours=1)
MONTH, HALF_YEAR = timedelta(days=30), timedelta(days=180)


class Discovery:
    """Routes that are open to everybody. `contact`: who answers for this node, as the settings have it; `bridged`: the networks it speaks."""

    def __init__(
        self, me: Node, store: Store, clock: Clock, *, version: str, contact: str = "", bridged: Sequence[str] = (ACTIVITYPUB,)
    ) -> None:
        self._me = me
        self._store = store
        self._clock = clock
        self._version = version
        self._contact = contact
        self._bridged = bridged
        self._counted: tuple[datetime, Usage] | None = None
        self._counting = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/.well-known/webfinger", answering(self.webfinger)),
            web.get("/.well-known/host-meta", answering(self.host_meta)),
            web.get("/.well-known/nodeinfo", answering(self.nodeinfo_links)),
            web.get("/nodeinfo/{version:2\\.[01]}", answering(self.nodeinfo)),
        ]

    async def webfinger(self, request: web.Request) -> web.Response:
        asked = read_resource(self._me, request.query.get("resource"))
        rels = request.query.getall("rel", [])
        match asked.kind:
            case ResourceKind.MALFORMED:
                return sentence(400, f"Ask for ?resource=acct:name@{self._me.domain}.")
            case ResourceKind.ELSEWHERE:
                return sentence(404, "That name belongs to another server.")
            case ResourceKind.NODE:
                return document(request, node_jrd(self._me, rels), media=JRD, seconds=LONG)
            case ResourceKind.HANDLE:
                ghost = await called(self._store.directory, asked.value)
            case ResourceKind.ACTOR:
                ghost = await self._store.directory.ghost(native(asked.value)) or await team_at(self._store.directory, asked.value)
        return self._name(request, ghost, rels)

    def _name(self, request: web.Request, ghost: Ghost | None, rels: list[str]) -> web.Response:
        if ghost is None:
            return sentence(404, "Nobody here has that name.")
        if ghost.ended is not None:
            return sentence(410, "This account has ended.")
        stays = ghost.kind is ActorKind.GROUP
        return document(request, jrd(self._me, ghost, rels), media=JRD, seconds=LONG if stays else SOON)

    async def host_meta(self, request: web.Request) -> web.Response:
        return document(request, host_meta(self._me).encode(), media="application/xrd+xml", seconds=LONG)

    async def nodeinfo_links(self, request: web.Request) -> web.Response:
        return document(request, nodeinfo_links(self._me), media=JRD, seconds=LONG)

    async def nodeinfo(self, request: web.Request) -> web.Response:
        version = request.match_info["version"]
        usage, me = await self._usage(), self._me.domain
        answer: Document = nodeinfo(self._me, version, self._version, usage, name=me, contact=self._contact, bridged=self._bridged)
        media = f'application/json; profile="http://nodeinfo.diaspora.software/ns/schema/{version}#"'
        return document(request, answer, media=media)

    async def _usage(self) -> Usage:
        """Counted once an hour: peers ask often, Misskey before each delivery."""
        async with self._counting:
            now = self._clock.now()
            if self._counted is None or now - self._counted[0] > COUNTED_FOR:
                self._counted = now, await self._count(now)
            return self._counted[1]

    async def _count(self, now: datetime) -> Usage:
        communities = [community.id for community in await self._store.directory.communities()]
        last: dict[str, datetime | None] = {}
        posts = 0
        for community in communities:
            for ghost in await self._store.directory.ghosts(community):
                if ghost.native.protocol != ACTIVITYPUB or ghost.kind is ActorKind.GROUP or ghost.native.id in last:
                    continue
                said = [words for each in communities for words in await self._store.objects.recent(ghost.of, each, 1)]
                last[ghost.native.id] = max((words.crossed_at for words in said if words.crossed_at is not None), default=None)
                posts += sum([await self._store.objects.count(ghost.of, each) for each in communities])
        active = [moment for moment in last.values() if moment is not None]
        return Usage(
            people=len(last),
            active_month=sum(now - moment <= MONTH for moment in active),
            active_half_year=sum(now - moment <= HALF_YEAR for moment in active),
            posts=posts,
        )
