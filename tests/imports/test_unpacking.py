"""Archives and other encodings: the same rows, lines and rejects as of the plain file, however often it is interrupted."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from pathlib import Path

import pytest

from tests.imports.conftest import Desk
from tests.support import files_of, parsed, people_csv, send, table_rows
from waystation.csvio import spool
from waystation.errors import DamagedArchive, InvalidParams, NotCsv
from waystation.kinds import unpacking
from waystation.model import State, Verb

HOUSE = {"chunk_rows": 2000, "max_unpacked": 8 * 2**20}


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.csv", data)
    return out.getvalue()


def members(data: bytes, size: int) -> bytes:
    return b"".join(gzip.compress(data[at : at + size], 1) for at in range(0, len(data), size))


def spools(desk: Desk) -> list[Path]:
    return list((desk.house.settings.home / "uploads").rglob(".unpacked"))


@pytest.mark.parametrize("how", ["gzip", "zip", "utf-16", "cp1252", "gzip utf-16"])
def test_the_rows_are_those_of_the_plain_file(desk: Desk, how: str) -> None:
    text = people_csv(3000, seed=3).decode().replace("Street", "Straße")
    data = text.encode(how.split()[-1]) if "zip" not in how.split()[-1] else text.encode()
    data = gzip.compress(data) if how.startswith("gzip") else zipped(data) if how == "zip" else data
    name = how.replace("-", "_").replace(" ", "_")
    task = desk.run(data, dataset=name)
    assert table_rows(desk.house, name) == parsed(text.encode())
    assert task.result is not None
    said = task.result["source"]
    assert said["packing"] == (how.split()[0] if "zip" in how else None)
    assert said["encoding"] == {"utf-16": "utf-16-le", "cp1252": "windows-1252"}.get(how.split()[-1], "utf-8")
    assert said["why"]
    assert spools(desk) == [], "what it was unpacked to is gone"


def test_lines_of_rejects_are_those_of_the_text(desk: Desk) -> None:
    text = 'n,name\r\n1,"Zoë\r\nof two lines"\r\nx,Änne\r\n\r\n3,Bob\r\n4,more,fields\r\n'
    for data in (text.encode("utf-16"), text.encode("cp1252"), gzip.compress(text.encode())):
        task = desk.run(data, dataset="lines", types={"n": "bigint"}, dry_run=True)
        assert [(r["line"], r["col"]) for r in desk.house.control.reject_rows(task.id)] == [(4, "n"), (7, None)]


def test_an_encoding_that_is_named_wins(desk: Desk) -> None:
    desk.run("w\n日本\n".encode("shift_jis"), dataset="named", encoding="shift_jis")
    assert table_rows(desk.house, "named") == [["日本"]]
    with pytest.raises(InvalidParams, match="encoding"):
        send(desk.house, b"a\n1\n", encoding="klingon")
    with pytest.raises(NotCsv, match="UTF-8"):
        send(desk.house, "größe\n1\n".encode("cp1252"), encoding="utf-8")


def test_bytes_that_the_encoding_has_not_are_rejects(desk: Desk) -> None:
    task = desk.run(b"a,b\n1,\x81\n2,\xe9\n", dataset="undefined", encoding="windows-1252")
    assert table_rows(desk.house, "undefined") == [["2", "é"]]
    [reject] = desk.house.control.reject_rows(task.id)
    assert (reject["line"], reject["col"], reject["value"]) == (2, "b", "\\x81")


def test_encodings_are_looked_at_all_over_the_file(desk: Desk) -> None:
    data = b"n,w\n" + b"1,plain\n" * 50_000 + "2,café\n".encode("cp1252") * 10_000
    task = desk.run(data, dataset="late")
    assert task.counts["bad"] == 0
    assert table_rows(desk.house, "late")[-1] == ["2", "café"]


@pytest.mark.parametrize("how", ["cp1252", "members", "gzip"])
def test_given_back_or_killed_at_each_checkpoint_it_comes_to_the_same_rows(
    desk: Desk, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "STEP", 0)
    monkeypatch.setattr(spool, "PIECE", 20_000)
    monkeypatch.setattr("waystation.csvio.packing.PIECE", 20_000)
    text = people_csv(1500, seed=5).decode().replace("Street", "Straße")
    data = text.encode("cp1252") if how == "cp1252" else members(text.encode(), 15_000 if how == "members" else 10**9)
    name = f"cut_{how}"
    task = send(desk.house, data, dataset=name)
    draw = random.Random(7)
    places, attempts = set(), 0
    while desk.house.control.get(task.id).state is State.QUEUED:
        attempts += 1
        if how == "gzip" and attempts > 3:  # it is unpacked anew each time: let it
            desk.work()
        elif draw.random() < 0.5:
            desk.killed_after(draw.randrange(3), monkeypatch)
        else:
            desk.step(draw.randrange(1, 5))
        now = desk.house.control.get(task.id)
        if now.phase == "unpack":
            places.add(now.done)
            assert files_of(desk.house, task)
    assert now.state is State.SUCCEEDED, now.error
    assert table_rows(desk.house, name) == parsed(text.encode())
    assert len(places) > (0 if how == "gzip" else 3)
    assert spools(desk) == []


def test_a_stop_while_it_is_unpacked_leaves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "STEP", 0)
    task = send(desk.house, gzip.compress(people_csv(12_000)), dataset="halted")
    assert desk.step()
    assert (desk.house.control.get(task.id).phase, len(spools(desk))) == ("unpack", 1)
    assert desk.house.control.act(Verb.STOP, task.id, actor="ann").state is State.STOPPED
    assert (spools(desk), files_of(desk.house, task)) == ([], [])


def test_a_cut_archive_fails_in_words_or_is_refused_at_once(desk: Desk) -> None:
    data = gzip.compress(random.Random(1).randbytes(50).hex().encode() + b"\n" + people_csv(30_000), 1)
    with pytest.raises(DamagedArchive):
        send(desk.house, data[:300])
    task = desk.end(send(desk.house, data[:-5000], dataset="torn"))
    assert task.state is State.FAILED
    assert task.error is not None
    assert task.error["code"] == "damaged-archive"
    assert "torn" not in [d.name for d in desk.house.control.datasets()]
    assert desk.house.control.act(Verb.STOP, task.id, actor="ann").state is State.STOPPED
    assert spools(desk) == []


def test_a_bomb_fails_in_words_and_is_never_written_whole(desk: Desk) -> None:
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 25_000_000)
    task = desk.end(send(desk.house, bomb, dataset="bomb"))
    assert task.state is State.FAILED
    assert task.error is not None
    assert task.error["code"] == "unpacks-too-large"
    assert "WAYSTATION_MAX_UNPACKED" in task.error["detail"]
    assert sum(p.stat().st_size for p in spools(desk)) <= 8 * 2**20
    desk.house.control.act(Verb.STOP, task.id, actor="ann")


def test_a_failed_read_goes_on_with_what_was_unpacked(desk: Desk) -> None:
    data = b"n\n" + b"".join(b"%s\n" % (b"x" if n % 100 == 0 else b"%d" % n) for n in range(30_000))
    task = desk.end(send(desk.house, gzip.compress(data), dataset="budget", types={"n": "bigint"}, max_errors=20))
    assert task.state is State.FAILED
    desk.house.control.act(Verb.RETRY, task.id, actor="ann", params={"max_errors": None})
    assert desk.end(task).counts == {"good": 29_700, "bad": 300}
    assert spools(desk) == []
