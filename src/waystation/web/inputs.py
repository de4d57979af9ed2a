"""What the API takes: one pydantic model a request, and how query, form and JSON body are read into it."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from flask import request
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from waystation.access import Role
from waystation.acts import Act, Which
from waystation.cron import Missed
from waystation.errors import InvalidDate, InvalidParams, InvalidRequest, MalformedBody
from waystation.filters import LONGEST as LONGEST_FILTER
from waystation.kinds.export_options import ExportOptions
from waystation.model import PARTS, State, TaskFilter, Verb
from waystation.states import STATUSES
from waystation.tellings import STATES
from waystation.web.links import LONGEST
from waystation.wording import problem

MAX_JSON = 4 * 2**20  # bytes of a JSON or form body; files have a limit of their own
DEEPEST = 100  # lists and objects within each other


def json_object(value: object) -> object:
    """Forms and queries carry an object as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return _json(value)
    except ValueError as error:
        raise ValueError(f"is not valid JSON: {error}") from error


def _json(text: str | bytes) -> object:
    """The value of a JSON text. Raises ValueError, also for what is deeper than those who work with it can go."""
    try:
        level = [value := json.loads(text, parse_constant=_no_number)]
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        ]
        if not level:
            return value
    raise ValueError(_TOO_DEEP)


_TOO_DEEP = f"more than {DEEPEST} lists and objects are within each other"


def _known_status(value: str | None) -> str | None:
    if value is not None and value not in STATUSES:
        raise ValueError(f"must be one of {', '.join(STATUSES)}")
    return value


def _written_out(value: object) -> object:
    """A number would be taken for seconds since 1970: whoever writes 2030 means another moment."""
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER(value.strip())):
        raise ValueError("must be a date and a time with its zone, as in 2030-01-31T00:00:00Z")
    return value


_NUMBER = re.compile(r"[-+]?[0-9.]+(?:e[-+]?[0-9]+)?", re.IGNORECASE).fullmatch
Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
Status = Annotated[str | None, BeforeValidator(_known_status)]


class Input(BaseModel):
    """Base of all requests: an unknown field is an error, so that a misspelt one is never silently ignored."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, str_max_length=10_000)


class ListQuery(Input):
    """Which tasks to list."""

    state: State | None = Field(None, description="What it is.")
    status: Status = Field(None, description=f"What people see: {', '.join(STATUSES)}.")
    kind: str | None = Field(None, description="Its kind, such as import.")
    dataset: str | None = Field(None, description="The dataset that it works on.")
    created_by: str | None = Field(None, description="Who submitted it.")
    search: str | None = Field(
        None,
        max_length=200,
        description="A piece of its file's name, kind, dataset, actor or id; looked for in the newest 100,000 tasks.",
    )
    limit: int = Field(50, ge=1, le=500, description="Tasks a page.")
    cursor: str | None = Field(
        None, pattern="^[0-9a-z]{1,12}$", description="Where the page begins: from `next` of the page before."
    )

    def filter(self) -> TaskFilter:
        """The part that chooses tasks."""
        return TaskFilter(
            state=self.state, kind=self.kind, dataset=self.dataset, created_by=self.created_by, search=self.search
        )


class ShowQuery(Input):
    """How long to wait for a change."""

    wait: float = Field(0, ge=0, le=60, description="Seconds to wait for a change, or for the task's end.")
    version: int | None = Field(None, description="The version known to the caller: another one is answered at once.")


class Submission(Input):
    """A new task of any kind."""

    kind: str = Field(min_length=1, description="One of GET /kinds.")
    params: Annotated[dict[str, Any], BeforeValidator(json_object)] = Field(
        default_factory=dict, description="What its kind asks for: see its JSON Schema in GET /kinds."
    )
    priority: int | None = Field(None, ge=-100, le=100, description="Higher is claimed earlier; by default its kind decides.")
    run_at: Moment | None = Field(None, description="It begins then, not before; with its zone, as in …T03:00:00+01:00.")
    after: UUID | None = Field(None, description="It begins once this task has succeeded; it is stopped if that one is.")


class VerbRequest(Input):
    """Why, and for retry what is to change."""

    reason: str | None = Field(None, max_length=1000, description="Shown in the timeline.")
    params: Annotated[dict[str, Any] | None, BeforeValidator(json_object)] = Field(
        None, description="For retry only: parameters that the kind marks changeable."
    )


class ForgetRequest(Input):
    """Why it is to be forgotten."""

    reason: str | None = Field(None, max_length=1000, description="Shown in the timeline and in the audit.")


class ReadyQuery(Input):
    """Which parts are asked for."""

    parts: str | None = Field(
        None,
        pattern=f"^({'|'.join(PARTS)})(,({'|'.join(PARTS)}))*$",
        description=f"Some of {', '.join(PARTS)}, separated by commas; all of them by default.",
    )


class LimitRequest(Input):
    """What is wanted of a kind, a dataset or a queue; with neither `running` nor `held`, nothing."""

    running: int | None = Field(None, ge=0, lt=2**31, description="At most so many tasks run at a time.")
    held: bool = Field(False, description="No task is begun for now.")
    reason: str | None = Field(None, max_length=1000, description="Shown beside it.")


class ScheduleRequest(Input):
    """What is started again and again, and when."""

    kind: str = Field(min_length=1, description="One of GET /kinds.")
    params: Annotated[dict[str, Any], BeforeValidator(json_object)] = Field(
        default_factory=dict, description="What its kind asks for; an upload can't be among it."
    )
    cron: str = Field(max_length=200, description="Five fields as cron has them: minute, hour, day, month, day of the week.")
    zone: str = Field("UTC", max_length=60, description="The time zone that it speaks of, such as Europe/Berlin.")
    missed: Missed = Field(
        "one", description="Times that nobody was there for: one task for the latest, skip them, or all of them one by one."
    )
    overlap: bool = Field(False, description="Start a task although the one before it has not ended.")
    held: bool = Field(False, description="Start nothing for now.")
    priority: int | None = Field(None, ge=-100, le=100, description="Higher is claimed earlier; by default its kind decides.")


class WebhookRequest(Input):
    """Who is to be told, and of what."""

    url: str = Field(max_length=2000, description="Where to; http or https, and public unless a setting allows more.")
    kind: str | None = Field(None, description="Of tasks of this kind only.")
    states: tuple[str, ...] = Field(STATES, description="Of tasks that come to these final states.")
    secret: str | None = Field(None, max_length=500, description="What deliveries are signed with; by default one is made.")
    held: bool = Field(False, description="Tell of nothing for now; what ends meanwhile is not told later.")


class TokenRequest(Input):
    """A new token."""

    name: str = Field(min_length=1, max_length=64, description="Who it is for; tasks and timelines carry it.")
    role: Role = Field(description="What it may do.")
    groups: list[str] = Field(
        default_factory=list, max_length=100, description="For kinds and datasets that are closed to others."
    )
    expires_in: float | None = Field(None, gt=0, lt=10**9, description="Seconds until it ends; without it, when it is revoked.")


class RestrictionRequest(Input):
    """For whom a kind or a dataset is."""

    groups: list[str] = Field(max_length=100, description="Groups of tokens; none lets everybody in.")


class AuditQuery(Input):
    """Which lines of the audit, and in which form."""

    actor: str | None = Field(None, max_length=200, description="Who did it.")
    act: Act | None = Field(None, description="What was done.")
    task: UUID | None = Field(None, description="The task that it was done to.")
    dataset: str | None = Field(None, max_length=200, description="The dataset of that task.")
    since: Moment | None = Field(None, description="From this moment on; with its zone, as in 2030-01-31T00:00:00Z.")
    till: Moment | None = Field(None, description="Up to this moment, which is not included.")
    limit: int = Field(100, ge=1, le=1000, description="Lines a page.")
    cursor: str | None = Field(
        None, pattern="^[0-9a-z]{1,12}$", description="Where the page begins: from `next` of the page before."
    )
    format: Literal["json", "jsonl", "csv"] = Field(
        "json", description="json: a page, newest first; jsonl, csv: all that fits, oldest first, as a file."
    )

    def which(self) -> Which:
        """The part that chooses lines."""
        return Which(actor=self.actor, act=self.act, task=self.task, dataset=self.dataset, since=self.since, till=self.till)


class ManyFilter(Input):
    """Which tasks: every field that is given must fit; at least one is."""

    state: State | None = None
    kind: str | None = None
    dataset: str | None = None
    created_by: str | None = None
    search: str | None = Field(None, max_length=200)
    ids: tuple[UUID, ...] | None = Field(None, max_length=1000, description="These tasks and no others.")


class ManyRequest(Input):
    """One verb for many tasks."""

    verb: Verb
    filter: ManyFilter
    reason: str | None = Field(None, max_length=1000, description="Shown in each timeline.")
    limit: int = Field(1000, ge=1, le=1000, description="At most so many tasks.")


class Days(Input):
    """A range of days, and the column that they are looked for in."""

    from_: str | None = Field(None, alias="from", description="First day, YYYY-MM-DD; included.")
    till: str | None = Field(None, description="Last day, YYYY-MM-DD; included.")
    by: str | None = Field(None, description="The date column; found by its name or type if it is not given.")

    def params(self) -> dict[str, Any]:
        """What is handed to the kind. Raises InvalidDate that names the value."""
        _need_day("from", self.from_)
        _need_day("till", self.till)
        return self.model_dump(exclude={"priority"}, exclude_none=True, by_alias=True)


class EstimateQuery(Days):
    """Which rows would be downloaded."""

    filter: str | None = Field(
        None, max_length=LONGEST_FILTER, description="Only rows of which this is true, as for a download."
    )


class DownloadRequest(ExportOptions, Days):
    """Which rows of which dataset, as what."""

    priority: int | None = Field(None, ge=-100, le=100, description="Higher is claimed earlier; by default its kind decides.")
    dataset: str | None = Field(None, description="The dataset; `data` if none is named.")


class EventsQuery(Input):
    """Which part of the timeline."""

    after: int = Field(0, ge=0, lt=2**63, description="Only events with a larger id.")
    limit: int = Field(1000, ge=1, le=10_000, description="At most so many.")


class LinkQuery(Input):
    """The permission that a link carries; see POST /tasks/ID/link."""

    expires: str | None = Field(None, max_length=20, description="When the link ends.")
    by: str | None = Field(None, max_length=20, description="Whose token it was made with.")
    signature: str | None = Field(None, max_length=100, description="That it was made here, and not changed.")


class LinkRequest(Input):
    """A link to a file of a task."""

    to: Literal["result", "rejects"] = Field("result", description="The result file, or the rejected rows as CSV.")
    seconds: float = Field(3600, gt=0, le=LONGEST, description="How long it opens the file; thirty days at most.")


class RejectsQuery(LinkQuery):
    """In which form, and which part."""

    format: str = Field("csv", pattern="^(csv|json)$", description="csv: all, ready to fix and upload again; json: a page.")
    limit: int = Field(100, ge=1, le=1000, description="Rows of a json page.")
    after: int = Field(0, ge=0, lt=2**63, description="The json page begins after this record number.")


class LikeQuery(Input):
    """What a form begins with."""

    like: str | None = Field(None, max_length=36, description="A browser's form is filled with this task's parameters.")


class PreviewQuery(Input):
    """How much to show."""

    limit: int = Field(20, ge=1, le=1000, description="At most so many rows.")


In = TypeVar("In", bound=Input)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _need_day(name: str, value: str | None) -> None:
    if value is None:
        return
    try:
        if not _DAY.fullmatch(value):
            raise ValueError("it is not written as YYYY-MM-DD")
        date.fromisoformat(value)
    except ValueError as error:
        raise InvalidDate(f"`{name}` is {value[:40]!r}, which is no date: {error}.", field=name, value=value[:40]) from error


def check(model: type[In], values: dict[str, Any]) -> In:
    """The values as this model. Raises InvalidRequest that names each field that is wrong, in `errors`."""
    if not _storable(values):
        raise InvalidRequest("A text holds a NUL or half a character, which no database can store.")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = [
            {"field": ".".join(str(p) for p in e["loc"]) or "body", "message": problem(e["msg"], e["type"], "this request")}
            for e in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        said = "; ".join(f"{e['field']} {e['message']}" for e in found)
        cause = InvalidParams if any(e["field"].startswith("params") for e in found) else InvalidRequest
        raise cause(f"The request is not valid: {said}.", errors=found) from error


def _storable(value: object) -> bool:
    """UTF-8 and PostgreSQL can hold every text in it."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, dict):
        return all(_storable(k) and _storable(v) for k, v in value.items())
    return all(map(_storable, value)) if isinstance(value, list) else True


def query(model: type[In]) -> In:
    """The query of the current request."""
    return check(model, _texts(request.args.to_dict()))


def body(model: type[In]) -> In:
    """The JSON or form body of the current request, if it has one."""
    return check(model, body_values())


def everything(model: type[In]) -> In:
    """Query and body together (the body wins), on any method: httpie sends `name=value` as a JSON body even with GET."""
    return check(model, {**_texts(request.args.to_dict()), **body_values()})


def body_values() -> dict[str, Any]:
    """The fields of the body. Raises MalformedBody for what is no JSON object and no form."""
    if request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
        request.max_content_length = MAX_JSON
        return _texts(request.form.to_dict())
    request.max_content_length = MAX_JSON
    raw = request.get_data()
    if not raw.strip():
        return {}
    try:
        value = _json(raw)
    except json.JSONDecodeError as error:
        raise MalformedBody(f"The body is not valid JSON: see line {error.lineno}, column {error.colno}.") from error
    except ValueError as error:  # its bytes are no text, or a number in it has too many digits
        raise MalformedBody(f"The body can't be read: {error}.") from error
    if not isinstance(value, dict):
        raise MalformedBody(f"The body is a JSON {type(value).__name__}; an object is needed.")
    return value


def _no_number(name: str) -> float:
    """Python reads NaN and Infinity, which JSON has not and the database refuses."""
    raise ValueError(f"{name} is no JSON")


def _texts(values: dict[str, str]) -> dict[str, Any]:
    """A form sends the empty text for a field that was left blank."""
    return {name: value for name, value in values.items() if value != ""}
