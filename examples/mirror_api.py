"""Copy all that a paged API has into a dataset, which readers see replaced in one moment, and only when all of it is there.

    python examples/people_service.py
    WAYSTATION_KINDS=examples.mirror_api waystation up

Start it on the page, or with: waystation submit people.mirror --set dataset=people
"""

from __future__ import annotations

import json
from typing import Any
from urllib.request import urlopen

from pydantic import BaseModel, Field

from waystation.sdk import Checkpoint, Context, Retry, Steps, task

COLUMNS = {"id": "bigint", "name": "text", "born": "date", "tags": "json"}


class Params(BaseModel):
    """From where, and where to."""

    service: str = Field("http://127.0.0.1:8901", description="Where the people service answers.")
    dataset: str = Field("people", description="The dataset that becomes what the service has.")


@task("people.mirror", unit="people", unique="dataset", undoable=True, retry=Retry(on=OSError, times=10, first=0.2))
def mirror(ctx: Context, params: Params, cursor: str = "") -> Steps:
    """Mirror a paged API into a dataset."""
    batch = ctx.batch(params.dataset, COLUMNS, mode="replace")
    while True:
        page = ask(f"{params.service}/people?after={cursor}", ctx.call_timeout)
        batch.add_rows(page["people"])
        if page["next"] is None:
            return {"rows": batch.rows}
        cursor = page["next"]
        yield Checkpoint(cursor, done=batch.rows, total=page["total"])


def ask(url: str, timeout: float) -> dict[str, Any]:
    """One page. No answer, and an answer that is an error, are an OSError: they are tried again."""
    with urlopen(url, timeout=timeout) as answer:
        found: dict[str, Any] = json.load(answer)
        return found
