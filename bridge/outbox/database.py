"""Opens the database: file modes, the lock that makes it ours, durability, the schema's revision.

Alembic is loaded only to change an old schema, and then in a child process, so that a bridge never carries it in
memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bridge import errors
from bridge.outbox import tables

_BUSY_TIMEOUT_S = 5.0  # how long one try waits for another writer
_revision = sa.table("alembic_version", sa.column("version_num", sa.Text))


Connection = sa.Connection
# What SQLite says of a database that cannot be written for now: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN.
_PASSING = frozenset({5, 6, 8, 10, 13, 14})


def may_pass(error: sa.exc.OperationalError) -> bool:
    """Whether trying again later makes sense; where the database does not say, it does."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _PASSING


@contextlib.contextmanager
def transaction(url: str) -> Iterator[Connection]:
    """One transaction on a state that exists, beside the bridge that may be using it.

    Raises:
        errors.StoreError: there is no state yet, or it is of another version.
    """
    path = sqlite_path(url)
    if path is not None and not path.exists():
        raise errors.StoreError(f"there is no state {_shown(url)} yet: `mailwire run` makes it")
    engine = connect(url, migrate=False)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def connect(url: str, *, migrate: bool = True) -> sa.Engine:
    """An engine on a database whose schema is current; ``migrate`` says whether it may be made so.

    Raises:
        errors.StoreError: it cannot be opened, is no Mailwire state, or comes from a newer Mailwire.
    """
    try:
        engine = _engine(url)
        with engine.connect() as connection:
            found = _revision_of(connection)
        if found != tables.REVISION and not migrate:
            raise errors.StoreError(
                f"the state {_shown(url)} is of another version: `mailwire run` brings it up to date"
            )
        if found is None:
            _create(engine)
        elif found != tables.REVISION:
            _migrate(url)
    except (sa.exc.SQLAlchemyError, OSError) as error:
        raise errors.StoreError(f"cannot open the state {_shown(url)}: {_reason(error)}") from error
    return engine


def _engine(url: str) -> sa.Engine:
    path = sqlite_path(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # the mode before the first byte
    engine = sa.create_engine(
        url,
        poolclass=sa.pool.StaticPool if path is None or path == Path(":memory:") else sa.pool.SingletonThreadPool,
        connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
    )
    sa.event.listen(engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: Any, _record: Any) -> None:
    """WAL, and an fsync a commit (NORMAL can lose the last commits in a power cut)."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY", "cache_size=-8000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _revision_of(connection: sa.Connection) -> str | None:
    inspector = sa.inspect(connection)
    if inspector.has_table("alembic_version"):
        return str(connection.execute(sa.select(_revision.c.version_num)).scalar_one())
    if inspector.get_table_names():
        raise errors.StoreError("the state's database belongs to something else: it has tables, but none of Mailwire's")
    return None


def _create(engine: sa.Engine) -> None:
    """A fresh database gets the newest schema as it is; the migrations lead to the same one (a test holds them to
    it).
    """
    with engine.begin() as connection:
        tables.metadata.create_all(connection)
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(sa.insert(_revision).values(version_num=tables.REVISION))


def _migrate(url: str) -> None:
    """In a child; the address, which may hold a password, goes through a pipe."""
    command = [sys.executable, "-m", "bridge.outbox.migrations"]
    done = subprocess.run(command, input=url, text=True, capture_output=True, check=False)  # noqa: S603 -- our own module
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise errors.StoreError(f"cannot bring the state {_shown(url)} up to date: {last}")


def sqlite_path(url: str) -> Path | None:
    """The database's file, or None where it is no SQLite."""
    parsed = sa.engine.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    return Path(parsed.database or ":memory:")


@contextlib.contextmanager
def exclusively(url: str) -> Iterator[None]:
    """Holds the state: one bridge at a time.

    Raises:
        errors.StoreInUse: another bridge holds it.
    """
    path = sqlite_path(url)
    if path is None or path == Path(":memory:"):
        yield
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise errors.StoreError(f"cannot open the state {_shown(url)}: {_reason(error)}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise errors.StoreInUse(
            f"another bridge runs on the state {_shown(url)}; stop it, or give this one a `state` of its own"
        ) from None
    try:
        yield
    finally:
        os.close(handle)  # and with it the lock, as a crash would


def _shown(url: str) -> str:
    return sa.engine.make_url(url).render_as_string(hide_password=True)


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error)
