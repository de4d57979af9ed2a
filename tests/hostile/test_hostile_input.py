"""Every hostile input of the table, in sizes fit for the suite, all at the same time, while an honest import goes on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.hostile import CASES
from tests.hostile.stage import Stage
from tests.hostile.table import Case
from tests.support import at_state, parsed, people_csv, send, table_rows
from tests.web.serving import Served
from waystation.model import State
from waystation.wiring import House

TOWN = {"max_record": 2**20, "slots": 3}
Came = dict[str, "Future[dict[str, int]]"]


@pytest.fixture(scope="module")
def came(town: House) -> Iterator[Came]:
    """What came of each, once it has."""
    given = {"port": 0, "threads": 40, "sse_clients": 0, "request_seconds": 3.0, "upload_rate": 2**20}
    served = Served(town.settings.model_copy(update=given))
    data = people_csv(20_000)
    honest = send(town, data, dataset="honest")
    pool = ThreadPoolExecutor(6)
    try:
        yield {case.name: pool.submit(case.run, Stage(town, served.port, whole=False)) for case in CASES}
        at_state(town, honest, State.SUCCEEDED)
        assert table_rows(town, "honest") == parsed(data)
        assert served.ask("GET", "/healthz")[0] == 200
    finally:
        served.end()  # whoever still waits for it is let go
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hostile_input(came: Came, case: Case) -> None:
    assert came[case.name].result(120)
