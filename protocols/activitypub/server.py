"""What this node serves to anybody who asks: actors, posts, activities, lists, names; as ActivityPub, and to people as pages.

Activitypub.md section 1. Everything is answered without a signature: what is not for everybody is not here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bridge.model.actor import ActorKind, Ghost
from bridge.model.ids import ObjectId
from bridge.model.place import Community
from bridge.moderation.handles import TEAM
from bridge.ports import Node, Pages, Store
from protocols.activitypub.admission import Admission
from protocols.activitypub.answers import Form, answering, document, form_asked, moved, page, sentence
from protocols.activitypub.collections import ID, Collections
from protocols.activitypub.discovery import Discovery
from protocols.activitypub.documents import CONTACT, PRIVACY, tombstone
from protocols.activitypub.faces import Faces
from protocols.activitypub.ids import activity_url, instance_url, native, object_url, page_url
from protocols.activitypub.publication import Ended, Publication
from protocols.activitypub.remotefollow import RemoteFollow
from protocols.activitypub.team import called, team_of

__all__ = ["Server"]

_FORMER = {ActorKind.GROUP: "Group", ActorKind.SERVICE: "Service"}


class Server:
    """The routes of one node. `pages` None: people who ask with a browser are told so in a sentence; `remote` leads them home to follow.
    `admission`: who asks has to sign; None shows everything to everybody."""

    def __init__(
        self,
        me: Node,
        store: Store,
        publication: Publication,
        discovery: Discovery,
        *,
        pages: Pages | None = None,
        remote: RemoteFollow | None = None,
        admission: Admission | None = None,
    ) -> None:
        self._me = me
        self._store = store
        self._publication = publication
        self._discovery = discovery
        self._collections = Collections(me, store, publication)
        self._pages = pages
        self._admission = admission
        self._faces = Faces(me, store, publication, pages, remote) if pages is not None and remote is not None else None

    def routes(self) -> list[web.RouteDef]:
        return [
            *self._discovery.routes(),
            web.get("/", answering(self.root)),
            web.get("/actor", answering(self.instance)),
            web.get("/tags/{name}", answering(self.topic)),
            web.get(PRIVACY, answering(self.privacy)),
            web.get(CONTACT, answering(self.contact)),
            web.get("/@{handle}", answering(self.by_handle)),
            *([web.post("/follow", answering(self._faces.follow))] if self._faces is not None else []),
            web.get("/actor/outbox", answering(self._collections.instance_outbox)),
            *(self._guarded(path, handle) for path, handle in self._shown()),
        ]

    def _shown(self) -> list[tuple[str, Callable[[web.Request], Awaitable[web.Response]]]]:
        """What tells of people, by address."""
        return [
            (f"/{{kind:[cu]}}/{{id:{ID}}}", self.actor),
            (f"/c/{{id:{ID}}}/team", self.team),
            (f"/o/{{id:{ID}}}", self.post),
            (f"/a/{{id:{ID}}}", self.activity),
            (f"/t/{{id:{ID}}}", self.thread),
            *self._collections.shown(),
        ]

    def _guarded(self, path: str, handle: Callable[[web.Request], Awaitable[web.Response]]) -> web.RouteDef:
        return web.get(path, answering(handle if self._admission is None else self._admission.guarded(handle)))

    # ------------------------------------------------------------------------------------------------------------- actors

    async def root(self, request: web.Request) -> web.Response:
        """The instance actor: PieFed 1.6 and Lemmy look for it here. To people, the communities."""
        if form_asked(request) is Form.PAGE and self._pages is not None:
            return page(self._pages.landing(await self._standing()), same_as=instance_url(self._me))
        return await self.instance(request)

    async def privacy(self, request: web.Request) -> web.Response:
        """For people, whatever their software asks for."""
        return page(self._pages.privacy()) if self._pages is not None else self._nothing_for(request)

    async def contact(self, request: web.Request) -> web.Response:
        return page(self._pages.contact(await self._standing())) if self._pages is not None else self._nothing_for(request)

    async def _standing(self) -> list[Community]:
        return [community for community in await self._store.directory.communities() if not community.retired]

    async def topic(self, _: web.Request) -> web.Response:
        """No list is kept of what is said under a hashtag: whoever opens one is shown who talks here."""
        return moved(f"{self._me.origin}/")

    async def instance(self, request: web.Request) -> web.Response:
        """Open to everybody, or two servers that ask each other for signatures never meet."""
        if form_asked(request) is not Form.ACTIVITY:
            return self._nothing_for(request)
        return document(request, await self._publication.instance())

    async def actor(self, request: web.Request) -> web.Response:
        ghost = await self._store.directory.ghost(native(f"{self._me.origin}{request.path}"))
        form = form_asked(request)
        if form is Form.PAGE and ghost is not None and ghost.ended is None:
            return moved(page_url(self._me, ghost.handle)) if self._pages is not None else self._nothing_for(request)
        if form is Form.NEITHER:
            return self._nothing_for(request)
        return await self._actor(request, ghost)

    async def team(self, request: web.Request) -> web.Response:
        group = await self._store.directory.ghost(native(f"{self._me.origin}{request.path.removesuffix('/team')}"))
        if group is None or group.ended is not None:
            return await self._actor(request, team_of(group) if group is not None else None)
        if form_asked(request) is Form.PAGE and self._pages is not None:
            return moved(page_url(self._me, group.handle))
        return document(request, await self._publication.team(group))

    async def by_handle(self, request: web.Request) -> web.Response:
        """The address people open and copy. Software is led to the actor, so that address and id are the same (rule O2)."""
        ghost = await called(self._store.directory, request.match_info["handle"].lower())
        form = form_asked(request)
        if ghost is not None and ghost.kind is ActorKind.SERVICE and ghost.handle.endswith(TEAM):
            return moved(ghost.native.id)
        if ghost is None or ghost.ended is not None:
            return await self._actor(request, ghost)
        if form is Form.ACTIVITY:
            return moved(ghost.native.id)
        shown = await self._publication.actor(ghost)
        if form is Form.NEITHER or self._faces is None or shown is None:
            return self._nothing_for(request)
        return await self._faces.actor(ghost, str(shown["summary"]))

    async def _actor(self, request: web.Request, ghost: Ghost | None) -> web.Response:
        if ghost is not None and ghost.ended is not None:
            return document(request, tombstone(ghost.native.id, _FORMER.get(ghost.kind, "Person"), ghost.ended), status=410)
        shown = await self._publication.actor(ghost) if ghost is not None else None
        return document(request, shown) if shown is not None else sentence(404, "Nobody has this address.")

    # -------------------------------------------------------------------------------------------------- posts, activities

    async def post(self, request: web.Request) -> web.Response:
        form = form_asked(request)
        if form is Form.NEITHER:
            return self._nothing_for(request)
        object_id = ObjectId(request.match_info["id"])
        if form is Form.ACTIVITY:
            return await self._note(request, object_id)
        found = await self._publication.message(object_id)
        if found is None:
            return sentence(404, "There is no such post.")
        if isinstance(found, Ended):
            return sentence(410, "This post was taken back.")
        return await self._faces.post(found) if self._faces is not None else self._nothing_for(request)

    async def _note(self, request: web.Request, object_id: ObjectId) -> web.Response:
        found = await self._publication.note(object_id)
        if found is None:
            return sentence(404, "There is no such post.")
        if isinstance(found, Ended):
            return document(request, tombstone(object_url(self._me, object_id), found.former, found.at), status=410)
        return document(request, found)

    async def thread(self, request: web.Request) -> web.Response:
        """A whole conversation. Its root may be a post of somebody elsewhere."""
        root = await self._store.objects.get(ObjectId(request.match_info["id"]))
        if root is None or root.kind != "message":
            return sentence(404, "There is no such conversation.")
        if form_asked(request) is Form.PAGE and self._faces is not None:
            return await self._faces.thread(root)
        return await self._collections.thread(request, root)

    async def activity(self, request: web.Request) -> web.Response:
        tail = request.match_info["id"]
        found = await self._publication.activity(tail)
        if found is None:
            return sentence(404, "There is no such activity, or it is not for everybody.")
        if isinstance(found, Ended):
            return self._ended(request, activity_url(self._me, tail), found, "What this was about was taken back.")
        return document(request, found)

    def _ended(self, request: web.Request, url: str, ended: Ended, said: str) -> web.Response:
        if form_asked(request) is Form.PAGE:
            return sentence(410, said)
        return document(request, tombstone(url, ended.former, ended.at), status=410)

    def _nothing_for(self, request: web.Request) -> web.Response:
        if form_asked(request) is Form.PAGE:
            return sentence(406, "There is no page for people here; follow this address from your fediverse account.")
        return sentence(406, "This is served as application/activity+json.")
