"""The pages in a real browser: from a dropped file to its undo, with a script and without, and for every pair of eyes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.promises.test_teams import service
from tests.support import at_state, people_csv, reached, send, wait_until
from tests.web.browser.chromium import PATIENCE, violations
from tests.web.browser.conftest import Visit
from tests.web.cutting import cutting
from tests.web.serving import Served
from waystation.model import State, Task, Verb
from waystation.tellings import Tellings
from waystation.timetable import Timetable
from waystation.web.page import PLACES
from waystation.wiring import House

TOWN = {
    "kinds": "tests.kinds,examples.teams",
    "chunk_rows": 10,
    "slots": 2,
    "webhook_networks": ("192.0.2.0/24",),
}  # small steps: an import lasts long enough to be watched
ROWS = 200_000
expect.set_options(timeout=PATIENCE * 1000)

DROP = """file => {
  const data = new DataTransfer();
  data.items.add(file.files[0]);
  dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def status(page: Page, wanted: str) -> None:
    """The task's page comes to show this status, live."""
    expect(page.locator("#head .badge")).to_have_text(wanted)


def press(page: Page, name: str) -> None:
    """Press the button (or the link that is one) of this name."""
    page.get_by_role("button", name=name, exact=True).click()


def grows(bar: Locator) -> None:
    """The bar moves while one looks."""
    before = float(bar.get_attribute("value") or 0)
    bar.page.wait_for_function("before => document.querySelector('#head progress')?.value > before", arg=before)


def drop(page: Page, path: Path) -> None:
    """Let the file fall on the page, as a hand with a mouse does."""
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('input'), { type: 'file', id: 'hand', hidden: true }))"
    )
    page.locator("#hand").set_input_files(path)
    page.locator("#hand").evaluate(DROP)


def test_a_file_with_exchanged_columns_from_drop_to_undo(visit: Visit, served: Served, town: House, tmp_path: Path) -> None:
    at_state(town, send(town, people_csv(200, 1), dataset="folk"), State.SUCCEEDED)
    header, rows = people_csv(ROWS, 2).split(b"\n", 1)
    swapped = tmp_path / "swapped.csv"
    swapped.write_bytes(header.replace(b"phone,email", b"email,phone") + b"\n" + rows)

    with cutting(served.port, [swapped.stat().st_size // 2]) as line:
        person = visit(line.port)
        page = person.page
        page.goto("/upload")
        page.get_by_label("Dataset that gets the rows").fill("folk")
        drop(page, swapped)
        page.wait_for_url("**/preview*")
        assert line.made == 1
        person.forgive(r"Failed to load resource.*/uploads/")  # the cut, and a try while the server still waits at the old line

        expect(page.get_by_role("alert")).to_contain_text("look exchanged")
        expect(page.get_by_role("link", name="Take them the other way round")).to_be_visible()
        press(page, "Start the import")  # the warning is there, and they start it all the same
        page.wait_for_url("**/tasks/*")
        bar = page.locator("#head progress")
        status(page, "running")
        grows(bar)
        press(page, "Pause")
        status(page, "paused")
        where = float(bar.get_attribute("value") or 0)
        assert 0 < where < 100
        press(page, "Resume")
        status(page, "running")
        page.wait_for_function("before => !(document.querySelector('#head progress')?.value <= before)", arg=where)
        press(page, "Stop…")
        asked = page.get_by_role("dialog")
        expect(asked).to_contain_text(re.compile(r"staged rows? will be removed; the dataset folk stays as it is"))
        asked.get_by_label("Reason").fill("columns exchanged")
        asked.get_by_role("button", name="Stop and take back").click()
        status(page, "stopped")
        expect(asked).to_be_hidden()
        expect(page.locator("#story")).to_contain_text("columns exchanged")
        assert town.control.dataset("folk").rows == 200


@pytest.mark.long
def test_rejects_undo_and_the_file_of_an_export(visit: Visit, town: House) -> None:
    person = visit(accept_downloads=True)
    page = person.page
    page.goto("/upload")
    page.get_by_label("CSV file").set_input_files(
        {
            "name": "march.csv",
            "mimeType": "text/csv",
            "buffer": b"name,age,record_date\nada,36,2015-12-10\nbob,old,2016-01-02\n" + b"eve,7,2017-01-01\n" * 60,
        }
    )
    page.get_by_label("Dataset that gets the rows").fill("march")
    press(page, "Upload")
    page.wait_for_url("**/preview*")
    expect(page.locator("#found")).to_contain_text("1 would be rejected")
    page.get_by_text("How the file is written").click()
    for sign, name in ((";", "semicolon"), ("", "comma")):  # it is looked at anew, without a press
        page.get_by_label("Delimiter").fill(sign)
        page.keyboard.press("Tab")
        expect(page.locator("#found .sub")).to_contain_text(name)
    press(page, "Start the import")
    page.wait_for_url("**/tasks/*")
    status(page, "succeeded")
    expect(page.locator("#rejects mark")).to_have_text("old")
    made = page.url

    page.goto("/download?dataset=march")
    page.get_by_label("From").fill("2017-01-01")
    page.keyboard.press("Tab")
    expect(page.locator("#estimate")).to_contain_text("60 rows")  # before anything is started
    press(page, "Prepare the file")
    page.wait_for_url("**/tasks/*")
    status(page, "succeeded")
    with page.expect_download() as waiting:
        page.locator("#outcome").get_by_role("link").first.click()
    assert waiting.value.path().read_bytes().splitlines()[1] == b"eve,7,2017-01-01"

    page.goto(made)
    press(page, "Undo…")
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("61 rows of the dataset march will be gone")
    page.keyboard.press("Escape")
    expect(asked).to_be_hidden()
    press(page, "Undo…")
    asked.get_by_role("button", name="Take it back").click()
    status(page, "undone")
    assert town.control.dataset("march").rows == 0


def test_the_list_is_live_and_many_are_picked(visit: Visit, town: House) -> None:
    person = visit()
    page = person.page
    page.goto("/?kind=test.count")
    tasks = [counting(town), counting(town)]
    rows = [page.locator(f"#row-{task.id}") for task in tasks]
    for row in rows:  # they come by themselves
        expect(row.locator(".badge")).to_have_text("running")
    before = rows[0].locator("progress").get_attribute("value")
    expect(rows[0].locator("progress")).not_to_have_attribute("value", before or "")
    rows[0].get_by_role("button", name="Pause").press("Enter")
    expect(rows[0].locator(".badge")).to_have_text("paused")
    expect(page.locator("#said")).not_to_be_empty()
    for row in rows:
        row.get_by_role("checkbox").check()
    page.locator("#many").get_by_role("button", name="Terminate…").click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("Terminate 2 tasks?")
    asked.get_by_role("button", name="Kill it now").click()
    for row in rows:
        expect(row.locator(".badge")).to_have_text("terminated")
    page.get_by_label("Search tasks").fill("no such task")
    expect(page.locator("#list")).to_contain_text("No task fits")


@pytest.mark.long
def test_teams_are_made_through_a_slow_service_and_taken_back(visit: Visit, town: House) -> None:
    person = visit()
    page = person.page
    with service(seconds=0.03) as (books, address):

        def start(rows: int) -> None:
            data = "name,phone\n" + "".join(f"team {n},+49 {n:05}\n" for n in range(rows))
            page.goto("/kinds/teams.create")
            page.get_by_label("File").set_input_files({"name": "teams.csv", "mimeType": "text/csv", "buffer": data.encode()})
            page.get_by_label("Service").fill(address)
            press(page, "Start")
            page.wait_for_url("**/tasks/*")

        start(20_000)
        status(page, "running")
        grows(page.locator("#head progress"))
        press(page, "Pause")
        status(page, "paused")
        made = books.summary()["created"]
        assert made > 0
        press(page, "Resume")
        wait_until(lambda: books.summary()["created"] > made, PATIENCE)
        press(page, "Stop…")
        asked = page.get_by_role("dialog")
        expect(asked).to_contain_text(re.compile(r"What it did outside Waystation \([\d,]+ teams\) is taken back one by one"))
        asked.get_by_role("button", name="Stop and take back").click()
        status(page, "stopped")
        expect(page.locator("#head .facts")).to_contain_text("teams taken back")
        assert books.teams == {}

        start(12)
        status(page, "succeeded")
        assert len(books.teams) == 12
        press(page, "Undo…")
        asked.get_by_role("button", name="Take it back").click()
        status(page, "undone")
        assert books.teams == {}


@pytest.mark.long
def test_all_of_it_works_without_a_script(visit: Visit, town: House) -> None:
    person = visit(java_script_enabled=False, accept_downloads=True)
    page = person.page
    page.goto("/upload")
    page.get_by_label("CSV file").set_input_files({"name": "plain.csv", "mimeType": "text/csv", "buffer": people_csv(300, 3)})
    page.get_by_label("Dataset that gets the rows").fill("plain")
    press(page, "Upload")
    page.wait_for_url("**/preview*")
    press(page, "Start the import")
    page.wait_for_url("**/tasks/*")
    imported = ends_as(town, page, State.SUCCEEDED)

    page.goto(f"/tasks/{counting(town).id}")
    press(page, "Pause")
    ends_as(town, page, State.PAUSED)
    page.reload()
    status(page, "paused")
    press(page, "Stop…")
    page.get_by_label("Reason").fill("enough")
    press(page, "Stop and take back")
    page.wait_for_url("**/tasks/*")
    ends_as(town, page, State.STOPPED)

    page.goto("/download")
    page.get_by_label("Dataset", exact=True).fill("plain")
    press(page, "Prepare the file")
    page.wait_for_url("**/tasks/*")
    ends_as(town, page, State.SUCCEEDED)
    page.reload()
    with page.expect_download():
        page.locator("#outcome").get_by_role("link").first.click()

    page.goto(f"/tasks/{imported.id}")
    press(page, "Undo…")
    press(page, "Take it back")
    page.goto("/datasets/plain")
    expect(page.locator("main")).to_contain_text("0 rows of 0 imports")


@pytest.mark.long  # `make browser-test` runs it, too
def test_nothing_keeps_people_from_using_a_page(visit: Visit, town: House) -> None:
    person = visit(bypass_csp=True)
    page = person.page
    rejecting = at_state(town, send(town, b"name,age\nada,36\nbob,old\n" + b"eve,7\n" * 30, dataset="seen"), State.SUCCEEDED)
    failed, _ = town.control.submit("test.count", {"steps": 3, "fail_at": 2}, actor="cyd")
    wait_until(lambda: town.control.get(failed.id).state is State.FAILED, PATIENCE)
    running = counting(town)
    reached(town, running, 5)
    with town.control.receive("people.csv", actor="ann") as writer:
        writer.write(people_csv(50, 4))
        upload = writer.commit()
    Timetable(town.control).put("seen", "generate", {"rows": 5}, cron="0 3 1 1 *", zone="UTC", actor="ann")
    Tellings(town.control).put("seen", "https://192.0.2.7/", states=["failed"], actor="ann")
    pages = (
        *(path for _, path, _ in PLACES),
        *(f"/tasks/{task.id}" for task in (rejecting, failed, running)),
        f"/tasks/{running.id}/stop/ask",
        f"/many?verb=undo&id={rejecting.id}&id={running.id}",
        f"/uploads/{upload.id}/preview?dataset=seen",
        "/datasets/seen",
        "/kinds/generate",
        "/kinds/generate/schedule?like=seen",
        "/webhooks/seen/deliveries",
        "/audit",
        "/audit?act=login&actor=nobody",  # no line fits
        "/docs/errors",
        "/datasets/none",  # an error is a page too
    )
    found = []
    for path in pages:
        page.goto(path)
        found += violations(page)
    person.forgive(r"404 .*/datasets/none")
    page.goto("/")
    page.locator(f"#row-{running.id}").get_by_role("button", name="Stop…").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found += violations(page)
    town.control.act(Verb.TERMINATE, running.id, actor="ann")
    assert found == []


def counting(town: House) -> Task:
    """A task that counts for minutes, a step each few milliseconds."""
    task, _ = town.control.submit("test.count", {"steps": 20_000, "nap": 0.01}, actor="ann")
    return task


def ends_as(town: House, page: Page, wanted: State) -> Task:
    """The task that the page shows, once it is in this state."""
    task = town.control.get(page.url.rpartition("/")[2])
    wait_until(lambda: town.control.get(task.id).state is wanted, PATIENCE)
    return task
