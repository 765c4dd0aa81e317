"""The frozen facts a norm may see; the relay loads them, `judge` reads nothing else."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime

import msgspec

from bridge.model.actor import Mark
from bridge.model.audience import Audience
from bridge.model.content.release import Ending
from bridge.model.ids import CommunityId, Native
from bridge.model.place import Place
from bridge.model.portal import Callers, Stance
from bridge.norms.decision import ModeOp
from bridge.norms.origins import ServerState


class Crossing(enum.StrEnum):
    """A person's state of consent (N01)."""

    OFF = "off"
    ASK = "ask"
    QUIET = "quiet"
    ON = "on"


class Keep(enum.StrEnum):
    """What the author said about this one item: 📣 or `!cross this`, 🏠 or `#local`."""

    UNSAID = ""
    CROSS = "cross"
    LOCAL = "local"


class Rank(enum.StrEnum):
    """Standing (norms.md 3.3). A reader follows and has not been let in yet; visitor rules apply to what they write."""

    VISITOR = "visitor"
    READER = "reader"
    NEWCOMER = "newcomer"
    KNOWN = "known"


class Consent(msgspec.Struct, frozen=True):
    """One person's word for one community; `rooms` are their exceptions per place. `grace` in seconds (0, 15, 60; demo: 2)."""

    actor: Native
    community: CommunityId
    state: Crossing = Crossing.OFF
    rooms: tuple[tuple[Native, Crossing], ...] = ()
    grace: int = 15
    since: datetime | None = None
    opted_in_by_act: bool = False

    def in_room(self, place: Native) -> Crossing:
        return next((state for native, state in self.rooms if native == place), self.state)


class ActorFacts(msgspec.Struct, frozen=True):
    """`consent` None means we know of none (norms.md 3.13: treated as off for words that would leave their home network).

    `needs_consent`: this person's network is not the group's: their words leave only with their yes. `ghost_of_ours`, `ghost_of_other`:
    an actor some bridge controls. `released`: items of theirs that were let in; `careful`: those of them with a link, a file or many
    mentions; `vouched`: somebody said that they know them (norms.md 3.3).
    """

    rank: Rank
    needs_consent: bool
    consent: Consent | None = None
    marks: frozenset[Mark] = frozenset()
    ghost_of_ours: bool = False
    ghost_of_other: bool = False
    automated: bool = False
    released: int = 0
    careful: int = 0
    vouched: bool = False


class Face(msgspec.Struct, frozen=True):
    """Somebody whose name and picture nobody else may borrow (N16): a role, the community itself, or whoever is answered.

    `skeletons` of their display name and of their handle, as `masks.skeleton` gives them; `role` as people read it, "" for the one answered.
    """

    actor: Native
    name: str
    handle: str
    skeletons: frozenset[str]
    role: str = ""
    avatar: str = ""


class Stranger(msgspec.Struct, frozen=True):
    """What only matters of somebody who is not a member, or hardly one; loaded for them alone.

    `server`: the state of theirs (`origins.ServerState`), where a restriction of people has the last word. `familiar`: the person they
    address answered or let them in within 90 days. `wave`: the community is in spam-wave mode until then. `server_new_until`: the server is
    treated as unknown until then (many new accounts at once).
    `guarded`: the person they address is being looked after at the moment (N03).
    """

    server: ServerState = ServerState.KNOWN
    familiar: bool = False
    wave: datetime | None = None
    server_new_until: datetime | None = None
    guarded: bool = False


class TargetFacts(msgspec.Struct, frozen=True):
    """The object an edit, reaction, reply or retraction is about. `held_until`: it is waiting itself, and until when.

    `crossed_at` as in KnownObject: what crossed after its author last said `off` crossed by an act of its own (📣), so its edits follow it.
    """

    author: Native
    crossed: bool
    audience: Audience = Audience.PUBLIC
    held_until: datetime | None = None
    held_for_review: bool = False
    retracted: bool = False
    crossed_at: datetime | None = None


class Knock(msgspec.Struct, frozen=True):
    """What bears on private words of somebody elsewhere to one of our people (N17).

    `stance`: what the member said to this conversation, None when it is the first message. `strangers_shut`: they want no strangers now.
    `familiar`: the two exchanged words in the community within 90 days. `received`, `sent`: knocks at this member and by this sender in the
    last day, `received_open` those still unanswered; `waiting`: messages behind this very knock.
    """

    stance: Stance | None = None
    callers: Callers = Callers.PEOPLE
    strangers_shut: bool = False
    familiar: bool = False
    received: int = 0
    received_open: int = 0
    sent: int = 0
    waiting: int = 0


class Context(msgspec.Struct, frozen=True):
    """`keep` is the author's word on this item; `released` how its wait ended, if it waited (`waits`: the codes it has waited for, so a second
    judgement does not ask again); `relayed_before`: the loop guard's keyed hash of (author, words) was relayed in the last 24 h.
    `destinations` are the other places of the channel and, for a group that announces, the place itself. `others`: by place, the origin
    included, the domains of bridges besides us that carry it: of a room those whose marks were seen there, of a group elsewhere its own.
    `unlinked`: people named in the words who have not agreed to be seen elsewhere; there they become plain text (transform `unlink`).
    `looked`: a person ended its wait, and not the clock. `stranger`: see there; None for a known member. `participants`: who has spoken in
    its thread, for N10. `faces`: see Face; loaded for who is no known member. `nudged`: the nudges this person had lately, by code.
    `counters`: by key of the operations that norms asked for, their values with this event in them; one that is missing could not be
    loaded. `secret_of_the_day`, `secret_of_the_week` key the hashes that counters are kept under (counters.key). `modes`: those in force.
    `knock`: only of private words to one of our people.
    """

    now: datetime
    node: str
    origin: Place
    destinations: tuple[Place, ...]
    author: ActorFacts
    target: TargetFacts | None = None
    keep: Keep = Keep.UNSAID
    released: Ending | None = None
    waits: frozenset[str] = frozenset()
    relayed_before: bool = False
    others: tuple[tuple[Native, frozenset[str]], ...] = ()
    unlinked: frozenset[Native] = frozenset()
    looked: bool = False
    stranger: Stranger | None = None
    participants: frozenset[Native] = frozenset()
    faces: tuple[Face, ...] = ()
    nudged: frozenset[str] = frozenset()
    counters: Mapping[str, int] = {}
    secret_of_the_day: bytes = b""
    secret_of_the_week: bytes = b""
    modes: tuple[ModeOp, ...] = ()
    knock: Knock | None = None
