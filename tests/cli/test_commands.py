"""The commands against a real server with a real worker: what they do, what they print, and how they end."""

from __future__ import annotations

import csv
import io
import json
import re
import urllib.request
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.running import Up
from waystation.client import Client

NOBODY = "3f2c8a5e-0d5b-4c4e-9a53-6f1f2b7c8d90"  # the id of no task

BAD = b"name,age\nada,36\nbob,young\ncy,1\ndi,old\n"


@pytest.fixture
def dataset() -> str:
    """A name that no other test uses."""
    return f"d{uuid4().hex[:12]}"


def rows(client: Client, dataset: str) -> int:
    return sum(d["rows"] for d in client.datasets() if d["name"] == dataset)


def test_upload_download_undo(up: Up, client: Client, people: Path, dataset: str, tmp_path: Path) -> None:
    done = up("upload", str(people), "--dataset", dataset, "--wait", "--actor", "ada")
    assert done.returncode == 0, done.stderr
    assert "30,000 rows in " in done.stdout
    found = re.search(r"waystation undo (\S+)", done.stdout)
    assert found is not None
    id = found[1]
    assert rows(client, dataset) == 30_000

    counted = up("download", "--dataset", dataset, "--from", "2015-01-01", "--till", "2015-12-31", "--count")
    assert counted.stdout.endswith(f"of the 30,000 in {dataset}.\n")
    out = tmp_path / "some.csv"
    done = up("download", "--dataset", dataset, "--from", "2015-01-01", "--till", "2015-12-31", "--out", str(out))
    assert done.returncode == 0, done.stderr
    with people.open(newline="") as file:
        wanted = [r for r in csv.DictReader(file) if r["record_date"].startswith("2015")]
    with out.open(newline="") as file:
        assert list(csv.DictReader(file)) == wanted
    assert counted.stdout.startswith(f"{len(wanted):,} rows"), "few rows were in doubt, so they were counted"
    assert f"{len(wanted):,} rows, {out.stat().st_size:,} bytes in {out}" in done.stdout

    piped = up("download", "--dataset", dataset, "--from", "2015-01-01", "--till", "2015-12-31", "--out", "-")
    assert piped.stdout.encode() == out.read_bytes()

    shown = up("show", id)
    for fact in (id, dataset, "succeeded", "ada", "undo", "submitted"):
        assert fact in shown.stdout
    undone = up("undo", id, "--reason", "columns swapped", "--wait")
    assert undone.returncode == 0, undone.stderr
    assert rows(client, dataset) == 0
    assert "columns swapped" in up("events", id).stdout
    assert "columns swapped" in [e["reason"] for e in up.json("events", id)["events"]]


def test_standard_input_is_a_file(up: Up, client: Client, dataset: str) -> None:
    done = up("upload", "-", "--dataset", dataset, "--name", "people.csv", "--wait", stdin=b"name\nada\nbob\n")
    assert done.returncode == 0, done.stderr
    assert rows(client, dataset) == 2


def test_rejects_are_fetched_mended_and_sent_again(up: Up, client: Client, dataset: str) -> None:
    done = up("upload", "-", "--dataset", dataset, "--type", "age=bigint", "--wait", "--json", stdin=BAD)
    assert done.returncode == 0, done.stderr
    task = json.loads(done.stdout.splitlines()[-1])
    assert (task["status"], task["rejects"]["count"]) == ("succeeded", 2)
    bad = up("rejects", task["task_id"]).stdout
    assert [(r["name"], r["age"], r["_line"]) for r in csv.DictReader(io.StringIO(bad))] == [
        ("bob", "young", "3"),
        ("di", "old", "5"),
    ]
    mended = bad.replace("young", "7").replace("old", "70").encode()
    assert up("upload", "-", "--dataset", dataset, "--wait", stdin=mended).returncode == 0
    assert rows(client, dataset) == 4


def test_a_failed_import_ends_with_7_and_can_be_retried(up: Up, client: Client, dataset: str) -> None:
    done = up("upload", "-", "--dataset", dataset, "--type", "age=bigint", "--max-errors", "1", "--wait", "--json", stdin=BAD)
    assert done.returncode == 7
    task = json.loads(done.stdout.splitlines()[-1])
    problem = json.loads(done.stderr)
    assert (task["status"], problem["code"]) == ("failed", "too-many-rejects")
    assert "max_errors" in problem["remedy"]
    assert up("watch", task["task_id"]).returncode == 7
    again = up("retry", task["task_id"], "--set", "max_errors=5", "--wait")
    assert again.returncode == 0, again.stderr
    assert rows(client, dataset) == 2


def test_pause_resume_stop_from_the_command_line(up: Up, client: Client, dataset: str, people: Path) -> None:
    client.limit("dataset", dataset, held=True)  # it would be over before the next command is loaded
    task = up.json("upload", str(people), "--dataset", dataset)
    id = task["task_id"]
    assert task["status"] == "queued"
    paused = up("pause", id, "--wait")
    assert paused.returncode == 0, paused.stderr
    assert up.json("show", id)["status"] == "paused"
    assert id in {t["task_id"] for t in up.json("tasks", "--status", "paused", "--dataset", dataset)["tasks"]}

    refused = up("undo", id)
    assert refused.returncode == 4
    assert "Possible now: resume, stop, terminate." in refused.stderr
    assert up("resume", id).returncode == 0
    stopped = up("stop", id, "--wait")
    assert stopped.returncode == 0, stopped.stderr
    assert rows(client, dataset) == 0
    waited = up("resume", id, "--wait")
    assert waited.returncode == 4


def test_several_tasks_at_once(up: Up) -> None:
    ids = [up.json("submit", "generate", '{"rows": 10}')["task_id"] for _ in range(2)]
    watched = up("watch", *ids)
    assert watched.returncode == 0, watched.stderr
    for id in ids:
        assert f"{id} generate: succeeded" in watched.stdout
    unknown = str(uuid4())
    done = up("stop", ids[0], unknown)
    assert done.returncode == 4  # the first error's
    assert unknown in done.stderr + done.stdout
    listed = up("tasks", "--kind", "generate")
    assert all(id in listed.stdout for id in ids)


def test_a_generated_file_is_fetched(up: Up, tmp_path: Path) -> None:
    task = up.json("submit", "generate", '{"rows": 1234, "seed": 5}')
    assert up("watch", task["task_id"]).returncode == 0
    out = tmp_path / "made.csv"
    saved = up.json("result", task["task_id"], "--out", str(out))
    assert saved["size"] == out.stat().st_size
    with out.open(newline="") as file:
        assert len(list(csv.reader(file))) == 1235
    assert out.read_text() == up("generate", "--rows", "1234", "--seed", "5", "--out", "-").stdout
    made = up("link", task["task_id"], "--for", "90s")
    with urllib.request.urlopen(made.stdout.strip(), timeout=30) as answer:
        assert answer.read() == out.read_bytes()
    assert "whoever has it" in made.stderr
    assert up("link", task["task_id"], "--for", "31d").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["show", NOBODY], 3, "There is no task"),
        (["show", "nonsense"], 3, "There is no task"),
        (["pause", NOBODY], 3, "There is no task"),
        (["download", "--dataset", "nowhere"], 3, "nowhere"),
        (["download", "--from", "yesterday"], 2, "yesterday"),
        (["submit", "nonsense"], 3, "nonsense"),
        (["submit", "generate", '{"rows": "many"}'], 2, "rows"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_refusals_have_their_exit_code_and_a_remedy(up: Up, arguments: list[str], code: int, says: str) -> None:
    done = up(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) >= 2
    problem = json.loads(up(*arguments, "--json").stderr)
    assert problem.keys() >= {"code", "title", "status", "detail", "remedy"}


@pytest.mark.parametrize(
    ("body", "code"), [(b"", "empty-file"), (b"\x89PNG\r\n\x1a\n\0\0\0", "not-csv"), (b"a,b\n", "no-rows")]
)
def test_a_file_that_is_none_is_refused_at_once(up: Up, body: bytes, code: str) -> None:
    done = up("upload", "-", "--json", stdin=body)
    assert done.returncode == 2
    assert json.loads(done.stderr)["code"] == code


def test_the_same_key_is_the_same_task(up: Up, dataset: str) -> None:
    first = up("upload", "-", "--dataset", dataset, "--key", dataset, "--json", stdin=b"a\n1\n")
    second = up("upload", "-", "--dataset", dataset, "--key", dataset, "--json", stdin=b"a\n1\n")
    assert first.returncode == second.returncode == 0
    assert json.loads(first.stdout)["task_id"] == json.loads(second.stdout)["task_id"]


def test_lists(up: Up) -> None:
    assert up("kinds").stdout.split()[:4] == ["KIND", "UNDO", "WHAT", "IT"]
    assert {k["name"] for k in up.json("kinds")["kinds"]} >= {"import", "export", "generate"}
    assert "datasets" in up.json("datasets")
    assert up("datasets").returncode == 0


def test_migrate_has_nothing_left_to_do(up: Up) -> None:
    from tests.cli.running import run

    done = run("migrate", WAYSTATION_HOME=str(up.home))
    assert (done.returncode, done.stdout) == (0, "The database is up to date.\n")
