"""Direct conversations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

# fmt: off
revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table('portals',
        sa.Column('id', TEXT, nullable=False, comment='channel of the two people'),
        sa.Column('community', TEXT, nullable=False, comment='whose norms hold'),
        sa.Column('member', TEXT, nullable=False, comment='native of our person'),
        sa.Column('correspondent', TEXT, nullable=False, comment='native of the person elsewhere'),
        sa.Column('stance', TEXT, nullable=False, comment='knocks, open, closed or ended'),
        sa.Column('since', sa.BigInteger(), nullable=False, comment='moment of the knock, or of its beginning'),
        sa.Column('room', TEXT, nullable=True, comment='native of the room, once there is one'),
        sa.Column('begun', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='by the member'),
        sa.PrimaryKeyConstraint('id', name='pk_portals'),
        comment='Direct conversations (N17): who writes to whom, and what the member said to it.'
    )
    op.create_index('ix_portals_member', 'portals', ['member', 'since'], unique=False)
    op.create_index('ix_portals_correspondent', 'portals', ['correspondent', 'since'], unique=False)
    there = sa.text('room IS NOT NULL')
    op.create_index('ix_portals_room', 'portals', ['room'], unique=True, sqlite_where=there, postgresql_where=there)
    op.create_table('doors',
        sa.Column('person', TEXT, nullable=False, comment='native of our person'),
        sa.Column('body', sa.LargeBinary(), nullable=False, comment='the setting'),
        sa.PrimaryKeyConstraint('person', name='pk_doors'),
        comment='Whom people let knock.'
    )
