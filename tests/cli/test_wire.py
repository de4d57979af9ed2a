"""The client's wire against servers that misbehave: what is raised, and that nothing half is left behind."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from waystation.client import Client, error_of
from waystation.errors import ServerNotReachable, TooLarge, VerbNotPossible, WaystationError, WrongAddress, table
from waystation.wire import BLOCK, Wire

Script = Callable[[socket.socket], None]


@contextmanager
def server(*answers: bytes | Script) -> Iterator[str]:
    """A server that answers one connection after another as told; its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                if isinstance(answer, bytes):
                    connection.recv(65536)
                    connection.sendall(answer)
                else:
                    answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(timeout=10)
        assert not thread.is_alive()
    finally:
        listener.close()


def reply(body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


def test_every_error_comes_back_as_its_own_class() -> None:
    for cls in table():
        problem = json.loads(json.dumps(cls("what", remedy="do that", status_now="x").problem()))
        back = error_of(problem)
        assert type(back) is cls
        assert (back.detail, back.hint, back.extra) == ("what", "do that", {"status_now": "x"})


def test_a_code_of_a_newer_server_is_still_an_error() -> None:
    back = error_of({"code": "from-the-future", "detail": "No.", "status": 418})
    assert type(back) is WaystationError
    assert back.detail == "No."


def test_a_refusal_is_raised() -> None:
    body = json.dumps({"code": "verb-not-possible", "detail": "No.", "possible": ["undo"]}).encode()
    with server(reply(body, "409 Conflict")) as url, pytest.raises(VerbNotPossible) as caught:
        Client(url).pause("x")
    assert caught.value.extra == {"possible": ["undo"]}


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://a host", "http://host:99999", "http://[::1", "http://host/ü"])
def test_what_is_no_address_of_a_server_is_wrong_usage(url: str) -> None:
    with pytest.raises(WrongAddress, match="is not the address of a server") as caught:
        Client(url)
    assert caught.value.exit_code == 2
    assert "http://HOST:PORT" in caught.value.hint


def test_another_program_at_the_address() -> None:
    with server(reply(b"<h1>It works!</h1>", "404 Not Found")) as url, pytest.raises(ServerNotReachable) as caught:
        Client(url).task("x")
    assert "not a Waystation: it says 404 Not Found" in caught.value.detail
    with server(reply(b"<h1>It works!</h1>")) as url, pytest.raises(ServerNotReachable, match="it sends no JSON"):
        Client(url).task("x")


def test_a_refusal_that_comes_while_the_body_is_sent() -> None:
    problem = json.dumps({"code": "too-large", "detail": "Too large."}).encode()

    def refuse(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(reply(problem, "413 Content Too Large"))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(BLOCK):
            pass

    with server(refuse) as url, pytest.raises(TooLarge):
        Client(url).upload(io.BytesIO(bytes(4 * BLOCK)), name="big.csv")


def test_a_pipe_is_sent_in_chunks_and_a_file_with_its_length(tmp_path: Path) -> None:
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        heard.append(connection.recv(1 << 16))
        connection.sendall(reply(b"{}"))

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise io.UnsupportedOperation

    (tmp_path / "a.csv").write_bytes(b"a\n1\n")
    with server(listen, listen) as url:
        Client(url).upload(Pipe(b"a\n1\n"), dataset="shop", options={"types": {"a": "text"}, "dry_run": True})
        Client(url).upload(tmp_path / "a.csv")
    assert b"Transfer-Encoding: chunked" in heard[0]
    assert b"/tasks/upload?dataset=shop&name=data.csv&types=%7B%22a%22%3A+%22text%22%7D&dry_run=true" in heard[0]
    assert b"Content-Length: 4\r\n" in heard[1]
    assert b"name=a.csv" in heard[1]


def test_a_token_is_shown_to_the_server() -> None:
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        heard.append(connection.recv(1 << 16))
        connection.sendall(reply(b'{"kinds": []}'))

    with server(listen, listen) as url:
        Client(url, token="abc").kinds()
        Client(url).kinds()
    assert b"\r\nAuthorization: Bearer abc\r\n" in heard[0]
    assert b"Authorization" not in heard[1]


def result(body: bytes, sha256: str, length: int | None = None) -> tuple[bytes, bytes]:
    task = json.dumps({"task_id": "x", "result": {"sha256": sha256}}).encode()
    return reply(task), reply(body, length=length)


def test_a_result_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    with server(*result(b"half", "", length=8)) as url, pytest.raises(ServerNotReachable, match="4 of 8 bytes"):
        Client(url).save_result("x", tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_result_with_another_checksum_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("older")
    with server(*result(b"changed", "0" * 64)) as url, pytest.raises(ServerNotReachable, match="checksum"):
        Client(url).save_result("x", tmp_path / "out.csv")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("out.csv", "older")]


def test_a_result_that_is_whole(tmp_path: Path) -> None:
    want = hashlib.sha256(b"whole").hexdigest()
    with server(*result(b"whole", want)) as url:
        saved = Client(url).save_result("x", tmp_path / "out.csv")
    assert (saved.size, saved.sha256, saved.path.read_bytes()) == (5, want, b"whole")


def test_a_silent_server_is_given_up() -> None:
    def say_nothing(connection: socket.socket) -> None:
        while connection.recv(BLOCK):
            pass

    with server(say_nothing) as url, pytest.raises(ServerNotReachable, match="timed out"):
        Client(url, timeout=0.2).task("x")


def test_an_actor_of_any_alphabet_travels_in_a_header() -> None:
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        heard.append(connection.recv(1 << 16))
        connection.sendall(reply(b"{}"))

    with server(listen, listen) as url:
        Client(url, actor="ada@example.com").task("x")
        Client(url, actor="Zoë\r\nX-Evil: 1").task("x")
    assert b"X-Actor: ada@example.com\r\n" in heard[0]
    assert b"X-Actor: Zo%C3%AB%0D%0AX-Evil: 1\r\n" in heard[1]


def test_a_prefix_in_the_address_is_kept() -> None:
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        heard.append(connection.recv(1 << 16))
        connection.sendall(reply(b"{}"))

    with server(listen) as url:
        Wire(f"{url}/tools/waystation/", actor="a", timeout=5).json("GET", "/readyz")
    assert heard[0].startswith(b"GET /tools/waystation/readyz HTTP/1.1")
