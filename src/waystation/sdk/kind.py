"""A kind: a type of task, made of one generator function by `@task`."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any, Protocol, overload
from uuid import UUID

from pydantic import BaseModel, ValidationError

from waystation.csvio.limits import FileLimits
from waystation.errors import InvalidParams, KindNotFound, WrongKind
from waystation.model import Dataset, JsonValue, KindInfo, Task, Upload
from waystation.sdk.context import CALL_TIMEOUT, Context
from waystation.sdk.form import must_be_steps, must_take_one, params_of
from waystation.sdk.retry import Retry
from waystation.sdk.reversal import Reverse, TakeBack
from waystation.sdk.steps import Steps
from waystation.wording import problem

Run = Callable[..., Steps]
STEP_TIMEOUT = 60.0  # seconds that a step may take, unless its kind says otherwise
REVERSE_RETRY = Retry(on=Exception, times=8, first=1.0, longest=60.0)
_NAME = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")
_QUEUE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$")


class Look(Protocol):
    """What a check may look at before its task exists."""

    @property
    def file_limits(self) -> FileLimits:
        """How large what is in a file may be."""

    def open_upload(self, id: UUID) -> typing.BinaryIO:
        """Read an upload; UploadNotFound if it is not there."""

    def upload(self, id: UUID) -> Upload:
        """An upload's name and size; UploadNotFound if it is not there."""

    def dataset(self, name: str) -> Dataset | None:
        """A dataset, if it is there."""

    def same_file(self, upload: UUID, dataset: str) -> Task | None:
        """The latest task that has put the same bytes into the dataset, where readers see them, or is about to.

        From now until the check's task is there, or refused, no other one is made of this file.
        """


Check = Callable[[Look, Any], None]
Rank = Callable[[Look, Any], int]
Label = Callable[[Any], str]
LONGEST_LABEL = 200  # letters of what people call a task


class Kind:
    """A type of task. Made by `@task`; the decorated name is a Kind, and has `.undo` and `.check` as decorators."""

    def __init__(
        self,
        name: str,
        function: Run,
        *,
        undoable: bool = False,
        changeable: Iterable[str] = (),
        queue: str = "default",
        priority: int = 0,
        unit: str = "steps",
        retry: Retry | None = None,
        step_timeout: float = STEP_TIMEOUT,
        call_timeout: float = CALL_TIMEOUT,
        unique: str | Callable[[Any], object] | None = None,
    ) -> None:
        if not _NAME.match(name) or len(name) > 60:
            raise WrongKind(f"{name!r} is no name for a kind: use words of a-z, 0-9 and _, joined by dots.")
        if not _QUEUE.match(queue):
            raise WrongKind(f"Kind {name!r}: {queue!r} is no name for a queue: use letters, digits, _ and -.")
        if step_timeout <= 0 or call_timeout <= 0:
            raise WrongKind(f"Kind {name!r}: step_timeout and call_timeout must be more than 0 seconds.")
        self.name = name
        self.run = function
        self.params = params_of(name, function)
        self.summary = (inspect.getdoc(function) or "").partition("\n")[0]
        self.undo_steps: Run | None = None
        self.reversing: Reverse | None = None
        self.check_params: Check | None = None
        self.rank_params: Rank | None = None
        self.label_params: Label | None = None
        self.undoable = undoable
        self.changeable = tuple(changeable)
        self.queue = queue
        self.priority = priority
        self.unit = unit
        self.retry = retry
        self.step_timeout = step_timeout
        self.call_timeout = call_timeout
        self.unique = unique
        if isinstance(unique, str) and unique not in self.params.model_fields:
            raise WrongKind(f"Kind {name!r}: unique names {unique!r}, which is no parameter of it.")
        if unknown := set(self.changeable) - set(self.params.model_fields):
            raise WrongKind(f"Kind {name!r}: changeable names {sorted(unknown)}, which are no parameters of it.")

    def undo(self, function: Run) -> Run:
        """Decorator: these steps take back what the kind did; its tasks can be undone."""
        must_be_steps(self.name, function)
        self.undo_steps = function
        self.undoable = True
        return function

    @overload
    def reverse(self, function: TakeBack) -> TakeBack: ...

    @overload
    def reverse(self, *, workers: int = 1, retry: Retry = REVERSE_RETRY) -> Callable[[TakeBack], TakeBack]: ...

    def reverse(
        self, function: TakeBack | None = None, *, workers: int = 1, retry: Retry = REVERSE_RETRY
    ) -> TakeBack | Callable[[TakeBack], TakeBack]:
        """Decorator: `(ctx, params, effect)` takes back one thing that the kind did outside and had remembered.

        It is called for each effect, latest first, `workers` at a time, when a task is stopped or undone; before the steps of
        `undo`, if there are any. It must take "not there" for done, and an effect whose answer is not known for one that may
        have happened. An error is tried again by `retry`; what fails for good joins the task's leftovers.
        """

        def take(function: TakeBack) -> TakeBack:
            must_take_one(self.name, function)
            self.reversing = Reverse(function, workers, retry)
            self.undoable = True
            return function

        if workers < 1:
            raise WrongKind(f"Kind {self.name!r}: workers of a reverse must be 1 or more.")
        return take if function is None else take(function)

    @property
    def takes_back(self) -> bool:
        """Whether taking back what its tasks did needs code of its own."""
        return self.undo_steps is not None or self.reversing is not None

    def check(self, function: Check) -> Check:
        """Decorator: a quick look at the parameters when a task is submitted; it raises what is wrong with them."""
        self.check_params = function
        return function

    def rank(self, function: Rank) -> Rank:
        """Decorator: the priority of a task whose request names none, by its parameters."""
        self.rank_params = function
        return function

    def label(self, function: Label) -> Label:
        """Decorator: what people call a task, by its parameters: the page, the command line and webhooks tell it by that."""
        self.label_params = function
        return function

    def label_of(self, params: BaseModel) -> str | None:
        """What people call a task with these parameters, on one line; None where the kind does not say."""
        said = "" if self.label_params is None else self.label_params(params)
        return " ".join(said.split())[:LONGEST_LABEL] or None

    def parse(self, params: Mapping[str, JsonValue]) -> BaseModel:
        """The parameters as the kind's model; InvalidParams says which field is wrong."""
        try:
            return self.params.model_validate(params)
        except ValidationError as error:
            fields = [
                {
                    "field": ".".join(str(p) for p in e["loc"]) or "params",
                    "problem": problem(e["msg"], e["type"], f"{self.name!r}"),
                }
                for e in error.errors(include_input=False, include_url=False, include_context=False)
            ]
            said = "; ".join(f"{f['field']}: {f['problem']}" for f in fields)
            raise InvalidParams(f"The parameters of {self.name!r} are not right: {said}.", fields=fields) from error

    def unique_key(self, params: BaseModel) -> str | None:
        """What no two unfinished tasks of this kind may have in common; None: nothing."""
        if self.unique is None:
            return None
        value = getattr(params, self.unique) if isinstance(self.unique, str) else self.unique(params)
        return str(value)[:500]

    def begin(self, function: Run, ctx: Context, params: BaseModel, cursor: JsonValue) -> Steps:
        """Start the kind's steps (or its undo's) from a cursor; without one, from the default of the function itself."""
        return function(ctx, params, *(() if cursor is None else (cursor,)))

    def info(self) -> KindInfo:
        """What the API tells of it."""
        return KindInfo(self.name, self.summary, self.params.model_json_schema(), self.undoable, self.changeable)


def task(
    name: str,
    *,
    undoable: bool = False,
    changeable: Iterable[str] = (),
    queue: str = "default",
    priority: int = 0,
    unit: str = "steps",
    retry: Retry | None = None,
    step_timeout: float = STEP_TIMEOUT,
    call_timeout: float = CALL_TIMEOUT,
    unique: str | Callable[[Any], object] | None = None,
) -> Callable[[Run], Kind]:
    """Make a kind of a generator function `(ctx: Context, params: Model, cursor = …) -> Steps`.

    name: words of a-z, 0-9 and _, joined by dots, such as "teams.create".
    undoable: all that the kind leaves are batches and result files, which Waystation takes back by itself. A kind with
    effects of its own says how by `@name.undo` instead.
    changeable: parameters that a retry may change. unit: what `done` and `total` count.
    queue: where its tasks wait; `waystation worker` answers all queues of the kinds it knows. priority: of a task whose request
    names none; more is sooner.
    retry: which errors are worth another try; without it an error fails the task.
    step_timeout: seconds within which it must yield. A step that takes longer is ended and its task fails: between two yields
    nobody can pause or stop it.
    call_timeout: seconds that a call outside may take: one is begun only while the task is surely this attempt's for as long.
    unique: a parameter's name, or a function of the parameters: no two unfinished tasks of the kind may have the same.
    Raises WrongKind at once for a function that is not written so.
    """
    if not isinstance(name, str):
        raise WrongKind("@task stands without a name.")
    return lambda function: Kind(
        name,
        function,
        undoable=undoable,
        changeable=changeable,
        queue=queue,
        priority=priority,
        unit=unit,
        retry=retry,
        step_timeout=step_timeout,
        call_timeout=call_timeout,
        unique=unique,
    )


class Registry:
    """The kinds that this process knows."""

    def __init__(self, kinds: Iterable[Kind] = ()) -> None:
        self._kinds: dict[str, Kind] = {}
        for kind in kinds:
            self.add(kind)

    @classmethod
    def load(cls, modules: Iterable[str]) -> Registry:
        """The kinds that stand in these modules, and those that installed packages offer as `waystation.kinds`. Modules are
        looked for in the working directory too.

        Raises WrongKind for a module that can't be imported or a name that is given twice.
        """
        registry = cls()
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())  # last, so that nothing there hides what is installed
        for name in [*modules, *sorted({e.value for e in entry_points(group="waystation.kinds")})]:
            try:
                module = importlib.import_module(name)
            except WrongKind:
                raise
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
                raise WrongKind(f"The module {name!r} of WAYSTATION_KINDS can't be imported: {why}.") from error
            for value in vars(module).values():
                if isinstance(value, Kind):
                    registry.add(value)
        return registry

    def add(self, kind: Kind) -> None:
        """Know one more kind; WrongKind if another has its name."""
        if self._kinds.get(kind.name, kind) is not kind:
            raise WrongKind(f"Two kinds are named {kind.name!r}: give one of them another name.")
        self._kinds[kind.name] = kind

    def add_all(self, kinds: Iterable[Kind]) -> None:
        """Know some more; WrongKind if another has the name of one."""
        for kind in kinds:
            self.add(kind)

    def get(self, name: str) -> Kind:
        """The kind of this name; KindNotFound without one."""
        try:
            return self._kinds[name]
        except KeyError:
            raise KindNotFound(f"There is no kind named {name!r}.") from None

    def find(self, name: str) -> Kind | None:
        """The kind of this name, or None."""
        return self._kinds.get(name)

    def __iter__(self) -> typing.Iterator[Kind]:
        return iter(sorted(self._kinds.values(), key=lambda k: k.name))
