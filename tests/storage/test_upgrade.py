"""A database that the first schema was filled in, brought up to date while the old version still works on it.

The old version is played by its statements, word for word as the first schema took them: each is carried out after every single
migration, and all the while in between. What it wrote must stand, and today's program must work with it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from tests.conftest import url_of
from tests.support import wait_until
from waystation.local import Servers
from waystation.model import State, Verb
from waystation.settings import Settings
from waystation.storage import migrate as m
from waystation.storage.db import Connection, Database
from waystation.wiring import open_house

SUBMIT = """INSERT INTO tasks (id, kind, queue, priority, params, dataset, state, undoable, unit, created_by, idempotency_key,
    request_hash)
    VALUES (%(id)s, 'generate', 'default', 0, '{"rows": 1}', NULL, 'queued', false, 'rows', 'old', %(key)s, 'hash')"""
CLAIM = """UPDATE tasks SET state = 'running', attempt = attempt + 1, lease_until = clock_timestamp() + interval '1 h',
    worker = 'old', message = 'm', started_at = clock_timestamp(), running_since = clock_timestamp(), version = version + 1
    WHERE id = %(id)s AND state = 'queued' AND lease_until IS NULL"""
FINISH = """UPDATE tasks SET state = 'succeeded', cursor = '3', done = 3, lease_until = NULL, worker = NULL, message = NULL,
    running_since = NULL, result = '{"rows": 3}', ended_at = clock_timestamp(), version = version + 1
    WHERE id = %(id)s AND attempt = 1 AND state = 'running' AND lease_until IS NOT NULL"""
TELL = "INSERT INTO events (task, event, actor, attempt) VALUES (%(id)s, 'succeeded', 'old', 1)"
SEND = (
    "INSERT INTO uploads (id, name, path, size, sha256, created_by, task) VALUES (%(id)s, 'a.csv', 'a', 9, 'x', 'old', %(id)s)"
)
STAGE = """INSERT INTO batches (dataset, task, mode, columns) VALUES ('kept', %(id)s, 'append', '[]') RETURNING id"""
NOTE = """INSERT INTO chunks (batch, start_offset, end_offset, part, first_row, last_row, line, good, bad, zones)
    VALUES (%(batch)s, %(at)s::bigint, 9, 1, 1, 3, 2, 3, 0, '{}')"""
BEAT = """INSERT INTO workers (id, host, pid, slots, draining) VALUES ('old', 'h', 1, 2, false)
    ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()"""
LOOKS = (
    "SELECT seq, id, kind, queue, params, state, wish, goal, attempt, cursor, done, total, result, error, run_at FROM tasks",
    "SELECT c.seq FROM claimable c WHERE c.queue = 'default' ORDER BY c.priority DESC, c.run_at",
    "SELECT id, task, at, event, actor, reason, attempt, data FROM events ORDER BY id",
    "SELECT p.relation, c.first_row, c.last_row FROM batches b JOIN parts p ON p.batch = b.id JOIN chunks c ON c.batch = b.id",
    "SELECT name, columns FROM datasets",
    "SELECT scope, name, running, held FROM limits",
)
PUBLISHED = """
INSERT INTO datasets (name, columns) VALUES ('kept', '[{"name": "name", "type": "text", "why": ""}]');
INSERT INTO tasks (id, kind, params, dataset, state, undoable, attempt, done, created_by, ended_at)
    VALUES ('00000000-0000-4000-8000-000000000001', 'import', '{"dataset": "kept"}', 'kept', 'succeeded', true, 1, 3, 'old',
        now());
INSERT INTO batches (dataset, task, mode, state, columns, header, rows, published_at, publish_no)
    VALUES ('kept', '00000000-0000-4000-8000-000000000001', 'append', 'published',
        '[{"name": "name", "type": "text", "why": ""}]', '["name"]', 3, now(), nextval('publish_numbers'));
INSERT INTO parts (batch, relation, attached) VALUES (1, 'p1', true);
INSERT INTO chunks (batch, start_offset, end_offset, part, first_row, last_row, line, good, bad)
    VALUES (1, 5, 17, 1, 1, 3, 2, 3, 0);
CREATE TABLE datasets.kept (_batch bigint NOT NULL, _row bigint NOT NULL, name text) PARTITION BY LIST (_batch);
CREATE TABLE parts.p1 PARTITION OF datasets.kept FOR VALUES IN (1);
INSERT INTO datasets.kept VALUES (1, 1, 'ada'), (1, 2, 'bob'), (1, 3, 'cyd');
"""
IMPORTED = UUID("00000000-0000-4000-8000-000000000001")


@pytest.fixture
def oldest(servers: Servers) -> Iterator[Database]:
    """A database as the first schema left it, with a published batch and tasks in it."""
    name = f"old_{uuid4().hex}"
    assert servers.database_url
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    database = Database(url_of(servers, name))
    with database.connect("old", autocommit=True) as connection:
        connection.execute("CREATE SCHEMA waystation")
        connection.execute(
            "CREATE TABLE migrations (number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )
        apply(connection, m.migrations()[0])
        connection.execute(PUBLISHED)
    yield database
    database.close()
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def apply(connection: Connection, migration: m.Migration) -> None:
    with connection.transaction():
        connection.execute(sql.SQL(migration.text))
        connection.execute(
            "INSERT INTO migrations (number, name, checksum) VALUES (%s::int, %s, %s)",
            (migration.number, migration.name, migration.checksum),
        )


def old_life(connection: Connection) -> UUID:
    """One task's life by the old version's statements, a batch of it, and all that it looks at."""
    id = uuid4()
    for statement in (SUBMIT, CLAIM, FINISH, TELL, SEND, BEAT):
        assert connection.execute(statement, {"id": id, "key": str(id)}).rowcount == 1, statement
    staged = connection.execute(STAGE, {"id": id}).fetchone()
    assert staged is not None
    assert connection.execute(NOTE, {"batch": staged["id"], "at": 0}).rowcount == 1
    for look in LOOKS:
        connection.execute(look)
    return id


def test_the_old_version_works_on_after_every_migration(oldest: Database) -> None:
    with oldest.connect("old", autocommit=True) as connection:
        for migration in m.migrations()[1:]:
            apply(connection, migration)
            old_life(connection)
    assert m.migrate(oldest) == [], "all were applied, and none has another text"


def test_a_filled_database_is_brought_up_to_date_under_the_old_version(oldest: Database, settings: Settings) -> None:
    lived: list[UUID] = []
    broken: list[Exception] = []
    over = threading.Event()

    def old_version() -> None:
        try:
            with oldest.connect("old", autocommit=True) as connection:
                while not over.is_set():
                    lived.append(old_life(connection))
        except (psycopg.Error, AssertionError) as error:
            broken.append(error)

    def lives(more: int) -> None:
        number = len(lived) + more
        wait_until(lambda: len(lived) >= number or broken)

    playing = threading.Thread(target=old_version)
    playing.start()
    try:
        lives(20)
        assert m.migrate(oldest) == [x.name for x in m.migrations()[1:]]
        lives(20)
    finally:
        over.set()
        playing.join(timeout=30)
    assert not broken, broken
    with oldest.connect("test") as connection:
        connection.row_factory = dict_row
        rows = connection.execute(
            "SELECT id, state, attempt, done, cursor, result FROM tasks WHERE kind = 'generate'"
        ).fetchall()
        kept = connection.execute("SELECT name FROM datasets.kept ORDER BY _row").fetchall()
        sums = connection.execute("SELECT kind, state, count(*) AS n FROM tasks GROUP BY 1, 2").fetchall()
    assert {r["id"] for r in rows} == set(lived), "none lost, none made up"
    assert {(r["state"], r["attempt"], r["done"], r["cursor"], r["result"]["rows"]) for r in rows} == {
        ("succeeded", 1, 3, 3, 3)
    }
    assert [r["name"] for r in kept] == ["ada", "bob", "cyd"]
    # Today's program goes on with it: it shows, counts, and takes back what the old one had published.
    today = settings.model_copy(update={"database_url": oldest.url})
    with open_house(today) as house:
        assert house.control.get(lived[0]).state is State.SUCCEEDED
        assert {k: n for k, n in house.control.tallies().tasks.items() if n} == {(r["kind"], r["state"]): r["n"] for r in sums}
        assert house.control.preview("kept") == (["name"], [["ada"], ["bob"], ["cyd"]])
        undone = house.control.act(Verb.UNDO, IMPORTED, actor="bob")
        assert undone.state is State.UNDONE
        assert house.control.preview("kept")[1] == []
