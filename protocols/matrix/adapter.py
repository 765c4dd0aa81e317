"""Matrix as the rest of the house sees it: pure reading and writing by `translate`, one attempt per send, and a watch on the homeserver."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from bridge.changes import Change, DropPart, EndGhost, PutCopy, PutPart, WakeHost
from bridge.errors import BadRegistration, OperatorError, StorageError, Unreachable
from bridge.logs import logger
from bridge.metrics import Metrics
from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.capability import Capabilities, Patience
from bridge.model.content import Message, Notice, Reaction
from bridge.model.ids import MATRIX, OURS, EventId, Native, ObjectId, Protocol
from bridge.model.item import Dead, Delivered, Destination, Item, Outcome, Retry, Scope, Skipped
from bridge.model.place import Community, Place
from bridge.model.portal import Portal
from bridge.model.record import Part
from bridge.ports import Clock, Node, Store
from bridge.refs import Absent, Need, Reading, Refs, Wire, Writing
from bridge.settings import Matrix
from bridge.streams import Intake
from protocols.matrix import translate
from protocols.matrix.appservice import MOST_BODY, Appservice, intake_of
from protocols.matrix.capabilities import PATIENCE, ROOM
from protocols.matrix.client import Client, Rejected, Silent
from protocols.matrix.conversations import Conversations
from protocols.matrix.ghosts import Ghosts
from protocols.matrix.ids import Me, is_user_id, transaction_id
from protocols.matrix.portals import Portals
from protocols.matrix.reconcile import Reconciler
from protocols.matrix.registration import alias_of_control, bot_id, registration_id
from protocols.matrix.rooms import BOT_NAME, Rooms
from protocols.matrix.translate.conversation import EVENT
from protocols.matrix.translate.edit import newest, replacing
from protocols.matrix.translate.emoji import FILE
from protocols.matrix.translate.frame import account
from protocols.matrix.translate.media import Show, completed
from protocols.matrix.translate.outgoing import REDACT, SANCTION, SAY, SEND, SHOW, SIGN, UPDATE, parted
from protocols.matrix.translate.profile import Face
from protocols.matrix.translate.sanction import Sending
from protocols.matrix.translate.setting import PREDECESSOR, STATE
from protocols.matrix.uploads import Fetch, Uploads
from protocols.matrix.watch import Watch
from protocols.matrix.wire import dump

__all__ = ["MatrixAdapter"]

_log = logger()

_SHOWN = (Message, Reaction)
"""What brings an event into being that others point at. An edit's own event is never pointed at: relations go to the original."""


class MatrixAdapter:
    """One homeserver. `session` is lent and stays its owner's; `application()` is for whoever mounts the homeserver's door."""

    def __init__(
        self,
        node: Node,
        settings: Matrix,
        *,
        as_token: str,
        hs_token: str,
        store: Store,
        clock: Clock,
        session: aiohttp.ClientSession,
        beat: float = 1.0,
        every: float = 120.0,
        most_body: int = MOST_BODY,
        fetch: Fetch | None = None,
        most_file: int = 16_000_000,
        most_pixels: int = 40_000_000,
        metrics: Metrics | None = None,
    ) -> None:
        """`fetch` gets files from elsewhere, guarded; without it they are shown as links."""
        self.me = Me(server_name=settings.server_name, prefix=settings.prefix, bot=bot_id(settings), domain=node.domain, secret=node.secret)
        self._store = store
        self._clock = clock
        self.client = Client(settings.homeserver, as_token, session)
        self._uploads = Uploads(self.client, store, clock, fetch, most_bytes=most_file, most_pixels=most_pixels)
        self._ghosts = Ghosts(self.me, self.client, store, clock, self._uploads)
        self._rooms = Rooms(self.me, self.client, [node.origin.partition("://")[2]])
        self._conversations = Conversations(self.me, self.client, store)
        self._portals = Portals(self.me, self.client)
        self.reconciler = Reconciler(
            self.me, self.client, store.journal, clock, control_alias=alias_of_control(settings), seen_by=self._seen_by
        )
        self.watch = Watch(
            self.me,
            self.client,
            self.reconciler,
            self._conversations,
            directory=store.directory,
            portals=store.portals,
            clock=clock,
            introduce=self._introduce,
            awaken=self._awaken,
            registration=registration_id(settings),
            losses=store.claims.losses,
            beat=beat,
            every=every,
        )
        self._door = Appservice(
            self.me,
            hs_token,
            store.journal,
            store.directory,
            clock,
            suspect=self.watch.suspect,
            settled=self.watch.settled,
            invited=self.watch.look,
            most_body=most_body,
            metrics=metrics,
        )
        self._watching: asyncio.Task[None] | None = None
        self._introduced = False

    def application(self) -> web.Application:
        """The homeserver's door; `settings.matrix.listen` says where it belongs."""
        return self._door.application()

    # -------------------------------------------------------------------------------------------------- what a room is

    @property
    def protocol(self) -> Protocol:
        return MATRIX

    @property
    def is_reached(self) -> bool:
        """Do the homeserver and this node reach each other, as far as was last seen?"""
        return self.watch.is_reached

    @property
    def patience(self) -> Patience:
        return PATIENCE

    def capabilities(self, place: Place) -> Capabilities:  # noqa: ARG002  (all rooms carry the same)
        return ROOM

    async def destinations(self, place: Place) -> tuple[Destination, ...]:
        return (Destination(MATRIX, place.native.id, self.me.server_name),)

    def destination_of(self, actor: Actor, *, alone: bool) -> Destination | None:
        """A person's own lane, for what the bot says to them; with others, they hear the room."""
        if not alone or actor.native.protocol != MATRIX or not is_user_id(actor.native.id) or self.me.is_ours(actor.native.id):
            return None
        return Destination(MATRIX, actor.native.id, self.me.server_name)

    def name_copy(self, object_id: ObjectId, place: Place) -> str | None:  # noqa: ARG002  (the homeserver names events)
        return None

    def name_deed(self, event_id: EventId) -> str | None:  # noqa: ARG002  (the homeserver names events)
        return None

    async def prepare(self, name: str) -> Place:
        """The bot enters a room (id or alias). Raises BadSetting with what to do, Unreachable."""
        await self._introduce()
        return await self._rooms.prepare(name)

    async def part(self, place: Place) -> None:
        """The bot leaves last: it alone can see who of ours is there."""
        await self._rooms.part(place.native.id)

    async def open_portal(self, portal: Portal, correspondent: Actor, *, instead: Native | None = None) -> Native:
        ghost = await self._ghosts.ensure(correspondent, portal.community)
        room = await self._portals.open(portal, ghost.id)
        if instead is not None and instead != room and instead.id.startswith("!"):
            await self._ghosts.leave(instead.id, ghost.id)
        return room

    async def recall(self, place: Native, native: str) -> Intake | None:
        body = await self._rooms.event(place.id, native)
        return intake_of(self.me, newest(body), self._clock) if body is not None else None

    async def head_count(self, place: Native) -> tuple[int, int]:
        """People and ghosts in a room, for `!who`. Raises Unreachable, Rejected."""
        return await self._rooms.count(place.id)

    # -------------------------------------------------------------------------------------------------- reading

    def read(self, entry: Intake, refs: Refs) -> Reading:
        return translate.read(entry.body, entry.received_at, refs, self.me)

    async def fetch(self, need: Need) -> Any:
        """Actors of Matrix, what a room is now (`translate/setting.py`), pictures as the homeserver has them. Raises Unreachable, StorageError."""
        try:
            if need.kind == "actor" and need.key[0] == MATRIX:
                return await self._fetch_actor(need.key[1])
            if need.kind == "document" and need.key[0].startswith(STATE):
                return await self._rooms.facts(need.key[0].removeprefix(STATE))
            if need.kind == "document" and need.key[0].startswith(PREDECESSOR):
                found = await self._rooms.predecessor(need.key[0].removeprefix(PREDECESSOR))
                return found if found is not None else Absent("the room names no predecessor, or does not let us look")
            if need.kind == "document" and need.key[0].startswith(EVENT):
                return await self._rooms.event(*parted(need.key[0].removeprefix(EVENT))) or Absent("it is not there, or not for us")
            if need.kind == "document" and need.key[0].startswith(FILE):
                upload = await self._uploads.have(need.key[0].removeprefix(FILE), by=self.me.bot)
                is_picture = upload is not None and upload.media_type.startswith("image/")
                return upload.address.encode() if upload is not None and is_picture else Absent("the picture cannot be had")
        except Rejected as refusal:
            return Absent(f"the homeserver does not tell: {refusal.errcode}")
        return Absent("nothing on Matrix")

    async def _fetch_actor(self, user: str) -> Actor | Absent:
        profile = await self._rooms.profile(user) if is_user_id(user) else None
        if profile is None:
            return Absent("the homeserver knows nobody of that id")
        name, avatar = profile.get("displayname"), profile.get("avatar_url")
        return account(user, name if isinstance(name, str) else None, avatar if isinstance(avatar, str) else None)

    # -------------------------------------------------------------------------------------------------- writing

    def write(self, item: Item, refs: Refs) -> Writing:
        return translate.write(item, refs, self.me)

    async def send(self, wire: Wire, item: Item, destination: Destination) -> Outcome:
        """One attempt; everything the homeserver may answer is an Outcome."""
        try:
            return await self._send(wire, item, destination)
        except Rejected as refusal:
            return _final(refusal)
        except Silent as error:
            self.watch.suspect("a request was not answered")
            return Retry(error.private, scope=Scope.HOST)
        except Unreachable as error:
            return Retry(error.private, after=error.retry_after, scope=Scope.LANE)
        except BadRegistration as error:
            _log.error("homeserver.refused", code=error.code, remedy=error.remedy)
            return Retry(error.private, after=30.0, scope=Scope.HOST)
        except StorageError as error:
            return Retry(error.private, after=1.0, scope=Scope.HOST)

    async def _send(self, wire: Wire, item: Item, destination: Destination) -> Outcome:
        bot = self.me.bot
        if wire.method == SAY:
            return await self._say(wire, item)
        if wire.method == SIGN:
            room, _ = parted(wire.path)
            event = await self.client.send(room, "m.reaction", wire.body, transaction_id(item.id, bot), by=bot)
            return Delivered(event)
        room = destination.address
        if not room.startswith("!"):
            return Skipped("they hear it in the room")
        if wire.method == UPDATE:
            return await self._update(wire, item, room)
        if wire.method == SANCTION:
            return await self._sanction(wire, room)
        if wire.speaker is None and wire.method == REDACT:
            return Skipped("nobody of ours said it here")
        speaker = wire.speaker.id if wire.speaker is not None else (await self._ghosts.ensure(await self._speaker(item), item.community)).id
        if speaker == bot:
            return await self._speak(wire, item, room, speaker)
        if wire.method in {SEND, SHOW} and item.by == item.event.author.native:
            await self._ghosts.renew(item.event.author)
        if item.event.audience is Audience.DIRECT:
            # The room of two, which the speaker made; the bot is not there to see who else is.
            return await self._speak(wire, item, room, speaker)
        await self._ghosts.enter(room, speaker)
        try:
            return await self._speak(wire, item, room, speaker)
        except Rejected as refusal:
            if refusal.errcode not in {"M_FORBIDDEN", "M_UNKNOWN_DEVICE", "M_EXCLUSIVE"}:
                raise
            # Left, or never registered: the homeserver's data may be older than ours, restored from a backup.
            await self._ghosts.again(room, speaker)
            return await self._speak(wire, item, room, speaker)

    async def _speak(self, wire: Wire, item: Item, room: str, speaker: str) -> Outcome:
        transaction = transaction_id(item.id, speaker)
        if wire.method == REDACT:
            for number, event in enumerate(wire.path.split()):
                part = transaction_id(item.id, speaker, str(number)) if number else transaction
                await self.client.redact(room, event, wire.body, part, by=speaker)
            return Delivered()
        if wire.method == SHOW:
            return await self._show(msgspec.json.decode(wire.body, type=Show), item, room, speaker)
        event = await self.client.send(room, wire.path, wire.body, transaction, by=speaker)
        return Delivered(event if isinstance(item.event.content, _SHOWN) else None)

    async def _show(self, shown: Show, item: Item, room: str, speaker: str) -> Outcome:
        """Several events that are one message. What is known of them is written down at once: a repeat after a crash sends none twice."""
        main: str | None = None
        place, commit, kind = item.place, self._store.journal.commit, "m.room.message"
        if shown.words is not None:
            main = await self.client.send(room, kind, dump(shown.words), transaction_id(item.id, speaker), by=speaker)
            if isinstance(item.event.content, Message):
                await commit([PutCopy(item.object, place, main)])
        for file in shown.files:
            upload = await self._uploads.have(file.source, by=speaker)
            content = completed(file, upload) if upload is not None else file.instead
            if file.replaces:
                content = replacing(content, file.replaces)
            event = await self.client.send(room, kind, dump(content), transaction_id(item.id, speaker, f"file{file.number}"), by=speaker)
            if file.number == 0 and not file.replaces:
                main = event
            await commit([PutPart(item.object, place, Part(file.number, file.replaces or event, file.source, file.digest))])
        for gone in shown.gone:
            if gone.event:
                body, transaction = dump({}), transaction_id(item.id, speaker, f"gone{gone.number}")
                await self.client.redact(room, gone.event, body, transaction, by=speaker)
            await commit([DropPart(item.object, place, gone.number)])
        return Delivered(main if isinstance(item.event.content, _SHOWN) else None)

    async def _speaker(self, item: Item) -> Actor:
        """Whose ghost is to be made."""
        if item.by == item.event.author.native:
            return item.event.author
        known = await self._store.directory.actor(item.by)
        if known is None:
            raise Rejected("M_NOT_FOUND", "nothing is known of who should speak", 404)
        return known[0]

    async def _say(self, wire: Wire, item: Item) -> Outcome:
        """In the room named, else in the person's own conversation, which is opened now. A conversation that is gone is opened anew."""
        content = item.event.content
        if not isinstance(content, Notice):
            return Dead("only a notice is said by the bot")
        bot, transaction = self.me.bot, transaction_id(item.id, self.me.bot)
        room = await self._conversations.open(content.to, parted(wire.path)[0])
        try:
            await self.client.send(room, "m.room.message", wire.body, transaction, by=bot)
        except Rejected as refusal:
            if refusal.errcode != "M_FORBIDDEN" or content.answer_in is not None:
                raise
            room = await self._conversations.reopen(content.to, room)
            await self.client.send(room, "m.room.message", wire.body, transaction, by=bot)
        return Delivered()

    async def _update(self, wire: Wire, item: Item, room: str) -> Outcome:
        if wire.speaker is None:
            return Skipped("they never spoke here, so there is nothing to change")
        face = msgspec.json.decode(wire.body, type=Face)
        if not face.ended:
            await self._ghosts.renew(item.event.author)
            return Delivered()
        await self._ghosts.leave(room, wire.speaker.id)
        await self._ghosts.undress(wire.speaker.id)
        await self._store.journal.commit([EndGhost(wire.speaker, self._clock.now())])
        return Delivered()

    async def _sanction(self, wire: Wire, room: str) -> Outcome:
        """Asking twice leaves the same: what is as it should be is not asked for, or the room would tell of it again."""
        asked, bot = msgspec.json.decode(wire.body, type=Sending), self.me.bot
        membership, _ = await self.client.member(room, asked.user, by=bot)
        if (membership == "ban") is not asked.lifted:
            return Delivered()
        change = self.client.unban if asked.lifted else self.client.ban
        await change(room, asked.user, by=bot)
        return Delivered()

    async def embody(self, of: Native, community: Community, *, handle: str | None = None, actor: Actor | None = None) -> Sequence[Change]:
        """A ghost for somebody from elsewhere. A community speaks through the bot, which every room already knows."""
        if of.protocol == OURS:
            return ()
        if actor is None:
            known = await self._store.directory.actor(of)
            if known is None:
                raise OperatorError(f"nothing is known of {of}", remedy="They have to be seen once before they can be shown elsewhere.")
            actor = known[0]
        if handle is not None and not actor.handle:
            actor = msgspec.structs.replace(actor, handle=handle)
        _, changes = await self._ghosts.make(actor, community.id)
        return changes

    # -------------------------------------------------------------------------------------------------- life

    async def download(self, address: str, most: int) -> bytes:
        return await self.client.download(address, by=self.me.bot, most=most)

    async def start(self) -> None:
        """Introduce the bot and begin to watch. A homeserver that is away is waited for; one that does not know us is the operator's
        to mend (BadRegistration)."""
        try:
            await self._introduce()
        except Unreachable as error:
            _log.warning("homeserver.lost", reason=error.private)
        self.watch.suspect("the node has just started")
        self._watching = asyncio.create_task(self.watch.run(), name="matrix.watch")

    async def stop(self) -> None:
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _seen_by(self, room: str) -> str:
        """Which account of ours reads a room: the bot, but in the room of two people."""
        portal = await self._store.portals.portal_at(Native(MATRIX, room))
        ghost = await self._store.directory.ghost_of(MATRIX, portal.correspondent) if portal is not None else None
        return ghost.native.id if ghost is not None else self.me.bot

    async def _introduce(self) -> None:
        """The bot's account, device and name. Raises Unreachable, Rejected, BadRegistration."""
        if self._introduced:
            return
        await self._ghosts.register(self.me.bot)
        profile = await self._rooms.profile(self.me.bot)
        if profile is None or profile.get("displayname") != BOT_NAME:
            await self.client.set_displayname(self.me.bot, BOT_NAME)
        # Rooms may have been linked by a release that said nothing, and a new name takes what a membership says besides.
        joined = await self.client.rooms(self.me.bot)
        for community in await self._store.directory.communities():
            for channel in await self._store.directory.channels(community.id):
                for place in channel.places:
                    if place.native.id in joined:
                        await self._rooms.tell(place.native.id)
        self._introduced = True

    async def _awaken(self) -> None:
        """It answers, so what waits for it goes now, and not when the last failure said: that may be half a minute. Raises StorageError."""
        if (await self._store.deliveries.host(self.me.server_name)).fails:
            await self._store.journal.commit([WakeHost(self.me.server_name)])
            _log.info("peer.closed_circuit", protocol=MATRIX, peer=self.me.server_name, reason="the homeserver answers again")


def _final(refusal: Rejected) -> Outcome:
    """A reaction that is there already is there; what is to be taken back and is not there is gone."""
    if refusal.errcode == "M_DUPLICATE_ANNOTATION":
        return Delivered()
    if refusal.errcode == "M_TOO_LARGE":
        return Dead("The homeserver says it is too large.")
    return Dead(f"The homeserver refused it for good: {refusal.private}")
