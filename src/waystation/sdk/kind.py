"""A kind: a type of task, made of one generator function by `@task`."""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel, ValidationError

from waystation.errors import InvalidParams, KindNotFound, WrongKind
from waystation.model import Dataset, JsonValue, KindInfo, Upload
from waystation.sdk.context import Context
from waystation.sdk.steps import Steps

Run = Callable[..., Steps]
_NAME = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")


class Look(Protocol):
    """What a check may look at before its task exists."""

    def open_upload(self, id: UUID) -> typing.BinaryIO:
        """Read an upload; UploadNotFound if it is not there."""

    def upload(self, id: UUID) -> Upload:
        """An upload's name and size; UploadNotFound if it is not there."""

    def dataset(self, name: str) -> Dataset | None:
        """A dataset, if it is there."""


Check = Callable[[Look, Any], None]
Rank = Callable[[Look, Any], int]


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
        unit: str = "steps",
    ) -> None:
        if not _NAME.match(name) or len(name) > 60:
            raise WrongKind(f"{name!r} is no name for a kind: use words of a-z, 0-9 and _, joined by dots.")
        self.name = name
        self.run = function
        self.params = _params_of(name, function)
        self.summary = (inspect.getdoc(function) or "").partition("\n")[0]
        self.undo_steps: Run | None = None
        self.check_params: Check | None = None
        self.rank_params: Rank | None = None
        self.undoable = undoable
        self.changeable = tuple(changeable)
        self.queue = queue
        self.unit = unit
        if unknown := set(self.changeable) - set(self.params.model_fields):
            raise WrongKind(f"Kind {name!r}: changeable names {sorted(unknown)}, which are no parameters of it.")

    def undo(self, function: Run) -> Run:
        """Decorator: these steps take back what the kind did; its tasks can be undone."""
        _must_be_generator(self.name, function)
        self.undo_steps = function
        self.undoable = True
        return function

    def check(self, function: Check) -> Check:
        """Decorator: a quick look at the parameters when a task is submitted; it raises what is wrong with them."""
        self.check_params = function
        return function

    def rank(self, function: Rank) -> Rank:
        """Decorator: the priority of a task whose request names none; more is sooner, and 0 is the usual."""
        self.rank_params = function
        return function

    def parse(self, params: Mapping[str, JsonValue]) -> BaseModel:
        """The parameters as the kind's model; InvalidParams says which field is wrong."""
        try:
            return self.params.model_validate(params)
        except ValidationError as error:
            fields = [
                {"field": ".".join(str(p) for p in e["loc"]) or "params", "problem": e["msg"]}
                for e in error.errors(include_input=False, include_url=False, include_context=False)
            ]
            said = "; ".join(f"{f['field']}: {f['problem']}" for f in fields)
            raise InvalidParams(f"The parameters of {self.name!r} are not right: {said}.", fields=fields) from error

    def begin(self, function: Run, ctx: Context, params: BaseModel, cursor: JsonValue) -> Steps:
        """Start the kind's steps (or its undo's) from a cursor; without one, from the default of the function itself."""
        return function(ctx, params, *(() if cursor is None else (cursor,)))

    def info(self) -> KindInfo:
        """What the API tells of it."""
        return KindInfo(self.name, self.summary, self.params.model_json_schema(), self.undoable, self.changeable)


def task(
    name: str, *, undoable: bool = False, changeable: Iterable[str] = (), queue: str = "default", unit: str = "steps"
) -> Callable[[Run], Kind]:
    """Make a kind of a generator function `(ctx: Context, params: Model, cursor = …) -> Steps`.

    name: words of a-z, 0-9 and _, joined by dots, such as "teams.create".
    undoable: all that the kind leaves are batches and result files, which Waystation takes back by itself. A kind with
    effects of its own says how by `@name.undo` instead.
    changeable: parameters that a retry may change. unit: what `done` and `total` count.
    Raises WrongKind at once for a function that is not written so.
    """
    return lambda function: Kind(name, function, undoable=undoable, changeable=changeable, queue=queue, unit=unit)


def _must_be_generator(name: str, function: Callable[..., Any]) -> None:
    if not inspect.isgeneratorfunction(function):
        called = getattr(function, "__name__", str(function))
        raise WrongKind(f"Kind {name!r}: {called!r} is not a generator function; it must yield Checkpoint(…).")
    if len(inspect.signature(function).parameters) != 3:
        raise WrongKind(f"Kind {name!r}: its function takes (ctx, params, cursor) and nothing else.")


def _params_of(name: str, function: Callable[..., Any]) -> type[BaseModel]:
    _must_be_generator(name, function)
    second = list(inspect.signature(function).parameters)[1]
    try:
        found = typing.get_type_hints(function).get(second)
    except NameError as error:
        raise WrongKind(f"Kind {name!r}: the types of its function can't be resolved: {error}.") from error
    if not (isinstance(found, type) and issubclass(found, BaseModel)):
        raise WrongKind(f"Kind {name!r}: annotate its second parameter with a pydantic model.")
    return found


class Registry:
    """The kinds that this process knows."""

    def __init__(self, kinds: Iterable[Kind] = ()) -> None:
        self._kinds: dict[str, Kind] = {}
        for kind in kinds:
            self.add(kind)

    @classmethod
    def load(cls, modules: Iterable[str]) -> Registry:
        """The kinds that stand in these modules, and those that installed packages offer as `waystation.kinds`.

        Raises WrongKind for a module that can't be imported or a name that is given twice.
        """
        registry = cls()
        for name in [*modules, *sorted({e.value for e in entry_points(group="waystation.kinds")})]:
            try:
                module = importlib.import_module(name)
            except ImportError as error:
                raise WrongKind(f"The module {name!r} of WAYSTATION_KINDS can't be imported: {error}.") from error
            for value in vars(module).values():
                if isinstance(value, Kind):
                    registry.add(value)
        return registry

    def add(self, kind: Kind) -> None:
        """Know one more kind; WrongKind if another has its name."""
        if self._kinds.get(kind.name, kind) is not kind:
            raise WrongKind(f"Two kinds are named {kind.name!r}: give one of them another name.")
        self._kinds[kind.name] = kind

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
