"""Alembic's entry: one connection, one transaction."""

import sqlalchemy as sa
from alembic import context

from bridge.outbox import tables


def main() -> None:
    engine = sa.create_engine(context.config.attributes["url"])
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=tables.metadata, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()


main()
