"""All tables, one comment per column: what survives a restart, the same on SQLite and PostgreSQL.

Conventions: a *native* is `protocol:id` in one text; a *moment* is whole microseconds since 1970 UTC; bodies are MessagePack; a `seq` comes
from `heads`, whose row lock makes its order the order of commits on both databases (engine.md section 7, "the cursor trap").
"""

from __future__ import annotations

from sqlalchemy import Index, MetaData, Table

from storage.tables import bytes_, flag, number, partial, text

__all__ = ["NEVER", "metadata"]

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

NEVER = 2**62
"""A moment and a seq that never come: the open end of an interval."""

# -------------------------------------------------------------------------------------------------------------------- streams

meta = Table(
    "meta",
    metadata,
    text("name", "what: `seal` (proves that the key file belongs to this database)", key=True),
    bytes_("value", "its value"),
    comment="Facts about the database itself.",
)

heads = Table(
    "heads",
    metadata,
    text("name", "stream or kind of number: intake, events, out, destination, dead, object, roster", key=True),
    number("seq", "last number given out", default=0),
    comment="Where every sequence stands; updating a row orders its writers.",
)

claims = Table(
    "claims",
    metadata,
    text("stream", "intake, events or out", key=True),
    number("bucket", "which part of it", key=True),
    number("epoch", "how often it has changed hands"),
    text("owner", "the process that took it last, for people to read"),
    comment="Fences: a process writes cursors only under the epoch it took. Who owns what now, the locks of the server say.",
)

intake = Table(
    "intake",
    metadata,
    number("seq", "position in the stream", key=True),
    text("key", "derived from the envelope; a repeat has the same"),
    text("lane", "room id or the signer's host"),
    text("protocol", "which adapter reads it"),
    text("kind", "the adapter's word for what the bytes are"),
    text("signer", "verified actor id; gone with the bytes", null=True),
    number("received_at", "moment of receipt"),
    bytes_("body", "raw bytes; null once erased", null=True),
    text("why", "why it was ignored or refused", null=True),
    flag("refused", "it broke a rule"),
    Index("ix_intake_key", "key", unique=True),
    Index("ix_intake_lane_seq", "lane", "seq"),
    comment="INTAKE: what arrived, as it came, before anything was understood.",
)

seen = Table(
    "seen",
    metadata,
    text("stream", "intake or events", key=True),
    text("key", "intake key or event id", key=True),
    number("seq", "where it stood in the stream"),
    number("at", "moment its log row was deleted"),
    Index("ix_seen_at", "at"),
    comment="Keys that outlive the log, so that a late repeat is still a repeat.",
)

events = Table(
    "events",
    metadata,
    number("seq", "position in the stream", key=True),
    text("id", "event id"),
    text("community", "lane: events of one community are in one order"),
    text("place", "native of the place it was said in"),
    text("kind", "content type"),
    text("object", "object it is about (its own id when it makes one)"),
    number("received_at", "moment of receipt"),
    number("intake", "entry it was read from", null=True),
    bytes_("body", "the event; null once erased", null=True),
    text("ended", "how it ended, for people; empty while it has not", null=True),
    Index("ix_events_id", "id", unique=True),
    Index("ix_events_object", "object"),
    Index("ix_events_intake", "intake"),
    comment="EVENTS: what was understood, in one total order per community.",
)
partial(events, "unread", "community", "seq", where="body IS NOT NULL")

cursors = Table(
    "cursors",
    metadata,
    text("stream", "intake or events", key=True),
    text("lane", "lane of intake, or community", key=True),
    number("position", "everything up to here is done", default=0),
    number("head", "last entry of the lane", default=0),
    comment="How far each lane of INTAKE and EVENTS has been read.",
)
partial(cursors, "behind", "stream", where="head > position")

waits = Table(
    "waits",
    metadata,
    number("seq", "intake entry that waits", key=True, to="intake.seq"),
    number("due_at", "moment to try again; null waits for a person", null=True),
    text("why", "what it waits for, in words"),
    number("tries", "how often it has waited", default=0),
    text("awaited", "native of the thing that has not arrived", null=True),
    flag("stuck", "parked until a person looks at it"),
    Index("ix_waits_due_at", "due_at"),
    Index("ix_waits_awaited", "awaited"),
    comment="Parked intake entries: waiting is a row, not a pinned cursor.",
)

# ---------------------------------------------------------------------------------------------------------------------- out

destinations = Table(
    "destinations",
    metadata,
    number("id", "our number for it", key=True),
    text("protocol", "which adapter sends there"),
    text("address", "inbox URL, room id or loopback place"),
    text("host", "server: circuit and pace are per host"),
    Index("ix_destinations_protocol_address", "protocol", "address", unique=True),
    Index("ix_destinations_host", "host"),
    comment="Where requests go.",
)

lanes = Table(
    "lanes",
    metadata,
    number("destination", "whose lane", key=True, to="destinations.id"),
    flag("urgent", "retractions, withdrawals and blocks overtake the rest", key=True),
    number("cursor", "everything it hears up to here is done", default=0),
    number("awake", "seq that it waits for; null when it has heard everything", null=True),
    number("fails", "failures in a row", default=0),
    number("next_at", "moment before which nothing is sent", default=0),
    number("first_failure_at", "since when nothing has worked", null=True),
    number("last_failure_at", "the newest failure counted, so that a repeat is not", null=True),
    text("last_error", "why the last try failed", null=True),
    comment="One destination, one urgency: the courier's low-water mark.",
)
partial(lanes, "awake", "next_at", where="awake IS NOT NULL")

hosts = Table(
    "hosts",
    metadata,
    text("host", "server name", key=True),
    number("fails", "failures in a row; 0 is a closed circuit", default=0),
    number("next_at", "moment before which nothing is sent", default=0),
    number("first_failure_at", "since when it has not answered", null=True),
    number("last_failure_at", "the newest failure counted", null=True),
    text("last_error", "why", null=True),
    comment="Circuits of servers that do not answer; a healthy server has no row.",
)

rosters = Table(
    "rosters",
    metadata,
    number("id", "our number for it", key=True),
    text("name", "`followers:{community}`, `place:{native}` …"),
    Index("ix_rosters_name", "name", unique=True),
    comment="Standing sets of destinations.",
)

members = Table(
    "members",
    metadata,
    number("roster", "which roster", key=True, to="rosters.id"),
    text("member", "native of the one who hears", key=True),
    number("destination", "where they hear", to="destinations.id"),
    Index("ix_members_roster_destination", "roster", "destination"),
    comment="Who hears a roster now, and where.",
)

hearing = Table(
    "hearing",
    metadata,
    number("roster", "which roster", key=True, to="rosters.id"),
    number("destination", "who hears", key=True, to="destinations.id"),
    number("from_seq", "hears what is later than this", key=True),
    number("until_seq", "and not later; 2^62 if open", default=NEVER),
    Index("ix_hearing_destination", "destination"),
    comment="When a destination heard a roster: one row per stay, however many members it has there.",
)

out = Table(
    "out",
    metadata,
    number("seq", "position in the stream", key=True),
    text("item", "item id"),
    number("again", "0, or its own seq when an operator sent it again"),
    text("event", "event it tells of"),
    text("object", "object it is about"),
    text("subject", "what a retraction of it would name: the object, or the event for a reaction"),
    text("community", "community"),
    text("place", "native of the place it is for"),
    text("form", "the adapter's word for this form"),
    text("kind", "content type"),
    flag("urgent", "which lane"),
    number("at", "moment it was written"),
    flag("taken_back", "its object was retracted"),
    bytes_("body", "the item; null once erased", null=True),
    Index("ix_out_item_again", "item", "again", unique=True),
    Index("ix_out_event", "event"),
    Index("ix_out_subject", "subject"),
    Index("ix_out_object", "object"),
    comment="OUT: each outgoing item once, whatever the number of its receivers.",
)
partial(out, "taken_back", "seq", where="taken_back AND body IS NOT NULL")

out_roster = Table(
    "out_roster",
    metadata,
    number("roster", "who hears it", key=True, to="rosters.id"),
    flag("urgent", "which lane", key=True),
    number("seq", "the item", key=True),
    Index("ix_out_roster_seq", "seq"),
    comment="Which rosters hear an item: one, or for a retraction every one that ever heard the object.",
)

out_to = Table(
    "out_to",
    metadata,
    number("destination", "who hears it as well", key=True, to="destinations.id"),
    flag("urgent", "which lane", key=True),
    number("seq", "the item", key=True),
    Index("ix_out_to_seq", "seq"),
    comment="Receivers that no roster names: people involved, leavers who are owed a retraction, one dead letter sent again.",
)

reach = Table(
    "reach",
    metadata,
    text("subject", "object, or event for a reaction", key=True),
    text("place", "native of the place it went to", key=True),
    number("roster", "roster it was written to", key=True, to="rosters.id"),
    number("first_seq", "seq of the first such item"),
    comment="Which rosters ever heard of an object: outlives the log, so that a late retraction reaches everyone.",
)

reach_to = Table(
    "reach_to",
    metadata,
    text("subject", "object, or event for a reaction", key=True),
    text("place", "native of the place it went to", key=True),
    number("destination", "who received it besides the roster", key=True, to="destinations.id"),
    comment="Who else ever received an object.",
)

dead = Table(
    "dead",
    metadata,
    number("id", "number people quote", key=True),
    text("item", "item id"),
    text("event", "event id"),
    text("subject", "what a retraction of it would name"),
    text("kind", "content type"),
    text("form", "the adapter's word for this form"),
    flag("urgent", "which lane"),
    number("destination", "where it did not arrive", to="destinations.id"),
    text("why", "what was answered"),
    flag("gone", "the destination itself has ended"),
    number("attempts", "how often it was tried"),
    number("at", "moment it was given up"),
    number("requeued_at", "moment an operator sent it again", null=True),
    bytes_("body", "the item; null once erased", null=True),
    Index("ix_dead_item_destination", "item", "destination", unique=True),
    Index("ix_dead_event", "event"),
    Index("ix_dead_subject", "subject"),
    comment="Dead letters: this item will not reach this destination.",
)

gaps = Table(
    "gaps",
    metadata,
    number("destination", "whose lane", key=True, to="destinations.id"),
    flag("urgent", "which lane", key=True),
    number("from_seq", "given up: later than this", key=True),
    number("to_seq", "and not later than this"),
    text("why", "reason"),
    number("at", "moment it was given up"),
    comment="What we consciously gave up; nothing is dropped without a row here or in dead.",
)

# ------------------------------------------------------------------------------------------------------------------- objects

objects = Table(
    "objects",
    metadata,
    text("id", "object id", key=True),
    number("ordinal", "order in which objects came to be known"),
    text("community", "community"),
    text("channel", "channel"),
    text("native", "native it was born with"),
    text("place", "native of the place it was born in"),
    text("author", "native of its author"),
    text("kind", "content type"),
    number("audience", "level of the lattice"),
    text("thread", "root object; null for a root", null=True),
    text("reply_to", "object it answers", null=True),
    number("crossed_at", "moment it crossed", null=True),
    number("updated_at", "moment of its newest form", null=True),
    number("retracted_at", "moment it was taken back", null=True),
    bytes_("body", "the event that shows it as it is now; null once taken back", null=True),
    Index("ix_objects_native", "native"),
    Index("ix_objects_thread_ordinal", "thread", "ordinal"),
    Index("ix_objects_community_ordinal", "community", "ordinal"),
    Index("ix_objects_author_ordinal", "author", "ordinal"),
    comment="The current form of everything that crossed, until it is withdrawn.",
)

copies = Table(
    "copies",
    metadata,
    text("object", "object id", key=True),
    text("place", "native of the place", key=True),
    text("native", "native of the copy"),
    Index("ix_copies_native", "native"),
    comment="What a place calls its copy of an object.",
)

tombstones = Table(
    "tombstones",
    metadata,
    text("key", "object id, or a keyed hash of a native id", key=True),
    number("at", "moment it was taken back"),
    comment="What was taken back, even before it arrived: a late create stays dead.",
)

# ----------------------------------------------------------------------------------------------------------------- decisions

decisions = Table(
    "decisions",
    metadata,
    text("event", "event id", key=True),
    text("norms", "version of the norms in force"),
    number("verdict", "strictest verdict"),
    number("at", "moment of the decision"),
    bytes_("body", "the decision; people and arguments are cut when nothing crossed"),
    Index("ix_decisions_at", "at"),
    comment="What was decided about an event, and why.",
)

omissions = Table(
    "omissions",
    metadata,
    text("event", "event id", key=True),
    text("place", "native of the place", key=True),
    text("code", "reason as a code", key=True),
    text("text", "reason as people read it"),
    comment="What could not cross, with its reason.",
)

holds = Table(
    "holds",
    metadata,
    text("event", "event that waits", key=True),
    text("community", "community"),
    text("object", "object it would bring into being"),
    text("author", "native of its author; null once ended", null=True),
    text("kind", "grace, ask, review or parent"),
    text("code", "reason as a code"),
    number("since", "moment it began to wait"),
    number("due_at", "moment at which time decides"),
    text("on_expiry", "what time decides"),
    bytes_("body", "the event as it would cross; null once ended", null=True),
    text("handle", "the author's handle; empty once ended"),
    text("waited", "codes it has waited for before, space separated"),
    text("ended", "how the wait ended; null while it goes on", null=True),
    number("ended_at", "moment it ended", null=True),
    comment="Events that wait: rows with a due time, never a pinned cursor.",
)
partial(holds, "due", "due_at", where="ended IS NULL")
partial(holds, "object", "object", where="ended IS NULL")

consents = Table(
    "consents",
    metadata,
    text("actor", "native of the person", key=True),
    text("community", "community", key=True),
    text("state", "off, ask, quiet or on"),
    bytes_("body", "the whole consent"),
    comment="What people said about crossing.",
)

let_ins = Table(
    "let_ins",
    metadata,
    text("actor", "native of the person", key=True),
    text("community", "community", key=True),
    text("event", "event that was let in", key=True),
    flag("careful", "it had a link, a file or many mentions"),
    comment="Standing: items of theirs that were let in.",
)

withdrawals = Table(
    "withdrawals",
    metadata,
    text("id", "event of the order", key=True),
    text("community", "community it was said in"),
    text("who", "keyed hash of the person: all that stays as proof"),
    text("phase", "how far it has come"),
    number("due_at", "moment at which it goes on"),
    bytes_("sealed", "the whole of it, AES-256-GCM with the key from the key file; null once done", null=True),
    Index("ix_withdrawals_who", "who"),
    comment="What people took back at once, until the last receipt.",
)
partial(withdrawals, "due", "due_at", where="sealed IS NOT NULL")

relayed = Table(
    "relayed",
    metadata,
    text("hash", "keyed hash of author and words", key=True),
    number("until", "moment it is forgotten"),
    Index("ix_relayed_until", "until"),
    comment="The loop guard.",
)

# ----------------------------------------------------------------------------------------------------------------- directory

communities = Table(
    "communities",
    metadata,
    text("id", "community id", key=True),
    text("handle", "the group's name on the fediverse"),
    text("name", "name people read"),
    text("about", "what it is about"),
    flag("retired", "it has ended"),
    comment="Communities whose home is this node.",
)

channels = Table(
    "channels",
    metadata,
    text("id", "channel id", key=True),
    text("community", "community"),
    Index("ix_channels_community", "community"),
    comment="The places that carry one conversation.",
)

places = Table(
    "places",
    metadata,
    text("native", "native of the place", key=True),
    text("channel", "channel it belongs to", to="channels.id"),
    number("ordinal", "order inside the channel"),
    text("kind", "room, group or foreign_group"),
    text("name", "name people read"),
    text("entry", "who may come in"),
    text("history", "who may read back"),
    flag("encrypted", "words here are encrypted"),
    text("bridges", "domains of other bridges of our kind seen there, with spaces between; null: none", null=True),
    Index("ix_places_channel_ordinal", "channel", "ordinal"),
    comment="One side of a conversation; a place is in one channel at most.",
)

actors = Table(
    "actors",
    metadata,
    text("native", "native of the account", key=True),
    number("at", "moment it was fetched"),
    bytes_("body", "the account as last seen"),
    text("called", "protocol and handle in lower case; null when it was last seen by an older release", null=True),
    Index("ix_actors_called", "called"),
    comment="Foreign accounts as last fetched.",
)

ghosts = Table(
    "ghosts",
    metadata,
    text("native", "native of the ghost", key=True),
    text("protocol", "where the ghost lives"),
    text("of", "native of the one it stands for"),
    text("handle", "bare name as shown"),
    text("folded", "bare name in lower case, for look-up"),
    text("community", "community it belongs to", null=True),
    number("since", "moment it came to be", null=True),
    number("ended", "moment it was taken back", null=True),
    bytes_("body", "the whole ghost"),
    Index("ix_ghosts_protocol_of", "protocol", "of"),
    Index("ix_ghosts_protocol_folded", "protocol", "folded"),
    Index("ix_ghosts_community", "community"),
    comment="Actors we control that stand for somebody.",
)
partial(ghosts, "one_name", "folded", where="protocol = 'activitypub'", unique=True)

follows = Table(
    "follows",
    metadata,
    text("actor", "native of the follower", key=True),
    text("target", "native of the followed", key=True),
    text("request", "id of the Follow, embedded in its Accept"),
    number("since", "moment it was asked"),
    number("accepted", "moment it was accepted; null while pending", null=True),
    Index("ix_follows_target_actor", "target", "actor"),
    comment="Who follows whom.",
)

conversations = Table(
    "conversations",
    metadata,
    text("actor", "native of the person", key=True),
    text("place", "native of the private room"),
    Index("ix_conversations_place", "place"),
    comment="Where the bot talks with a person.",
)

keys = Table(
    "keys",
    metadata,
    text("owner", "native of the actor", key=True),
    text("kind", "rsa or ed25519", key=True),
    bytes_("sealed", "private PEM, AES-256-GCM with the key from the key file"),
    bytes_("public", "public PEM"),
    comment="Our private keys, encrypted at rest.",
)

peer_keys = Table(
    "peer_keys",
    metadata,
    text("key_id", "full key id", key=True),
    text("owner", "actor it belongs to"),
    bytes_("public", "public PEM; null when it could not be had", null=True),
    number("at", "moment it was asked for"),
    comment="Keys of peers as last fetched.",
)

# ---------------------------------------------------------------------------------------------------------------------- files

media = Table(
    "media",
    metadata,
    text("id", "the end of its address, unguessable", key=True),
    text("owner", "object it belongs to, or native of the person whose picture it is"),
    text("source", "what its own network calls it"),
    text("digest", "BLAKE2b-256 of the bytes, names the file"),
    text("media_type", "as found by looking at the bytes"),
    number("size", "bytes"),
    number("width", "pixels", null=True),
    number("height", "pixels", null=True),
    number("at", "moment it was kept"),
    number("removed_at", "moment a person took it down", null=True),
    text("why", "why they did"),
    Index("ix_media_owner", "owner"),
    Index("ix_media_digest", "digest"),
    Index("ix_media_at", "at"),
    comment="Files of our people that other servers may fetch from us.",
)

unserved = Table(
    "unserved",
    metadata,
    text("digest", "of bytes that something served needed until now", key=True),
    comment="Files to be taken off the disk.",
)

uploads = Table(
    "uploads",
    metadata,
    text("source", "address it was fetched from", key=True),
    text("digest", "BLAKE2b-256 of the bytes"),
    text("address", "what the homeserver calls its copy"),
    text("media_type", "as found by looking at the bytes"),
    number("size", "bytes"),
    number("width", "pixels", null=True),
    number("height", "pixels", null=True),
    number("at", "moment it was uploaded"),
    Index("ix_uploads_digest", "digest"),
    Index("ix_uploads_at", "at"),
    comment="Files from elsewhere that the homeserver has a copy of, so that none is uploaded twice.",
)

parts = Table(
    "parts",
    metadata,
    text("object", "object id", key=True),
    text("place", "native of the place", key=True),
    number("number", "which part, from 1 on", key=True),
    text("native", "native of this part"),
    text("source", "the file it shows"),
    text("digest", "of how it was described when last sent"),
    Index("ix_parts_native", "native"),
    comment="Further events that belong to a copy: a file each.",
)
