"""Requests that no honest client sends: slow ones, half ones, and those that two readers would read differently."""

from __future__ import annotations

import gzip
import json
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from tests.hostile.stage import Stage
from tests.hostile.table import case

SMUGGLED = "Requests that two servers read differently"
SLOW = "Slow and half connections"
ODD = "Other requests"
HOST = b"Host: localhost\r\n"
SECOND = b"GET /me HTTP/1.1\r\nHost: localhost\r\n\r\n"  # what an attacker wants to be taken for a request of somebody else


def ambiguous(*heads: bytes) -> bytes:
    """A POST with these lines, a body that ends early for one reader and late for another, and a request behind it."""
    return b"POST /tasks HTTP/1.1\r\n" + HOST + b"".join(line + b"\r\n" for line in heads) + b"\r\n0\r\n\r\n" + SECOND


@contextmanager
def unread(port: int, path: str) -> Iterator[socket.socket]:
    """A connection on which a file was asked for that is larger than what systems keep of it, and is not read."""
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(60)
        line.connect(("127.0.0.1", port))
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        yield line


@case(
    SMUGGLED,
    "Content-Length and Transfer-Encoding together, in either order; two Content-Lengths; `+5`, `5, 5`, `0x5`, `-1`, `٥`",
    "400",
    says="Refused, and the connection is closed: what follows is not read as a request.",
)
def two_lengths(stage: Stage) -> Iterator[str]:
    yield stage.raw(ambiguous(b"Content-Length: 5", b"Transfer-Encoding: chunked"))
    yield stage.raw(ambiguous(b"Transfer-Encoding: chunked", b"Content-Length: 5"))
    yield stage.raw(ambiguous(b"Content-Length: 5", b"Content-Length: 6"))
    yield stage.raw(ambiguous(b"Content-Length: 5", b"Content-Length: 5"))
    for value in (b"+5", b"5, 5", b"0x5", b"-1", b"5.0", b"1e1", b"\xd9\xa5", b"", b"5 5", b"5;"):
        yield stage.raw(ambiguous(b"Content-Length: " + value))


@case(
    SMUGGLED,
    "Transfer-Encoding `xchunked`, `chunked, chunked`, `chunked, identity`, twice, with a tab, in HTTP/1.0",
    "400",
    "501",
    says="The same.",
)
def odd_encodings(stage: Stage) -> Iterator[str]:
    for value in (b"xchunked", b"chunked, chunked", b"chunked, identity", b"identity", b"chunked\x0b", b"gzip", b'"chunked"'):
        yield stage.raw(ambiguous(b"Transfer-Encoding: " + value))
    yield stage.raw(ambiguous(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"))
    yield stage.raw(ambiguous(b"Transfer-Encoding: chunked").replace(b"HTTP/1.1", b"HTTP/1.0", 1))


@case(
    SMUGGLED,
    "lines that end in a bare LF or CR; folded lines; a blank before the colon; NUL and other controls in a header",
    "400",
    says="The same. (A head that ends in bare LFs alone never ends for us: its time runs out, and the connection is closed.)",
)
def odd_lines(stage: Stage) -> Iterator[str]:
    for line in (
        b"X: 1\nContent-Length: 5",
        b"X: 1\rContent-Length: 5",
        b"X: 1\r\n folded: 2",
        b"X: 1\r\n\tContent-Length: 5",
        b"Content-Length : 5",
        b"Content-Length\t: 5",
        b" Content-Length: 5",
        b"X: a\0b",
        b"X: a\x7fb",
        b"no colon",
        b": no name",
        b"X Y: 1",
        b"X(Y): 1",
        b"X\xc3\xa9: 1",
    ):
        yield stage.raw(ambiguous(line, b"Transfer-Encoding: chunked"))


@case(
    SMUGGLED,
    "chunks of `-1`, `0x5`, 20 digits, with LFs alone, and without an end",
    "400",
    "400, 400",
    "422",
    "closed",
    says="The same. A chunk that does not come as it says makes the request a broken one; the connection is closed behind it.",
)
def odd_chunks(stage: Stage) -> Iterator[str]:
    head = b"POST /tasks HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    for chunks in (
        b"-1\r\n{}\r\n0\r\n\r\n",
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"+2\r\n{}\r\n0\r\n\r\n",
        b"2_0\r\n{}\r\n0\r\n\r\n",
        b"f" * 20 + b"\r\n{}\r\n",
        b"2\n{}\n0\n\n",
        b"2\r\n{}xx0\r\n\r\n",
        b"2;\0\r\n{}\r\n0\r\n\r\n",
        b"zz\r\n",
    ):
        outcome = stage.raw(head + chunks + SECOND, close=True)
        assert b'"role"' not in stage.said, (chunks, stage.said)
        yield outcome


@case(
    SMUGGLED,
    "no Host, two Hosts, another Host in the request's line, a name of elsewhere (DNS rebinding)",
    "400",
    "403",
    "404",
    says="One Host is needed; without tokens it must be a name of this machine.",
)
def odd_hosts(stage: Stage) -> Iterator[str]:
    end = b"Connection: close\r\n\r\n"
    yield stage.raw(b"GET /tasks/ HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n" + end)
    yield stage.raw(b"GET /tasks/ HTTP/1.1\r\nHost: evil.example\r\n" + end)
    yield stage.raw(b"GET http://evil.example/tasks/ HTTP/1.1\r\nHost: evil.example\r\n" + end)
    yield stage.raw(b"GET /tasks/ HTTP/1.1\r\nHost: localhost.evil.example:5000\r\n" + end)
    yield stage.raw(b"GET /tasks/ HTTP/1.1\r\nHost: localhost@evil.example\r\n" + end)
    yield stage.raw(b"GET /tasks/ HTTP/1.1\r\nHost: evil.example#localhost\r\n" + end)


@case(
    SLOW,
    "more half-sent heads and half-sent bodies than there are threads, some with another byte each second (slowloris)",
    "closed",
    "400",
    "408",
    "200",
    says="Each has `WAYSTATION_REQUEST_SECONDS` (30) in all. Heads wait outside the threads: others are answered meanwhile.",
)
def slowloris(stage: Stage) -> Iterator[str]:
    heads = [b"GET /healthz HTT", b"GET /healthz HTTP/1.1\r\nX: ", b"G", b"POST /tasks HTTP/1.1\r\nHost: localhost\r\n"]
    bodies = [b"POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"]
    with ExitStack() as stack:
        lines = [stack.enter_context(stage.line()) for _ in range(2 * stage.settings.threads)]
        for n, line in enumerate(lines):
            line.sendall(heads[n % len(heads)] if n % 8 else bodies[0])
        began = time.monotonic()
        yield stage.get("/healthz")
        waited = time.monotonic() - began
        until = began + 3 * stage.settings.request_seconds
        for _ in range(3):
            time.sleep(min(1, stage.settings.request_seconds / 4))
            for line in lines[::3]:
                with suppress(OSError):  # its time is over, on a slow machine
                    line.sendall(b"1")
        assert waited < stage.settings.request_seconds, waited
        for line in lines:
            yield stage.answers(line)
        assert time.monotonic() < until + 60


@case(
    SLOW,
    "uploads that bring a byte now and then",
    "408",
    says="An upload may not stand still, and brings `WAYSTATION_UPLOAD_RATE` at least; else its place is free again.",
)
def slow_uploads(stage: Stage) -> Iterator[str]:
    head = b"Host: localhost\r\nContent-Type: text/csv\r\n"
    length, chunked = head + b"Content-Length: 5000000\r\n\r\n", head + b"Transfer-Encoding: chunked\r\n\r\n"
    with ExitStack() as stack:
        lines = [stack.enter_context(stage.line()) for _ in range(4)]
        for n, line in enumerate(lines):
            line.sendall(b"POST /tasks/upload?dataset=drip HTTP/1.1\r\n" + (chunked if n % 2 else length))
        waiting = list(lines)
        while waiting:
            answered, _, _ = select.select(waiting, [], [], 0.5)
            for n, line in enumerate(lines):
                if line in waiting and line not in answered:
                    with suppress(OSError):
                        line.sendall(b"1\r\n1\r\n" if n % 2 else b"1")
            waiting = [line for line in waiting if line not in answered]
        for line in lines:
            yield stage.answers(line)
    stage.no_tasks_of("drip")


@case(
    SLOW,
    "many more downloads that nobody reads than there are threads",
    "200",
    says="Unread answers wait outside the threads, a block of each in memory, `WAYSTATION_REQUEST_SECONDS` at most.",
)
def readers_that_do_not_read(stage: Stage) -> Iterator[str]:
    row = b"x" * 999 + b"\n"
    stage.upload(b"text\n" + row * 9000, dataset="unread")
    made = stage.end(stage.post("/tasks/download", {"dataset": "unread"}))
    assert made == "succeeded"
    path = f"{stage.said['self_url']}/result"
    whole = len(stage.file(path))
    with ExitStack() as stack:
        for _ in range(stage.size(10, 2) * stage.settings.threads):
            stack.enter_context(unread(stage.port, path))
        began = time.monotonic()
        yield stage.get("/healthz")
        yield stage.get("/me")
        waited = time.monotonic() - began
        assert len(stage.file(path)) == whole  # who does read has it whole
    assert waited < stage.settings.request_seconds, waited


@case(
    SLOW,
    "half-closed and broken connections: in a head, behind a request, in a body, in an upload; nothing sent at all",
    "200",
    "400",
    "closed",
    says="A request that is whole is answered; of half an upload nothing is kept.",
)
def half_connections(stage: Stage) -> Iterator[str]:
    upload = b"POST /tasks/upload?dataset=half HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
    yield stage.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", close=True)
    yield stage.raw(b"GET /healthz HT", close=True)
    yield stage.raw(b"", close=True)
    yield stage.raw(upload + b"Content-Length: 100\r\n\r\na,b\n1,2\n", close=True)
    yield stage.raw(upload + b"Transfer-Encoding: chunked\r\n\r\n8\r\na,b\n1,2\n\r\n", close=True)
    yield stage.raw(upload + b"Transfer-Encoding: chunked\r\n\r\n8\r\na,b\n", close=True)
    yield stage.raw(upload.replace(b"/upload?dataset=half", b"") + b"Content-Length: 100\r\n\r\n{", close=True)
    line = stage.line()
    line.sendall(upload + b"Content-Length: 100\r\n\r\na,b\n1,2\n")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # the close is a reset
    line.close()
    stage.no_tasks_of("half")


@case(
    ODD,
    "heads of a megabyte, 200 headers, lines of 100,000 bytes; methods and versions that are none; HTTP/0.9; HTTP/2",
    "400",
    "404",
    "405",
    "414",
    "431",
    "501",
    "505",
    "closed",
    says="A request's line has 8 KiB, a header 8 KiB, and there are 100 of them at most.",
)
def odd_heads(stage: Stage) -> Iterator[str]:
    end = b"Host: localhost\r\nConnection: close\r\n\r\n"
    yield stage.raw(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + end)
    yield stage.raw(b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n" + end)
    yield stage.raw(b"GET /healthz HTTP/1.1\r\n" + b"".join(b"X%d: 1\r\n" % n for n in range(200)) + end)
    yield stage.raw(b"GET /nowhere HTTP/1.1\r\nCookie: " + b"a=1;" * 2000 + b"\r\n" + end)
    yield stage.raw(b"GET /nowhere HTTP/1.1\r\nAccept: " + b"a/b;q=0.1," * 800 + b"\r\n" + end)
    for line in (
        b"get /healthz HTTP/1.1",
        b"GET /healthz HTTP/9.9",
        b"GET /healthz HTTP/1.10",
        b"GET  /healthz HTTP/1.1",
        b"GET /healthz\tHTTP/1.1",
        b"GET /health\0z HTTP/1.1",
        b"GET healthz HTTP/1.1",
        b"GET /healthz",
        b"TRACE /healthz HTTP/1.1",
        b"CONNECT evil.example:443 HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ):
        yield stage.raw(line + b"\r\n" + end, close=True)


@case(
    ODD,
    "10,000 fields in a query and a form; 10,000 parts; a boundary of a megabyte; a part's head of 8 MB; a body that is packed",
    "400 malformed-body",
    "413 too-large",
    "422 invalid-request",
    "422 no-file",
    "422 not-csv",
    "431",
    "400",
    says="A form has 4 MiB and 1,000 fields, a multipart body 100 parts; a body of JSON is never unpacked.",
)
def odd_bodies(stage: Stage) -> Iterator[str]:
    fields = "&".join(f"f{n}=1" for n in range(10_000))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    yield stage.get(f"/tasks/?{fields[:7000]}")
    yield stage.ask("POST", "/tasks/download", fields.encode(), **form)
    yield stage.ask("POST", "/tasks/download", b"dataset=" + b"a" * 5_000_000, **form)
    part = b'--B\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n'
    many = b"".join(part % n for n in range(10_000)) + b"--B--\r\n"
    multi = {"Content-Type": "multipart/form-data; boundary=B"}
    yield stage.ask("POST", "/tasks/upload", many, **multi)
    yield stage.ask("POST", "/tasks/download", many, **multi)
    head = (
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="' + b"a" * 8_000_000 + b'"\r\n\r\na\n1\n\r\n--B--\r\n'
    )
    yield stage.ask("POST", "/tasks/upload", head, **multi)
    yield stage.ask("POST", "/tasks/upload", b"x" * 100, **{"Content-Type": "multipart/form-data; boundary=" + "b" * 7000})
    yield stage.ask("POST", "/tasks", gzip.compress(b"{}"), **{"Content-Type": "application/json", "Content-Encoding": "gzip"})
    yield stage.ask("POST", "/tasks", b"\xff\xfe{\0}\0", **{"Content-Type": "application/json; charset=utf-16"})


@case(
    ODD,
    "patterns that take for ever elsewhere: `(a+)+$` as a constraint, `%a%a%a%a%` as a filter, a thousand ranges of a file",
    "succeeded",
    "200",
    "206",
    "416 range-not-satisfiable",
    "failed invalid-params",
    "failed too-many-rejects",
    says="Constraints are RE2's, which reads each character once; an answer to many ranges is the whole file.",
)
def slow_patterns(stage: Stage) -> Iterator[str]:
    hard = b"a" * 60 + b"!"
    rows = b"text\n" + (hard + b"\n") * stage.size(100_000, 500) + (b"a" * 10_000 + b"\n") * 20
    for pattern in ("(a+)+$", "(a|a)*$", "(.*a){20}$"):
        yield stage.upload(rows, dataset="patterns", constraints=json.dumps({"text": {"pattern": pattern}}), dry_run="true")
    yield stage.upload(b"text\n1\n", dataset="patterns", constraints=json.dumps({"text": {"pattern": "(a{999}){999}"}}))
    yield stage.upload(rows, dataset="patterns")
    yield stage.export("patterns", filter=f"text like '{'%a' * 300}%b'")
    yield stage.end(stage.post("/tasks/download", {"dataset": "patterns"}))
    path = f"{stage.said['self_url']}/result"
    yield stage.ask("GET", path, Range="bytes=" + ",".join(f"{n}-" for n in range(1000)))
    yield stage.ask("GET", path, Range="bytes=" + "9" * 5000 + "-")
