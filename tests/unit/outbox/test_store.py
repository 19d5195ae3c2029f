"""What the store promises: one transaction, nothing twice, one bridge, nothing forgotten over a restart."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from bridge import errors, outbox, testing
from bridge.outbox import database, tables
from bridge.outbox.store import Store
from tests.unit.outbox.conftest import Bench


def entry(uid: int, *, fingerprint: str = "f", **fields: object) -> outbox.Entry:
    fired = outbox.Firing(rule="rule", deliveries=[testing.delivery(uid)])
    given = {"place": testing.place(uid), "fingerprint": fingerprint, "firings": [fired]}
    return outbox.Entry(**{**given, **fields})  # type: ignore[arg-type]


async def test_an_unknown_folder_has_no_cursor(bench: Bench) -> None:
    assert await bench.store.cursor("home", "INBOX") is None


async def test_cursor_and_deliveries_survive_a_restart(url: str) -> None:
    async with Store(url) as store:
        await store.record(Bench.cursor(7), [entry(7)])
    async with Store(url) as store:
        found = await store.cursor("home", "INBOX")
        assert found is not None
        assert (found.uidvalidity, found.uid) == (1, 7)
        page = await store.page("broker", after=0, limit=10, horizon=0)
        assert [queued.delivery for queued in page.deliveries] == [testing.delivery(7)]


async def test_recording_a_mail_twice_adds_nothing(bench: Bench) -> None:
    for _ in range(2):
        await bench.store.record(bench.cursor(1), [entry(1)])
    assert await bench.states() == {"broker": {"pending": 1}}


async def test_an_entry_that_cannot_be_recorded_does_not_take_its_neighbours_with_it(bench: Bench) -> None:
    unsound = testing.delivery(2, options={"topic": object()})
    bad = outbox.Entry(place=testing.place(2), firings=[outbox.Firing(rule="rule", deliveries=[unsound])])
    await asyncio.gather(
        bench.store.record(bench.cursor(1), [entry(1)]),
        bench.store.record(bench.cursor(3), [bad, entry(3)]),
    )
    found = await bench.store.cursor("home", "INBOX")
    assert found is not None
    assert found.uid == 3
    assert await bench.states() == {"broker": {"pending": 2}}, "only the mail that is to blame is dead"


async def test_a_second_bridge_on_the_same_state_is_refused(url: str) -> None:
    async with Store(url):
        with pytest.raises(errors.StoreInUse, match="another bridge runs on the state"):
            async with Store(url):
                pass


async def test_the_state_is_readable_by_its_owner_alone(url: str, tmp_path: Path) -> None:
    async with Store(url) as store:
        await store.record(Bench.cursor(1), [entry(1)])
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes


async def test_a_database_of_something_else_is_left_alone(url: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("CREATE TABLE holiday_photos (name TEXT)")
    connection.close()
    with pytest.raises(errors.StoreError, match="belongs to something else"):
        async with Store(url):
            pass


async def test_a_file_that_is_no_database_is_one_clear_error(url: str, tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(errors.StoreError, match="cannot open the state"):
        async with Store(url):
            pass


async def test_a_mail_met_in_another_folder_is_recognised_and_counted(bench: Bench) -> None:
    await bench.store.record(bench.cursor(2), [entry(1, fingerprint="a"), entry(2, fingerprint="a")])
    elsewhere = testing.place(1, folder="Archive")
    assert [True, True, False] == await bench.store.handled([(elsewhere, "a")] * 3)
    assert [False, False] == await bench.store.handled([(elsewhere, "b"), (elsewhere, "")])


async def test_a_second_mail_with_the_same_fingerprint_in_one_folder_is_a_new_mail(bench: Bench) -> None:
    await bench.store.record(bench.cursor(1), [entry(1, fingerprint="a")])
    assert [False] == await bench.store.handled([(testing.place(2), "a")])


async def test_a_mail_is_recognised_after_a_uidvalidity_change(bench: Bench) -> None:
    await bench.store.record(bench.cursor(1), [entry(1, fingerprint="a")])
    assert [True] == await bench.store.handled([(testing.place(1, uidvalidity=2), "a")])


async def test_after_an_unclean_stop_mails_go_one_by_one_for_a_while(url: str) -> None:
    async with Store(url) as store:
        assert not store.careful
    script = f"""
import asyncio, os
from bridge.outbox.store import Store
async def main():
    async with Store({url!r}):
        os._exit(9)
asyncio.run(main())
"""
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], check=False, timeout=60)
    async with Store(url) as store:
        assert store.careful
        await store.record(Bench.cursor(100), [entry(uid) for uid in range(1, 101)])
        assert not store.careful


async def test_attempts_are_counted_until_the_mail_is_recorded(bench: Bench) -> None:
    place = testing.place(5)
    assert [0, 1, 2] == [await bench.store.attempt(place) for _ in range(3)]
    await bench.store.record(bench.cursor(5), [entry(5)])
    assert await bench.store.attempt(place) == 0


async def test_a_write_by_another_process_is_noticed(bench: Bench, url: str) -> None:
    noticed = asyncio.Event()
    bench.store.on_news("broker", lambda news: noticed.set() if news.foreign else None)
    await bench.store.record(bench.cursor(1), [entry(1)])
    await asyncio.sleep(0)
    engine = database.connect(url)
    async with asyncio.timeout(20):
        while not noticed.is_set():
            with engine.begin() as connection:
                connection.execute(sa.update(tables.deliveries).values(reason="touched"))
            bench.clock.advance(2)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3):
                    await noticed.wait()
    engine.dispose()


def test_the_migrations_lead_to_the_schema_of_the_tables(tmp_path: Path) -> None:
    migrated, fresh = tmp_path / "migrated.db", tmp_path / "fresh.db"
    command = [sys.executable, "-m", "bridge.outbox.migrations"]
    subprocess.run(command, input=f"sqlite:///{migrated}", text=True, check=True, timeout=60, env={**os.environ})
    database.connect(f"sqlite:///{fresh}").dispose()
    assert _shape(fresh) == _shape(migrated)


def _make(url: str, revision: str) -> None:
    """An empty state as it was then."""
    script = f"""
from alembic import command
from alembic.config import Config
config = Config()
config.set_main_option("script_location", {str(Path(tables.__file__).with_name("migrations"))!r})
config.attributes["url"] = {url!r}
command.upgrade(config, {revision!r})
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def _fill_0002(path: Path) -> None:
    """A mail whose deliveries have not ended, one that is done, and one that is dead."""
    plan = '[{"rule": "r", "after": [["seen", ""]], "failed": []}]'
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO folders VALUES (1, 'home', 'INBOX', 1, 7, 0.0)")
        connection.executemany(
            "INSERT INTO mails VALUES (1, 1, ?, ?, 0.0, ?, ?)",
            [(5, "done", None, None), (6, "dead", None, "too much"), (7, "f", plan, None)],
        )
        connection.execute(
            "INSERT INTO deliveries VALUES (1, 'i', 1, 1, 7, 'home', 'INBOX', 'r', 'broker', 't', 'main', 'pending',"
            " x'78', 'text/plain', '{}', 0.0, 0.0, NULL, NULL, NULL, NULL, 0, '', '', NULL, NULL)"
        )
    connection.close()


async def test_a_state_of_before_events_goes_on_where_it_was(url: str, tmp_path: Path) -> None:
    _make(url, "0002")
    _fill_0002(tmp_path / "state.db")
    async with Store(url) as store:
        cursor = await store.cursor("home", "INBOX")
        elsewhere = [(testing.place(uid, folder="Alarms"), name) for uid, name in ((1, "done"), (2, "f"), (3, "new"))]
        assert await store.handled(elsewhere) == [True, True, False]
        await store.record(Bench.cursor(7), [entry(7, fingerprint="f", firings=[])])  # it is the same mail
        await store.settle([outbox.Outcome(delivery_id="i", state="delivered")])
        assert await store.counts() == {"broker": {"delivered": 1}, "@home": {"pending": 1}}
    assert cursor is not None
    assert (cursor.uid, cursor.marked) == (7, None)


def test_a_migration_that_is_cut_short_leaves_the_state_as_it_was(url: str, tmp_path: Path) -> None:
    _make(url, "0002")
    _fill_0002(tmp_path / "state.db")
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("CREATE TABLE marks (in_the_way)")
    before = _shape(tmp_path / "state.db")
    with pytest.raises(errors.StoreError):
        database.connect(url)
    assert _shape(tmp_path / "state.db") == before
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("DROP TABLE marks")
    connection.close()
    database.connect(url).dispose()


async def test_an_older_state_is_brought_up_to_date_with_what_it_holds(url: str, tmp_path: Path) -> None:
    _make(url, "0001")
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("INSERT INTO folders VALUES (1, 'home', 'INBOX', 1, 7, 0.0)")
        connection.execute(
            "INSERT INTO deliveries VALUES (1, 'i', 1, 1, 7, 'home', 'INBOX', 'r', 'broker', 't', 'main', 'pending',"
            " x'78', 'text/plain', '{}', 0.0, 0.0, NULL, NULL, NULL, NULL, 0, '', '', NULL)"
        )
    connection.close()
    async with Store(url) as store:
        cursor = await store.cursor("home", "INBOX")
        page = await store.page("broker", after=0, limit=10, horizon=0)
        await store.record(Bench.cursor(8), [entry(8)])
    assert cursor is not None
    assert cursor.uid == 7
    assert [(one.delivery.id, one.delivery.payload, one.delivery.reset_at) for one in page.deliveries] == [
        ("i", b"x", None)
    ]


def _shape(path: Path) -> dict[str, object]:
    engine = sa.create_engine(f"sqlite:///{path}")
    inspector = sa.inspect(engine)
    shape = {
        table: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(table)],
            inspector.get_pk_constraint(table)["constrained_columns"],
            sorted((index["name"], tuple(index["column_names"])) for index in inspector.get_indexes(table)),
            sorted(tuple(unique["column_names"]) for unique in inspector.get_unique_constraints(table)),
        )
        for table in sorted(inspector.get_table_names())
    }
    with engine.connect() as connection:
        revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one()
    engine.dispose()
    return {**shape, "revision": revision}


def test_a_current_state_is_opened_without_alembic(tmp_path: Path) -> None:
    script = f"""
import sys
from bridge.outbox import database
for _ in range(2):
    database.connect("sqlite:///{tmp_path}/state.db").dispose()
assert "alembic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_purging_keeps_what_waits_and_what_is_dead(url: str) -> None:
    async def run() -> dict[str, dict[str, int]]:
        clock = testing.Clock()
        async with Store(url, clock=clock) as store:
            await store.record(Bench.cursor(4), [entry(uid) for uid in range(1, 5)])
            ids = [testing.delivery(uid).id for uid in range(1, 5)]
            states = ("delivered", "dead", "expired")
            outcomes = [outbox.Outcome(delivery_id=i, state=s) for i, s in zip(ids, states, strict=False)]  # type: ignore[arg-type]
            await store.settle(outcomes)
            clock.advance(100)
            assert await store.purge(keep_s=50) == 2
            return await store.counts()

    assert asyncio.run(run()) == {"broker": {"dead": 1, "pending": 1}}


async def test_a_stop_does_not_wait_for_a_state_that_cannot_be_written(url: str) -> None:
    engine = database.connect(url)
    async with asyncio.timeout(60):
        async with Store(url):
            locked = engine.connect()
            locked.exec_driver_sql("BEGIN IMMEDIATE")
    locked.close()
    engine.dispose()
    async with Store(url) as store:
        assert store.careful, "it could not be noted that the stop was clean"


def test_the_outbox_command_makes_no_state(tmp_path: Path) -> None:
    with (
        pytest.raises(errors.StoreError, match="there is no state"),
        database.transaction(f"sqlite:///{tmp_path}/a/b.db"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


async def test_a_sink_hears_of_what_was_recorded_though_the_one_who_recorded_it_was_cancelled(bench: Bench) -> None:
    heard = asyncio.Event()
    unsubscribe = bench.store.on_news("broker", lambda _: heard.set())
    recording = asyncio.create_task(bench.record(testing.delivery(1)))
    await asyncio.sleep(0)  # it is handed over, and not committed yet
    recording.cancel()
    async with asyncio.timeout(20):
        await heard.wait()
    assert recording.cancelled()
    heard.clear()
    unsubscribe()
    await bench.record(testing.delivery(2))
    assert not heard.is_set()
