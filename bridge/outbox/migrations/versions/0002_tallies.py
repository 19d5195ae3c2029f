"""What throttles and repeated conditions count, and resets that are due at a time of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("reset_at", sa.Double(), nullable=True))
    op.create_table(
        "tallies",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("key", "kind", "rule", "shown")),
        sa.Column("times", sa.JSON(), nullable=False),
        sa.Column("suppressed", sa.Integer(), nullable=False),
        sa.Column("since", sa.Double(), nullable=True),
        sa.Column("report_at", sa.Double(), nullable=True),
        sa.Column("forget_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_tallies"),
    )
    op.create_index("ix_tallies_report_at", "tallies", ["report_at"])
    op.create_index("ix_tallies_forget_at", "tallies", ["forget_at"])
