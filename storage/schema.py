"""All tables, one comment per column: what survives a restart, the same on SQLite and PostgreSQL.

Conventions: a *native* is `protocol:id` in one text; a *moment* is whole microseconds since 1970 UTC; bodies are MessagePack; a `seq` comes
from `heads`, whose row lock makes its order the order of commits on both databases (engine.md section 7, "the cursor trap").
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, text

from storage.dialect import TEXT

__all__ = ["NEVER", "metadata"]

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""INTEGER PRIMARY KEY is the row id on SQLite; BIGINT would need a second tree."""

NEVER = 2**62
"""A moment and a seq that never come: the open end of an interval."""


def _to(ref: str | None) -> list[ForeignKey]:
    return [] if ref is None else [ForeignKey(ref)]


def _text(name: str, comment: str, *, key: bool = False, null: bool = False, to: str | None = None) -> Column[Any]:
    return Column(name, TEXT, *_to(to), primary_key=key, nullable=null and not key, comment=comment)


def _number(
    name: str, comment: str, *, key: bool = False, null: bool = False, default: int | None = None, to: str | None = None
) -> Column[Any]:
    start = None if default is None else str(default)
    kind = NUMBER if key else BigInteger()
    return Column(
        name, kind, *_to(to), primary_key=key, autoincrement=False, nullable=null and not key, server_default=start, comment=comment
    )


def _flag(name: str, comment: str, *, key: bool = False) -> Column[Any]:
    return Column(name, Boolean, primary_key=key, nullable=False, server_default=None if key else text("false"), comment=comment)


def _bytes(name: str, comment: str, *, null: bool = False) -> Column[Any]:
    return Column(name, LargeBinary, nullable=null, comment=comment)


def _partial(table: Table, name: str, *columns: str, where: str, unique: bool = False) -> None:
    Index(f"ix_{table.name}_{name}", *(table.c[c] for c in columns), unique=unique, sqlite_where=text(where), postgresql_where=text(where))


# -------------------------------------------------------------------------------------------------------------------- streams

meta = Table(
    "meta",
    metadata,
    _text("name", "what: `seal` (proves that the key file belongs to this database)", key=True),
    _bytes("value", "its value"),
    comment="Facts about the database itself.",
)

heads = Table(
    "heads",
    metadata,
    _text("name", "stream or kind of number: intake, events, out, destination, dead, object, roster", key=True),
    _number("seq", "last number given out", default=0),
    comment="Where every sequence stands; updating a row orders its writers.",
)

claims = Table(
    "claims",
    metadata,
    _text("stream", "intake, events or out", key=True),
    _number("bucket", "which part of it", key=True),
    _number("epoch", "how often it has changed hands"),
    _text("owner", "the process that took it last, for people to read"),
    comment="Fences: a process writes cursors only under the epoch it took. Who owns what now, the locks of the server say.",
)

intake = Table(
    "intake",
    metadata,
    _number("seq", "position in the stream", key=True),
    _text("key", "derived from the envelope; a repeat has the same"),
    _text("lane", "room id or the signer's host"),
    _text("protocol", "which adapter reads it"),
    _text("kind", "the adapter's word for what the bytes are"),
    _text("signer", "verified actor id; gone with the bytes", null=True),
    _number("received_at", "moment of receipt"),
    _bytes("body", "raw bytes; null once erased", null=True),
    _text("why", "why it was ignored or refused", null=True),
    _flag("refused", "it broke a rule"),
    Index("ix_intake_key", "key", unique=True),
    Index("ix_intake_lane_seq", "lane", "seq"),
    comment="INTAKE: what arrived, as it came, before anything was understood.",
)

seen = Table(
    "seen",
    metadata,
    _text("stream", "intake or events", key=True),
    _text("key", "intake key or event id", key=True),
    _number("seq", "where it stood in the stream"),
    _number("at", "moment its log row was deleted"),
    Index("ix_seen_at", "at"),
    comment="Keys that outlive the log, so that a late repeat is still a repeat.",
)

events = Table(
    "events",
    metadata,
    _number("seq", "position in the stream", key=True),
    _text("id", "event id"),
    _text("community", "lane: events of one community are in one order"),
    _text("place", "native of the place it was said in"),
    _text("kind", "content type"),
    _text("object", "object it is about (its own id when it makes one)"),
    _number("received_at", "moment of receipt"),
    _number("intake", "entry it was read from", null=True),
    _bytes("body", "the event; null once erased", null=True),
    _text("ended", "how it ended, for people; empty while it has not", null=True),
    Index("ix_events_id", "id", unique=True),
    Index("ix_events_object", "object"),
    Index("ix_events_intake", "intake"),
    comment="EVENTS: what was understood, in one total order per community.",
)
_partial(events, "unread", "community", "seq", where="body IS NOT NULL")

cursors = Table(
    "cursors",
    metadata,
    _text("stream", "intake or events", key=True),
    _text("lane", "lane of intake, or community", key=True),
    _number("position", "everything up to here is done", default=0),
    _number("head", "last entry of the lane", default=0),
    comment="How far each lane of INTAKE and EVENTS has been read.",
)
_partial(cursors, "behind", "stream", where="head > position")

waits = Table(
    "waits",
    metadata,
    _number("seq", "intake entry that waits", key=True, to="intake.seq"),
    _number("due_at", "moment to try again; null waits for a person", null=True),
    _text("why", "what it waits for, in words"),
    _number("tries", "how often it has waited", default=0),
    _text("awaited", "native of the thing that has not arrived", null=True),
    _flag("stuck", "parked until a person looks at it"),
    Index("ix_waits_due_at", "due_at"),
    Index("ix_waits_awaited", "awaited"),
    comment="Parked intake entries: waiting is a row, not a pinned cursor.",
)

# ---------------------------------------------------------------------------------------------------------------------- out

destinations = Table(
    "destinations",
    metadata,
    _number("id", "our number for it", key=True),
    _text("protocol", "which adapter sends there"),
    _text("address", "inbox URL, room id or loopback place"),
    _text("host", "server: circuit and pace are per host"),
    Index("ix_destinations_protocol_address", "protocol", "address", unique=True),
    Index("ix_destinations_host", "host"),
    comment="Where requests go.",
)

lanes = Table(
    "lanes",
    metadata,
    _number("destination", "whose lane", key=True, to="destinations.id"),
    _flag("urgent", "retractions, withdrawals and blocks overtake the rest", key=True),
    _number("cursor", "everything it hears up to here is done", default=0),
    _number("awake", "seq that it waits for; null when it has heard everything", null=True),
    _number("fails", "failures in a row", default=0),
    _number("next_at", "moment before which nothing is sent", default=0),
    _number("first_failure_at", "since when nothing has worked", null=True),
    _number("last_failure_at", "the newest failure counted, so that a repeat is not", null=True),
    _text("last_error", "why the last try failed", null=True),
    comment="One destination, one urgency: the courier's low-water mark.",
)
_partial(lanes, "awake", "next_at", where="awake IS NOT NULL")

hosts = Table(
    "hosts",
    metadata,
    _text("host", "server name", key=True),
    _number("fails", "failures in a row; 0 is a closed circuit", default=0),
    _number("next_at", "moment before which nothing is sent", default=0),
    _number("first_failure_at", "since when it has not answered", null=True),
    _number("last_failure_at", "the newest failure counted", null=True),
    _text("last_error", "why", null=True),
    comment="Circuits of servers that do not answer; a healthy server has no row.",
)

rosters = Table(
    "rosters",
    metadata,
    _number("id", "our number for it", key=True),
    _text("name", "`followers:{community}`, `place:{native}` …"),
    Index("ix_rosters_name", "name", unique=True),
    comment="Standing sets of destinations.",
)

members = Table(
    "members",
    metadata,
    _number("roster", "which roster", key=True, to="rosters.id"),
    _text("member", "native of the one who hears", key=True),
    _number("destination", "where they hear", to="destinations.id"),
    Index("ix_members_roster_destination", "roster", "destination"),
    comment="Who hears a roster now, and where.",
)

hearing = Table(
    "hearing",
    metadata,
    _number("roster", "which roster", key=True, to="rosters.id"),
    _number("destination", "who hears", key=True, to="destinations.id"),
    _number("from_seq", "hears what is later than this", key=True),
    _number("until_seq", "and not later; 2^62 if open", default=NEVER),
    Index("ix_hearing_destination", "destination"),
    comment="When a destination heard a roster: one row per stay, however many members it has there.",
)

out = Table(
    "out",
    metadata,
    _number("seq", "position in the stream", key=True),
    _text("item", "item id"),
    _number("again", "0, or its own seq when an operator sent it again"),
    _text("event", "event it tells of"),
    _text("object", "object it is about"),
    _text("subject", "what a retraction of it would name: the object, or the event for a reaction"),
    _text("community", "community"),
    _text("place", "native of the place it is for"),
    _text("form", "the adapter's word for this form"),
    _text("kind", "content type"),
    _flag("urgent", "which lane"),
    _number("at", "moment it was written"),
    _flag("taken_back", "its object was retracted"),
    _bytes("body", "the item; null once erased", null=True),
    Index("ix_out_item_again", "item", "again", unique=True),
    Index("ix_out_event", "event"),
    Index("ix_out_subject", "subject"),
    Index("ix_out_object", "object"),
    comment="OUT: each outgoing item once, whatever the number of its receivers.",
)
_partial(out, "taken_back", "seq", where="taken_back AND body IS NOT NULL")

out_roster = Table(
    "out_roster",
    metadata,
    _number("roster", "who hears it", key=True, to="rosters.id"),
    _flag("urgent", "which lane", key=True),
    _number("seq", "the item", key=True),
    Index("ix_out_roster_seq", "seq"),
    comment="Which rosters hear an item: one, or for a retraction every one that ever heard the object.",
)

out_to = Table(
    "out_to",
    metadata,
    _number("destination", "who hears it as well", key=True, to="destinations.id"),
    _flag("urgent", "which lane", key=True),
    _number("seq", "the item", key=True),
    Index("ix_out_to_seq", "seq"),
    comment="Receivers that no roster names: people involved, leavers who are owed a retraction, one dead letter sent again.",
)

reach = Table(
    "reach",
    metadata,
    _text("subject", "object, or event for a reaction", key=True),
    _text("place", "native of the place it went to", key=True),
    _number("roster", "roster it was written to", key=True, to="rosters.id"),
    _number("first_seq", "seq of the first such item"),
    comment="Which rosters ever heard of an object: outlives the log, so that a late retraction reaches everyone.",
)

reach_to = Table(
    "reach_to",
    metadata,
    _text("subject", "object, or event for a reaction", key=True),
    _text("place", "native of the place it went to", key=True),
    _number("destination", "who received it besides the roster", key=True, to="destinations.id"),
    comment="Who else ever received an object.",
)

dead = Table(
    "dead",
    metadata,
    _number("id", "number people quote", key=True),
    _text("item", "item id"),
    _text("event", "event id"),
    _text("subject", "what a retraction of it would name"),
    _text("kind", "content type"),
    _text("form", "the adapter's word for this form"),
    _flag("urgent", "which lane"),
    _number("destination", "where it did not arrive", to="destinations.id"),
    _text("why", "what was answered"),
    _flag("gone", "the destination itself has ended"),
    _number("attempts", "how often it was tried"),
    _number("at", "moment it was given up"),
    _number("requeued_at", "moment an operator sent it again", null=True),
    _bytes("body", "the item; null once erased", null=True),
    Index("ix_dead_item_destination", "item", "destination", unique=True),
    Index("ix_dead_event", "event"),
    Index("ix_dead_subject", "subject"),
    comment="Dead letters: this item will not reach this destination.",
)

gaps = Table(
    "gaps",
    metadata,
    _number("destination", "whose lane", key=True, to="destinations.id"),
    _flag("urgent", "which lane", key=True),
    _number("from_seq", "given up: later than this", key=True),
    _number("to_seq", "and not later than this"),
    _text("why", "reason"),
    _number("at", "moment it was given up"),
    comment="What we consciously gave up; nothing is dropped without a row here or in dead.",
)

# ------------------------------------------------------------------------------------------------------------------- objects

objects = Table(
    "objects",
    metadata,
    _text("id", "object id", key=True),
    _number("ordinal", "order in which objects came to be known"),
    _text("community", "community"),
    _text("channel", "channel"),
    _text("native", "native it was born with"),
    _text("place", "native of the place it was born in"),
    _text("author", "native of its author"),
    _text("kind", "content type"),
    _number("audience", "level of the lattice"),
    _text("thread", "root object; null for a root", null=True),
    _text("reply_to", "object it answers", null=True),
    _number("crossed_at", "moment it crossed", null=True),
    _number("updated_at", "moment of its newest form", null=True),
    _number("retracted_at", "moment it was taken back", null=True),
    _bytes("body", "the event that shows it as it is now; null once taken back", null=True),
    Index("ix_objects_native", "native"),
    Index("ix_objects_thread_ordinal", "thread", "ordinal"),
    Index("ix_objects_community_ordinal", "community", "ordinal"),
    Index("ix_objects_author_ordinal", "author", "ordinal"),
    comment="The current form of everything that crossed, until it is withdrawn.",
)

copies = Table(
    "copies",
    metadata,
    _text("object", "object id", key=True),
    _text("place", "native of the place", key=True),
    _text("native", "native of the copy"),
    Index("ix_copies_native", "native"),
    comment="What a place calls its copy of an object.",
)

tombstones = Table(
    "tombstones",
    metadata,
    _text("key", "object id, or a keyed hash of a native id", key=True),
    _number("at", "moment it was taken back"),
    comment="What was taken back, even before it arrived: a late create stays dead.",
)

# ----------------------------------------------------------------------------------------------------------------- decisions

decisions = Table(
    "decisions",
    metadata,
    _text("event", "event id", key=True),
    _text("norms", "version of the norms in force"),
    _number("verdict", "strictest verdict"),
    _number("at", "moment of the decision"),
    _bytes("body", "the decision; people and arguments are cut when nothing crossed"),
    Index("ix_decisions_at", "at"),
    comment="What was decided about an event, and why.",
)

omissions = Table(
    "omissions",
    metadata,
    _text("event", "event id", key=True),
    _text("place", "native of the place", key=True),
    _text("code", "reason as a code", key=True),
    _text("text", "reason as people read it"),
    comment="What could not cross, with its reason.",
)

holds = Table(
    "holds",
    metadata,
    _text("event", "event that waits", key=True),
    _text("community", "community"),
    _text("object", "object it would bring into being"),
    _text("author", "native of its author; null once ended", null=True),
    _text("kind", "grace, ask, review or parent"),
    _text("code", "reason as a code"),
    _number("since", "moment it began to wait"),
    _number("due_at", "moment at which time decides"),
    _text("on_expiry", "what time decides"),
    _bytes("body", "the event as it would cross; null once ended", null=True),
    _text("handle", "the author's handle; empty once ended"),
    _text("waited", "codes it has waited for before, space separated"),
    _text("ended", "how the wait ended; null while it goes on", null=True),
    _number("ended_at", "moment it ended", null=True),
    comment="Events that wait: rows with a due time, never a pinned cursor.",
)
_partial(holds, "due", "due_at", where="ended IS NULL")
_partial(holds, "object", "object", where="ended IS NULL")

consents = Table(
    "consents",
    metadata,
    _text("actor", "native of the person", key=True),
    _text("community", "community", key=True),
    _text("state", "off, ask, quiet or on"),
    _bytes("body", "the whole consent"),
    comment="What people said about crossing.",
)

let_ins = Table(
    "let_ins",
    metadata,
    _text("actor", "native of the person", key=True),
    _text("community", "community", key=True),
    _text("event", "event that was let in", key=True),
    comment="Standing: items of theirs that were let in.",
)

relayed = Table(
    "relayed",
    metadata,
    _text("hash", "keyed hash of author and words", key=True),
    _number("until", "moment it is forgotten"),
    Index("ix_relayed_until", "until"),
    comment="The loop guard.",
)

# ----------------------------------------------------------------------------------------------------------------- directory

communities = Table(
    "communities",
    metadata,
    _text("id", "community id", key=True),
    _text("handle", "the group's name on the fediverse"),
    _text("name", "name people read"),
    _text("about", "what it is about"),
    _flag("retired", "it has ended"),
    comment="Communities whose home is this node.",
)

channels = Table(
    "channels",
    metadata,
    _text("id", "channel id", key=True),
    _text("community", "community"),
    Index("ix_channels_community", "community"),
    comment="The places that carry one conversation.",
)

places = Table(
    "places",
    metadata,
    _text("native", "native of the place", key=True),
    _text("channel", "channel it belongs to", to="channels.id"),
    _number("ordinal", "order inside the channel"),
    _text("kind", "room, group or foreign_group"),
    _text("name", "name people read"),
    _text("entry", "who may come in"),
    _text("history", "who may read back"),
    _flag("encrypted", "words here are encrypted"),
    Index("ix_places_channel_ordinal", "channel", "ordinal"),
    comment="One side of a conversation; a place is in one channel at most.",
)

actors = Table(
    "actors",
    metadata,
    _text("native", "native of the account", key=True),
    _number("at", "moment it was fetched"),
    _bytes("body", "the account as last seen"),
    comment="Foreign accounts as last fetched.",
)

ghosts = Table(
    "ghosts",
    metadata,
    _text("native", "native of the ghost", key=True),
    _text("protocol", "where the ghost lives"),
    _text("of", "native of the one it stands for"),
    _text("handle", "bare name as shown"),
    _text("folded", "bare name in lower case, for look-up"),
    _text("community", "community it belongs to", null=True),
    _number("since", "moment it came to be", null=True),
    _number("ended", "moment it was taken back", null=True),
    _bytes("body", "the whole ghost"),
    Index("ix_ghosts_protocol_of", "protocol", "of"),
    Index("ix_ghosts_protocol_folded", "protocol", "folded"),
    Index("ix_ghosts_community", "community"),
    comment="Actors we control that stand for somebody.",
)
_partial(ghosts, "one_name", "folded", where="protocol = 'activitypub'", unique=True)

follows = Table(
    "follows",
    metadata,
    _text("actor", "native of the follower", key=True),
    _text("target", "native of the followed", key=True),
    _text("request", "id of the Follow, embedded in its Accept"),
    _number("since", "moment it was asked"),
    _number("accepted", "moment it was accepted; null while pending", null=True),
    Index("ix_follows_target_actor", "target", "actor"),
    comment="Who follows whom.",
)

conversations = Table(
    "conversations",
    metadata,
    _text("actor", "native of the person", key=True),
    _text("place", "native of the private room"),
    Index("ix_conversations_place", "place"),
    comment="Where the bot talks with a person.",
)

keys = Table(
    "keys",
    metadata,
    _text("owner", "native of the actor", key=True),
    _text("kind", "rsa or ed25519", key=True),
    _bytes("sealed", "private PEM, AES-256-GCM with the key from the key file"),
    _bytes("public", "public PEM"),
    comment="Our private keys, encrypted at rest.",
)

peer_keys = Table(
    "peer_keys",
    metadata,
    _text("key_id", "full key id", key=True),
    _text("owner", "actor it belongs to"),
    _bytes("public", "public PEM; null when it could not be had", null=True),
    _number("at", "moment it was asked for"),
    comment="Keys of peers as last fetched.",
)
