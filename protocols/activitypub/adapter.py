"""ActivityPub as the rest of the house sees it: pure reading and writing by `translate`, one attempt per send, and what is served meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from bridge.changes import Change, PutActor
from bridge.errors import Gone, OperatorError, PeerError, Refused
from bridge.metrics import Metrics
from bridge.model.actor import Actor, ActorKind
from bridge.model.capability import Capabilities, Patience
from bridge.model.ids import ACTIVITYPUB, MATRIX, EventId, Native, ObjectId, Protocol, derive
from bridge.model.item import Destination, Item, Outcome
from bridge.model.place import OPEN, Community, Place, PlaceKind
from bridge.model.portal import Portal
from bridge.net.client import Client
from bridge.net.server import new_application
from bridge.ports import Clock, Node, Pages, Store
from bridge.refs import Absent, Need, Reading, Refs, Wire, Writing
from bridge.settings import Settings
from bridge.streams import Intake
from protocols.activitypub.admission import Admission
from protocols.activitypub.capabilities import capabilities
from protocols.activitypub.discovery import Discovery
from protocols.activitypub.documents import multikey
from protocols.activitypub.fetching import Fetcher, Missing
from protocols.activitypub.ghosts import Ghosts
from protocols.activitypub.ids import activity_url, host_of, instance_url, is_ours, native, object_url
from protocols.activitypub.inbox import Inbox
from protocols.activitypub.keyring import Keyring
from protocols.activitypub.keys import public_multikey
from protocols.activitypub.knocking import Knocking
from protocols.activitypub.lookup import find
from protocols.activitypub.publication import Fill, Publication
from protocols.activitypub.remotefollow import RemoteFollow
from protocols.activitypub.sending import Sender, inbox_of
from protocols.activitypub.server import Server
from protocols.activitypub.signers import Signers
from protocols.activitypub.translate.announce import KEY
from protocols.activitypub.translate.read import read_activity, read_object
from protocols.activitypub.translate.thing import decode
from protocols.activitypub.translate.write import write
from protocols.activitypub.wire import encode

__all__ = ["OBJECT", "ActivityPubAdapter"]

OBJECT = "object"
"""The kind of an intake that `recall` fetched; what came through an inbox is an `activity`."""


class ActivityPubAdapter:
    """This node on the fediverse. `client` is lent and stays its owner's; `routes()` are for whoever serves the public address.

    `fill` puts what the store knows into refs, for documents that are served. `version` is told in NodeInfo.
    """

    def __init__(
        self,
        node: Node,
        settings: Settings,
        *,
        store: Store,
        clock: Clock,
        client: Client,
        fill: Fill,
        pages: Pages | None,
        version: str,
        metrics: Metrics | None = None,
    ) -> None:
        self.me = node
        metrics = metrics or Metrics()
        self._client = client
        self._settings = settings
        self._store = store
        self._clock = clock
        self.signers = Signers(store.keys)
        development = settings.development
        knocking = Knocking(client, clock)
        self.fetcher = Fetcher(
            client,
            self.signers,
            node,
            clock,
            most_bytes=settings.limits.fetch_bytes,
            plain=development.origins if development.enabled else (),
            metrics=metrics,
            knocking=knocking,
        )
        self._sender = Sender(knocking, self.signers, self.fetcher, directory=store.directory, me=node, clock=clock)
        self._ghosts = Ghosts(node, store.directory, self.signers, clock)
        homeserver = settings.matrix.server_name if settings.matrix is not None else ""
        self._publication = Publication(node, store, self.signers, fill, clock, server_name=homeserver)
        bridged = (ACTIVITYPUB, MATRIX) if settings.matrix is not None else (ACTIVITYPUB,)
        discovery = Discovery(node, store, clock, version=version, contact=settings.activitypub.contact, bridged=bridged)
        self.keyring = Keyring(store.keys, self.fetcher.document, clock, node)
        self._server = Server(
            node,
            store,
            self._publication,
            discovery,
            pages=pages,
            remote=RemoteFollow(self.fetcher, clock),
            admission=Admission(node, self.keyring, clock) if settings.activitypub.signed_fetches else None,
        )
        self._inbox = Inbox(
            node, store.journal, store.deliveries, self.keyring, clock, settings.limits.body_bytes, store.directory, metrics=metrics
        )

    def routes(self) -> list[web.RouteDef]:
        """Everything public: documents and inboxes."""
        return [*self._server.routes(), *self._inbox.routes()]

    def application(self) -> web.Application:
        """The public routes alone, with the bound on bodies from the settings."""
        application = new_application(max_body=self._settings.limits.body_bytes)
        application.add_routes(self.routes())
        return application

    # ------------------------------------------------------------------------------------------------- what a group is

    @property
    def protocol(self) -> Protocol:
        return ACTIVITYPUB

    @property
    def patience(self) -> Patience:
        chosen = self._settings.activitypub
        return Patience(first=chosen.first_retry, longest=chosen.longest_retry)

    def capabilities(self, place: Place) -> Capabilities:
        return capabilities(place)

    async def destinations(self, place: Place) -> tuple[Destination, ...]:
        """Nothing for a group of ours: its followers hear it; and nothing for one elsewhere whose actor is not known, or not any more. A person
        hears us in their own inbox, which is nobody else's (activitypub.md 3.3)."""
        if place.person is not None:
            known = await self._store.directory.actor(place.person)
            alone = inbox_of(known[0], self.me, alone=True) if known is not None else None
            return (alone,) if alone is not None else ()
        if place.kind is not PlaceKind.FOREIGN_GROUP:
            return ()
        known = await self._store.directory.actor(place.native)
        inbox = inbox_of(known[0], self.me, alone=False) if known is not None else None
        return (inbox,) if inbox is not None else ()

    def destination_of(self, actor: Actor, *, alone: bool) -> Destination | None:
        return inbox_of(actor, self.me, alone=alone)

    def name_copy(self, object_id: ObjectId, place: Place) -> str | None:  # noqa: ARG002  (one address, wherever it is shown)
        return object_url(self.me, object_id)

    def name_deed(self, event_id: EventId) -> str | None:
        return activity_url(self.me, event_id)

    async def prepare(self, name: str) -> Place:
        """A group on another server, as `@group@server` or by the address of its actor; it is remembered.

        Raises OperatorError when it cannot be found or is no group, Unreachable.
        """
        try:
            url = name.strip() if name.strip().startswith(("https://", "http://")) else await find(self.fetcher, name)
        except PeerError as error:
            raise OperatorError(f"{name[:100]} cannot be found: {error.public}.", remedy="Check the address in your browser.") from error
        found = await self.fetcher.actor(url)
        if isinstance(found, Absent):
            raise OperatorError(f"{name[:100]} cannot be linked: {found.why}.", remedy="Check the address in your browser.")
        inbox = inbox_of(found, self.me, alone=False)
        if found.kind is not ActorKind.GROUP or inbox is None:
            raise OperatorError(f"{found.handle} is not a group.", remedy="Only groups (communities) carry a conversation.")
        await self._store.journal.commit([PutActor(found, self._clock.now())])
        return Place(found.native, PlaceKind.FOREIGN_GROUP, found.name or found.handle, OPEN)

    async def open_portal(self, portal: Portal, correspondent: Actor, *, instead: Native | None = None) -> Native:  # noqa: ARG002  (people here are written to in their inbox)
        raise OperatorError("Private conversations have no rooms on the fediverse.")

    # --------------------------------------------------------------------------------------------------------- reading

    def read(self, entry: Intake, refs: Refs) -> Reading:
        if entry.kind == OBJECT:
            return read_object(entry.body, refs, self.me, entry.received_at)
        return read_activity(entry.body, entry.signer, refs, self.me, entry.received_at)

    async def fetch(self, need: Need) -> Any:
        """Actors and documents of other servers: an Actor, bytes (empty when its server says that it is gone or has none), or Absent.

        An address of ours is answered with what is served there, without the network. Raises Unreachable.
        """
        match need:
            case Need("actor", (protocol, url)) if protocol == ACTIVITYPUB and not is_ours(self.me, url):
                return await self.fetcher.actor(url)
            case Need("document", (url,)) if is_ours(self.me, url):
                return await self._own(url)
            case Need("document", (url,)) if url.startswith(KEY):
                return await self._key(url.removeprefix(KEY))
            case Need("document", (url,)) if host_of(url):
                return await self._fetch_document(url)
            case _:
                return Absent("nothing on the fediverse")

    async def _fetch_document(self, url: str) -> bytes | Absent:
        try:
            return await self.fetcher.document(url)
        except (Gone, Missing):
            return b""
        except PeerError as refusal:
            return Absent(refusal.public)

    async def _key(self, key_id: str) -> bytes | Absent:
        try:
            key = await self.keyring.key(key_id)
        except PeerError as refusal:
            return Absent(refusal.public)
        return encode(multikey(key.id, key.owner, public_multikey(key.material)))

    async def _own(self, url: str) -> bytes | Absent:
        if url == instance_url(self.me):
            return encode(await self._publication.instance())
        return await self._publication.own(url) or Absent("nobody of ours has that address")

    async def part(self, place: Place) -> None:
        """Leaving a group is an Undo of our Follow, which is sent like everything else."""

    async def recall(self, place: Native, native: str) -> Intake | None:  # noqa: ARG002  (an address says where it is)
        """A post as its own server serves it now."""
        try:
            body = await self.fetcher.document(native)
        except PeerError:
            return None
        found = decode(body)
        if found is None or found.id != native:
            return None
        return Intake(
            key=derive(self.me.secret, "intake", ACTIVITYPUB, OBJECT, native),
            lane=host_of(native),
            protocol=ACTIVITYPUB,
            kind=OBJECT,
            body=body,
            received_at=self._clock.now(),
        )

    # --------------------------------------------------------------------------------------------------------- writing

    def write(self, item: Item, refs: Refs) -> Writing:
        return write(item, refs, self.me)

    async def send(self, wire: Wire, item: Item, destination: Destination) -> Outcome:
        return await self._sender.send(wire, item, destination)

    async def embody(self, of: Native, community: Community, *, handle: str | None = None, actor: Actor | None = None) -> Sequence[Change]:
        """An actor for a person, or for a community its group. Raises Conflict when the name is taken, OperatorError when it cannot be."""
        return await self._ghosts.make(of, community, handle=handle, actor=actor)

    # ------------------------------------------------------------------------------------------------------------ life

    async def download(self, address: str, most: int) -> bytes:
        """A file on another server, by its URL: unsigned, as browsers fetch it."""
        answer = await self._client.get(address, {"Accept": "image/*, video/*, audio/*;q=0.9, */*;q=0.1"}, accept_limit=most)
        if answer.status in {404, 410}:
            raise Gone(f"{host_of(address)} does not have this file any more")
        if answer.status != 200:
            raise Refused(f"{host_of(address)} answered {answer.status}")
        return answer.body

    async def start(self) -> None:
        """The instance actor's keys are there before anybody asks."""
        await self.signers.public(native(instance_url(self.me)))

    async def stop(self) -> None:
        await self.keyring.close()
        await self.fetcher.close()
