"""Cases, their sealed copies, and the log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

# fmt: off
revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table('cases',
        sa.Column('id', TEXT, nullable=False, comment='case id'),
        sa.Column('community', TEXT, nullable=False, comment='community'),
        sa.Column('subject', TEXT, nullable=False, comment='keyed hash of what it is about: an object, or a person and a week'),
        sa.Column('stage', TEXT, nullable=False, comment='how far it has come'),
        sa.Column('version', sa.BigInteger(), nullable=False, comment='grows with every change'),
        sa.Column('opened_at', sa.BigInteger(), nullable=False, comment='moment it was opened'),
        sa.Column('due_at', sa.BigInteger(), nullable=True, comment='moment at which time does something; null: never'),
        sa.Column('sealed', sa.LargeBinary(), nullable=False, comment='the whole of it, AES-256-GCM with the key from the key file'),
        sa.PrimaryKeyConstraint('id', name='pk_cases'),
        comment='What moderators look at: one row per object, or per person and week.'
    )
    op.create_index('ix_cases_community_opened_at', 'cases', ['community', 'opened_at'], unique=False)
    op.create_index('ix_cases_subject', 'cases', ['subject'], unique=False)
    due = sa.text('due_at IS NOT NULL')
    op.create_index('ix_cases_due', 'cases', ['due_at'], unique=False, sqlite_where=due, postgresql_where=due)
    op.create_table('case_people',
        sa.Column('case', TEXT, nullable=False, comment='case id'),
        sa.Column('who', TEXT, nullable=False, comment='keyed hash of somebody whom the case names'),
        sa.PrimaryKeyConstraint('case', 'who', name='pk_case_people'),
        comment='Whom cases name, so that whoever withdraws is found in them.'
    )
    op.create_index('ix_case_people_who', 'case_people', ['who'], unique=False)
    op.create_table('evidence',
        sa.Column('case', TEXT, nullable=False, comment='case id'),
        sa.Column('object', TEXT, nullable=False, comment='object it is a copy of'),
        sa.Column('who', TEXT, nullable=False, comment='keyed hash of its author'),
        sa.Column('until', sa.BigInteger(), nullable=False, comment='moment it is destroyed'),
        sa.Column('sealed', sa.LargeBinary(), nullable=False, comment='the event as it was, AES-256-GCM with the key from the key file'),
        sa.PrimaryKeyConstraint('case', 'object', name='pk_evidence'),
        comment='Copies of what was reported, for the moderators on the case alone.'
    )
    op.create_index('ix_evidence_until', 'evidence', ['until'], unique=False)
    op.create_index('ix_evidence_object', 'evidence', ['object'], unique=False)
    op.create_index('ix_evidence_who', 'evidence', ['who'], unique=False)
    op.create_table('log',
        sa.Column('community', TEXT, nullable=False, comment='community'),
        sa.Column('seq', NUMBER, autoincrement=False, nullable=False, comment="position in the community's chain, from 1 on"),
        sa.Column('id', TEXT, nullable=False, comment='derived from what was done: the same deed is one entry'),
        sa.Column('at', sa.BigInteger(), nullable=False, comment='moment it was done'),
        sa.Column('doing', sa.LargeBinary(), nullable=False, comment='what everybody may read'),
        sa.Column('digest', TEXT, nullable=False, comment='keyed hash of the names, which stays when they are cut'),
        sa.Column('previous', TEXT, nullable=False, comment='hash of the entry before it'),
        sa.Column('hash', TEXT, nullable=False, comment='hash of this entry over the one before'),
        sa.Column('who', TEXT, nullable=True, comment='keyed hash of whom it concerns; null: nobody, or cut'),
        sa.Column('by', TEXT, nullable=True, comment='keyed hash of who decided; null: nobody, or cut'),
        sa.Column('sealed', sa.LargeBinary(), nullable=True, comment='names and pointers, AES-256-GCM with the key from the key file; null once cut'),
        sa.PrimaryKeyConstraint('community', 'seq', name='pk_log'),
        comment='What was done and by which norm: append-only, chained by hash.'
    )
    op.create_index('ix_log_community_id', 'log', ['community', 'id'], unique=True)
    op.create_index('ix_log_at', 'log', ['at'], unique=False)
    op.create_index('ix_log_who', 'log', ['who'], unique=False)
    op.create_index('ix_log_by', 'log', ['by'], unique=False)
