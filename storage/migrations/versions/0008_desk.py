"""Signing in at the desk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

# fmt: off
revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table('desk_links',
        sa.Column('digest', TEXT, nullable=False, comment='digest of the secret in its address'),
        sa.Column('who', TEXT, nullable=False, comment='native of whom it signs in'),
        sa.Column('since', sa.BigInteger(), nullable=False, comment='moment it was made'),
        sa.Column('until', sa.BigInteger(), nullable=False, comment='moment from which it opens nothing'),
        sa.PrimaryKeyConstraint('digest', name='pk_desk_links'),
        comment='Links that sign in at the desk, until they are used or their time is over.'
    )
    op.create_index('ix_desk_links_who', 'desk_links', ['who'], unique=False)
    op.create_index('ix_desk_links_until', 'desk_links', ['until'], unique=False)
    op.create_table('desk_sessions',
        sa.Column('digest', TEXT, nullable=False, comment='digest of the secret in the cookie'),
        sa.Column('who', TEXT, nullable=False, comment='native of whoever is signed in'),
        sa.Column('since', sa.BigInteger(), nullable=False, comment='moment of signing in'),
        sa.Column('until', sa.BigInteger(), nullable=False, comment='moment at which it ends by itself'),
        sa.PrimaryKeyConstraint('digest', name='pk_desk_sessions'),
        comment='Who is signed in at the desk.'
    )
    op.create_index('ix_desk_sessions_who', 'desk_sessions', ['who'], unique=False)
    op.create_index('ix_desk_sessions_until', 'desk_sessions', ['until'], unique=False)
