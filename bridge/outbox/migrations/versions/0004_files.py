"""Payloads that are too large to be held in memory."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("file", sa.Text(), nullable=True))
    op.add_column("deliveries", sa.Column("file_size", sa.BigInteger(), nullable=True))
    named = sa.text("file IS NOT NULL")
    op.create_index("ix_deliveries_file", "deliveries", ["file"], sqlite_where=named, postgresql_where=named)
    op.create_table(
        "files",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
    )
    op.create_table(
        "chunks",
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("octets", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("file_id", "n", name="pk_chunks"),
    )
