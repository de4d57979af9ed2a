"""Append, replace, skip and update, undone in any order: what readers see and an export has is what a small model says.

WAYSTATION_EXAMPLES sets how many histories are tried.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.imports.conftest import Desk
from tests.support import parsed, part_tables, send, table_rows
from waystation.model import State, Task, Verb
from waystation.storage import datasets

HOUSE = {"chunk_rows": 6}  # steps of three rows
EXAMPLES = int(os.environ.get("WAYSTATION_EXAMPLES", "2"))
NUMBERS = itertools.count()
TYPES = {"id": "bigint", "kind": "text", "v": "text", "w": "bigint"}
KEY = ("id", "kind")

Row = dict[str, str | None]


@st.composite
def files(draw: st.DrawFn) -> list[Row]:
    """Some rows; with empty values among them, and not always with the same columns."""
    columns = draw(st.sampled_from([["id", "kind", "v"], ["kind", "id", "w"], ["id", "kind", "v", "w"]]))
    values = {
        "id": st.sampled_from(["1", "2", "3", "4", None]),
        "kind": st.sampled_from(["a", "A", "b"]),
        "v": st.sampled_from(["x", "y", None]),
        "w": st.sampled_from(["7", "8", None]),
    }
    return draw(st.lists(st.fixed_dictionaries({name: values[name] for name in columns}), min_size=1, max_size=9))


@dataclass
class Published:
    """What an import has published: `rows` for good, whatever becomes of others."""

    task: Task
    rows: list[Row]
    replaces: bool


class Model:
    """A dataset as DESIGN has it."""

    def __init__(self) -> None:
        self.live: list[Published] = []
        self.columns: list[str] = []

    def visible(self) -> list[Row]:
        """What readers see: from the last replace on, as far as it is not undone."""
        first = max((at for at, batch in enumerate(self.live) if batch.replaces), default=0)
        return [row for batch in self.live[first:] for row in batch.rows]

    def publish(self, task: Task, rows: list[Row], mode: str, on_conflict: str | None) -> None:
        """One row after the other, as anybody would do it by hand."""
        base = self.visible() if mode == "append" else []
        made = [dict(row) for row in base] if on_conflict == "update" else []
        for row in rows:
            if on_conflict is None:
                made.append(row)
                continue
            key = [row[name] for name in KEY]
            if None in key:
                continue
            same = [other for other in (made if on_conflict == "update" else base + made) if [other.get(n) for n in KEY] == key]
            if on_conflict == "update":
                for other in same:
                    other.update(row)
            if not same:
                made.append(dict(row))
        if not self.live:
            self.columns = []
        self.columns += [name for name in rows[0] if name not in self.columns]
        self.live.append(Published(task, made, mode == "replace" or on_conflict == "update"))

    def undo(self, batch: Published) -> None:
        """It is as if it had never been; others keep their rows."""
        self.live.remove(batch)
        if not self.live:
            self.columns = []


def machine(desk: Desk) -> type[RuleBasedStateMachine]:
    """A machine of histories in a house."""

    class History(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.name = f"history_{next(NUMBERS)}"
            self.model = Model()
            self.begun: tuple[Task, list[Row], str, str | None] | None = None

        def _send(self, rows: list[Row], mode: str, on_conflict: str | None) -> Task:
            columns = list(rows[0])
            lines = [",".join(columns), *(",".join(row[name] or "" for name in columns) for row in rows), ""]
            more: dict[str, Any] = {} if on_conflict is None else {"key": list(KEY), "on_conflict": on_conflict}
            types = {name: TYPES[name] for name in columns}
            return send(
                desk.house,
                "\n".join(lines).encode(),
                dataset=self.name,
                mode=mode,
                types=types,
                allow_duplicate=True,
                **more,
            )

        def _done(self, task: Task, rows: list[Row], mode: str, on_conflict: str | None) -> None:
            ended = desk.end(task)
            assert ended.state is State.SUCCEEDED, ended.error
            self.model.publish(task, rows, mode, on_conflict)

        @rule(rows=files(), mode=st.sampled_from(["append", "append", "replace"]))
        def imports(self, rows: list[Row], mode: str) -> None:
            self._done(self._send(rows, mode, None), rows, mode, None)

        @rule(
            rows=files(), on_conflict=st.sampled_from(["skip", "update"]), mode=st.sampled_from(["append", "append", "replace"])
        )
        def imports_by_key(self, rows: list[Row], on_conflict: str, mode: str) -> None:
            self._done(self._send(rows, mode, on_conflict), rows, mode, on_conflict)

        @precondition(lambda self: self.begun is None)
        @rule(rows=files(), on_conflict=st.sampled_from(["skip", "update"]), steps=st.integers(1, 9))
        def begins_by_key_and_is_paused(self, rows: list[Row], on_conflict: str, steps: int) -> None:
            task = self._send(rows, "append", on_conflict)
            desk.step(steps)
            if desk.house.control.get(task.id).state is State.SUCCEEDED:
                self.model.publish(task, rows, "append", on_conflict)
            else:
                desk.house.control.act(Verb.PAUSE, task.id, actor="ann")
                self.begun = (task, rows, "append", on_conflict)

        @precondition(lambda self: self.begun is not None)
        @rule()
        def goes_on(self) -> None:
            assert self.begun is not None
            desk.house.control.act(Verb.RESUME, self.begun[0].id, actor="ann")
            self._done(*self.begun)
            self.begun = None

        @precondition(lambda self: self.model.live)
        @rule(data=st.data())
        def undoes(self, data: st.DataObject) -> None:
            batch = data.draw(st.sampled_from(self.model.live))
            desk.house.control.act(Verb.UNDO, batch.task.id, actor="ann")
            assert desk.end(batch.task).state is State.UNDONE
            self.model.undo(batch)

        @invariant()
        def readers_and_exports_have_what_the_model_says(self) -> None:
            if not self.model.live:
                return
            wanted = [[row.get(name) for name in self.model.columns] for row in self.model.visible()]
            assert [c.name for c in desk.house.control.dataset(self.name).columns] == self.model.columns
            assert table_rows(desk.house, self.name) == wanted
            assert desk.house.control.dataset(self.name).rows == len(wanted)
            export, _ = desk.house.control.submit("export", {"dataset": self.name}, actor="ann")
            assert desk.end(export).state is State.SUCCEEDED
            assert parsed(desk.house.control.result(export.id).read_bytes()) == wanted

        def teardown(self) -> None:
            if self.begun is not None:
                desk.house.control.act(Verb.STOP, self.begun[0].id, actor="ann")
            for batch in self.model.live:
                desk.house.control.act(Verb.UNDO, batch.task.id, actor="ann")
            desk.work()
            with desk.house.database.connect("ws:test") as connection:
                for id in datasets.unread(connection):  # what an import had pinned goes with the reaper's next round
                    datasets.drop(connection, id)
                connection.commit()
            assert part_tables(desk.house) == []

    return History


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_readers_and_exports_see_what_a_small_model_says(desk: Desk) -> None:
    run_state_machine_as_test(
        machine(desk),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
