"""What a verb would do, said before it is done; many at once; the search; the rate of a task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient

from tests.support import wait_until
from tests.web.conftest import PEOPLE, end_of, imported, problem, send
from tests.web.test_page import BROWSER, buttons
from waystation.model import Sample
from waystation.web.rates import rates
from waystation.wiring import House

TOWN = {"kinds": "tests.kinds", "chunk_rows": 200}
HTMX = {**BROWSER, "HX-Request": "true"}


def said(client: FlaskClient, task: dict[str, object], verb: str) -> list[str]:
    """The sentences of one question."""
    sentences: list[str] = client.get(f"{task['self_url']}/{verb}/ask").get_json()["sentences"]
    return sentences


def test_undo_says_what_goes_and_what_stays(client: FlaskClient) -> None:
    one = imported(client, PEOPLE, dataset="asked")
    first = said(client, one, "undo")
    assert "3 rows of the dataset asked will be gone, for every reader at the same moment." in first
    assert "The dataset is empty then, and has no columns: the next import defines them." in first
    two = imported(client, b"name,age,record_date\ndan,1,2020-01-01\n", dataset="asked")
    assert "1 row of the dataset asked will be gone, for every reader at the same moment." in said(client, two, "undo")
    assert "3 rows of 1 other import are what readers see then." in said(client, two, "undo")
    assert any("people.csv goes too" in s for s in said(client, two, "undo"))
    before = client.get("/datasets/asked").get_json()["rows"]
    client.post(f"{two['self_url']}/undo")
    assert before == 4
    wait_until(lambda: client.get("/datasets/asked").get_json()["rows"] == 3, 30)  # a worker's, if a lock was in the way


def test_stop_counts_what_is_staged(client: FlaskClient, town: House) -> None:
    data = b"a\n" + b"".join(b"%d\n" % n for n in range(200_000))
    task = client.post("/tasks/upload?dataset=staged", data=data, content_type="text/csv").get_json()

    def midway() -> bool:
        now = client.get(task["self_url"]).get_json()
        return bool(now["counts"].get("good")) or now["complete"]

    wait_until(midway, 30)
    now = client.post(f"{task['self_url']}/pause").get_json()
    if not now["complete"]:
        wait_until(lambda: client.get(task["self_url"]).get_json()["status"] != "pausing", 30)
    now = client.get(task["self_url"]).get_json()
    if now["status"] == "paused":
        with town.database.transaction() as connection:  # chunks may be in that the last checkpoint does not count
            staged = connection.execute(
                "SELECT sum(c.good)::int AS rows FROM chunks c JOIN batches b ON b.id = c.batch WHERE b.task = %s",
                (task["task_id"],),
            ).fetchone()
        assert staged is not None
        rows = f"{staged['rows']:,}"
        assert f"{rows} staged rows will be removed; the dataset staged stays as it is." in said(client, task, "stop")
        assert said(client, task, "resume")[0].startswith("It goes on from its place at ")
        client.post(f"{task['self_url']}/stop")
    assert end_of(client, task)["complete"]


def test_what_can_not_be_done_is_said_too(client: FlaskClient) -> None:
    task = imported(client, PEOPLE, dataset="over")
    answer = client.get(f"{task['self_url']}/pause/ask").get_json()
    assert (answer["possible"], answer["sentences"]) == (False, ["This is not possible: it has ended."])
    problem(client.get(f"{task['self_url']}/dance/ask"), 404, "unknown-verb")
    problem(client.get("/tasks/nothing/stop/ask"), 404, "task-not-found")


def test_a_failed_import_offers_to_go_on_or_to_stop_and_no_second_way_to_stop(client: FlaskClient) -> None:
    task = end_of(client, send(client, b"a\n1\nx\n", dataset="failing", types='{"a": "bigint"}', max_errors="0").get_json())
    assert {"retry", "stop", "terminate"} <= set(task["links"])  # programs may do all of it
    page = client.get(task["self_url"], headers=BROWSER).get_data(as_text=True)
    assert buttons(page) & set(task["links"].values()) == {task["links"]["retry"], task["links"]["stop"]}
    assert "It is given up: nothing runs, and it can't be retried any more." in said(client, task, "stop")


def test_the_page_asks_first_and_then_does_it(client: FlaskClient) -> None:
    task = imported(client, PEOPLE, dataset="sure")
    page = client.get(f"{task['self_url']}/undo/ask", headers=BROWSER).get_data(as_text=True)
    assert "3 rows of the dataset sure" in page
    assert f'action="{task["self_url"]}/undo"' in page
    headers = {**BROWSER, "Referer": f"http://localhost{task['self_url']}/undo/ask"}
    response = client.post(f"{task['self_url']}/undo", data={"reason": "wrong file"}, headers=headers)
    assert (response.status_code, response.headers["Location"]) == (303, task["self_url"])
    assert "wrong file" in client.get(task["self_url"], headers=BROWSER).get_data(as_text=True)


def test_a_script_gets_the_pieces_that_changed(client: FlaskClient) -> None:
    task = imported(client, PEOPLE, dataset="pieces")
    headers = {**HTMX, "HX-Current-URL": f"http://localhost{task['self_url']}"}
    text = client.post(f"{task['self_url']}/undo", headers=headers).get_data(as_text=True)
    for target in (f"row-{task['task_id']}", "head", "said"):
        assert f'hx-target="#{target}"' in text
    refused = client.post(f"{task['self_url']}/pause", headers=headers)
    assert refused.status_code == 409
    assert 'hx-target="#said"' in refused.get_data(as_text=True)
    assert "pause is not possible" in refused.get_data(as_text=True)


def test_one_verb_for_the_tasks_that_were_picked(client: FlaskClient) -> None:
    tasks = [imported(client, PEOPLE, dataset=f"many{n}") for n in (1, 2)]
    running = client.post("/tasks", json={"kind": "test.count", "params": {"steps": 1, "nap": 0}}).get_json()
    end_of(client, running)
    ids = [t["task_id"] for t in [*tasks, running]]
    query = "&".join(f"id={id}" for id in ids)
    page = client.get(f"/many?verb=undo&{query}", headers=BROWSER).get_data(as_text=True)
    assert "Undo 3 tasks?" in page
    assert "3 rows of the dataset many2" in page
    done = client.post("/many", data={"verb": "undo", "id": ids[:2], "reason": "twice"}, headers=BROWSER)
    assert "Undo: 2 tasks of 2 changed." in done.get_data(as_text=True)
    assert {end_of(client, t)["status"] for t in tasks} == {"undone"}
    again = client.post("/many", data={"verb": "pause", "id": ids[:2]}, headers=BROWSER).get_data(as_text=True)
    assert "Pause: 0 tasks of 2 changed." in again
    assert client.get("/many?verb=undo", headers=BROWSER).status_code == 422


def test_tasks_are_found_by_a_piece_of_their_words(client: FlaskClient) -> None:
    task = imported(client, PEOPLE, dataset="needle")
    send(client, PEOPLE, name="100%_march.csv", dataset="other")

    def found(text: str) -> list[str]:
        answer = client.get("/tasks/", query_string={"search": text}).get_json()["tasks"]
        return [t["dataset"] for t in answer]

    assert found("NEEDLE") == ["needle"]
    assert found(task["task_id"][:13]) == ["needle"]
    assert found("100%_M") == ["other"]
    assert found("100__m") == []
    many = client.post("/tasks/verbs", json={"verb": "undo", "filter": {"ids": [task["task_id"]]}}).get_json()
    assert [o["task_id"] for o in many["outcomes"]] == [task["task_id"]]


def test_a_rate_stands_between_two_samples_of_one_attempt() -> None:
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    samples = [
        Sample(begin, 1, 0),
        Sample(begin + timedelta(seconds=2), 1, 100),
        Sample(begin + timedelta(seconds=600), 2, 100),
        Sample(begin + timedelta(seconds=604), 2, 140),
    ]
    at, rate = rates(samples)
    assert at[0] == begin
    assert rate == [None, 50.0, None, 10.0]
    assert rates([]) == ([], [])


def test_samples_are_taken_while_a_task_runs(client: FlaskClient) -> None:
    task = client.post("/tasks", json={"kind": "test.count", "params": {"steps": 5000}}).get_json()
    wait_until(lambda: len(client.get(f"{task['self_url']}/rate").get_json()["at"]) >= 2, 30)
    answer = client.get(f"{task['self_url']}/rate").get_json()
    client.post(f"{task['self_url']}/stop")
    assert answer["unit"] == "rows"
    assert answer["rate"][0] is None
    assert answer["rate"][1] > 0
    end_of(client, task)
