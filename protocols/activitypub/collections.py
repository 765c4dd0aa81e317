"""Lists that peers walk: numbers where who is nobody's business, addresses where a thread is to be read whole, whole posts where they ask for them.

Activitypub.md 1.7, 3.11. What is not in the open is in no list.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import msgspec
from aiohttp import web

from bridge.model.actor import ActorKind, Ghost
from bridge.model.ids import Native, ObjectId
from bridge.model.place import PlaceKind
from bridge.model.record import KnownObject
from bridge.ports import Node, Store
from protocols.activitypub.answers import document, sentence
from protocols.activitypub.documents import (
    MOST_INLINE,
    collection,
    context_collection,
    featured,
    followers,
    moderators,
    outbox,
    replies,
)
from protocols.activitypub.ids import group_url, instance_url, native, team_url
from protocols.activitypub.publication import Ended, Publication
from protocols.activitypub.team import team_at

__all__ = ["ID", "Collections"]

ID = "[a-z0-9_-]{1,64}"
"""The tail of our own addresses. Lower case alone: PieFed 1.6 lowers whatever it stores."""

MOST_LISTED = 200
"""Posts of one thread."""


class Collections:
    """What is shown under `/c/{id}/`, `/u/{id}/`, `/o/{id}/`, at `/t/{id}` and as the instance actor's outbox."""

    def __init__(self, me: Node, store: Store, publication: Publication) -> None:
        self._me = me
        self._store = store
        self._publication = publication

    def shown(self) -> list[tuple[str, Callable[[web.Request], Awaitable[web.Response]]]]:
        """By address; the thread and the instance actor's outbox are the server's to route."""
        return [
            (f"/{{kind:[cu]}}/{{id:{ID}}}/{{name:outbox|followers|following}}", self.of_actor),
            (f"/c/{{id:{ID}}}/{{name:moderators|featured}}", self.of_actor),
            (f"/c/{{id:{ID}}}/team/outbox", self.of_team),
            (f"/o/{{id:{ID}}}/replies", self.replies),
        ]

    async def instance_outbox(self, request: web.Request) -> web.Response:
        return document(request, outbox(instance_url(self._me), 0, ()))

    async def of_team(self, request: web.Request) -> web.Response:
        """What they do, the group announces."""
        team = await team_at(self._store.directory, f"{self._me.origin}{request.path.removesuffix('/outbox')}")
        if team is None:
            return sentence(404, "Nobody has this address.")
        if team.ended is not None:
            return sentence(410, "This account has ended.")
        return document(request, outbox(team.native.id, 0, ()))

    async def of_actor(self, request: web.Request) -> web.Response:
        actor, _, name = request.path.rpartition("/")
        ghost = await self._store.directory.ghost(native(f"{self._me.origin}{actor}"))
        if ghost is None:
            return sentence(404, "Nobody has this address.")
        if ghost.ended is not None:
            return sentence(410, "This account has ended.")
        url = ghost.native.id
        match name:
            case "outbox":
                return document(request, await self._outbox(ghost))
            case "followers":
                return document(request, followers(url, await self._store.directory.follower_count(ghost.native)))
            case "following":
                return document(request, collection(f"{url}/following", await self._following(ghost), (), ordered=False))
            case "moderators":
                return document(request, moderators(url, (team_url(url), *await self._publication.seated(ghost))))
            case _:
                return document(request, featured(url, ()))

    async def _outbox(self, ghost: Ghost) -> bytes:
        """A group's newest public announcements, as Lemmy reads them. A person's is empty: the group shares their words."""
        url = ghost.native.id
        if ghost.kind is not ActorKind.GROUP or ghost.community is None:
            return msgspec.json.encode(outbox(url, 0, ()))
        newest = await self._store.objects.recent(None, ghost.community, MOST_INLINE)
        announced = await self._publication.announcements(newest, ghost.native)
        total = await self._store.objects.count(None, ghost.community)
        return msgspec.json.encode(outbox(url, max(total, len(announced)), announced))

    async def _following(self, ghost: Ghost) -> int:
        """The groups on other servers that carry a conversation of the community, as far as this one follows them."""
        if ghost.community is None:
            return 0
        count = 0
        for channel in await self._store.directory.channels(ghost.community):
            for place in channel.places:
                if place.kind is PlaceKind.FOREIGN_GROUP:
                    follow = await self._store.directory.follow(ghost.native, place.native)
                    count += follow is not None and follow.accepted is not None
        return count

    async def replies(self, request: web.Request) -> web.Response:
        """The answers to one of our posts, by whomever."""
        found = await self._publication.message(ObjectId(request.match_info["id"]))
        if found is None:
            return sentence(404, "There is no such post.")
        if isinstance(found, Ended):
            return sentence(410, "This post was taken back.")
        thread = await self._store.objects.thread(found.known.thread or found.known.id, MOST_LISTED)
        answers = (known for known in thread if known.reply_to == found.known.id)
        return document(request, replies(found.known.id, self._me, await self._urls(answers, found.group)))

    async def thread(self, request: web.Request, root: KnownObject) -> web.Response:
        """A whole conversation, oldest first."""
        group = await self._publication.group_of(root)
        urls = await self._urls(await self._store.objects.thread(root.id, MOST_LISTED), group)
        if not urls:
            return sentence(404, "There is no such conversation.")
        return document(request, context_collection(self._me, group_url(self._me, root.community), root.id, urls))

    async def _urls(self, thread: Iterable[KnownObject], group: Native) -> list[str]:
        found = [await self._publication.url_of(known, group) for known in thread]
        return [url for url in found if url is not None]
