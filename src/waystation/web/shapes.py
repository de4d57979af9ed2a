"""What the API answers with: one pydantic model a noun, made from the nouns of `model`. OpenAPI is written from them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from waystation.access import Restriction
from waystation.acts import Entry
from waystation.kinds.duplicates import told
from waystation.kinds.previewing import Preview as ImportLook
from waystation.model import (
    Batch,
    Column,
    Dataset,
    Delivery,
    Event,
    KindInfo,
    Limit,
    Page,
    Schedule,
    State,
    Task,
    UnfinishedUpload,
    Upload,
    Webhook,
    Worker,
)
from waystation.progress import progress_of
from waystation.states import FINAL, possible, task_status


class Shape(BaseModel):
    """Base of all answers: what a noun has more than we tell is left out."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True)


class ProgressOut(Shape):
    """How far a task is; while what it did is being taken back, how far that is."""

    done: int = Field(description="Units done.")
    total: int | None = Field(description="Units in all, once that is known.")
    unit: str = Field(description="What is counted: rows, bytes, …")
    percent: float | None = Field(description="0 to 100; null while the total is unknown.")
    rate: float | None = Field(description="Units a second.")
    eta: float | None = Field(description="Seconds of running time still to come.")
    phase: str | None = Field(description="What it is doing within its state.")


class ReasonOut(Shape):
    """One sort of what was wrong with rows."""

    column: str | None = Field(description="The column that is wrong; null: the row as a whole.")
    reason: str = Field(description="What is wrong, in words for any value.")
    rows: int = Field(description="So many rows were refused for it.")


class RejectsOut(Shape):
    """The rows that were refused."""

    count: int
    url: str
    reasons: list[ReasonOut] = Field(description="Why, the commonest first, once the task has ended.")


class EstimateOut(Shape):
    """How many rows a download would have."""

    dataset: str
    rows: int = Field(description="About so many.")
    low: int = Field(description="Surely no fewer.")
    high: int = Field(description="Surely no more.")
    exact: bool = Field(description="Whether it is known to the row: low, rows and high are one.")
    by: str | None = Field(description="The date column by which rows are chosen; null without a range.")
    of: int = Field(description="Rows of the dataset in all.")


class TaskOut(Shape):
    """One long-running job, from its submission to its end."""

    task_id: str
    self_url: str
    kind: str
    label: str | None = Field(description="What people call it: the name of the file that was sent, or what its kind says.")
    status: str = Field(description="What people see: state, or pausing, stopping, terminating, undoing.")
    state: str
    wish: str | None = Field(description="What was asked and is not met yet: pause, stop or terminate.")
    goal: str | None = Field(description="Where a taking back leads: stopped, terminated or undone.")
    complete: bool = Field(description="It has ended, well or not.")
    progress: ProgressOut
    dataset: str | None
    params: dict[str, Any]
    priority: int
    run_at: datetime = Field(description="While it waits: not before this time.")
    after: str | None = Field(description="It waits until this task has succeeded.")
    attempt: int = Field(description="Runs so far; it grows when a worker takes the task.")
    counts: dict[str, int] = Field(description="What its kind counts, such as good and bad rows.")
    version: int = Field(description="Grows with every change; give it to `?wait=` as `version`.")
    created_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime
    error: dict[str, Any] | None = Field(description="Why it failed, with a remedy.")
    links: dict[str, str] = Field(description="The verbs that are possible now; POST to their addresses.")
    result: dict[str, Any] | None = Field(description="What came of it; with `url`, `name`, `size` and `sha256` for a file.")
    rejects: RejectsOut | None
    events: str
    leftovers: list[Any] = Field(description="Outside effects that could not be taken back.")

    @classmethod
    def of(cls, task: Task) -> TaskOut:
        """The task as the API tells it."""
        url = task_url(task)
        bad = task.counts.get("bad", 0)
        return cls(
            task_id=str(task.id),
            self_url=url,
            kind=task.kind,
            label=task.label,
            status=task_status(task),
            state=task.state.value,
            wish=task.wish.value if task.wish else None,
            goal=task.goal.value if task.goal else None,
            complete=task.state in FINAL,
            progress=ProgressOut.model_validate(progress_of(task)),
            dataset=task.dataset,
            params=task.params,
            priority=task.priority,
            run_at=task.run_at,
            after=str(task.waits_for) if task.waits_for else None,
            attempt=task.attempt,
            counts=task.counts,
            version=task.version,
            created_by=task.created_by,
            created_at=task.created_at,
            started_at=task.started_at,
            ended_at=task.ended_at,
            updated_at=task.updated_at,
            error=task.error,
            links={verb.value: f"{url}/{verb.value}" for verb in possible(task.situation)},
            result=_result(task, url),
            rejects=RejectsOut(count=bad, url=f"{url}/rejects", reasons=_reasons(task)) if bad else None,
            events=f"{url}/events",
            leftovers=task.leftovers,
        )


def task_url(task: Task) -> str:
    """The address of a task."""
    return f"/tasks/{task.id}"


def _reasons(task: Task) -> list[ReasonOut]:
    """An import tells why it refused rows in its result, or in the error that it ended with."""
    told = (task.result or task.error or {}).get("reasons", []) if task.kind == "import" else []
    return [ReasonOut.model_validate(reason) for reason in told]


def _result(task: Task, url: str) -> dict[str, Any] | None:
    if task.result is None or task.state not in (State.SUCCEEDED, State.UNDONE):
        return None
    facts = {name: value for name, value in task.result.items() if name != "file"}
    file = task.result.get("file")
    if file and task.state is State.SUCCEEDED:
        facts.update({name: file[name] for name in ("name", "size", "sha256", "media_type")}, url=f"{url}/result")
    return facts


class TaskList(Shape):
    """A page of tasks, newest first."""

    tasks: list[TaskOut]
    next: str | None = Field(description="Address of the page after this one; null on the last.")

    @classmethod
    def of(cls, page: Page, next_url: str | None) -> TaskList:
        """The page as the API tells it."""
        return cls(tasks=[TaskOut.of(t) for t in page.tasks], next=next_url)


class EventOut(Shape):
    """One line of a task's timeline."""

    id: int
    at: datetime
    event: str
    actor: str
    reason: str | None
    attempt: int
    data: dict[str, Any]


class Timeline(Shape):
    """The timeline of a task, oldest first."""

    events: list[EventOut]

    @classmethod
    def of(cls, events: list[Event]) -> Timeline:
        """The events as the API tells them."""
        return cls(events=[EventOut.model_validate(e) for e in events])


class RejectRow(Shape):
    """A row that was refused, and why."""

    record: int = Field(description="Number of the row in its file, from 1; give the last one as `after` to read on.")
    line: int = Field(description="Line of the file where the row begins.")
    column: str | None = Field(validation_alias="col", description="The column that is wrong; null: the row as a whole.")
    value: str | None
    reason: str
    fields: list[str] = Field(description="The row as it came.")


class RejectList(Shape):
    """Some of the refused rows, in the order of the file."""

    rejects: list[RejectRow]


class ConsequenceOut(Shape):
    """What a verb would do to a task."""

    verb: str
    possible: bool = Field(description="It can be done now, and would change something.")
    takes_back: bool = Field(description="Work is lost by it.")
    sentences: list[str] = Field(description="What follows, in words.")


class RateOut(Shape):
    """How fast a task was, from one moment to the next."""

    unit: str = Field(description="What is counted a second: rows, bytes, …")
    at: list[datetime] = Field(description="Moments, oldest first.")
    rate: list[float | None] = Field(description="Units a second up to each moment; null where it stood still before it.")


class OutcomeOut(Shape):
    """What a verb did to one of many tasks."""

    task_id: str
    status: str
    changed: bool
    error: dict[str, Any] | None = Field(description="Why nothing was done, as a problem.")


class Outcomes(Shape):
    """What a verb did to each task that the filter chose."""

    outcomes: list[OutcomeOut]
    changed: int = Field(description="How many of them changed.")


class KindOut(Shape):
    """A kind of task."""

    name: str
    summary: str
    params: dict[str, Any] = Field(description="JSON Schema of its parameters.")
    undoable: bool
    changeable: list[str] = Field(description="Parameters that a retry may change.")

    @classmethod
    def of(cls, kind: KindInfo) -> KindOut:
        """The kind as the API tells it."""
        return cls(
            name=kind.name,
            summary=kind.summary,
            params=kind.schema,
            undoable=kind.undoable,
            changeable=list(kind.changeable),
        )


class KindList(Shape):
    """The kinds that this server knows."""

    kinds: list[KindOut]


class WorkerOut(Shape):
    """A worker that has been heard of lately."""

    id: str
    host: str
    pid: int
    slots: int
    busy: int
    seen_at: datetime
    draining: bool


class LimitOut(Shape):
    """A limit on a kind, a dataset or a queue (`scope`)."""

    scope: str
    name: str
    running: int | None = Field(description="At most so many of its tasks run at a time; null for any number.")
    held: bool = Field(description="None of its tasks is begun for now.")
    reason: str | None
    set_by: str
    set_at: datetime


class LimitList(Shape):
    """All limits there are."""

    limits: list[LimitOut]

    @classmethod
    def of(cls, limits: list[Limit]) -> LimitList:
        """The limits as the API tells them."""
        return cls(limits=[LimitOut.model_validate(limit) for limit in limits])


class ScheduleOut(Shape):
    """What is started again and again."""

    name: str
    kind: str
    params: dict[str, Any]
    cron: str
    zone: str
    missed: str
    overlap: bool
    held: bool
    priority: int
    created_by: str = Field(description="Whose its tasks are.")
    created_at: datetime
    next_at: datetime = Field(description="When it is due next; nothing is started while it is held.")
    last_at: datetime | None = Field(description="The due time that a task was last started for.")
    last_task: UUID | None = Field(description="That task.")
    note: str | None = Field(description="Why no task was started at the latest due time.")


class ScheduleList(Shape):
    """All schedules."""

    schedules: list[ScheduleOut]

    @classmethod
    def of(cls, schedules: list[Schedule]) -> ScheduleList:
        """The schedules as the API tells them."""
        return cls(schedules=[ScheduleOut.model_validate(s) for s in schedules])


class WebhookOut(Shape):
    """Who is told when tasks end."""

    name: str
    url: str
    kind: str | None
    states: tuple[str, ...]
    held: bool
    created_by: str
    created_at: datetime
    secret: str | None = Field(None, description="What deliveries are signed with: told once, when it is made.")


class WebhookList(Shape):
    """All webhooks."""

    webhooks: list[WebhookOut]

    @classmethod
    def of(cls, webhooks: list[Webhook]) -> WebhookList:
        """The webhooks as the API tells them."""
        return cls(webhooks=[WebhookOut.model_validate(w) for w in webhooks])


class DeliveryOut(Shape):
    """What a webhook was told of one task."""

    id: int
    task: UUID
    body: dict[str, Any]
    state: str = Field(description="waiting, delivered or given up.")
    tries: int
    next_at: datetime = Field(description="While it waits: when it is tried next.")
    status: int | None = Field(description="The HTTP status of the last answer.")
    error: str | None = Field(description="What was wrong at the last try.")
    created_at: datetime
    ended_at: datetime | None


class DeliveryList(Shape):
    """The latest deliveries of a webhook, newest first."""

    deliveries: list[DeliveryOut]

    @classmethod
    def of(cls, deliveries: list[Delivery]) -> DeliveryList:
        """The deliveries as the API tells them."""
        return cls(deliveries=[DeliveryOut.model_validate(d) for d in deliveries])


class WorkerList(Shape):
    """The workers, and their slots in sum."""

    workers: list[WorkerOut]
    slots: int
    busy: int

    @classmethod
    def of(cls, workers: list[Worker]) -> WorkerList:
        """The workers as the API tells them."""
        return cls(
            workers=[WorkerOut.model_validate(w) for w in workers],
            slots=sum(w.slots for w in workers),
            busy=sum(w.busy for w in workers),
        )


class ColumnOut(Shape):
    """A column: its name and type."""

    name: str
    type: str
    why: str = Field(description="Why it is of this type: named in a request, or what the first file's values were.")


class DatasetOut(Shape):
    """A named table, as readers see it."""

    name: str
    columns: list[ColumnOut]
    rows: int
    batches: int
    created_at: datetime
    updated_at: datetime
    self_url: str

    @classmethod
    def of(cls, dataset: Dataset) -> DatasetOut:
        """The dataset as the API tells it."""
        return cls(
            name=dataset.name,
            columns=_columns(dataset.columns),
            rows=dataset.rows,
            batches=dataset.batches,
            created_at=dataset.created_at,
            updated_at=dataset.updated_at,
            self_url=f"/datasets/{dataset.name}",
        )


class DatasetList(Shape):
    """Every dataset."""

    datasets: list[DatasetOut]


class BatchOut(Shape):
    """The rows that one import published."""

    id: int
    task_id: str
    task_url: str
    mode: str
    state: str
    visible: bool
    rows: int
    columns: list[ColumnOut]
    label: str | None = Field(description="The name of its file.")
    created_by: str
    created_at: datetime
    published_at: datetime | None
    undone_at: datetime | None

    @classmethod
    def of(cls, batch: Batch) -> BatchOut:
        """The batch as the API tells it."""
        return cls(
            id=batch.id,
            task_id=str(batch.task),
            task_url=f"/tasks/{batch.task}",
            mode=batch.mode,
            state=batch.state,
            visible=batch.visible,
            rows=batch.rows,
            columns=_columns(batch.columns),
            label=batch.label,
            created_by=batch.created_by,
            created_at=batch.created_at,
            published_at=batch.published_at,
            undone_at=batch.undone_at,
        )


class BatchList(Shape):
    """The batches of one dataset, newest first."""

    batches: list[BatchOut]


class Preview(Shape):
    """The first rows of a dataset, as text."""

    columns: list[str]
    rows: list[list[str | None]]


class UploadOut(Shape):
    """A file that was sent, or is being sent in pieces."""

    upload_id: str
    self_url: str
    name: str
    size: int = Field(description="Bytes of the whole file.")
    offset: int = Field(description="Bytes that are here for good.")
    complete: bool
    sha256: str | None = Field(description="Of the whole file, once it is here.")
    task_id: str | None = Field(description="The task that has it.")
    created_by: str
    created_at: datetime
    expires_at: datetime | None = Field(description="While it is not complete: until when it waits for its next bytes.")

    @classmethod
    def of(cls, found: Upload | UnfinishedUpload) -> UploadOut:
        """The upload as the API tells it."""
        made = cls(
            upload_id=str(found.id),
            self_url=cls.url(found.id),
            name=found.name,
            size=found.size,
            offset=found.size,
            complete=True,
            sha256=None,
            task_id=None,
            created_by=found.created_by,
            created_at=found.created_at,
            expires_at=None,
        )
        if isinstance(found, UnfinishedUpload):
            return made.model_copy(update={"offset": found.received, "complete": False, "expires_at": found.expires_at})
        return made.model_copy(update={"sha256": found.sha256, "task_id": str(found.task) if found.task else None})

    @staticmethod
    def url(id: UUID) -> str:
        """Its address."""
        return f"/uploads/{id}"


class PreviewColumnOut(Shape):
    """A column of a file, and what it becomes in the dataset."""

    header: str = Field(description="Its name in the file.")
    name: str
    type: str
    why: str
    new: bool = Field(description="The dataset has no such column yet.")


class PreviewReject(Shape):
    """A row that would be refused, and why."""

    line: int
    column: str | None
    value: str
    reason: str


class SwappedOut(Shape):
    """Two columns that look exchanged."""

    first: str
    second: str
    sentence: str


class DuplicateOut(Shape):
    """The import of the same file into the same dataset."""

    task_id: str
    self_url: str
    sentence: str

    @classmethod
    def of(cls, other: Task) -> DuplicateOut:
        """The import as the API tells it here."""
        return cls(task_id=str(other.id), self_url=task_url(other), sentence=told(other))


class ImportPreview(Shape):
    """What an import would make of a file."""

    upload_id: str
    name: str
    size: int
    source: dict[str, Any] = Field(description="How it is packed and encoded, and why it is taken so.")
    delimiter: str
    quote: str | None
    columns: list[PreviewColumnOut]
    missing: list[str] = Field(description="Columns of the dataset that the file does not have; they become null.")
    rows: list[list[str]] = Field(description="The first rows, as they are in the file.")
    checked: int = Field(description="So many rows at the beginning were checked.")
    rejected: int = Field(description="So many of them would be rejected.")
    whole: bool = Field(description="All rows were checked, not the first alone.")
    rejects: list[PreviewReject] = Field(description="The first of those.")
    warnings: list[str] = Field(description="What is odd about the file, though it can be imported.")
    swapped: list[SwappedOut]
    mended: dict[str, str] = Field(description="`columns` of an import that takes exchanged columns the other way round.")
    duplicate: DuplicateOut | None = Field(description="The same file is in the dataset already, or on its way there.")

    @classmethod
    def of(cls, found: ImportLook) -> ImportPreview:
        """The preview as the API tells it."""
        return cls(
            upload_id=str(found.upload.id),
            name=found.upload.name,
            size=found.upload.size,
            source=found.source,
            delimiter=found.delimiter,
            quote=found.quote,
            columns=[PreviewColumnOut.model_validate(c) for c in found.columns],
            missing=found.missing,
            rows=found.rows,
            checked=found.checked,
            rejected=found.rejected,
            whole=found.whole,
            rejects=[PreviewReject.model_validate(r) for r in found.rejects],
            warnings=found.warnings,
            swapped=[SwappedOut.model_validate(s) for s in found.swapped],
            mended=found.mended,
            duplicate=DuplicateOut.of(found.duplicate) if found.duplicate else None,
        )


class HealthOut(Shape):
    """Which parts answer."""

    status: str
    parts: dict[str, str] = Field(default_factory=dict)


def _columns(columns: tuple[Column, ...]) -> list[ColumnOut]:
    return [ColumnOut.model_validate(c) for c in columns]


class CallerOut(Shape):
    """Who asks."""

    name: str
    role: str
    token: bool = Field(description="A token was shown; else none is asked for here.")


class LinkOut(Shape):
    """A link that opens a file without a token."""

    url: str = Field(description="Its path and query on this server.")
    expires_at: datetime


class TokenOut(Shape):
    """What lets somebody in, without its secret."""

    name: str
    role: str
    groups: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None = Field(description="When it was last used, to the hour.")
    revoked_at: datetime | None
    revoked_by: str | None


class TokenMade(TokenOut):
    """A new token and its secret."""

    secret: str = Field(description="What is shown as `Authorization: Bearer …`; it can't be told again.")


class TokenList(Shape):
    """The tokens."""

    tokens: list[TokenOut]


class RestrictionOut(Shape):
    """A kind or a dataset that is for some groups only."""

    scope: str
    name: str
    groups: list[str]


class RestrictionList(Shape):
    """What is for some groups only."""

    restrictions: list[RestrictionOut]

    @classmethod
    def of(cls, found: list[Restriction]) -> RestrictionList:
        """With the groups in the order of the alphabet."""
        return cls(restrictions=[RestrictionOut(scope=r.scope, name=r.name, groups=sorted(r.groups)) for r in found])


class AuditEntry(Shape):
    """A line of the audit."""

    id: int
    at: datetime
    actor: str
    act: str
    about: str | None = Field(description="The name of what it was done to, or the kind of the task.")
    task: UUID | None
    dataset: str | None
    reason: str | None
    data: dict[str, Any]


class AuditPage(Shape):
    """Lines of the audit, newest first."""

    entries: list[AuditEntry]
    next: str | None = Field(description="The address of the page after this one.")

    @classmethod
    def of(cls, found: list[Entry], following: str | None) -> AuditPage:
        """The lines as the API tells them."""
        return cls(entries=[AuditEntry.model_validate(e) for e in found], next=following)
