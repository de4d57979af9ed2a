"""The tasks themselves: list, show, submit, and the verbs."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import request
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.errors import (
    AlreadyUnderWay,
    DuplicateFile,
    IdempotencyKeyReused,
    InvalidParams,
    InvalidRequest,
    KindNotFound,
    MalformedBody,
    QueueFull,
    TaskNotFound,
    TaskUnfinished,
    TooManyTasks,
    UnknownVerb,
)
from waystation.forgetting import Forgetting
from waystation.model import TaskFilter, Verb
from waystation.states import task_status
from waystation.web import current, guards
from waystation.web.api.common import (
    ACCEPTED,
    ACTING_GET,
    ACTOR_HEADER,
    KEY_HEADER,
    VERB_ERRORS,
    back,
    has_page,
    json_of,
    submitted,
)
from waystation.web.inputs import ForgetRequest, ListQuery, ManyRequest, ShowQuery, Submission, VerbRequest, body, query
from waystation.web.operations import Answer, Room
from waystation.web.pages import live, one
from waystation.web.problems import prefers_page
from waystation.web.shapes import OutcomeOut, Outcomes, TaskList, TaskOut, task_url

room = Room("tasks", __name__)
VERBS = tuple(v.value for v in Verb)
BY_GET = (Verb.PAUSE, Verb.RESUME, Verb.STOP)


@room.operation(
    "GET",
    "/tasks/",
    "List tasks, newest first",
    Answer(200, "A page of tasks.", TaskList),
    query=ListQuery,
    needs=Need.SEE,
)
def list_tasks() -> ResponseReturnValue:
    """The tasks that fit every filter that is given. `next` is the address of the page after this one."""
    asked = query(ListQuery)
    found = current.control().page(asked.filter(), status=asked.status, limit=asked.limit, cursor=asked.cursor)
    following = None
    if found.next:
        kept = asked.model_dump(mode="json", exclude_unset=True, exclude={"cursor"})
        following = f"/tasks/?{urlencode({**kept, 'cursor': found.next})}"
    return json_of(TaskList.of(found, following))


@room.operation(
    "POST",
    "/tasks/",
    "Submit a task of any kind",
    *ACCEPTED[:2],
    body=Submission,
    example={"kind": "generate", "params": {"rows": 1000}},
    headers={**KEY_HEADER, **ACTOR_HEADER},
    errors=(
        KindNotFound,
        TaskNotFound,
        InvalidParams,
        IdempotencyKeyReused,
        AlreadyUnderWay,
        DuplicateFile,
        TooManyTasks,
        QueueFull,
        MalformedBody,
    ),
    needs=Need.SUBMIT,
)
def submit() -> ResponseReturnValue:
    """Start a task of one of the kinds that GET /kinds lists, with the parameters that its JSON Schema asks for."""
    asked = body(Submission)
    task, created = current.control().submit(
        asked.kind,
        asked.params,
        actor=current.actor(),
        idempotency_key=current.idempotency_key(),
        priority=asked.priority,
        run_at=asked.run_at,
        after=asked.after,
    )
    return submitted(task, created)


@room.operation(
    "POST",
    "/tasks/verbs",
    "Ask one verb of many tasks",
    Answer(200, "What became of each.", Outcomes),
    body=ManyRequest,
    example={"verb": "pause", "filter": {"kind": "import", "state": "running"}, "reason": "maintenance"},
    headers=ACTOR_HEADER,
    errors=(MalformedBody,),
    needs=Need.OWN,
)
def verbs() -> ResponseReturnValue:
    """Pause, stop, … every task that fits the filter, newest first. Each answers for itself: one that can't is no error."""
    asked = body(ManyRequest)
    which = TaskFilter(**asked.filter.model_dump())
    if which == TaskFilter():
        raise InvalidRequest(
            "`filter` is empty.", remedy="Name at least one of state, kind, dataset, created_by, search and ids."
        )
    done = current.control().act_many(asked.verb, which, actor=current.actor(), reason=asked.reason, limit=asked.limit)
    outcomes = [
        OutcomeOut(
            task_id=str(one.task.id),
            status=TaskOut.of(one.task).status,
            changed=one.changed,
            error=one.error.problem() if one.error else None,
        )
        for one in done
    ]
    return json_of(Outcomes(outcomes=outcomes, changed=sum(o.changed for o in outcomes)))


@room.operation(
    "GET",
    "/tasks/<task_id>",
    "Show a task, now or when it changes",
    Answer(200, "The task.", TaskOut),
    query=ShowQuery,
    errors=(TaskNotFound,),
    needs=Need.SEE,
)
def show(task_id: str) -> ResponseReturnValue:
    """One task. With `wait` the answer comes when it changes (if `version` is given: when it is another than that), at the
    latest after so many seconds. A browser gets a page."""
    has_page()
    asked = query(one.Places if prefers_page() else ShowQuery)
    control = current.control()
    task = control.wait(task_id, asked.version, asked.wait) if asked.wait else control.get(task_id)
    if prefers_page():
        return one.page(task)
    return json_of(TaskOut.of(task))


def _act(task_id: str, verb: str) -> ResponseReturnValue:
    has_page()
    if verb not in VERBS:
        raise UnknownVerb(f"There is no verb {verb[:40]!r}.")
    asked = body(VerbRequest)
    task = current.control().act(Verb(verb), task_id, actor=current.actor(), reason=asked.reason, params=asked.params)
    if request.method == "POST" and live.wants_parts():
        return live.acted([task], f"{task.label or task.kind}: {task_status(task)}.")
    return back(task_url(task)) if request.method == "POST" and prefers_page() else json_of(TaskOut.of(task))


@room.operation(
    "POST",
    "/tasks/<task_id>/<verb>",
    "Pause, resume, stop, terminate, retry or undo a task",
    Answer(200, "The task after it; the same verb again changes nothing.", TaskOut),
    ACCEPTED[2],
    body=VerbRequest,
    body_types=("application/json", "application/x-www-form-urlencoded"),
    headers=ACTOR_HEADER,
    errors=(TaskNotFound, InvalidParams, MalformedBody, *VERB_ERRORS),
    choices={"verb": VERBS},
    needs=Need.OWN,
)
def act(task_id: str, verb: str) -> ResponseReturnValue:
    """Ask something of a task, with an optional `reason` for its timeline; retry can change `params` that its kind marks
    changeable. 409 names the status and what is possible now."""
    return _act(task_id, verb)


@room.operation(
    "GET",
    "/tasks/<task_id>/<verb>",
    "Pause, resume or stop a task by GET",
    Answer(200, "The task after it.", TaskOut),
    headers=ACTOR_HEADER,
    errors=(TaskNotFound, *VERB_ERRORS, *ACTING_GET),
    choices={"verb": tuple(v.value for v in BY_GET)},
    needs=Need.OWN,
)
def act_by_get(task_id: str, verb: str) -> ResponseReturnValue:
    """The same as POST, for callers on the server's own machine: never on HEAD, for a prefetch, or for another site's link."""
    if verb in VERBS:
        if Verb(verb) not in BY_GET:
            raise guards.only_post(f"/tasks/{task_id}/{verb}")
        guards.acting_get()
    return _act(task_id, verb)


@room.operation(
    "DELETE",
    "/tasks/<task_id>/data",
    "Remove what a task keeps of people",
    Answer(200, "The task after it; asked again, it changes nothing.", TaskOut),
    body=ForgetRequest,
    example={"reason": "asked for by ada"},
    headers=ACTOR_HEADER,
    errors=(TaskNotFound, TaskUnfinished, MalformedBody),
    needs=Need.ADMINISTER,
)
def forget(task_id: str) -> ResponseReturnValue:
    """Remove the file that was sent, the result, the rejected rows, the file's name, secrets, its kind's log lines, for
    good. The task, its timeline and the audit stay. Rows that it has put into a dataset stay, too: undo takes those back."""
    asked = body(ForgetRequest)
    task = Forgetting(current.control()).forget(task_id, actor=current.actor(), reason=asked.reason)
    return json_of(TaskOut.of(task))
