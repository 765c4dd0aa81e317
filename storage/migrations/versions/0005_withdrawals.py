"""What people took back at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

# fmt: off
revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table('withdrawals',
        sa.Column('id', TEXT, nullable=False, comment='event of the order'),
        sa.Column('community', TEXT, nullable=False, comment='community it was said in'),
        sa.Column('who', TEXT, nullable=False, comment='keyed hash of the person: all that stays as proof'),
        sa.Column('phase', TEXT, nullable=False, comment='how far it has come'),
        sa.Column('due_at', sa.BigInteger(), nullable=False, comment='moment at which it goes on'),
        sa.Column('sealed', sa.LargeBinary(), nullable=True, comment='the whole of it, AES-256-GCM with the key from the key file; null once done'),
        sa.PrimaryKeyConstraint('id', name='pk_withdrawals'),
        comment='What people took back at once, until the last receipt.'
    )
    op.create_index('ix_withdrawals_who', 'withdrawals', ['who'], unique=False)
    still = sa.text('sealed IS NOT NULL')
    op.create_index('ix_withdrawals_due', 'withdrawals', ['due_at'], unique=False, sqlite_where=still, postgresql_where=still)
