"""What people see at the addresses of actors, posts and conversations: the same words the fediverse is shown, and nobody it does not know.

Words born on the fediverse are shown by their own server alone; a conversation leads there.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from bridge.errors import Invariant
from bridge.model.actor import Actor, ActorKind, Ghost
from bridge.model.audience import Audience
from bridge.model.content import Message
from bridge.model.event import Event
from bridge.model.ids import ACTIVITYPUB
from bridge.model.line import Line
from bridge.model.record import KnownObject
from bridge.model.richtext import RichText
from bridge.ports import Node, Pages, Store
from protocols.activitypub.answers import page, sentence
from protocols.activitypub.ids import group_url, native, object_url, page_url, thread_url
from protocols.activitypub.publication import Publication, Shown
from protocols.activitypub.remotefollow import RemoteFollow
from protocols.htmltree import scrub
from protocols.richtext import plain_of

__all__ = ["Faces"]

MOST_LINES = 50
"""Of one conversation on its page."""
MOST_LATELY = 10
MOST_FORM = 4_096
"""Bytes of what is sent from a form."""


class Faces:
    """Pages by `pages`, from what `publication` shows."""

    def __init__(self, me: Node, store: Store, publication: Publication, pages: Pages, remote: RemoteFollow) -> None:
        self._me = me
        self._store = store
        self._publication = publication
        self._pages = pages
        self._remote = remote

    async def actor(self, ghost: Ghost, about: str) -> web.Response:
        """A community with what was begun there lately, or a person: their words are their community's."""
        lately: list[Line] = []
        if ghost.kind is ActorKind.GROUP and ghost.community is not None:
            for known in await self._store.objects.recent(None, ghost.community, 5 * MOST_LATELY):
                # Quiet words are for those who follow; a list that anybody finds is none of theirs.
                if known.thread in {None, known.id} and known.audience is Audience.PUBLIC and len(lately) < MOST_LATELY:
                    line = await self._line(known)
                    lately += [msgspec.structs.replace(line, url=thread_url(self._me, known.id))] if line is not None else []
        return page(self._pages.actor(ghost, about, lately), same_as=ghost.native.id, form=True)

    async def post(self, shown: Shown) -> web.Response:
        """One post of one of our people."""
        address = object_url(self._me, shown.known.id)
        thread = thread_url(self._me, shown.known.thread or shown.known.id)
        return page(self._pages.post(await self._readable(shown), address=address, thread=thread), same_as=address)

    async def thread(self, root: KnownObject) -> web.Response:
        """A conversation, oldest first."""
        group = await self._store.directory.ghost(native(group_url(self._me, root.community)))
        found = await self._store.objects.thread(root.id, MOST_LINES + 1)
        lines = [line for known in found[:MOST_LINES] if (line := await self._line(known)) is not None]
        if not lines or group is None:
            return sentence(404, "There is no such conversation.")
        address = thread_url(self._me, root.id)
        return page(self._pages.thread(lines, group, address=address, more=len(found) > MOST_LINES), same_as=address)

    async def follow(self, request: web.Request) -> web.Response:
        """Somebody typed where they are at home; what they typed is used for this and not kept."""
        if (request.content_length or 0) > MOST_FORM:
            return sentence(413, "That is longer than any address.")
        form = await request.post()
        name, account = form.get("name"), form.get("account")
        ghost = await self._store.directory.ghost_by_handle(ACTIVITYPUB, name.lower()[:100]) if isinstance(name, str) else None
        if ghost is None or ghost.ended is not None:
            return sentence(404, "Nobody here has that name.")
        way = await self._remote.way(account if isinstance(account, str) else "", ghost.native.id)
        return page(self._pages.way(ghost, url=way.url, server=way.server, why=way.why))

    async def _line(self, known: KnownObject) -> Line | None:
        """None for what is not, or no more, for everybody."""
        if known.native.protocol != ACTIVITYPUB:
            shown = await self._publication.message(known.id)
            if not isinstance(shown, Shown):
                return None
            event = await self._readable(shown)
            message = event.content if isinstance(event.content, Message) else None
            return Line(event.author, object_url(self._me, known.id), event.at, message)
        group = await self._publication.group_of(known)
        if known.kind != "message" or await self._publication.url_of(known, group) is None:
            return None
        author = await self._store.directory.actor(known.author)
        return Line(author[0], known.native.id, known.crossed_at) if author is not None else None

    async def _readable(self, shown: Shown) -> Event:
        """The post as a page may show it: the words and the names the fediverse sees, no others."""
        ghost = await self._store.directory.ghost(native(str(shown.note["attributedTo"])))
        message = shown.event.content
        if ghost is None or not isinstance(message, Message):
            raise Invariant(f"object {shown.known.id} is shown without an author or without words")
        who = Actor(
            native=ghost.native,
            handle=f"@{ghost.handle}@{self._me.domain}",
            host=self._me.domain,
            name=ghost.name or ghost.handle,
            kind=ghost.kind,
            url=page_url(self._me, ghost.handle),
        )
        said = str(shown.note["content"])
        words = Message(
            RichText(html=said, plain=scrub(plain_of(said))),
            title=message.title,
            note=message.note,
            language=message.language,
            attachments=message.attachments,
        )
        return msgspec.structs.replace(shown.event, author=who, content=words)
