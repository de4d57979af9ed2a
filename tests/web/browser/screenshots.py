"""Pictures of every page for docs/page.md: light and dark, on a desk and on a phone.

    python -m tests.web.browser.screenshots [--only NAME…] [--into docs/screenshots]

A house of its own on private servers is filled with tasks that people would have; it ends with the pictures. What is older is
overwritten. Needs Chromium.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from tests.conftest import end_worker, launch_worker
from tests.kinds import TABLE
from tests.support import at_state, people_csv, reached, send, wait_until
from tests.web.browser.chromium import ABSENT, Visitor, executable, launched
from tests.web.browser.small_png import small
from tests.web.serving import Served
from waystation.model import State, Verb
from waystation.settings import Settings
from waystation.tellings import Tellings
from waystation.timetable import Timetable
from waystation.wiring import House, open_house

INTO = Path(__file__).parents[3] / "docs" / "screenshots"
SIZES = {"desk": {"width": 1200, "height": 780}, "phone": {"width": 390, "height": 780}}
SHOWN = {"reference": ".opblock"}  # what is made by a script after the page has come
BAD = "2,ann@example.org,twelve,2026-03-01\n3,,7,2026-03-02\n4,eve@example.org,9,2026-13-45\n"
LONG_NAME = "customers-and-their-orders-of-the-northern-region-2026-q1-corrected-final.csv"


def fill(house: House) -> dict[str, str]:
    """Tasks in every state, with people's names: the address of each page that is worth a picture."""
    control, tellings = house.control, Tellings(house.control)
    tellings.put("pager", "https://192.0.2.7/hooks/night-shift", states=["failed"], actor="ann")
    tellings.put("warehouse", "https://192.0.2.8/loaded", kind="export", states=["succeeded"], actor="ann", held=True)
    march = at_state(house, send(house, people_csv(120_000, 1), "customers-march.csv", dataset="customers"), State.SUCCEEDED)
    orders = (
        "id,email,amount,record_date\n"
        + BAD
        + "".join(f"{n},bo@example.org,{n % 90},2026-03-{n % 28 + 1:02d}\n" for n in range(5, 9000))
    )
    rejecting = at_state(house, send(house, orders.encode(), LONG_NAME, dataset="orders"), State.SUCCEEDED)
    wrong = at_state(house, send(house, people_csv(30_000, 3), "customers-april.csv", dataset="customers"), State.SUCCEEDED)
    control.act(Verb.UNDO, wrong.id, actor="cyd", reason="two columns exchanged")
    export, _ = control.submit("export", {"dataset": "customers", "from": "2014-01-01", "till": "2016-12-31"}, actor="cyd")
    at_state(house, export, State.SUCCEEDED)
    failing = b"id,email\n" + b"x,ann@example.org\n" * 40
    failed = send(house, failing, "partners.csv", dataset="partners", max_errors=20, types={"id": "bigint"})
    wait_until(lambda: control.get(failed.id).state is State.FAILED, 60)
    paused, _ = control.submit("test.count", {"steps": 4000, "nap": 0.01}, actor="dan")
    reached(house, paused, 150)
    control.act(Verb.PAUSE, paused.id, actor="dan", reason="the night job needs the machine")
    at_state(house, paused, State.PAUSED)
    control.submit("generate", {"rows": 60_000_000}, actor="ann")
    counting, _ = control.submit("test.count", {"steps": 9000, "nap": 0.01}, actor="bob")
    control.submit("generate", {"rows": 20_000_000}, actor="eve")  # waits: both slots are taken
    reached(house, counting, 500, 120)
    table = Timetable(control)
    table.put("nightly", "export", {"dataset": "customers"}, cron="0 3 * * mon-fri", zone="Europe/Berlin", actor="ann")
    table.put("samples", "generate", {"rows": 1000}, cron="30 6 1 * *", zone="UTC", actor="bob", held=True)
    header, rows = people_csv(400, 4).split(b"\n", 1)
    with control.receive("customers-may.csv", actor="ann") as writer:
        writer.write(header.replace(b"phone,email", b"email,phone") + b"\n" + rows)
        upload = writer.commit()
    return {
        "tasks": "/",
        "nothing-fits": "/?search=june",
        "task-running": f"/tasks/{counting.id}",
        "task-rejects": f"/tasks/{rejecting.id}",
        "task-failed": f"/tasks/{failed.id}",
        "task-export": f"/tasks/{export.id}",
        "undo": f"/tasks/{march.id}/undo/ask",
        "upload": "/upload",
        "preview": f"/uploads/{upload.id}/preview?dataset=customers",
        "download": "/download?dataset=customers",
        "datasets": "/datasets",
        "dataset": "/datasets/customers",
        "kinds": "/kinds",
        "kind": "/kinds/generate",
        "schedules": "/schedules",
        "schedule": "/kinds/export/schedule?like=nightly",
        "webhooks": "/webhooks",
        "system": "/system",
        "audit": "/audit",
        "reference": "/docs",
        "error": "/datasets/none",
    }


def take(page: Page, painter: Page, path: Path) -> int:
    """One picture: its bytes."""
    page.wait_for_load_state("load")
    page.wait_for_function("document.fonts.status === 'loaded'")
    data = small(painter, page.screenshot(animations="disabled"))
    path.write_bytes(data)
    return len(data)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="names of pages")
    parser.add_argument("--into", type=Path, default=INTO)
    asked = parser.parse_args()
    chromium = executable()
    if chromium is None:
        sys.exit(ABSENT)
    asked.into.mkdir(parents=True, exist_ok=True)
    total = 0
    with tempfile.TemporaryDirectory(prefix="ws-shots-") as home:
        settings = Settings.from_env(
            {},
            home=Path(home),
            port=0,
            kinds="tests.kinds",
            log="error",
            slice=600.0,
            actor="ann",
            webhook_networks=("192.0.2.0/24",),
        )
        with open_house(settings) as house, launched(chromium) as browser:
            house.settings = settings.model_copy(update={"database_url": house.database_url, "redis_url": house.redis_url})
            with house.database.transaction() as connection:
                connection.execute(TABLE)
            worker = launch_worker(house)
            served = Served(house.settings)
            try:
                pages = fill(house)
                base = f"http://127.0.0.1:{served.port}"
                painter = Visitor(browser, base).page
                for size, viewport in SIZES.items():
                    for scheme in ("light", "dark"):
                        page = Visitor(browser, base, viewport=viewport, color_scheme=scheme).page
                        for name, path in pages.items():
                            if asked.only and name not in asked.only:
                                continue
                            page.goto(path)
                            if name in SHOWN:
                                page.locator(SHOWN[name]).first.wait_for()
                            total += take(page, painter, asked.into / f"{name}-{size}-{scheme}.png")
                        page.context.close()
            finally:
                served.end()
                end_worker(worker)
    print(f"{total / 1e6:.2f} MB of pictures in {asked.into}")


if __name__ == "__main__":
    main()
