"""Files: which ones we serve, which ones the homeserver has, which events show them; accounts by their handle."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

# fmt: off
revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column('actors',
        sa.Column('called', TEXT, nullable=True, comment='protocol and handle in lower case; null when it was last seen by an older release')
    )
    op.create_index('ix_actors_called', 'actors', ['called'], unique=False)
    op.create_table('media',
        sa.Column('id', TEXT, nullable=False, comment='the end of its address, unguessable'),
        sa.Column('owner', TEXT, nullable=False, comment='object it belongs to, or native of the person whose picture it is'),
        sa.Column('source', TEXT, nullable=False, comment='what its own network calls it'),
        sa.Column('digest', TEXT, nullable=False, comment='BLAKE2b-256 of the bytes, names the file'),
        sa.Column('media_type', TEXT, nullable=False, comment='as found by looking at the bytes'),
        sa.Column('size', sa.BigInteger(), nullable=False, comment='bytes'),
        sa.Column('width', sa.BigInteger(), nullable=True, comment='pixels'),
        sa.Column('height', sa.BigInteger(), nullable=True, comment='pixels'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='moment it was kept'),
        sa.Column('removed_at', sa.BigInteger(), nullable=True, comment='moment a person took it down'),
        sa.Column('why', TEXT, nullable=False, comment='why they did'),
        sa.PrimaryKeyConstraint('id', name='pk_media'),
        comment='Files of our people that other servers may fetch from us.'
    )
    op.create_index('ix_media_at', 'media', ['at'], unique=False)
    op.create_index('ix_media_digest', 'media', ['digest'], unique=False)
    op.create_index('ix_media_owner', 'media', ['owner'], unique=False)
    op.create_table('parts',
        sa.Column('object', TEXT, nullable=False, comment='object id'),
        sa.Column('place', TEXT, nullable=False, comment='native of the place'),
        sa.Column('number', NUMBER, autoincrement=False, nullable=False, comment='which part, from 1 on'),
        sa.Column('native', TEXT, nullable=False, comment='native of this part'),
        sa.Column('source', TEXT, nullable=False, comment='the file it shows'),
        sa.Column('digest', TEXT, nullable=False, comment='of how it was described when last sent'),
        sa.PrimaryKeyConstraint('object', 'place', 'number', name='pk_parts'),
        comment='Further events that belong to a copy: a file each.'
    )
    op.create_index('ix_parts_native', 'parts', ['native'], unique=False)
    op.create_table('unserved',
        sa.Column('digest', TEXT, nullable=False, comment='of bytes that something served needed until now'),
        sa.PrimaryKeyConstraint('digest', name='pk_unserved'),
        comment='Files to be taken off the disk.'
    )
    op.create_table('uploads',
        sa.Column('source', TEXT, nullable=False, comment='address it was fetched from'),
        sa.Column('digest', TEXT, nullable=False, comment='BLAKE2b-256 of the bytes'),
        sa.Column('address', TEXT, nullable=False, comment='what the homeserver calls its copy'),
        sa.Column('media_type', TEXT, nullable=False, comment='as found by looking at the bytes'),
        sa.Column('size', sa.BigInteger(), nullable=False, comment='bytes'),
        sa.Column('width', sa.BigInteger(), nullable=True, comment='pixels'),
        sa.Column('height', sa.BigInteger(), nullable=True, comment='pixels'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='moment it was uploaded'),
        sa.PrimaryKeyConstraint('source', name='pk_uploads'),
        comment='Files from elsewhere that the homeserver has a copy of, so that none is uploaded twice.'
    )
    op.create_index('ix_uploads_at', 'uploads', ['at'], unique=False)
    op.create_index('ix_uploads_digest', 'uploads', ['digest'], unique=False)
