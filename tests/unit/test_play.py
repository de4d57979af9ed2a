"""The test kit: a kind is played, stopped, gone on with and taken back, with no server."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from pydantic import BaseModel

from waystation.errors import BadRow, UploadNotFound, WrongKind
from waystation.sdk import Checkpoint, Context, Effect, Retry, Steps, task
from waystation.sdk.testing import play, take_back

FILE = UUID(int=5)
PEOPLE = "name,phone\nann,1\nbob,2\n\ncem,3\ndee,4\n"

world: dict[str, str] = {}  # what stands outside, by key


class Params(BaseModel):
    """Whom to invite."""

    upload: UUID = FILE
    fail_at: str = ""
    stubborn: str = ""


@task("guests.invite", unit="guests")
def invite(ctx: Context, params: Params, cursor: object = None) -> Steps:
    """Invite everybody in a file, and write a list."""
    out = ctx.open_result("list.txt")
    for row in ctx.rows(params.upload, cursor):
        effect = ctx.remember({"name": row["name"]}, item=row)
        if not effect.known:
            world[effect.key] = row["name"]
            if row["name"] == params.fail_at:
                raise ConnectionError("no answer")
            effect.keep(effect.key)
        out.write(f"{row['name']}\n".encode())
        ctx.log(f"invited {row['name']}")
        yield ctx.checkpoint(invited=row.number)
    return {"guests": len(world)}


@invite.reverse(retry=Retry(on=ConnectionError, times=2))
def uninvite(ctx: Context, params: Params, effect: Effect) -> None:
    """Send another letter."""
    if effect.record["name"] == params.stubborn:
        raise ConnectionError("not at home")
    world.pop(effect.key, None)


@pytest.fixture(autouse=True)
def _nobody() -> None:
    world.clear()


def test_all_that_it_did_is_there_to_be_looked_at() -> None:
    played = play(invite, {}, uploads={FILE: PEOPLE})
    assert [(c.done, c.total, c.counts) for c in played.checkpoints] == [(n, 4, {"invited": n}) for n in (1, 2, 3, 4)]
    assert (played.finished, played.value, played.log[-1]) == (True, {"guests": 4}, "invited dee")
    assert played.results == {"list.txt": b"ann\nbob\ncem\ndee\n"}
    assert played.standing == [{"name": name} for name in ("ann", "bob", "cem", "dee")]
    assert [n.known for n in played.noted] == [True] * 4


def test_it_goes_on_where_it_stopped_with_what_it_remembers_and_wrote(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE)
    files = {str(FILE): tmp_path / "people.csv"}
    first = play(invite, {}, uploads=files, stop_after=2)
    assert (first.finished, first.results) == (False, {"list.txt": b"ann\nbob\n"})
    second = play(invite, {}, after=first, uploads=files)
    assert [c.done for c in second.checkpoints] == [3, 4]
    assert second.results == {"list.txt": b"ann\nbob\ncem\ndee\n"}
    assert len(second.standing) == len(world) == 4


def test_what_is_taken_back_is_gone_and_what_can_not_be_is_named() -> None:
    played = play(invite, {}, uploads={FILE: PEOPLE}, stop_after=3)
    back = take_back(invite, {"stubborn": "bob"}, played)
    assert list(world.values()) == ["bob"]
    assert (back.finished, back.standing) == (True, [])
    assert back.leftovers == [({"name": "bob"}, "ConnectionError: not at home")]
    assert [n.tries for n in played.noted] == [0, 3, 0]


def test_an_effect_without_an_answer_is_taken_back_too() -> None:
    first = play(invite, {}, uploads={FILE: PEOPLE}, stop_after=1)
    with pytest.raises(ConnectionError):
        play(invite, {"fail_at": "bob"}, after=first, uploads={FILE: PEOPLE})
    assert [(n.record, n.known) for n in first.noted] == [({"name": "ann"}, True), ({"name": "bob"}, False)]
    take_back(invite, {}, first)
    assert world == {}


def test_what_is_wrong_with_a_file_is_said() -> None:
    with pytest.raises(UploadNotFound, match="uploads="):
        play(invite, {})
    with pytest.raises(BadRow, match="Line 3"):
        play(invite, {}, uploads={FILE: b"name,phone\nann,1\nbob\n"})


def test_a_kind_that_says_nothing_about_taking_back_is_told_how() -> None:
    @task("once")
    def once(ctx: Context, params: Params, cursor: int = 0) -> Steps:
        yield Checkpoint(cursor=1)

    with pytest.raises(WrongKind, match="nothing about taking back"):
        take_back(once, {}, play(once, {}))
