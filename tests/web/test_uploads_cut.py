"""Resumable uploads over connections that break, to servers that die: the protocol's own client goes on where it was."""

from __future__ import annotations

import hashlib
import http.client
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from tusclient.client import TusClient

from tests.support import wait_until
from tests.web.cutting import cutting
from tests.web.serving import Served, rss
from waystation.model import UnfinishedUpload, Upload
from waystation.wiring import House

MEGABYTE = 2**20
V = {"Tus-Resumable": "1.0.0"}
BODY = "application/offset+octet-stream"


@pytest.fixture(scope="module")
def house(shared_house: House) -> House:
    """One house for all of them."""
    return shared_house


@pytest.fixture(scope="module")
def served(house: House) -> Iterator[Served]:
    """A web server on it."""
    started = Served(house.settings.model_copy(update={"port": 0}))
    yield started
    started.end()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 MB that no run of bytes repeats in."""
    path = tmp_path_factory.mktemp("tus") / "numbers.csv"
    path.write_bytes(b"n\n" + random.Random(1).randbytes(20 * MEGABYTE))
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def upload_at(house: House, url: str | None) -> Upload | UnfinishedUpload:
    """The upload of this address."""
    assert url is not None
    return house.resumable.show(UUID(url.rpartition("/")[2]))


def place(house: House, url: str) -> Path:
    """Where its bytes are."""
    return house.settings.home / upload_at(house, url).path


@pytest.mark.parametrize("chunk", [3 * MEGABYTE, 64 * MEGABYTE], ids=["in pieces", "in one"])
def test_three_cuts(served: Served, house: House, file: Path, chunk: int) -> None:
    (child,) = psutil.Process(served.process.pid).children()
    before = rss(child)
    with cutting(served.port, [4 * MEGABYTE, 9 * MEGABYTE, 15 * MEGABYTE]) as proxy, file.open("rb") as stream:
        client = TusClient(f"http://127.0.0.1:{proxy.port}/uploads")
        uploader = client.uploader(file_stream=stream, chunk_size=chunk, retries=5, retry_delay=0.05)
        uploader.upload()
        assert proxy.made == 3
    whole = upload_at(house, uploader.url)
    assert isinstance(whole, Upload)
    assert whole.sha256 == sha256(file)
    assert (house.settings.home / whole.path).read_bytes() == file.read_bytes()
    assert rss(child) - before < 20_000


def test_with_checksums(served: Served, house: House, file: Path) -> None:
    with cutting(served.port, [7 * MEGABYTE]) as proxy, file.open("rb") as stream:
        client = TusClient(f"http://127.0.0.1:{proxy.port}/uploads")
        uploader = client.uploader(
            file_stream=stream, chunk_size=5 * MEGABYTE, retries=5, retry_delay=0.05, upload_checksum=True
        )
        uploader.upload()
        assert proxy.made == 1
    whole = upload_at(house, uploader.url)
    assert isinstance(whole, Upload)
    assert whole.sha256 == sha256(file)


def begin(served: Served, size: int) -> str:
    """An upload of `size` bytes is announced: its address."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("POST", "/uploads", headers={**V, "Upload-Length": str(size)})
    said = connection.getresponse()
    said.read()
    connection.close()
    return said.headers["Location"]


def stream(served: Served, url: str, offset: int, data: bytes, *, promised: int) -> socket.socket:
    """A PATCH under way: its head and some of its bytes are sent."""
    line = socket.create_connection(("127.0.0.1", served.port), timeout=30)
    head = (
        f"PATCH {url} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nContent-Type: {BODY}\r\n"
        f"Upload-Offset: {offset}\r\nContent-Length: {promised}\r\n\r\n"
    )
    line.sendall(head.encode() + data)
    return line


def head(served: Served, url: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("HEAD", url, headers=V)
    said = connection.getresponse()
    connection.close()
    assert said.status == 200
    return int(said.headers["Upload-Offset"])


def answered(served: Served, url: str) -> int:
    """The same, or 0 while nobody answers."""
    try:
        return head(served, url)
    except OSError:
        return 0


def patch(served: Served, url: str, offset: int, data: bytes) -> int:
    headers = {**V, "Upload-Offset": str(offset), "Content-Type": BODY}
    return served.ask("PATCH", url, data, headers)[0]


def test_a_second_writer_is_refused_while_the_first_sends(served: Served, house: House) -> None:
    url = begin(served, 4 * MEGABYTE)
    with stream(served, url, 0, b"a" * MEGABYTE, promised=4 * MEGABYTE) as line:
        path = place(house, url)
        wait_until(lambda: path.stat().st_size == MEGABYTE)
        assert patch(served, url, 0, b"b" * 10) == 423
        line.sendall(b"a" * 3 * MEGABYTE)
        assert line.recv(20).startswith(b"HTTP/1.1 204")
    assert path.read_bytes() == b"a" * 4 * MEGABYTE


def test_what_came_before_a_cut_counts_and_is_told(served: Served, house: House) -> None:
    url = begin(served, 4 * MEGABYTE)
    line = stream(served, url, 0, b"a" * MEGABYTE, promised=4 * MEGABYTE)
    path = place(house, url)
    wait_until(lambda: path.stat().st_size == MEGABYTE)
    line.close()
    wait_until(lambda: head(served, url) == MEGABYTE)
    assert patch(served, url, MEGABYTE, b"b" * 3 * MEGABYTE) == 204
    assert path.read_bytes() == b"a" * MEGABYTE + b"b" * 3 * MEGABYTE


def test_a_line_that_went_dead_lets_go_when_its_client_comes_again(served: Served, house: House) -> None:
    """⚑ The old connection is never closed, as when a network was pulled out; the server must not wait for it."""
    url = begin(served, 2 * MEGABYTE)
    with stream(served, url, 0, b"a" * MEGABYTE, promised=2 * MEGABYTE):
        path = place(house, url)
        wait_until(lambda: path.stat().st_size == MEGABYTE)
        began = time.monotonic()
        wait_until(lambda: head(served, url) == MEGABYTE, timeout=20, every=0.2)
        assert patch(served, url, MEGABYTE, b"b" * MEGABYTE) == 204
        assert time.monotonic() - began < 25  # the line's own end would come after 30 s of silence
    assert path.read_bytes() == b"a" * MEGABYTE + b"b" * MEGABYTE


def test_a_killed_server_loses_nothing_that_it_told_of(served: Served, house: House) -> None:
    url = begin(served, 3 * MEGABYTE)
    assert patch(served, url, 0, b"a" * MEGABYTE) == 204
    with stream(served, url, MEGABYTE, b"b" * MEGABYTE, promised=2 * MEGABYTE):
        path = place(house, url)
        wait_until(lambda: path.stat().st_size == 2 * MEGABYTE)
        (child,) = psutil.Process(served.process.pid).children()
        child.kill()
    here = wait_until(lambda: answered(served, url), 30, every=0.2)
    assert MEGABYTE <= here <= 2 * MEGABYTE
    rest = (b"a" * MEGABYTE + b"b" * 2 * MEGABYTE)[here:]
    assert patch(served, url, here, rest) == 204  # at once: the dead hold no lock
    whole = upload_at(house, url)
    assert isinstance(whole, Upload)
    assert whole.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.read_bytes() == b"a" * MEGABYTE + b"b" * 2 * MEGABYTE
