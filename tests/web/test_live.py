"""The real server: gunicorn in a process of its own, live streams, long uploads, and an end that leaves nothing."""

from __future__ import annotations

import http.client
import json
import signal

import psutil
import pytest

from tests.support import wait_until
from tests.web.serving import Serve, Served, next_event, rss
from waystation.model import Verb
from waystation.wiring import House


def test_one_line_when_ready_and_a_clean_end(serve_it: Serve) -> None:
    for by in (signal.SIGTERM, signal.SIGINT):
        served = serve_it()
        assert served.line == f"ready 127.0.0.1 {served.port}\n"
        family = psutil.Process(served.process.pid).children(recursive=True)
        assert served.ask("GET", "/healthz") == (200, {"status": "alive", "parts": {}})
        code, out, err = served.end(by)
        assert (code, out) == (0, "")
        assert err.count("\n") == 1
        assert "No token has been made" in err
        assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_a_killed_child_is_replaced_without_a_second_line(serve_it: Serve) -> None:
    served = serve_it()
    (child,) = psutil.Process(served.process.pid).children()
    child.kill()

    def serves_again() -> bool:
        try:
            return served.ask("GET", "/healthz")[0] == 200
        except OSError:
            return False

    wait_until(lambda: [p.pid for p in psutil.Process(served.process.pid).children()] not in ([], [child.pid]), 20)
    assert wait_until(serves_again, 20)
    code, out, _ = served.end()
    assert (code, out) == (0, "")


def test_what_keeps_it_from_starting_is_said_in_a_sentence(house: House) -> None:
    settings = house.settings.model_copy(update={"port": 0, "kinds": ("no.such.module",)})
    served = Served(settings)
    code, out, err = served.end()
    assert (served.line, out, code) == ("", "", 8)
    assert "no.such.module" in err
    assert "Traceback" not in err


def test_a_stream_tells_of_changes_and_goes_on_where_it_broke(house: House, serve_it: Serve) -> None:
    served = serve_it()
    with served.listen() as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        task, _ = house.control.submit("generate", {"rows": 10}, actor="ada")
        event = next_event(stream)
        assert event["event"] == "tasks"
        assert [(t["task_id"], t["status"]) for t in json.loads(event["data"])] == [(str(task.id), "queued")]
    missed, _ = house.control.submit("generate", {"rows": 11}, actor="bob")  # while nobody listens
    with served.listen(**{"Last-Event-ID": event["id"]}) as stream:
        again = json.loads(next_event(stream)["data"])
        assert str(missed.id) in [t["task_id"] for t in again]
        house.control.act("stop", missed.id, actor="bob")  # type: ignore[arg-type]
        later = json.loads(next_event(stream)["data"])
        assert (str(missed.id), "stopped") in [(t["task_id"], t["status"]) for t in later]


def test_every_change_between_two_looks_comes_in_one_message_with_the_newest_of_each(house: House, serve_it: Serve) -> None:
    served = serve_it()
    with served.listen() as stream:
        made = [house.control.submit("generate", {"rows": n + 1}, actor="ada")[0] for n in range(30)]
        for task in made:
            house.control.act("pause", task.id, actor="ada")  # type: ignore[arg-type]
        last: dict[str, str] = {}
        messages = 0
        while sum(status == "paused" for status in last.values()) < 30:
            last.update({t["task_id"]: t["status"] for t in json.loads(next_event(stream)["data"])})
            messages += 1
        assert messages <= 6
        assert set(last) == {str(t.id) for t in made}


def test_streams_are_capped_and_a_place_is_freed_when_one_ends(serve_it: Serve) -> None:
    served = serve_it(sse_clients=2)
    with served.listen() as one, served.listen() as two:
        assert (one.status, two.status) == (200, 200)
        one.readline(), two.readline()
        status, said = served.ask("GET", "/events")
        assert (status, said["code"]) == (503, "too-many-streams")
        assert served.ask("GET", "/tasks/")[0] == 200

    def has_place() -> bool:
        with served.listen() as stream:
            return stream.status == 200

    wait_until(has_place, 5, every=0.2)


def test_an_id_that_no_stream_gave_is_refused(serve_it: Serve) -> None:
    served = serve_it()
    for id in ("yesterday", "9" * 40):
        assert served.ask("GET", "/events", headers={"Last-Event-ID": id})[0] == 422


def test_open_streams_do_not_hold_up_the_end(serve_it: Serve) -> None:
    served = serve_it()
    with served.listen() as stream:
        stream.readline()
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(timeout=40) == 0


@pytest.mark.parametrize("kind", ["multipart", "raw", "chunked"])
def test_an_upload_is_taken_in_constant_memory(serve_it: Serve, house: House, kind: str) -> None:
    served = serve_it()
    (child,) = psutil.Process(served.process.pid).children()
    block = b"".join(b"%07d,%s\n" % (n, b"x" * 90) for n in range(10_000))
    blocks = 60  # about 60 MB
    small = served.ask("POST", "/tasks/upload", b"n,word\n" + block, {"Content-Type": "text/csv"})
    assert small[0] == 202
    before = rss(child)
    head, tail = b"n,word\n", b""
    headers = {"Content-Type": "text/csv"}
    if kind == "multipart":
        head = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + head
        tail, headers = b"\r\n--B--\r\n", {"Content-Type": "multipart/form-data; boundary=B"}
    if kind != "chunked":
        headers["Content-Length"] = str(len(head) + len(block) * blocks + len(tail))
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    body = (part for part in (head, *[block] * blocks, tail) if part)
    connection.request("POST", "/tasks/upload", body, headers, encode_chunked=kind == "chunked")
    response = connection.getresponse()
    task = json.load(response)
    connection.close()
    assert response.status == 202, task
    (file,) = ((house.settings.home / "uploads") / task["params"]["upload"]).iterdir()
    assert file.stat().st_size == 7 + len(block) * blocks
    assert rss(child) - before < 20_000


def test_an_upload_that_breaks_off_leaves_nothing(serve_it: Serve, house: House) -> None:
    served = serve_it()
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.putrequest("POST", "/tasks/upload")
    connection.putheader("Content-Type", "text/csv")
    connection.putheader("Content-Length", "9000000")
    connection.endheaders(b"a,b\n" + b"1,2\n" * 500_000)
    wait_until(lambda: (house.settings.home / "uploads").exists() and list((house.settings.home / "uploads").iterdir()), 10)
    connection.close()
    wait_until(lambda: not list((house.settings.home / "uploads").iterdir()), 10)


def test_an_upload_beyond_the_limit_is_refused_before_it_is_read(serve_it: Serve, house: House) -> None:
    served = serve_it(max_upload=1000)
    status, said = served.ask("POST", "/tasks/upload", b"a,b\n" + b"1,2\n" * 500, {"Content-Type": "text/csv"})
    assert (status, said["code"]) == (413, "too-large")
    assert not list((house.settings.home / "uploads").iterdir())


def test_a_list_s_stream_carries_its_rows_and_says_which_fit(house: House, serve_it: Serve) -> None:
    served = serve_it()
    old, _ = house.control.submit("generate", {"rows": 1}, actor="ada")
    with served.listen(f"/live?state=queued&low={old.seq + 1}") as stream:
        task, _ = house.control.submit("generate", {"rows": 10}, actor="ada")
        heard = [next_event(stream)]
        while heard[-1]["event"] != "fits":
            heard.append(next_event(stream))
        assert heard[-1]["data"] == str(task.id)
        rows = "".join(e["data"] for e in heard[:-1])
        assert f'hx-target="#row-{task.id}"' in rows
        assert str(old.id) not in rows  # below the rows that the page shows
        house.control.act(Verb.STOP, task.id, actor="ada")
        later = next_event(stream)
        assert later["event"] == "parts"
        assert "stopped" in later["data"]


def test_a_task_s_stream_carries_its_head_and_its_timeline(house: House, serve_it: Serve) -> None:
    served = serve_it()
    other, _ = house.control.submit("generate", {"rows": 1}, actor="ada")
    task, _ = house.control.submit("generate", {"rows": 10}, actor="ada")
    with served.listen(f"/live/{task.id}") as stream:
        next_event(stream)  # it is new itself
        house.control.act(Verb.STOP, other.id, actor="bob")
        house.control.act(Verb.STOP, task.id, actor="bob", reason="enough")
        parts = next_event(stream)["data"]
        assert 'hx-target="#head"' in parts
        assert "enough" in parts
        assert str(other.id) not in parts


def test_the_system_s_stream_tells_how_it_is_though_no_task_changes(house: House, serve_it: Serve) -> None:
    served = serve_it()
    with served.listen("/live/system") as stream:
        first, second = next_event(stream), next_event(stream)
    assert first["event"] == second["event"] == "parts"
    assert 'hx-target="#system"' in first["data"]
    assert "1 open, " in second["data"]  # this very stream among the live ones
