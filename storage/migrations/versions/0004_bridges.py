"""Which other bridges of our kind were seen in a place."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

# fmt: off
revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column('places',
        sa.Column('bridges', TEXT, nullable=True, comment='domains of other bridges of our kind seen there, with spaces between; null: none')
    )
