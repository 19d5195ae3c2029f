"""Alembic's entry: one connection, one transaction: what is cut short leaves the state as it was."""

from typing import Any

import sqlalchemy as sa
from alembic import context

from bridge.outbox import tables


def main() -> None:
    engine = sa.create_engine(context.config.attributes["url"])
    if engine.dialect.name == "sqlite":
        _transact(engine)
    with engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=tables.metadata, render_as_batch=True, transactional_ddl=True
        )
        with context.begin_transaction():
            context.run_migrations()


def _transact(engine: sa.Engine) -> None:
    """Python's sqlite3 begins no transaction before DDL by itself."""

    @sa.event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def begun(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


main()
