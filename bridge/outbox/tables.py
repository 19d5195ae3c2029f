"""The schema: one for every database that SQLAlchemy speaks. Changed only together with a migration.

Times are POSIX seconds. A mail's key is its folder, uidvalidity and uid, and that of what happened to it the event and
its occurrence as well; ``deliveries.seq`` is the order of recording.
"""

from __future__ import annotations

import sqlalchemy as sa

REVISION = "0004"  # of `migrations/versions`; a database that stands at it is opened without loading Alembic

COUNT_WAITS = "event = 'count' AND state = 'pending'"  # as it stands in the index, so that SQLite takes it

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

folders = sa.Table(
    "folders",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("mailbox", sa.Text, nullable=False),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("uidvalidity", sa.BigInteger, nullable=False),
    sa.Column("uid", sa.BigInteger, nullable=False),
    sa.Column("committed", sa.Double, nullable=False),
    sa.Column("modseq", sa.BigInteger, nullable=True),
    sa.Column("marked_uidvalidity", sa.BigInteger, nullable=True),
    sa.Column("marked_at", sa.Double, nullable=True),  # without: no marks are kept of this folder
    sa.UniqueConstraint("mailbox", "folder"),
)

mails = sa.Table(
    "mails",
    metadata,
    sa.Column("folder_id", sa.Integer, primary_key=True),
    sa.Column("uidvalidity", sa.BigInteger, primary_key=True),
    sa.Column("uid", sa.BigInteger, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("handled", sa.Double, nullable=False),
    sa.Column("plans", sa.JSON(none_as_null=True), nullable=True),  # until its deliveries have ended
    sa.Column("dead", sa.Text, nullable=True),  # why the mail itself could not be handled
    sa.Column("event", sa.Text, primary_key=True, server_default="new"),
    sa.Column("occurrence", sa.BigInteger, primary_key=True, server_default="0"),
    sa.Index(None, "fingerprint"),
    sqlite_with_rowid=False,
)

marks = sa.Table(
    "marks",
    metadata,
    sa.Column("folder_id", sa.Integer, primary_key=True),
    sa.Column("uid", sa.BigInteger, primary_key=True),  # under the folder's marked_uidvalidity
    sa.Column("seen", sa.Boolean, nullable=False),
    sa.Column("flagged", sa.Boolean, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("received", sa.Double, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("seen_changed", sa.Double, nullable=False),  # by its last such event; 0: none
    sa.Column("flag_changed", sa.Double, nullable=False),
    sa.Column("head", sa.LargeBinary, nullable=True),  # as `marks.packed`; last, as it is long and seldom read
    sa.Index(
        "ix_marks_fingerprint",
        "fingerprint",
        sqlite_where=sa.text("fingerprint != ''"),
        postgresql_where=sa.text("fingerprint != ''"),
    ),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("folder_id", sa.Integer, nullable=False),
    sa.Column("uidvalidity", sa.BigInteger, nullable=False),
    sa.Column("uid", sa.BigInteger, nullable=False),
    sa.Column("mailbox", sa.Text, nullable=False),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("sink", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("part", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("due", sa.Double, nullable=False),
    sa.Column("expires", sa.Double, nullable=True),
    sa.Column("retry_until", sa.Double, nullable=True),
    sa.Column("reset_after", sa.Double, nullable=True),
    sa.Column("follows", sa.Text, nullable=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("ended", sa.Double, nullable=True),
    sa.Column("reset_at", sa.Double, nullable=True),
    sa.Column("event", sa.Text, nullable=False, server_default="new"),
    sa.Column("occurrence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("file", sa.Text, nullable=True),  # what is sent instead of the payload, until it has ended
    sa.Column("file_size", sa.BigInteger, nullable=True),
    sa.Index(None, "sink", "state", "seq"),
    sa.Index(None, "folder_id", "uidvalidity", "uid"),
    sa.Index(
        "ix_deliveries_follows",
        "follows",
        sqlite_where=sa.text("follows IS NOT NULL"),
        postgresql_where=sa.text("follows IS NOT NULL"),
    ),
    sa.Index(
        "ix_deliveries_counts",
        "folder_id",
        "rule",
        sqlite_where=sa.text(COUNT_WAITS),
        postgresql_where=sa.text(COUNT_WAITS),
    ),
    sa.Index(
        "ix_deliveries_file",
        "file",
        sqlite_where=sa.text("file IS NOT NULL"),
        postgresql_where=sa.text("file IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

files = sa.Table(
    "files",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("created", sa.Double, nullable=False),
)

chunks = sa.Table(
    "chunks",
    metadata,
    sa.Column("file_id", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("octets", sa.LargeBinary, nullable=False),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("mailbox", sa.Text, primary_key=True),
    sa.Column("folder", sa.Text, primary_key=True),
    sa.Column("uidvalidity", sa.BigInteger, primary_key=True),
    sa.Column("uid", sa.BigInteger, primary_key=True),
    sa.Column("tries", sa.Integer, nullable=False),
)

tallies = sa.Table(
    "tallies",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("shown", sa.Text, nullable=False),
    sa.Column("times", sa.JSON, nullable=False),
    sa.Column("suppressed", sa.Integer, nullable=False),
    sa.Column("since", sa.Double, nullable=True),
    sa.Column("report_at", sa.Double, nullable=True),
    sa.Column("forget_at", sa.Double, nullable=False),  # it says nothing from then on
    sa.Index(None, "report_at"),
    sa.Index(None, "forget_at"),
)
