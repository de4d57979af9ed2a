"""Why a delivery did not arrive, told without the words of Python."""

from __future__ import annotations

import http.client
import socket
import threading

import pytest

from waystation.outward import judge, post
from waystation.undelivered import not_sent, not_taken


@pytest.mark.parametrize(
    ("scheme", "answer", "said"),
    [
        ("http", None, "Nobody listens at 127.0.0.1, port "),
        ("http", b"", "broke the connection before it had answered"),
        ("http", b"SSH-2.0-OpenSSH_9.2\r\n", "is no answer of HTTP"),
        ("https", b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS as https needs it"),
    ],
)
def test_what_a_wrong_receiver_does_is_told(scheme: str, answer: bytes | None, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def receive() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer or b"")

        if answer is None:
            server.close()
        else:
            threading.Thread(target=receive, daemon=True).start()
        target = judge(f"{scheme}://127.0.0.1:{port}/hook", ("127.0.0.0/8",))
        with pytest.raises((OSError, http.client.HTTPException)) as caught:
            post(target, b"{}", {}, 10)
    assert isinstance(caught.value, OSError | http.client.HTTPException)
    sentence = not_sent(caught.value, target, 10)
    assert said in sentence
    assert "Err" not in sentence


def test_an_answer_that_is_no_yes_comes_with_what_to_do() -> None:
    assert not_taken(301, "") == "It answered 301. Redirects are not followed: name the address that it leads to."
    assert not_taken(404, "no such hook") == "It answered 404 (no such hook). Look at the path of the address."
    assert not_taken(418, "").endswith("Any 2xx says that it was taken.")
