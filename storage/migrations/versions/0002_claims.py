"""Who owns which part of the work, where several processes share a database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

# fmt: off
revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table('claims',
        sa.Column('stream', TEXT, nullable=False, comment='intake, events or out'),
        sa.Column('bucket', NUMBER, autoincrement=False, nullable=False, comment='which part of it'),
        sa.Column('epoch', sa.BigInteger(), nullable=False, comment='how often it has changed hands'),
        sa.Column('owner', TEXT, nullable=False, comment='the process that took it last, for people to read'),
        sa.PrimaryKeyConstraint('stream', 'bucket', name='pk_claims'),
        comment='Fences: a process writes cursors only under the epoch it took. Who owns what now, the locks of the server say.'
    )
