"""A secret parameter: the kind gets it, and nobody sees it."""

from __future__ import annotations

import json

import pytest
from psycopg import sql
from pydantic import BaseModel, SecretStr

from tests.conftest import StartWorker, end_worker
from tests.support import at_state
from waystation.errors import IdempotencyKeyReused, InvalidParams
from waystation.model import State, Task, Verb
from waystation.sdk import Context, Effect, Retry, Steps, task
from waystation.secret import MASK
from waystation.web.shapes import TaskOut
from waystation.wiring import House

KINDS = {"kinds": ("tests.promises.test_secrets",)}
SECRET = 'tr"ès-secret word'


class Params(BaseModel):
    """With a secret."""

    token: SecretStr
    fail: bool = False


@task("secretive", changeable=("token", "fail"))
def secretive(ctx: Context, params: Params, cursor: int = 0) -> Steps:
    """Say the secret wherever there is something to say."""
    token = params.token.get_secret_value()
    for _ in ctx.each(range(2), cursor):
        ctx.log(f"with {token}", token=token)
        ctx.remember({"token": token}).keep(token)
        yield ctx.checkpoint()
    if params.fail:
        raise RuntimeError(f"{token} was refused", {"header": token})
    return {"letters": len(token), "token": token}


@secretive.reverse(retry=Retry(on=ConnectionError, times=1))
def unsay(ctx: Context, params: Params, effect: Effect) -> None:
    """Fails, with the secret in its words."""
    raise ValueError(f"no {params.token.get_secret_value()} at {effect.record}")


@pytest.fixture
def house(house: House) -> House:
    """With the kind of these tests."""
    house.registry.add(secretive)
    return house


def dump(house: House) -> str:
    """Every row of every table, but for the column that holds the secrets and the records of effects."""
    with house.database.transaction() as connection:
        tables = connection.execute("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'waystation'").fetchall()
        rows = []
        for table in tables:
            query = sql.SQL("SELECT to_jsonb(t) - 'secrets' - 'record' - 'answer' AS row FROM {} t").format(
                sql.Identifier(table["name"])
            )
            rows += [r["row"] for r in connection.execute(query)]
    return json.dumps(rows, ensure_ascii=False)


def shown(text: str) -> list[str]:
    return [form for form in (SECRET, json.dumps(SECRET)[1:-1], repr(SECRET)[1:-1], "ès-secret") if form in text]


def begin(house: House, **params: object) -> Task:
    made, _ = house.control.submit("secretive", {"token": SECRET, **params}, actor="ann")
    return made


def test_nobody_sees_it_and_the_kind_gets_it(
    capfd: pytest.CaptureFixture[str], house: House, start_worker: StartWorker
) -> None:
    worker = start_worker(**KINDS, log="debug")
    failed = at_state(house, begin(house, fail=True), State.FAILED)
    assert failed.error is not None
    assert failed.error["detail"] == f"RuntimeError: ('{MASK} was refused', {{'header': '{MASK}'}})"
    house.control.act(Verb.RETRY, failed.id, actor="ann", params={"fail": False})
    made = at_state(house, failed, State.SUCCEEDED)
    assert made.result is not None
    assert (made.result["letters"], made.result["token"]) == (len(SECRET), MASK), "a retry keeps the secret"
    house.control.act(Verb.UNDO, made.id, actor="ann")
    undone = at_state(house, made, State.UNDONE)
    [left] = undone.leftovers
    assert left["record"] == {"token": MASK}
    assert left["why"] == f"ValueError: no {MASK} at {{'token': '{MASK}'}}"
    assert shown(TaskOut.of(undone).model_dump_json()) == []
    assert shown(dump(house)) == []
    assert end_worker(worker) == 0
    said = capfd.readouterr()
    assert "was refused" in said.err
    assert shown(said.err + said.out) == []


def test_a_retry_may_change_it_and_it_goes_when_the_task_is_stopped(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS)
    failed = at_state(house, begin(house, fail=True), State.FAILED)
    house.control.act(Verb.RETRY, failed.id, actor="ann", params={"token": "another-one"})
    failed = at_state(house, failed, State.FAILED)
    assert failed.error is not None
    assert MASK in failed.error["detail"]
    assert "another-one" not in dump(house)
    house.control.act(Verb.STOP, failed.id, actor="ann")
    at_state(house, failed, State.STOPPED)
    with house.database.transaction() as connection:
        assert connection.execute("SELECT secrets FROM tasks").fetchall() == [{"secrets": None}]


def test_a_mask_is_not_taken_for_a_secret_and_another_secret_is_another_request(house: House) -> None:
    with pytest.raises(InvalidParams, match="in full"):
        house.control.submit("secretive", {"token": MASK}, actor="ann")
    first, _ = house.control.submit("secretive", {"token": "one-secret"}, actor="ann", idempotency_key="k")
    again, created = house.control.submit("secretive", {"token": "one-secret"}, actor="ann", idempotency_key="k")
    assert (again.id, created) == (first.id, False)
    with pytest.raises(IdempotencyKeyReused):
        house.control.submit("secretive", {"token": "other-secret"}, actor="ann", idempotency_key="k")
