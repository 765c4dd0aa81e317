"""Everything that can be written, as frozen values: `Journal.commit` applies a list of them in one transaction.

Each is idempotent: applying it a second time changes nothing. Storage matches over `Change` exhaustively.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from bridge.model.actor import Actor, Ghost
from bridge.model.case import Case, CaseId
from bridge.model.content.release import Ending
from bridge.model.event import Event
from bridge.model.ids import ChannelId, CommunityId, EventId, ItemId, Native, ObjectId, RosterId
from bridge.model.item import Dead, Destination, Item, Omission
from bridge.model.logentry import LogEntry
from bridge.model.place import Channel, Community, Place
from bridge.model.portal import Door, Portal
from bridge.model.record import Follow, Hold, Kept, KnownObject, Part, Upload, Wait
from bridge.model.role import Seat
from bridge.model.session import Session, SignInLink
from bridge.model.withdrawal import Withdrawal
from bridge.norms.context import Consent
from bridge.norms.counters import Count
from bridge.norms.decision import Decision, ModeOp
from bridge.norms.origins import Origin
from bridge.norms.standing import Vouch
from bridge.norms.version import Version


class AppendEvent(msgspec.Struct, frozen=True):
    """Into EVENTS under its community; a known id is not written again. `intake` is the entry it was read from (erased with it)."""

    event: Event
    intake: int | None = None


class EraseEvent(msgspec.Struct, frozen=True):
    """The words go, the fact stays: bodies of the event and of the intake entry it came from are overwritten. `ended` as in Record."""

    event_id: EventId
    ended: str


class EndEvent(msgspec.Struct, frozen=True):
    """How the event ended, for people (`crossed`, `answered`, `folded` …); intake bytes are erased, the event's own body is kept."""

    event_id: EventId
    ended: str


class EraseIntake(msgspec.Struct, frozen=True):
    """`why` stays (an Ignored's reason), the bytes go. `refused` is counted and listed."""

    seq: int
    why: str
    refused: bool = False


class Park(msgspec.Struct, frozen=True):
    """The lane entry is done, the wait is a row."""

    wait: Wait


class Unpark(msgspec.Struct, frozen=True):
    seq: int


class PutDecision(msgspec.Struct, frozen=True):
    decision: Decision
    at: datetime


class PutObject(msgspec.Struct, frozen=True):
    """The current form: birth or edit. `event` is what `Objects.current` gives back. Never revives a retracted object."""

    known: KnownObject
    event: Event


class Retract(msgspec.Struct, frozen=True):
    """The object was taken back: its body, and the bodies of ordinary items not yet needed, go; pending holds of it end; `native` is kept
    as a tombstone so that a late create stays dead (also when the object was never seen)."""

    object: ObjectId
    native: Native | None
    at: datetime


class PutCopy(msgspec.Struct, frozen=True):
    """`place` calls its copy `native`."""

    object: ObjectId
    place: Native
    native: str


class PutPart(msgspec.Struct, frozen=True):
    """One more event of the copy that `place` has."""

    object: ObjectId
    place: Native
    part: Part


class DropPart(msgspec.Struct, frozen=True):
    object: ObjectId
    place: Native
    number: int


class PutMedia(msgspec.Struct, frozen=True):
    """Others may fetch it from now on. Never revives what was taken down, and nothing of an object that was taken back."""

    kept: Kept


class DropMedia(msgspec.Struct, frozen=True):
    """Nothing of `owner` is served any more, but what is in `besides` (ids); the bytes go with the next `prune`."""

    owner: str
    besides: tuple[str, ...] = ()


class DropBytes(msgspec.Struct, frozen=True):
    """These files are off the disk, or needed again: nobody has to look after them any more."""

    digests: tuple[str, ...]


class RemoveMedia(msgspec.Struct, frozen=True):
    """A person took it down: it, and whatever else has the same bytes, is not served any more and never kept again."""

    id: str
    at: datetime
    why: str


class PutUpload(msgspec.Struct, frozen=True):
    upload: Upload


class PutHold(msgspec.Struct, frozen=True):
    hold: Hold


class EndHold(msgspec.Struct, frozen=True):
    event_id: EventId
    ending: Ending
    at: datetime


class AppendItem(msgspec.Struct, frozen=True):
    """Into OUT; a known id is not written again. Destinations in `item.to` come to be as needed."""

    item: Item
    at: datetime


class PutOmission(msgspec.Struct, frozen=True):
    omission: Omission


class JoinRoster(msgspec.Struct, frozen=True):
    """From now on `destination` hears the roster; `member` is who for (a destination leaves when its last member does)."""

    roster: RosterId
    destination: Destination
    member: Native


class LeaveRoster(msgspec.Struct, frozen=True):
    roster: RosterId
    member: Native


class PutActor(msgspec.Struct, frozen=True):
    actor: Actor
    at: datetime


class ForgetActor(msgspec.Struct, frozen=True):
    native: Native
    at: datetime


class PutGhost(msgspec.Struct, frozen=True):
    """Raises Conflict when the handle belongs to somebody else."""

    ghost: Ghost


class EndGhost(msgspec.Struct, frozen=True):
    native: Native
    at: datetime


class PutFollow(msgspec.Struct, frozen=True):
    follow: Follow


class DropFollow(msgspec.Struct, frozen=True):
    actor: Native
    target: Native


class PutConsent(msgspec.Struct, frozen=True):
    consent: Consent


class LetIn(msgspec.Struct, frozen=True):
    """One more item of theirs was let in (standing, norms.md 3.3). `careful`: it had a link, a file or many mentions."""

    actor: Native
    community: CommunityId
    event_id: EventId
    careful: bool = False


class PutTenure(msgspec.Struct, frozen=True):
    """They are a member from `since` on; what was written first stays."""

    actor: Native
    community: CommunityId
    since: datetime


class PutSeat(msgspec.Struct, frozen=True):
    """Given again, it has its new end; to end it now, with `until` now."""

    seat: Seat


class PutVouch(msgspec.Struct, frozen=True):
    """`vouch.by` says it of `vouch.person`; said again, its end moves."""

    vouch: Vouch


class NoteAcquainted(msgspec.Struct, frozen=True):
    """`one` answered `other`, or let them in; kept as keyed hashes for 90 days, the latest 256 of each person (norms.md 3.3)."""

    community: CommunityId
    one: Native
    other: Native
    at: datetime


class PutOrigin(msgspec.Struct, frozen=True):
    origin: Origin


class PutMode(msgspec.Struct, frozen=True):
    """A mode of the community begins, or goes on until later; an end in the past ends it."""

    community: CommunityId
    mode: ModeOp


class PutCounters(msgspec.Struct, frozen=True):
    """The counters as they are with one more event in them; beyond `counters.MOST_KEYS` the least recently used go."""

    counts: tuple[Count, ...]
    at: datetime


class DropCounters(msgspec.Struct, frozen=True):
    """What was counted of somebody goes with them: every counter that is about one of these keyed hashes."""

    who: tuple[str, ...]


class PutNorms(msgspec.Struct, frozen=True):
    """The next version of a norm file. Its number stands for good: Conflict when there is another under it, or its parent is not the last."""

    version: Version


class NoteRelayed(msgspec.Struct, frozen=True):
    """The loop guard's keyed hash, for 24 h."""

    hash_: str
    until: datetime


class PutConversation(msgspec.Struct, frozen=True):
    """The bot talks with `actor` in `place`; None forgets it."""

    actor: Native
    place: Native | None


class PutPortal(msgspec.Struct, frozen=True):
    """As it is now. Raises Conflict when its room belongs to another one."""

    portal: Portal


class DropPortal(msgspec.Struct, frozen=True):
    """As if they had never written to each other: whoever writes next knocks."""

    id: ChannelId


class PutDoor(msgspec.Struct, frozen=True):
    door: Door


class PutCommunity(msgspec.Struct, frozen=True):
    community: Community


class PutChannel(msgspec.Struct, frozen=True):
    """All its places; a place belongs to one channel at most (Conflict otherwise)."""

    channel: Channel


class DropPlace(msgspec.Struct, frozen=True):
    channel: ChannelId
    place: Native


class PutPlace(msgspec.Struct, frozen=True):
    """New openness or name of a place that is already in a channel."""

    place: Place


class PutWithdrawal(msgspec.Struct, frozen=True):
    """The person in it is sealed at rest, and gone once it is DONE."""

    withdrawal: Withdrawal


class PutLink(msgspec.Struct, frozen=True):
    """Any earlier link of the same person opens nothing any more."""

    link: SignInLink


class PutSession(msgspec.Struct, frozen=True):
    """`link` is the digest of the link it comes from, which is used up. Raises Conflict when that was used, is over or somebody else's."""

    session: Session
    link: str


class EndSession(msgspec.Struct, frozen=True):
    digest: str


class Disown(msgspec.Struct, frozen=True):
    """`person` is known as `alias` from now on: their accounts here stand for it. What was only kept about them goes: consent, standing,
    follows, picture, the account as last seen. `rosters` are renamed, so that those who followed them still hear that they are gone."""

    person: Native
    alias: Native
    rosters: tuple[tuple[RosterId, RosterId], ...] = ()


class Reassign(msgspec.Struct, frozen=True):
    """These objects are `alias`'s, and what was decided about them names nobody."""

    objects: tuple[ObjectId, ...]
    alias: Native


class EraseTraces(msgspec.Struct, frozen=True):
    """The rows that `Journal.traces` found, and what else still names `person`. What has not left yet keeps its receiver until it has;
    a retraction of theirs goes on under `alias`. `last`: nothing more will be sent in their name, so the keys go too."""

    person: Actor
    alias: Native
    at: datetime
    events: tuple[EventId, ...] = ()
    items: tuple[ItemId, ...] = ()
    decisions: tuple[EventId, ...] = ()
    last: bool = False


class PutCase(msgspec.Struct, frozen=True):
    """Sealed at rest. Raises Conflict when the row has this version or a later one already, unless it is the very same case."""

    case: Case


class PutEvidence(msgspec.Struct, frozen=True):
    """What was reported, as it was, sealed; a copy that is there already stays. Destroyed at `until`."""

    case: CaseId
    event: Event
    until: datetime


class DropEvidence(msgspec.Struct, frozen=True):
    case: CaseId


class AppendLog(msgspec.Struct, frozen=True):
    """At the end of its community's chain; an id that is in it already is not written again."""

    entry: LogEntry


class AdvanceLane(msgspec.Struct, frozen=True):
    """The courier's low-water mark; success clears the failures of the lane and of its host.

    `answered` false: passed over without a word from the server (taken back, left out), which says nothing of how it is.
    """

    destination: Destination
    urgent: bool
    upto: int
    answered: bool = True


class FailLane(msgspec.Struct, frozen=True):
    """Nothing more in this lane before `next_at`; `host` too when the server did not answer at all."""

    destination: Destination
    urgent: bool
    why: str
    next_at: datetime
    at: datetime
    host: bool = False


class SnoozeLane(msgspec.Struct, frozen=True):
    """Nothing more in this lane before `until`, and it counts as no failure."""

    destination: Destination
    urgent: bool
    why: str
    until: datetime


class PutDead(msgspec.Struct, frozen=True):
    """A dead letter: this item will not reach this destination."""

    item: Item
    destination: Destination
    dead: Dead
    attempts: int
    at: datetime


class GiveUp(msgspec.Struct, frozen=True):
    """A gap: everything in the lane up to now is given up, with the reason; the cursor goes to the head."""

    destination: Destination
    urgent: bool
    why: str
    at: datetime


class EndDestination(msgspec.Struct, frozen=True):
    """Nobody is there any more (a confirmed 410): whoever heard there leaves every roster, their follows end, and both lanes are given up."""

    destination: Destination
    why: str
    at: datetime


class Requeue(msgspec.Struct, frozen=True):
    """An operator asks for one dead letter again: the same item, for this destination alone."""

    dead_letter: int
    at: datetime


class WakeHost(msgspec.Struct, frozen=True):
    """A valid signed request came from there: its circuit closes at once."""

    host: str


Change = (
    AppendEvent
    | EraseEvent
    | EndEvent
    | EraseIntake
    | Park
    | Unpark
    | PutDecision
    | PutObject
    | Retract
    | PutCopy
    | PutPart
    | DropPart
    | PutMedia
    | DropMedia
    | DropBytes
    | RemoveMedia
    | PutUpload
    | PutHold
    | EndHold
    | AppendItem
    | PutOmission
    | JoinRoster
    | LeaveRoster
    | PutActor
    | ForgetActor
    | PutGhost
    | EndGhost
    | PutFollow
    | DropFollow
    | PutConsent
    | LetIn
    | PutTenure
    | PutSeat
    | PutVouch
    | NoteAcquainted
    | PutOrigin
    | PutMode
    | PutCounters
    | DropCounters
    | PutNorms
    | NoteRelayed
    | PutConversation
    | PutPortal
    | DropPortal
    | PutDoor
    | PutCommunity
    | PutChannel
    | DropPlace
    | PutPlace
    | PutWithdrawal
    | PutLink
    | PutSession
    | EndSession
    | Disown
    | Reassign
    | EraseTraces
    | PutCase
    | PutEvidence
    | DropEvidence
    | AppendLog
    | AdvanceLane
    | FailLane
    | SnoozeLane
    | PutDead
    | GiveUp
    | EndDestination
    | Requeue
    | WakeHost
)
