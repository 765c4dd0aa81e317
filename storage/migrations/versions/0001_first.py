"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

# fmt: off
revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table('actors',
        sa.Column('native', TEXT, nullable=False, comment='native of the account'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='moment it was fetched'),
        sa.Column('body', sa.LargeBinary(), nullable=False, comment='the account as last seen'),
        sa.PrimaryKeyConstraint('native', name='pk_actors'),
        comment='Foreign accounts as last fetched.'
    )
    op.create_table('channels',
        sa.Column('id', TEXT, nullable=False, comment='channel id'),
        sa.Column('community', TEXT, nullable=False, comment='community'),
        sa.PrimaryKeyConstraint('id', name='pk_channels'),
        comment='The places that carry one conversation.'
    )
    op.create_index('ix_channels_community', 'channels', ['community'], unique=False)
    op.create_table('communities',
        sa.Column('id', TEXT, nullable=False, comment='community id'),
        sa.Column('handle', TEXT, nullable=False, comment="the group's name on the fediverse"),
        sa.Column('name', TEXT, nullable=False, comment='name people read'),
        sa.Column('about', TEXT, nullable=False, comment='what it is about'),
        sa.Column('retired', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='it has ended'),
        sa.PrimaryKeyConstraint('id', name='pk_communities'),
        comment='Communities whose home is this node.'
    )
    op.create_table('consents',
        sa.Column('actor', TEXT, nullable=False, comment='native of the person'),
        sa.Column('community', TEXT, nullable=False, comment='community'),
        sa.Column('state', TEXT, nullable=False, comment='off, ask, quiet or on'),
        sa.Column('body', sa.LargeBinary(), nullable=False, comment='the whole consent'),
        sa.PrimaryKeyConstraint('actor', 'community', name='pk_consents'),
        comment='What people said about crossing.'
    )
    op.create_table('conversations',
        sa.Column('actor', TEXT, nullable=False, comment='native of the person'),
        sa.Column('place', TEXT, nullable=False, comment='native of the private room'),
        sa.PrimaryKeyConstraint('actor', name='pk_conversations'),
        comment='Where the bot talks with a person.'
    )
    op.create_index('ix_conversations_place', 'conversations', ['place'], unique=False)
    op.create_table('copies',
        sa.Column('object', TEXT, nullable=False, comment='object id'),
        sa.Column('place', TEXT, nullable=False, comment='native of the place'),
        sa.Column('native', TEXT, nullable=False, comment='native of the copy'),
        sa.PrimaryKeyConstraint('object', 'place', name='pk_copies'),
        comment='What a place calls its copy of an object.'
    )
    op.create_index('ix_copies_native', 'copies', ['native'], unique=False)
    op.create_table('cursors',
        sa.Column('stream', TEXT, nullable=False, comment='intake or events'),
        sa.Column('lane', TEXT, nullable=False, comment='lane of intake, or community'),
        sa.Column('position', sa.BigInteger(), server_default='0', nullable=False, comment='everything up to here is done'),
        sa.Column('head', sa.BigInteger(), server_default='0', nullable=False, comment='last entry of the lane'),
        sa.PrimaryKeyConstraint('stream', 'lane', name='pk_cursors'),
        comment='How far each lane of INTAKE and EVENTS has been read.'
    )
    op.create_index('ix_cursors_behind', 'cursors', ['stream'], unique=False,
        sqlite_where=sa.text('head > position'), postgresql_where=sa.text('head > position'))
    op.create_table('decisions',
        sa.Column('event', TEXT, nullable=False, comment='event id'),
        sa.Column('norms', TEXT, nullable=False, comment='version of the norms in force'),
        sa.Column('verdict', sa.BigInteger(), nullable=False, comment='strictest verdict'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='moment of the decision'),
        sa.Column('body', sa.LargeBinary(), nullable=False, comment='the decision; people and arguments are cut when nothing crossed'),
        sa.PrimaryKeyConstraint('event', name='pk_decisions'),
        comment='What was decided about an event, and why.'
    )
    op.create_index('ix_decisions_at', 'decisions', ['at'], unique=False)
    op.create_table('destinations',
        sa.Column('id', NUMBER, autoincrement=False, nullable=False, comment='our number for it'),
        sa.Column('protocol', TEXT, nullable=False, comment='which adapter sends there'),
        sa.Column('address', TEXT, nullable=False, comment='inbox URL, room id or loopback place'),
        sa.Column('host', TEXT, nullable=False, comment='server: circuit and pace are per host'),
        sa.PrimaryKeyConstraint('id', name='pk_destinations'),
        comment='Where requests go.'
    )
    op.create_index('ix_destinations_host', 'destinations', ['host'], unique=False)
    op.create_index('ix_destinations_protocol_address', 'destinations', ['protocol', 'address'], unique=True)
    op.create_table('events',
        sa.Column('seq', NUMBER, autoincrement=False, nullable=False, comment='position in the stream'),
        sa.Column('id', TEXT, nullable=False, comment='event id'),
        sa.Column('community', TEXT, nullable=False, comment='lane: events of one community are in one order'),
        sa.Column('place', TEXT, nullable=False, comment='native of the place it was said in'),
        sa.Column('kind', TEXT, nullable=False, comment='content type'),
        sa.Column('object', TEXT, nullable=False, comment='object it is about (its own id when it makes one)'),
        sa.Column('received_at', sa.BigInteger(), nullable=False, comment='moment of receipt'),
        sa.Column('intake', sa.BigInteger(), nullable=True, comment='entry it was read from'),
        sa.Column('body', sa.LargeBinary(), nullable=True, comment='the event; null once erased'),
        sa.Column('ended', TEXT, nullable=True, comment='how it ended, for people; empty while it has not'),
        sa.PrimaryKeyConstraint('seq', name='pk_events'),
        comment='EVENTS: what was understood, in one total order per community.'
    )
    op.create_index('ix_events_id', 'events', ['id'], unique=True)
    op.create_index('ix_events_intake', 'events', ['intake'], unique=False)
    op.create_index('ix_events_object', 'events', ['object'], unique=False)
    op.create_index('ix_events_unread', 'events', ['community', 'seq'], unique=False,
        sqlite_where=sa.text('body IS NOT NULL'), postgresql_where=sa.text('body IS NOT NULL'))
    op.create_table('follows',
        sa.Column('actor', TEXT, nullable=False, comment='native of the follower'),
        sa.Column('target', TEXT, nullable=False, comment='native of the followed'),
        sa.Column('request', TEXT, nullable=False, comment='id of the Follow, embedded in its Accept'),
        sa.Column('since', sa.BigInteger(), nullable=False, comment='moment it was asked'),
        sa.Column('accepted', sa.BigInteger(), nullable=True, comment='moment it was accepted; null while pending'),
        sa.PrimaryKeyConstraint('actor', 'target', name='pk_follows'),
        comment='Who follows whom.'
    )
    op.create_index('ix_follows_target_actor', 'follows', ['target', 'actor'], unique=False)
    op.create_table('ghosts',
        sa.Column('native', TEXT, nullable=False, comment='native of the ghost'),
        sa.Column('protocol', TEXT, nullable=False, comment='where the ghost lives'),
        sa.Column('of', TEXT, nullable=False, comment='native of the one it stands for'),
        sa.Column('handle', TEXT, nullable=False, comment='bare name as shown'),
        sa.Column('folded', TEXT, nullable=False, comment='bare name in lower case, for look-up'),
        sa.Column('community', TEXT, nullable=True, comment='community it belongs to'),
        sa.Column('since', sa.BigInteger(), nullable=True, comment='moment it came to be'),
        sa.Column('ended', sa.BigInteger(), nullable=True, comment='moment it was taken back'),
        sa.Column('body', sa.LargeBinary(), nullable=False, comment='the whole ghost'),
        sa.PrimaryKeyConstraint('native', name='pk_ghosts'),
        comment='Actors we control that stand for somebody.'
    )
    op.create_index('ix_ghosts_community', 'ghosts', ['community'], unique=False)
    op.create_index('ix_ghosts_one_name', 'ghosts', ['folded'], unique=True,
        sqlite_where=sa.text("protocol = 'activitypub'"), postgresql_where=sa.text("protocol = 'activitypub'"))
    op.create_index('ix_ghosts_protocol_folded', 'ghosts', ['protocol', 'folded'], unique=False)
    op.create_index('ix_ghosts_protocol_of', 'ghosts', ['protocol', 'of'], unique=False)
    op.create_table('heads',
        sa.Column('name', TEXT, nullable=False, comment='stream or kind of number: intake, events, out, destination, dead, object, roster'),
        sa.Column('seq', sa.BigInteger(), server_default='0', nullable=False, comment='last number given out'),
        sa.PrimaryKeyConstraint('name', name='pk_heads'),
        comment='Where every sequence stands; updating a row orders its writers.'
    )
    op.create_table('holds',
        sa.Column('event', TEXT, nullable=False, comment='event that waits'),
        sa.Column('community', TEXT, nullable=False, comment='community'),
        sa.Column('object', TEXT, nullable=False, comment='object it would bring into being'),
        sa.Column('author', TEXT, nullable=True, comment='native of its author; null once ended'),
        sa.Column('kind', TEXT, nullable=False, comment='grace, ask, review or parent'),
        sa.Column('code', TEXT, nullable=False, comment='reason as a code'),
        sa.Column('since', sa.BigInteger(), nullable=False, comment='moment it began to wait'),
        sa.Column('due_at', sa.BigInteger(), nullable=False, comment='moment at which time decides'),
        sa.Column('on_expiry', TEXT, nullable=False, comment='what time decides'),
        sa.Column('body', sa.LargeBinary(), nullable=True, comment='the event as it would cross; null once ended'),
        sa.Column('handle', TEXT, nullable=False, comment="the author's handle; empty once ended"),
        sa.Column('waited', TEXT, nullable=False, comment='codes it has waited for before, space separated'),
        sa.Column('ended', TEXT, nullable=True, comment='how the wait ended; null while it goes on'),
        sa.Column('ended_at', sa.BigInteger(), nullable=True, comment='moment it ended'),
        sa.PrimaryKeyConstraint('event', name='pk_holds'),
        comment='Events that wait: rows with a due time, never a pinned cursor.'
    )
    op.create_index('ix_holds_due', 'holds', ['due_at'], unique=False,
        sqlite_where=sa.text('ended IS NULL'), postgresql_where=sa.text('ended IS NULL'))
    op.create_index('ix_holds_object', 'holds', ['object'], unique=False,
        sqlite_where=sa.text('ended IS NULL'), postgresql_where=sa.text('ended IS NULL'))
    op.create_table('hosts',
        sa.Column('host', TEXT, nullable=False, comment='server name'),
        sa.Column('fails', sa.BigInteger(), server_default='0', nullable=False, comment='failures in a row; 0 is a closed circuit'),
        sa.Column('next_at', sa.BigInteger(), server_default='0', nullable=False, comment='moment before which nothing is sent'),
        sa.Column('first_failure_at', sa.BigInteger(), nullable=True, comment='since when it has not answered'),
        sa.Column('last_failure_at', sa.BigInteger(), nullable=True, comment='the newest failure counted'),
        sa.Column('last_error', TEXT, nullable=True, comment='why'),
        sa.PrimaryKeyConstraint('host', name='pk_hosts'),
        comment='Circuits of servers that do not answer; a healthy server has no row.'
    )
    op.create_table('intake',
        sa.Column('seq', NUMBER, autoincrement=False, nullable=False, comment='position in the stream'),
        sa.Column('key', TEXT, nullable=False, comment='derived from the envelope; a repeat has the same'),
        sa.Column('lane', TEXT, nullable=False, comment="room id or the signer's host"),
        sa.Column('protocol', TEXT, nullable=False, comment='which adapter reads it'),
        sa.Column('kind', TEXT, nullable=False, comment="the adapter's word for what the bytes are"),
        sa.Column('signer', TEXT, nullable=True, comment='verified actor id; gone with the bytes'),
        sa.Column('received_at', sa.BigInteger(), nullable=False, comment='moment of receipt'),
        sa.Column('body', sa.LargeBinary(), nullable=True, comment='raw bytes; null once erased'),
        sa.Column('why', TEXT, nullable=True, comment='why it was ignored or refused'),
        sa.Column('refused', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='it broke a rule'),
        sa.PrimaryKeyConstraint('seq', name='pk_intake'),
        comment='INTAKE: what arrived, as it came, before anything was understood.'
    )
    op.create_index('ix_intake_key', 'intake', ['key'], unique=True)
    op.create_index('ix_intake_lane_seq', 'intake', ['lane', 'seq'], unique=False)
    op.create_table('keys',
        sa.Column('owner', TEXT, nullable=False, comment='native of the actor'),
        sa.Column('kind', TEXT, nullable=False, comment='rsa or ed25519'),
        sa.Column('sealed', sa.LargeBinary(), nullable=False, comment='private PEM, AES-256-GCM with the key from the key file'),
        sa.Column('public', sa.LargeBinary(), nullable=False, comment='public PEM'),
        sa.PrimaryKeyConstraint('owner', 'kind', name='pk_keys'),
        comment='Our private keys, encrypted at rest.'
    )
    op.create_table('let_ins',
        sa.Column('actor', TEXT, nullable=False, comment='native of the person'),
        sa.Column('community', TEXT, nullable=False, comment='community'),
        sa.Column('event', TEXT, nullable=False, comment='event that was let in'),
        sa.Column('careful', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='it had a link, a file or many mentions'),
        sa.PrimaryKeyConstraint('actor', 'community', 'event', name='pk_let_ins'),
        comment='Standing: items of theirs that were let in.'
    )
    op.create_table('tenures',
        sa.Column('actor', TEXT, nullable=False, comment='native of the person'),
        sa.Column('community', TEXT, nullable=False, comment='community'),
        sa.Column('since', sa.BigInteger(), nullable=False, comment='moment they became a member'),
        sa.PrimaryKeyConstraint('actor', 'community', name='pk_tenures'),
        comment='Standing: since when somebody is a member.'
    )
    op.create_table('seats',
        sa.Column('community', TEXT, nullable=False, comment='community'),
        sa.Column('actor', TEXT, nullable=False, comment='native of who holds it'),
        sa.Column('role', TEXT, nullable=False, comment='what they may'),
        sa.Column('topic', TEXT, nullable=False, comment='what a curator looks after, empty for everything'),
        sa.Column('since', sa.BigInteger(), nullable=False, comment='moment it begins'),
        sa.Column('until', sa.BigInteger(), nullable=True, comment="moment it ends by itself; null: an admin's, which does not"),
        sa.Column('by', TEXT, nullable=False, comment='who gave it, or `operator`'),
        sa.PrimaryKeyConstraint('community', 'actor', 'role', 'topic', name='pk_seats'),
        comment='Who looks after a community.'
    )
    op.create_index('ix_seats_actor', 'seats', ['actor'], unique=False)
    op.create_index('ix_seats_until', 'seats', ['until'], unique=False)
    op.create_table('vouches',
        sa.Column('actor', TEXT, nullable=False, comment='native of the person vouched for'),
        sa.Column('community', TEXT, nullable=False, comment='community'),
        sa.Column('by', TEXT, nullable=False, comment='native of the person who vouched'),
        sa.Column('host', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='the voucher was a host'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='moment it was said'),
        sa.Column('until', sa.BigInteger(), nullable=False, comment='moment it ends'),
        sa.PrimaryKeyConstraint('actor', 'community', 'by', name='pk_vouches'),
        comment='Standing: who said that they know somebody.'
    )
    op.create_index('ix_vouches_by', 'vouches', ['by', 'community'], unique=False)
    op.create_index('ix_vouches_until', 'vouches', ['until'], unique=False)
    op.create_table('acquaintances',
        sa.Column('community', TEXT, nullable=False, comment='community'),
        sa.Column('one', TEXT, nullable=False, comment='keyed hash of whoever answered or let in'),
        sa.Column('other', TEXT, nullable=False, comment='keyed hash of whoever was answered or let in'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='moment of the last time'),
        sa.PrimaryKeyConstraint('community', 'one', 'other', name='pk_acquaintances'),
        comment='Who is no stranger to whom, for 90 days.'
    )
    op.create_index('ix_acquaintances_at', 'acquaintances', ['at'], unique=False)
    op.create_index('ix_acquaintances_other', 'acquaintances', ['other'], unique=False)
    op.create_table('origins',
        sa.Column('community', TEXT, nullable=False, comment='community'),
        sa.Column('host', TEXT, nullable=False, comment='server'),
        sa.Column('first_at', sa.BigInteger(), nullable=True, comment='moment its first item was let in'),
        sa.Column('released', sa.BigInteger(), server_default='0', nullable=False, comment='items let in, counted as far as it matters'),
        sa.Column('actors', sa.BigInteger(), server_default='0', nullable=False, comment='people of it let in, counted as far as it matters'),
        sa.Column('waved_at', sa.BigInteger(), nullable=True, comment='moment a member let somebody from there in'),
        sa.Column('member_at', sa.BigInteger(), nullable=True, comment='moment somebody from there became a member'),
        sa.Column('added_at', sa.BigInteger(), nullable=True, comment='moment an administrator said that it is known'),
        sa.PrimaryKeyConstraint('community', 'host', name='pk_origins'),
        comment='Servers that a community knows, or is getting to know.'
    )
    op.create_table('norm_files',
        sa.Column('name', TEXT, nullable=False, comment='what it is the file of: `node`, `pack:NAME`, `community:NAME` …'),
        sa.Column('version', NUMBER, autoincrement=False, nullable=False, comment='its version, from 1 on'),
        sa.Column('hash', TEXT, nullable=False, comment='SHA-256 of its words'),
        sa.Column('parent', TEXT, nullable=False, comment='hash of the version before it, empty for the first'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='moment it came into force'),
        sa.Column('words', sa.LargeBinary(), nullable=False, comment='the file as it was written'),
        sa.PrimaryKeyConstraint('name', 'version', name='pk_norm_files'),
        comment='Every version of every norm file: append-only, chained by hash.'
    )
    op.create_table('counters',
        sa.Column('key', TEXT, nullable=False, comment='keyed hash of what is counted, renewed every day'),
        sa.Column('body', sa.LargeBinary(), nullable=False, comment='a ring, a crowd or a leak (bridge/norms/counters.py)'),
        sa.Column('who', TEXT, nullable=False, comment='keyed hash of the person it is about; empty: nobody'),
        sa.Column('used_at', sa.BigInteger(), nullable=False, comment='moment of the last one'),
        sa.Column('until', sa.BigInteger(), nullable=False, comment='moment it is empty without one more'),
        sa.PrimaryKeyConstraint('key', name='pk_counters'),
        comment='What norms count, within windows of at most seven days.'
    )
    op.create_index('ix_counters_until', 'counters', ['until'], unique=False)
    op.create_index('ix_counters_used_at', 'counters', ['used_at'], unique=False)
    op.create_index('ix_counters_who', 'counters', ['who'], unique=False)
    op.create_table('counter_keys',
        sa.Column('one', NUMBER, autoincrement=False, nullable=False, comment='always 1'),
        sa.Column('live', sa.BigInteger(), nullable=False, comment='how many rows `counters` has'),
        sa.PrimaryKeyConstraint('one', name='pk_counter_keys'),
        comment='One row: the size of `counters`, so that its bound costs no count.'
    )
    op.create_table('modes',
        sa.Column('community', TEXT, nullable=False, comment='community'),
        sa.Column('mode', TEXT, nullable=False, comment='what is in force'),
        sa.Column('target', TEXT, nullable=False, comment='what or whom it is about, as a keyed hash or a host; empty for the whole community'),
        sa.Column('until', sa.BigInteger(), nullable=False, comment='moment it ends by itself'),
        sa.PrimaryKeyConstraint('community', 'mode', 'target', name='pk_modes'),
        comment='Modes in force; each ends by itself.'
    )
    op.create_index('ix_modes_until', 'modes', ['until'], unique=False)
    op.create_table('meta',
        sa.Column('name', TEXT, nullable=False, comment='what: `seal` (proves that the key file belongs to this database)'),
        sa.Column('value', sa.LargeBinary(), nullable=False, comment='its value'),
        sa.PrimaryKeyConstraint('name', name='pk_meta'),
        comment='Facts about the database itself.'
    )
    op.create_table('objects',
        sa.Column('id', TEXT, nullable=False, comment='object id'),
        sa.Column('ordinal', sa.BigInteger(), nullable=False, comment='order in which objects came to be known'),
        sa.Column('community', TEXT, nullable=False, comment='community'),
        sa.Column('channel', TEXT, nullable=False, comment='channel'),
        sa.Column('native', TEXT, nullable=False, comment='native it was born with'),
        sa.Column('place', TEXT, nullable=False, comment='native of the place it was born in'),
        sa.Column('author', TEXT, nullable=False, comment='native of its author'),
        sa.Column('kind', TEXT, nullable=False, comment='content type'),
        sa.Column('audience', sa.BigInteger(), nullable=False, comment='level of the lattice'),
        sa.Column('thread', TEXT, nullable=True, comment='root object; null for a root'),
        sa.Column('reply_to', TEXT, nullable=True, comment='object it answers'),
        sa.Column('crossed_at', sa.BigInteger(), nullable=True, comment='moment it crossed'),
        sa.Column('updated_at', sa.BigInteger(), nullable=True, comment='moment of its newest form'),
        sa.Column('retracted_at', sa.BigInteger(), nullable=True, comment='moment it was taken back'),
        sa.Column('body', sa.LargeBinary(), nullable=True, comment='the event that shows it as it is now; null once taken back'),
        sa.PrimaryKeyConstraint('id', name='pk_objects'),
        comment='The current form of everything that crossed, until it is withdrawn.'
    )
    op.create_index('ix_objects_author_ordinal', 'objects', ['author', 'ordinal'], unique=False)
    op.create_index('ix_objects_community_ordinal', 'objects', ['community', 'ordinal'], unique=False)
    op.create_index('ix_objects_native', 'objects', ['native'], unique=False)
    op.create_index('ix_objects_thread_ordinal', 'objects', ['thread', 'ordinal'], unique=False)
    op.create_table('omissions',
        sa.Column('event', TEXT, nullable=False, comment='event id'),
        sa.Column('place', TEXT, nullable=False, comment='native of the place'),
        sa.Column('code', TEXT, nullable=False, comment='reason as a code'),
        sa.Column('text', TEXT, nullable=False, comment='reason as people read it'),
        sa.PrimaryKeyConstraint('event', 'place', 'code', name='pk_omissions'),
        comment='What could not cross, with its reason.'
    )
    op.create_table('out',
        sa.Column('seq', NUMBER, autoincrement=False, nullable=False, comment='position in the stream'),
        sa.Column('item', TEXT, nullable=False, comment='item id'),
        sa.Column('again', sa.BigInteger(), nullable=False, comment='0, or its own seq when an operator sent it again'),
        sa.Column('event', TEXT, nullable=False, comment='event it tells of'),
        sa.Column('object', TEXT, nullable=False, comment='object it is about'),
        sa.Column('subject', TEXT, nullable=False, comment='what a retraction of it would name: the object, or the event for a reaction'),
        sa.Column('community', TEXT, nullable=False, comment='community'),
        sa.Column('place', TEXT, nullable=False, comment='native of the place it is for'),
        sa.Column('form', TEXT, nullable=False, comment="the adapter's word for this form"),
        sa.Column('kind', TEXT, nullable=False, comment='content type'),
        sa.Column('urgent', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='which lane'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='moment it was written'),
        sa.Column('taken_back', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='its object was retracted'),
        sa.Column('body', sa.LargeBinary(), nullable=True, comment='the item; null once erased'),
        sa.PrimaryKeyConstraint('seq', name='pk_out'),
        comment='OUT: each outgoing item once, whatever the number of its receivers.'
    )
    op.create_index('ix_out_event', 'out', ['event'], unique=False)
    op.create_index('ix_out_item_again', 'out', ['item', 'again'], unique=True)
    op.create_index('ix_out_object', 'out', ['object'], unique=False)
    op.create_index('ix_out_subject', 'out', ['subject'], unique=False)
    op.create_index('ix_out_taken_back', 'out', ['seq'], unique=False,
        sqlite_where=sa.text('taken_back AND body IS NOT NULL'), postgresql_where=sa.text('taken_back AND body IS NOT NULL'))
    op.create_table('peer_keys',
        sa.Column('key_id', TEXT, nullable=False, comment='full key id'),
        sa.Column('owner', TEXT, nullable=False, comment='actor it belongs to'),
        sa.Column('public', sa.LargeBinary(), nullable=True, comment='public PEM; null when it could not be had'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='moment it was asked for'),
        sa.PrimaryKeyConstraint('key_id', name='pk_peer_keys'),
        comment='Keys of peers as last fetched.'
    )
    op.create_table('relayed',
        sa.Column('hash', TEXT, nullable=False, comment='keyed hash of author and words'),
        sa.Column('until', sa.BigInteger(), nullable=False, comment='moment it is forgotten'),
        sa.PrimaryKeyConstraint('hash', name='pk_relayed'),
        comment='The loop guard.'
    )
    op.create_index('ix_relayed_until', 'relayed', ['until'], unique=False)
    op.create_table('rosters',
        sa.Column('id', NUMBER, autoincrement=False, nullable=False, comment='our number for it'),
        sa.Column('name', TEXT, nullable=False, comment='`followers:{community}`, `place:{native}` …'),
        sa.PrimaryKeyConstraint('id', name='pk_rosters'),
        comment='Standing sets of destinations.'
    )
    op.create_index('ix_rosters_name', 'rosters', ['name'], unique=True)
    op.create_table('seen',
        sa.Column('stream', TEXT, nullable=False, comment='intake or events'),
        sa.Column('key', TEXT, nullable=False, comment='intake key or event id'),
        sa.Column('seq', sa.BigInteger(), nullable=False, comment='where it stood in the stream'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='moment its log row was deleted'),
        sa.PrimaryKeyConstraint('stream', 'key', name='pk_seen'),
        comment='Keys that outlive the log, so that a late repeat is still a repeat.'
    )
    op.create_index('ix_seen_at', 'seen', ['at'], unique=False)
    op.create_table('tombstones',
        sa.Column('key', TEXT, nullable=False, comment='object id, or a keyed hash of a native id'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='moment it was taken back'),
        sa.PrimaryKeyConstraint('key', name='pk_tombstones'),
        comment='What was taken back, even before it arrived: a late create stays dead.'
    )
    op.create_table('dead',
        sa.Column('id', NUMBER, autoincrement=False, nullable=False, comment='number people quote'),
        sa.Column('item', TEXT, nullable=False, comment='item id'),
        sa.Column('event', TEXT, nullable=False, comment='event id'),
        sa.Column('subject', TEXT, nullable=False, comment='what a retraction of it would name'),
        sa.Column('kind', TEXT, nullable=False, comment='content type'),
        sa.Column('form', TEXT, nullable=False, comment="the adapter's word for this form"),
        sa.Column('urgent', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='which lane'),
        sa.Column('destination', sa.BigInteger(), nullable=False, comment='where it did not arrive'),
        sa.Column('why', TEXT, nullable=False, comment='what was answered'),
        sa.Column('gone', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='the destination itself has ended'),
        sa.Column('attempts', sa.BigInteger(), nullable=False, comment='how often it was tried'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='moment it was given up'),
        sa.Column('requeued_at', sa.BigInteger(), nullable=True, comment='moment an operator sent it again'),
        sa.Column('body', sa.LargeBinary(), nullable=True, comment='the item; null once erased'),
        sa.ForeignKeyConstraint(['destination'], ['destinations.id'], ),
        sa.PrimaryKeyConstraint('id', name='pk_dead'),
        comment='Dead letters: this item will not reach this destination.'
    )
    op.create_index('ix_dead_event', 'dead', ['event'], unique=False)
    op.create_index('ix_dead_item_destination', 'dead', ['item', 'destination'], unique=True)
    op.create_index('ix_dead_subject', 'dead', ['subject'], unique=False)
    op.create_table('gaps',
        sa.Column('destination', NUMBER, autoincrement=False, nullable=False, comment='whose lane'),
        sa.Column('urgent', sa.Boolean(), nullable=False, comment='which lane'),
        sa.Column('from_seq', NUMBER, autoincrement=False, nullable=False, comment='given up: later than this'),
        sa.Column('to_seq', sa.BigInteger(), nullable=False, comment='and not later than this'),
        sa.Column('why', TEXT, nullable=False, comment='reason'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='moment it was given up'),
        sa.ForeignKeyConstraint(['destination'], ['destinations.id'], ),
        sa.PrimaryKeyConstraint('destination', 'urgent', 'from_seq', name='pk_gaps'),
        comment='What we consciously gave up; nothing is dropped without a row here or in dead.'
    )
    op.create_table('hearing',
        sa.Column('roster', NUMBER, autoincrement=False, nullable=False, comment='which roster'),
        sa.Column('destination', NUMBER, autoincrement=False, nullable=False, comment='who hears'),
        sa.Column('from_seq', NUMBER, autoincrement=False, nullable=False, comment='hears what is later than this'),
        sa.Column('until_seq', sa.BigInteger(), server_default='4611686018427387904', nullable=False, comment='and not later; 2^62 if open'),
        sa.ForeignKeyConstraint(['destination'], ['destinations.id'], ),
        sa.ForeignKeyConstraint(['roster'], ['rosters.id'], ),
        sa.PrimaryKeyConstraint('roster', 'destination', 'from_seq', name='pk_hearing'),
        comment='When a destination heard a roster: one row per stay, however many members it has there.'
    )
    op.create_index('ix_hearing_destination', 'hearing', ['destination'], unique=False)
    op.create_table('lanes',
        sa.Column('destination', NUMBER, autoincrement=False, nullable=False, comment='whose lane'),
        sa.Column('urgent', sa.Boolean(), nullable=False, comment='retractions, withdrawals and blocks overtake the rest'),
        sa.Column('cursor', sa.BigInteger(), server_default='0', nullable=False, comment='everything it hears up to here is done'),
        sa.Column('awake', sa.BigInteger(), nullable=True, comment='seq that it waits for; null when it has heard everything'),
        sa.Column('fails', sa.BigInteger(), server_default='0', nullable=False, comment='failures in a row'),
        sa.Column('next_at', sa.BigInteger(), server_default='0', nullable=False, comment='moment before which nothing is sent'),
        sa.Column('first_failure_at', sa.BigInteger(), nullable=True, comment='since when nothing has worked'),
        sa.Column('last_failure_at', sa.BigInteger(), nullable=True, comment='the newest failure counted, so that a repeat is not'),
        sa.Column('last_error', TEXT, nullable=True, comment='why the last try failed'),
        sa.ForeignKeyConstraint(['destination'], ['destinations.id'], ),
        sa.PrimaryKeyConstraint('destination', 'urgent', name='pk_lanes'),
        comment="One destination, one urgency: the courier's low-water mark."
    )
    op.create_index('ix_lanes_awake', 'lanes', ['next_at'], unique=False,
        sqlite_where=sa.text('awake IS NOT NULL'), postgresql_where=sa.text('awake IS NOT NULL'))
    op.create_table('members',
        sa.Column('roster', NUMBER, autoincrement=False, nullable=False, comment='which roster'),
        sa.Column('member', TEXT, nullable=False, comment='native of the one who hears'),
        sa.Column('destination', sa.BigInteger(), nullable=False, comment='where they hear'),
        sa.ForeignKeyConstraint(['destination'], ['destinations.id'], ),
        sa.ForeignKeyConstraint(['roster'], ['rosters.id'], ),
        sa.PrimaryKeyConstraint('roster', 'member', name='pk_members'),
        comment='Who hears a roster now, and where.'
    )
    op.create_index('ix_members_roster_destination', 'members', ['roster', 'destination'], unique=False)
    op.create_table('out_roster',
        sa.Column('roster', NUMBER, autoincrement=False, nullable=False, comment='who hears it'),
        sa.Column('urgent', sa.Boolean(), nullable=False, comment='which lane'),
        sa.Column('seq', NUMBER, autoincrement=False, nullable=False, comment='the item'),
        sa.ForeignKeyConstraint(['roster'], ['rosters.id'], ),
        sa.PrimaryKeyConstraint('roster', 'urgent', 'seq', name='pk_out_roster'),
        comment='Which rosters hear an item: one, or for a retraction every one that ever heard the object.'
    )
    op.create_index('ix_out_roster_seq', 'out_roster', ['seq'], unique=False)
    op.create_table('out_to',
        sa.Column('destination', NUMBER, autoincrement=False, nullable=False, comment='who hears it as well'),
        sa.Column('urgent', sa.Boolean(), nullable=False, comment='which lane'),
        sa.Column('seq', NUMBER, autoincrement=False, nullable=False, comment='the item'),
        sa.ForeignKeyConstraint(['destination'], ['destinations.id'], ),
        sa.PrimaryKeyConstraint('destination', 'urgent', 'seq', name='pk_out_to'),
        comment='Receivers that no roster names: people involved, leavers who are owed a retraction, one dead letter sent again.'
    )
    op.create_index('ix_out_to_seq', 'out_to', ['seq'], unique=False)
    op.create_table('places',
        sa.Column('native', TEXT, nullable=False, comment='native of the place'),
        sa.Column('channel', TEXT, nullable=False, comment='channel it belongs to'),
        sa.Column('ordinal', sa.BigInteger(), nullable=False, comment='order inside the channel'),
        sa.Column('kind', TEXT, nullable=False, comment='room, group or foreign_group'),
        sa.Column('name', TEXT, nullable=False, comment='name people read'),
        sa.Column('entry', TEXT, nullable=False, comment='who may come in'),
        sa.Column('history', TEXT, nullable=False, comment='who may read back'),
        sa.Column('encrypted', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='words here are encrypted'),
        sa.ForeignKeyConstraint(['channel'], ['channels.id'], ),
        sa.PrimaryKeyConstraint('native', name='pk_places'),
        comment='One side of a conversation; a place is in one channel at most.'
    )
    op.create_index('ix_places_channel_ordinal', 'places', ['channel', 'ordinal'], unique=False)
    op.create_table('reach',
        sa.Column('subject', TEXT, nullable=False, comment='object, or event for a reaction'),
        sa.Column('place', TEXT, nullable=False, comment='native of the place it went to'),
        sa.Column('roster', NUMBER, autoincrement=False, nullable=False, comment='roster it was written to'),
        sa.Column('first_seq', sa.BigInteger(), nullable=False, comment='seq of the first such item'),
        sa.ForeignKeyConstraint(['roster'], ['rosters.id'], ),
        sa.PrimaryKeyConstraint('subject', 'place', 'roster', name='pk_reach'),
        comment='Which rosters ever heard of an object: outlives the log, so that a late retraction reaches everyone.'
    )
    op.create_table('reach_to',
        sa.Column('subject', TEXT, nullable=False, comment='object, or event for a reaction'),
        sa.Column('place', TEXT, nullable=False, comment='native of the place it went to'),
        sa.Column('destination', NUMBER, autoincrement=False, nullable=False, comment='who received it besides the roster'),
        sa.ForeignKeyConstraint(['destination'], ['destinations.id'], ),
        sa.PrimaryKeyConstraint('subject', 'place', 'destination', name='pk_reach_to'),
        comment='Who else ever received an object.'
    )
    op.create_table('waits',
        sa.Column('seq', NUMBER, autoincrement=False, nullable=False, comment='intake entry that waits'),
        sa.Column('due_at', sa.BigInteger(), nullable=True, comment='moment to try again; null waits for a person'),
        sa.Column('why', TEXT, nullable=False, comment='what it waits for, in words'),
        sa.Column('tries', sa.BigInteger(), server_default='0', nullable=False, comment='how often it has waited'),
        sa.Column('awaited', TEXT, nullable=True, comment='native of the thing that has not arrived'),
        sa.Column('stuck', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='parked until a person looks at it'),
        sa.ForeignKeyConstraint(['seq'], ['intake.seq'], ),
        sa.PrimaryKeyConstraint('seq', name='pk_waits'),
        comment='Parked intake entries: waiting is a row, not a pinned cursor.'
    )
    op.create_index('ix_waits_awaited', 'waits', ['awaited'], unique=False)
    op.create_index('ix_waits_due_at', 'waits', ['due_at'], unique=False)
