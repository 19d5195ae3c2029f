"""What happens to mails later: how they are marked, and events that have plans and deliveries of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("modseq", sa.BigInteger(), nullable=True),
        sa.Column("marked_uidvalidity", sa.BigInteger(), nullable=True),
        sa.Column("marked_at", sa.Double(), nullable=True),
    ):
        op.add_column("folders", column)
    with op.batch_alter_table("mails", recreate="auto", table_kwargs={"sqlite_with_rowid": False}) as mails:
        mails.add_column(sa.Column("event", sa.Text(), nullable=False, server_default="new"))
        mails.add_column(sa.Column("occurrence", sa.BigInteger(), nullable=False, server_default="0"))
        mails.drop_constraint("pk_mails", type_="primary")
        mails.create_primary_key("pk_mails", ["folder_id", "uidvalidity", "uid", "event", "occurrence"])
    op.add_column("deliveries", sa.Column("event", sa.Text(), nullable=False, server_default="new"))
    op.add_column("deliveries", sa.Column("occurrence", sa.BigInteger(), nullable=False, server_default="0"))
    waits = sa.text("event = 'count' AND state = 'pending'")
    op.create_index(
        "ix_deliveries_counts", "deliveries", ["folder_id", "rule"], sqlite_where=waits, postgresql_where=waits
    )
    op.create_table(
        "marks",
        sa.Column("folder_id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.Boolean(), nullable=False),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.Double(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("seen_changed", sa.Double(), nullable=False),
        sa.Column("flag_changed", sa.Double(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("folder_id", "uid", name="pk_marks"),
    )
    kept = sa.text("fingerprint != ''")
    op.create_index("ix_marks_fingerprint", "marks", ["fingerprint"], sqlite_where=kept, postgresql_where=kept)
