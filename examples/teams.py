"""Create a team for each row of a CSV through a slow API, eight calls at a time, and take them back when the task is stopped.

    WAYSTATION_KINDS=examples.teams waystation up
    python examples/team_service.py

Start it on the page, or with: waystation submit teams.create --file upload=teams.csv
"""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import UUID

from pydantic import BaseModel, Field

from waystation.sdk import Context, Effect, Retry, Row, Steps, task


class Params(BaseModel):
    """Which teams, and where."""

    upload: UUID = Field(description="A CSV with the columns name and phone.")
    service: str = Field("http://127.0.0.1:8900", description="Where the team service answers.")


class Refused(Exception):
    """The service does not want it, and would not want it a second time."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


AGAIN = Retry(on=OSError, times=10, first=0.2)  # the service drops some calls; the next one comes through, as a rule


@task("teams.create", unit="teams", call_timeout=5, retry=AGAIN)
def create(ctx: Context, params: Params, cursor: object = None) -> Steps:
    """Create a team for each row of a CSV."""

    def make(row: Row) -> int:
        return new_team(ctx, params, row, ctx.idempotency_key(row))

    for _row, _team in ctx.map(make, ctx.rows(params.upload, cursor), workers=8):
        yield ctx.checkpoint()


@create.reverse(workers=8, retry=AGAIN)
def delete(ctx: Context, params: Params, effect: Effect) -> None:
    """Delete one team. Where the answer was lost, the same call under the same key tells its id."""
    id = effect.answer or new_team(ctx, params, effect.record, effect.key)
    try:
        ask(ctx, f"{params.service}/teams/{id}", "DELETE")
    except Refused as error:
        if error.status != 404:  # not there: that is what is wanted
            raise


def new_team(ctx: Context, params: Params, row: dict[str, str], key: str) -> int:
    """The id of the team that was created, now or by an earlier call with this key."""
    data = json.dumps({"name": row["name"], "phone": row["phone"]}).encode()
    made: int = ask(ctx, f"{params.service}/teams", "POST", data, {"Idempotency-Key": key})["id"]
    return made


def ask(
    ctx: Context, url: str, method: str, data: bytes | None = None, headers: dict[str, str] | None = None
) -> dict[str, int]:
    """One call of the service; what may pass (no answer, 5xx) is an OSError, all else Refused."""
    request = Request(url, data, headers or {}, method=method)
    try:
        with urlopen(request, timeout=ctx.call_timeout) as answer:
            found: dict[str, int] = json.load(answer)
            return found
    except HTTPError as error:
        if error.code >= 500:
            raise
        raise Refused(error.code, f"{method} {url}: {error}") from error
