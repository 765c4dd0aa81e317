"""What the core needs from the outside, as small Protocol classes; every implementation passes the same conformance suite.

Reads are methods. Writes are frozen changes (`bridge/changes.py`) that one `commit` applies in one transaction, never a callable
(design section 3). All methods are safe to call twice; none retries by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from bridge.changes import Change
from bridge.model.actor import Actor, Ghost
from bridge.model.capability import Capabilities, Patience
from bridge.model.event import Event
from bridge.model.ids import ChannelId, CommunityId, EventId, ItemId, Native, ObjectId
from bridge.model.ids import Protocol as ProtocolName
from bridge.model.item import Destination, Item, Omission, Outcome, Standing
from bridge.model.line import Line
from bridge.model.place import Channel, Community, Place
from bridge.model.portal import Portal
from bridge.model.record import Follow, Hold, Kept, KnownObject, Part, Record, Said, Traces, Upload, Wait
from bridge.model.session import Session, SignInLink
from bridge.model.withdrawal import Withdrawal
from bridge.norms.context import Consent
from bridge.norms.decision import Decision
from bridge.refs import Need, Reading, Refs, Wire, Writing
from bridge.registers import Cases, Log, Norms, People, Portals, Seats
from bridge.streams import Backlog, DeadLetter, Entry, HostState, Intake, LaneState, Queued, Receipt, Share, Stream, Window


class Node(msgspec.Struct, frozen=True):
    """Who we are: `domain` as in our URLs, `origin` (`https://domain`, in development maybe `http://127.0.0.1:8080`), the id secret."""

    domain: str
    origin: str
    secret: bytes


class Claims(Protocol):
    """What of the work is this process's, where several share one database: lanes of INTAKE, communities of EVENTS, servers of OUT.

    Engine.md sections 7 and 9. Where there is one process everything is, at once.
    """

    def share(self, stream: Stream) -> Share:
        """For asking the store what there is to do."""

    def owns(self, stream: Stream, name: str) -> bool:
        """May work on it begin, or leave this process, now? Not while it is handed over, nor while this process cannot be sure."""

    def keeps(self, stream: Stream, name: str) -> bool:
        """May what came of work on it still be written down, as far as this process knows?"""

    def begin(self, stream: Stream, name: str) -> None:
        """Work on it is under way: it is not handed over before the `end` of it."""

    def end(self, stream: Stream, name: str) -> None: ...

    def losses(self) -> int:
        """How often a process of this node was lost, itself included, as far as this one has seen; who talked to it turns to another."""


class Journal(Protocol):
    """Three append-only streams with a persisted cursor per lane (engine.md section 9)."""

    async def accept(self, entries: Sequence[Intake]) -> tuple[Receipt, ...]:
        """Append to INTAKE; returns only when durable, all or nothing, order kept. Raises Full or StoreDown."""
        ...

    async def known(self, keys: Sequence[str]) -> frozenset[str]:
        """Those of these intake keys that were accepted before. Nothing is written."""
        ...

    async def pending(self, stream: Stream) -> tuple[str, ...]:
        """The lanes of INTAKE or EVENTS with something after their cursor, whoever they belong to."""
        ...

    async def read_intake(self, lane: str, limit: int) -> tuple[Entry, ...]: ...

    async def read_events(self, community: str, limit: int) -> tuple[tuple[int, Event], ...]:
        """After the cursor, in order; erased entries are skipped by the store and never seen."""
        ...

    async def commit(self, changes: Sequence[Change], *, stream: Stream | None = None, lane: str = "", upto: int | None = None) -> None:
        """One durable transaction: all changes, and the lane's cursor moved to `upto`. Raises Fenced, Conflict, StoreDown; then nothing
        was written. Fenced: the lane, or one that a change is the courier's word about, belongs to another process now. A repeat of the
        same changes changes nothing."""
        ...

    async def waits_due(self, now: datetime, limit: int, share: Share = None) -> tuple[tuple[Wait, Entry], ...]:
        """Parked intake entries whose time has come (or whose awaited object has arrived), oldest first."""
        ...

    async def waits(self, limit: int) -> tuple[tuple[Wait, Entry], ...]:
        """All parked intake entries, those that wait for a person first, then the longest waiting."""
        ...

    async def wait(self, seq: int) -> tuple[Wait, Entry] | None:
        """One parked intake entry."""
        ...

    async def waits_ahead(self, lane: str, seq: int) -> bool:
        """Does an entry of this intake lane that came before `seq` still wait, and not for a person?"""
        ...

    async def next_due(self, share: Share = None) -> datetime | None:
        """When the earliest wait comes due."""
        ...

    async def hint(self, stream: Stream, seconds: float) -> None:
        """Return when something may be new in the stream, or after `seconds`. A lost hint costs time, never data."""
        ...

    async def event(self, event_id: EventId) -> Event | None: ...

    async def traces(self, person: Native, limit: int) -> Traces:
        """What is done or on its way and still names this person as the one who did it or hears it. Looks through the whole log."""
        ...

    async def recent_events(self, community: CommunityId | None, limit: int) -> tuple[Record, ...]: ...

    async def record(self, event_id: EventId) -> Record | None:
        """The whole life of one event, for people: decision, holds, omissions, items with their standing per destination."""
        ...

    async def backlog(self, now: datetime) -> Backlog: ...


class Deliveries(Protocol):
    """The courier's view of OUT: per destination two lanes, each one cursor; only exceptions are rows."""

    async def lanes(self, now: datetime, limit: int, share: Share = None) -> tuple[LaneState, ...]:
        """Lanes with something after their cursor whose own and whose host's `next_at` is reached; urgent first, then longest waiting."""
        ...

    async def next_due(self) -> datetime | None: ...

    async def read(self, lane: LaneState, limit: int) -> tuple[Queued, ...]:
        """After the cursor, in order, only what this destination is to hear."""
        ...

    async def windows(self, lanes: Sequence[LaneState], limit: int) -> tuple[Window, ...]:
        """`read` for many lanes at once: of each the beginning of what is after `cursor`, at most `limit`, never empty while there is any.

        What many of them hear is decoded once and is the same value."""
        ...

    async def host(self, host: str) -> HostState: ...

    async def dead_letters(self, limit: int) -> tuple[DeadLetter, ...]: ...

    async def standings(self, event_id: EventId) -> tuple[Standing, ...]: ...


class Directory(Protocol):
    """Who and where: actors, ghosts, places, follows."""

    async def communities(self) -> tuple[Community, ...]: ...

    async def community(self, community: CommunityId) -> Community | None: ...

    async def channels(self, community: CommunityId) -> tuple[Channel, ...]:
        """Those that carry its conversations; its moderation room is the place of `channel(moderation_channel(community))`."""
        ...

    async def channel(self, channel: ChannelId) -> Channel | None: ...

    async def channel_of(self, place: Native) -> Channel | None: ...

    async def actor(self, native: Native) -> tuple[Actor, datetime] | None:
        """A foreign account as last fetched, and when."""
        ...

    async def actor_called(self, protocol: ProtocolName, handle: str) -> Native | None:
        """Whom this node has seen under that handle (`@sam@a.example`, without regard to case); None when there are two of that name."""
        ...

    async def ghost(self, native: Native) -> Ghost | None: ...

    async def ghost_of(self, protocol: ProtocolName, of: Native) -> Ghost | None: ...

    async def ghost_by_handle(self, protocol: ProtocolName, handle: str) -> Ghost | None:
        """Without regard to case; ended ghosts are returned too (their handle is never given out again)."""
        ...

    async def ghosts(self, community: CommunityId) -> tuple[Ghost, ...]: ...

    async def follow(self, actor: Native, target: Native) -> Follow | None: ...

    async def followers(self, target: Native, after: str, limit: int) -> tuple[Follow, ...]:
        """Accepted follows ordered by the follower's native id."""
        ...

    async def follower_count(self, target: Native) -> int: ...

    async def conversation(self, actor: Native) -> Native | None:
        """The private room in which the bot talks with this person, if there is one."""
        ...

    async def owner_of(self, conversation: Native) -> Native | None: ...


class Objects(Protocol):
    """The current form of everything that crossed, until it is withdrawn; and which copy is whose."""

    async def find(self, native: Native) -> KnownObject | None:
        """By the id it was born with, or by the id of a copy of ours in some place, or of a part of one."""
        ...

    async def get(self, object_id: ObjectId) -> KnownObject | None: ...

    async def shown_as(self, native: Native) -> ObjectId | None:
        """Whose copy is called so, also when it is none of what crossed: a card in a moderation room."""
        ...

    async def current(self, object_id: ObjectId) -> Event | None:
        """The event that shows the object as it is now; None when unknown or withdrawn."""
        ...

    async def copy(self, object_id: ObjectId, place: Native) -> str | None:
        """What `place` calls its copy of the object (or the object itself where it was born)."""
        ...

    async def parts(self, object_id: ObjectId, place: Native) -> tuple[Part, ...]:
        """The further events of the copy in `place`, in order: a file each."""
        ...

    async def thread(self, root: ObjectId, limit: int) -> tuple[KnownObject, ...]: ...

    async def last_in_thread(self, root: ObjectId, place: Native) -> str | None:
        """The native id, in `place`, of the newest object of the thread that is there (the root itself if nothing else)."""
        ...

    async def recent(self, author: Native | None, community: CommunityId, limit: int) -> tuple[KnownObject, ...]:
        """What stands, newest first; of everybody without words of two people, of one author with theirs."""
        ...

    async def count(self, author: Native | None, community: CommunityId) -> int:
        """What stands, without words of two people."""
        ...

    async def said_by(self, author: Native, part: Said, after: int, limit: int) -> tuple[tuple[int, KnownObject], ...]:
        """In the order in which they came to be known, each with its ordinal; also what was taken back, which `count_said_by` leaves out."""
        ...

    async def count_said_by(self, author: Native, part: Said) -> int: ...

    async def item(self, item_id: ItemId) -> Item | None:
        """An outgoing item by id, for the activity it is served as; None when unknown or erased."""
        ...


class Decisions(Protocol):
    """What was decided, what waits, what people said about crossing."""

    async def decision(self, event_id: EventId) -> Decision | None: ...

    async def hold(self, event_id: EventId) -> Hold | None: ...

    async def hold_on(self, object_id: ObjectId) -> Hold | None:
        """The open hold of the event that brings this object into being."""
        ...

    async def holds(self, community: CommunityId | None, limit: int, author: Native | None = None) -> tuple[Hold, ...]:
        """What waits, the first to come due first; `author`: only theirs."""
        ...

    async def holds_due(self, now: datetime, limit: int, share: Share = None) -> tuple[Hold, ...]: ...

    async def next_due(self, share: Share = None) -> datetime | None:
        """When the earliest hold comes due."""
        ...

    async def withdrawals(self, person: Native) -> tuple[Withdrawal, ...]: ...

    async def withdrawals_due(self, now: datetime, limit: int, share: Share = None) -> tuple[Withdrawal, ...]: ...

    async def consent(self, actor: Native, community: CommunityId) -> Consent | None: ...

    async def consents(self, actor: Native) -> tuple[Consent, ...]: ...

    async def consenting(self, community: CommunityId) -> int:
        """How many people let their words cross, at least sometimes."""
        ...

    async def released_count(self, actor: Native, community: CommunityId) -> int:
        """How many items of theirs were let in."""
        ...

    async def relayed(self, hash_: str) -> bool:
        """The loop guard: was this keyed hash of (author, words) relayed in the last 24 h?"""
        ...

    async def tombstoned(self, object_id: ObjectId, native: Native) -> bool:
        """Was this taken back before it ever arrived (N02: a late create stays dead)? Either name is enough."""
        ...

    async def omissions(self, event_id: EventId) -> tuple[Omission, ...]: ...


class Sessions(Protocol):
    """Who is signed in at the desk. What is over by the clock is given too: whoever asks compares."""

    async def link(self, digest: str) -> SignInLink | None: ...

    async def session(self, digest: str) -> Session | None: ...

    async def sessions(self, who: Native) -> tuple[Session, ...]: ...


class Keys(Protocol):
    """Private keys, encrypted at rest; made once, never again (GoToSocial 0.20 caches public keys)."""

    async def private_key(self, owner: Native, kind: str) -> bytes | None:
        """PEM, for `kind` `rsa` or `ed25519`; None when there is none yet."""
        ...

    async def keep(self, owner: Native, kind: str, private_pem: bytes, public_pem: bytes) -> bytes:
        """Store unless one exists; returns the public PEM in force."""
        ...

    async def public_key(self, owner: Native, kind: str) -> bytes | None: ...

    async def remember(self, key_id: str, owner: str, public_pem: bytes | None, at: datetime) -> None:
        """A peer's key by full key id; None remembers that it could not be had (fedify 2.3 asks again for every bad signature)."""
        ...

    async def recall(self, key_id: str) -> tuple[str, bytes | None, datetime] | None: ...


class Media(Protocol):
    """Which files we serve and for whom, and which ones the homeserver has of ours. The bytes are in `Files`."""

    async def get(self, id: str) -> Kept | None:  # noqa: A002  (the last part of its address)
        """Also when it was taken down; None when it never was, or went with what it belonged to."""
        ...

    async def of(self, owner: str) -> tuple[Kept, ...]:
        """What is served of one message, or the picture of one person."""
        ...

    async def listing(self, limit: int) -> tuple[Kept, ...]:
        """What is served now and what was taken down, newest first."""
        ...

    async def is_removed(self, digest: str) -> bool:
        """Did a person take these bytes down?"""
        ...

    async def served(self, digests: Sequence[str]) -> frozenset[str]:
        """Those of these digests that something served needs."""
        ...

    async def unserved(self, limit: int) -> tuple[str, ...]:
        """Digests that something served needed until it was taken back, dropped or taken down; `DropBytes` says that it is done."""
        ...

    async def upload(self, source: str) -> Upload | None: ...

    async def uploaded(self, digest: str) -> Upload | None:
        """The same bytes, wherever they came from."""
        ...


class Stored(msgspec.Struct, frozen=True):
    """A file on the disk: bytes, and when it was last written or asked for."""

    digest: str
    size: int
    touched_at: datetime


class Files(Protocol):
    """Bytes by their digest. Raises Full when there is no room, StoreDown when the disk does not answer."""

    async def put(self, body: bytes) -> str:
        """Durable when it returns the digest; the same bytes are one file."""
        ...

    async def find(self, digest: str) -> Path | None:
        """Where it lies; None when it was dropped."""
        ...

    async def drop(self, digest: str, before: datetime) -> bool:
        """Unless it was written or asked for since; True when it is not there any more."""
        ...

    async def listing(self) -> tuple[Stored, ...]:
        """All there are, least recently touched first."""
        ...


class Store(Protocol):
    """One opened database: all ports over the same tables."""

    @property
    def journal(self) -> Journal: ...

    @property
    def deliveries(self) -> Deliveries: ...

    @property
    def directory(self) -> Directory: ...

    @property
    def objects(self) -> Objects: ...

    @property
    def decisions(self) -> Decisions: ...

    @property
    def cases(self) -> Cases: ...

    @property
    def log(self) -> Log: ...

    @property
    def portals(self) -> Portals: ...

    @property
    def people(self) -> People: ...

    @property
    def seats(self) -> Seats: ...

    @property
    def sessions(self) -> Sessions: ...

    @property
    def norms(self) -> Norms: ...

    @property
    def keys(self) -> Keys: ...

    @property
    def media(self) -> Media: ...

    @property
    def claims(self) -> Claims: ...

    async def close(self) -> None: ...


class Clock(Protocol):
    """Time is asked for here and nowhere else."""

    def now(self) -> datetime:
        """Aware, UTC."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class Pages(Protocol):
    """HTML faces of the documents the ActivityPub server serves; `web` implements it."""

    def actor(self, ghost: Ghost, about: str, lately: Sequence[Line] = ()) -> str: ...
    def post(self, event: Event, *, address: str = "", thread: str = "") -> str: ...
    def thread(self, lines: Sequence[Line], group: Ghost, *, address: str, more: bool = False) -> str: ...
    def way(self, ghost: Ghost, *, url: str = "", server: str = "", why: str = "") -> str: ...
    def landing(self, communities: Sequence[Community]) -> str: ...
    def privacy(self) -> str: ...
    def contact(self, communities: Sequence[Community]) -> str: ...


class Adapter(Protocol):
    """One protocol. `read` and `write` are pure; `fetch` and `send` do I/O and never retry by themselves."""

    @property
    def protocol(self) -> ProtocolName: ...

    @property
    def patience(self) -> Patience: ...

    def capabilities(self, place: Place) -> Capabilities: ...

    def read(self, entry: Intake, refs: Refs) -> Reading:
        """Never raises for anything a peer can send: what cannot be understood is `Ignored(refused=True)`."""
        ...

    async def fetch(self, need: Need) -> Any:
        """Ask the outside for something the store does not have: the value `Refs` should return, or `Absent`. Raises Unreachable."""
        ...

    async def destinations(self, place: Place) -> tuple[Destination, ...]:
        """The place's own destination: its room; nothing for a group we serve; a foreign group's inbox, or nothing once it has none."""
        ...

    def destination_of(self, actor: Actor, *, alone: bool) -> Destination | None:
        """Where an actor hears us: `alone` for private words, else the shared inbox of the server where there is one."""
        ...

    def name_copy(self, object_id: ObjectId, place: Place) -> str | None:
        """What the place will call our copy of the object, where we name it ourselves (an ActivityPub URL); None where the peer does."""
        ...

    def name_deed(self, event_id: EventId) -> str | None:
        """What the protocol calls something done by one of our people, where we name it ourselves (an activity's id)."""
        ...

    def write(self, item: Item, refs: Refs) -> Writing: ...

    async def send(self, wire: Wire, item: Item, destination: Destination) -> Outcome:
        """One attempt, with a key that makes a repeat the same send."""
        ...

    async def prepare(self, name: str) -> Place:
        """For linking: find a place by what people call it, enter it where that is needed, and say what it is.

        Raises OperatorError with what to do, Unreachable."""
        ...

    async def part(self, place: Place) -> None:
        """After unlinking: every account of ours leaves, so that nothing said there reaches this node. Raises Unreachable."""
        ...

    async def open_portal(self, portal: Portal, correspondent: Actor, *, instead: Native | None = None) -> Native:
        """The room in which the member hears the correspondent, and nobody else is; made, or found again, with the member invited.

        Asked twice it is the same room. `instead`: one the member brought, which is declined. Raises OperatorError where the protocol has no
        such rooms, PeerError, Unreachable."""
        ...

    async def recall(self, place: Native, native: str) -> Intake | None:
        """Something said in `place`, asked of its home once more, as it would arrive; None when it is not there. Raises Unreachable.

        What stayed in its room is erased here, so its author's later yes needs the words again."""
        ...

    async def embody(self, of: Native, community: Community, *, handle: str | None = None, actor: Actor | None = None) -> Sequence[Change]:
        """Make sure somebody (or a community) from elsewhere has a ghost here: register it, make its keys; the changes to commit."""
        ...

    async def download(self, address: str, most: int) -> bytes:
        """A file of this protocol by its own address (`mxc://…`, a URL), at most so many bytes.

        Raises PeerError when it cannot be had, TooLarge among them, and Unreachable."""
        ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...
