"""The table of errors: one class an error, each with its code, its HTTP status, its exit code and a remedy.

A class's docstring is its default message and says what to do. `TABLE` lists them all; the HTTP handler, the command line's
exit codes and docs/errors.md are derived from it.
"""

from __future__ import annotations

from typing import Any, ClassVar


class WaystationError(Exception):
    """Something went wrong in Waystation. Look at the log for details, and report it if it happens again."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    remedy: ClassVar[str] = "Look at the log of the web process and of the worker; report it if it happens again."
    retry_after: ClassVar[int | None] = None

    def __init__(self, detail: str | None = None, *, remedy: str | None = None, **extra: Any) -> None:
        self.detail = detail or " ".join((type(self).__doc__ or self.code).split())
        self.hint = remedy or self.remedy
        self.extra = extra
        super().__init__(self.detail)

    @classmethod
    def title(cls) -> str:
        """The class's name in words: `TaskNotFound` is "Task not found"."""
        words = "".join(f" {c.lower()}" if c.isupper() else c for c in cls.__name__).strip()
        return words[:1].upper() + words[1:]

    def problem(self) -> dict[str, Any]:
        """This error as the body of an `application/problem+json` answer (RFC 9457)."""
        return {
            "type": f"/docs/errors#{self.code}",
            "title": self.title(),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "remedy": self.hint,
            **self.extra,
        }


# -- what was asked is not right -------------------------------------------------------------------------------------
class InvalidRequest(WaystationError):
    """The request is not valid."""

    code, status, exit_code = "invalid-request", 422, 2
    remedy = "Mend the fields that are named and send the request again."


class MalformedBody(InvalidRequest):
    """The body of the request can't be read: it is not valid JSON, form or multipart data."""

    code, status = "malformed-body", 400
    remedy = "Send a JSON object with Content-Type application/json, or a form."


class InvalidParams(InvalidRequest):
    """The parameters do not fit this kind of task."""

    code = "invalid-params"
    remedy = "Mend what is named; GET /kinds shows the parameters of each kind as a JSON Schema."


class InvalidDate(InvalidRequest):
    """A date could not be read."""

    code = "invalid-date"
    remedy = "Write dates as YYYY-MM-DD, for example 2019-03-15."


class InvalidRange(InvalidRequest):
    """The range is empty: `from` is later than `till`."""

    code = "invalid-range"
    remedy = "Both days are included; `from` must not be later than `till`."


class RangeNotSatisfiable(InvalidRequest):
    """The file has no such part: Range begins beyond its end."""

    code, status = "range-not-satisfiable", 416
    remedy = "Content-Range tells the file's size; ask for a part of it, or for the whole."


class InvalidName(InvalidRequest):
    """A name holds characters that are not allowed."""

    code = "invalid-name"
    remedy = "Use lower-case letters, digits and _, beginning with a letter, 48 characters at most."


class InvalidSchedule(InvalidRequest):
    """A schedule's times can't be read."""

    code = "invalid-schedule"
    remedy = "Write the times as cron does, such as `0 3 * * mon-fri` for three o'clock on working days, and name a time zone."


class UnsafeAddress(InvalidRequest):
    """The address is none that this server may be made to call."""

    code = "unsafe-address"
    remedy = "Name an http or https address that is public; WAYSTATION_WEBHOOK_NETWORKS allows private networks."


class NoFile(InvalidRequest):
    """The request carries no file."""

    code = "no-file"
    remedy = "Send the CSV as the multipart field `file`, or as the raw body of the request."


class EmptyFile(InvalidRequest):
    """The file is empty."""

    code = "empty-file"
    remedy = "Upload a CSV file with a header line and at least one row."


class NotCsv(InvalidRequest):
    """The file does not look like CSV."""

    code = "not-csv"
    remedy = "Upload text with one record a line and a header; name the delimiter if it is unusual."


class TooManyColumns(NotCsv):
    """The file has more columns than this server takes."""

    code = "too-many-columns"
    remedy = "Check the delimiter; leave columns out, or raise WAYSTATION_MAX_COLUMNS (1,500 at most)."


class RecordTooLong(NotCsv):
    """A record of the file is longer than this server takes."""

    code = "record-too-long"
    remedy = (
        "Most likely a quote is opened there and never closed: mend that line and upload the file again; or raise"
        " WAYSTATION_MAX_RECORD."
    )


class DamagedArchive(NotCsv):
    """The archive is damaged or was cut off."""

    code = "damaged-archive"
    remedy = "Pack the file again, or send it unpacked; an upload that broke off is sent anew."


class NoRows(InvalidRequest):
    """The file holds a header and no rows."""

    code = "no-rows"
    remedy = "Upload a CSV file with at least one row below its header."


class EmptyDataset(InvalidRequest):
    """The dataset holds nothing: every batch of it was undone."""

    code = "empty-dataset"
    remedy = "Import something into it first."


class NoDateColumn(InvalidRequest):
    """The dataset has no single date column to choose rows by."""

    code = "no-date-column"
    remedy = "Name the column with `by`."


class InvalidFilter(InvalidRequest):
    """The filter of rows can't be read, or does not fit the dataset."""

    code = "invalid-filter"
    remedy = "Write it as in `age >= 18 and city = 'Bonn'`; docs/how-to-export.md has all that it may say."


class InvalidOrder(InvalidRequest):
    """Rows can't be sorted by that."""

    code = "invalid-order"
    remedy = "Name one column that holds no json, and `desc` behind it if the greatest is to come first."


class DoesNotFit(InvalidRequest):
    """The form of the file that was asked for can't hold these rows."""

    code = "does-not-fit"
    remedy = "Narrow the range, or leave out rows and columns by `filter` and `columns`; or take csv, which holds anything."


class FormatUnavailable(InvalidRequest):
    """Parquet files are made by pyarrow, which is not installed here."""

    code = "format-unavailable"
    remedy = "Install it for the web process and the workers (pip install 'waystation[arrow]'), or take another form."


class UnknownColumn(InvalidRequest):
    """The dataset has no column of that name."""

    code = "unknown-column"
    remedy = "Take one of the columns that the dataset has (GET /datasets/NAME)."


class WrongMediaType(InvalidRequest):
    """The body is of another media type than this address takes."""

    code, status = "wrong-media-type", 415
    remedy = "Send it with the Content-Type that the reference names, at /docs."


class ChecksumMismatch(InvalidRequest):
    """The bytes that came are not those that the checksum was made of; none of them was kept."""

    code, status = "checksum-mismatch", 460
    remedy = "Send this part again, from the same offset."


class ProtocolVersion(InvalidRequest):
    """Resumable uploads speak version 1.0.0 of tus here, and the request does not."""

    code, status = "protocol-version", 412
    remedy = "Send the header Tus-Resumable: 1.0.0."


class IdempotencyKeyReused(InvalidRequest):
    """This Idempotency-Key was used before for a different request."""

    code = "idempotency-key-reused"
    remedy = "Use a new key for a new request; repeat the first request word for word to get its task."


# -- what was asked for is not there -----------------------------------------------------------------------------------
class NotFound(WaystationError):
    """There is nothing at this address."""

    code, status, exit_code = "not-found", 404, 3
    remedy = "Go on from the front page; programs find all addresses in the reference, at /docs."


class TaskNotFound(NotFound):
    """There is no task with this id."""

    code = "task-not-found"
    remedy = "Look for it in the list of tasks (`waystation tasks`, GET /tasks/)."


class DatasetNotFound(NotFound):
    """There is no dataset of this name."""

    code = "dataset-not-found"
    remedy = (
        "Look for its name in the list of datasets (`waystation datasets`, GET /datasets); an import into a new one makes it."
    )


class KindNotFound(NotFound):
    """There is no kind of this name."""

    code = "kind-not-found"
    remedy = (
        "Look for its name in the list of kinds (`waystation kinds`, GET /kinds); WAYSTATION_KINDS names those of your own."
    )


class ScheduleNotFound(NotFound):
    """There is no schedule of this name."""

    code = "schedule-not-found"
    remedy = "Look for its name in the list of schedules (GET /schedules)."


class WebhookNotFound(NotFound):
    """There is no webhook of this name."""

    code = "webhook-not-found"
    remedy = "Look for its name in the list of webhooks (GET /webhooks)."


class UploadNotFound(NotFound):
    """There is no upload with this id."""

    code = "upload-not-found"
    remedy = "Upload the file again: it was removed, waited too long, or the task that held it has ended and let it go."


class UnknownVerb(NotFound):
    """There is no such verb."""

    code = "unknown-verb"
    remedy = "The verbs are pause, resume, stop, terminate, retry and undo."


class NoResult(NotFound):
    """This task has no result file."""

    code = "no-result"
    remedy = "A result is there once a task that makes one has succeeded, until it expires or is undone."


class MethodNotAllowed(WaystationError):
    """This address does not answer to this method."""

    code, status, exit_code = "method-not-allowed", 405, 2
    remedy = "The Allow header names the methods that it answers to."


# -- what was asked can't be done now ----------------------------------------------------------------------------------
class VerbNotPossible(WaystationError):
    """The verb can't be applied to a task in this status."""

    code, status, exit_code = "verb-not-possible", 409, 4
    remedy = "Do what is possible now: its buttons on the page, the field `possible` of this answer."


class TaskUnfinished(WaystationError):
    """The task has not ended, or it failed and keeps what it has for a retry."""

    code, status, exit_code = "task-unfinished", 409, 4
    remedy = "Stop it first, which takes back what it has staged: POST /tasks/ID/stop, or `waystation stop ID`; then ask again."


class UploadUnfinished(WaystationError):
    """This upload is not whole yet."""

    code, status, exit_code = "upload-unfinished", 409, 4
    remedy = "HEAD /uploads/ID tells how much is here; send the rest by PATCH from that offset."


class OffsetMismatch(WaystationError):
    """The bytes that are sent do not begin where those that are here end."""

    code, status, exit_code = "offset-mismatch", 409, 4
    remedy = "HEAD /uploads/ID tells the offset to go on from."


class UploadInUse(WaystationError):
    """A task has this upload."""

    code, status, exit_code = "upload-in-use", 409, 4
    remedy = "Stop or undo the task that is named: the upload goes with it."


class UploadLocked(WaystationError):
    """Another request is sending the bytes of this upload right now."""

    code, status, exit_code, retry_after = "upload-locked", 423, 4, 1
    remedy = "Wait until it has ended, or end it; a connection that has died is let go within a moment."


class AlreadyUnderWay(WaystationError):
    """Another task of this kind does the same, and has not ended yet."""

    code, status, exit_code = "already-under-way", 409, 4
    remedy = "Wait for the task that is named, or stop it; then ask again."


class DuplicateFile(WaystationError):
    """The same file is in this dataset already, or is being imported into it."""

    code, status, exit_code = "duplicate-file", 409, 4
    remedy = "If its rows are wanted once more, say allow_duplicate=true (--allow-duplicate); else there is nothing to do."


class SchemaConflict(WaystationError):
    """A column of the file has another type than the dataset's column of that name."""

    code, status, exit_code = "schema-conflict", 409, 4
    remedy = "Give the column the dataset's type in the request, rename it in the file, or import into a new dataset."


class BaseChanged(WaystationError):
    """What readers of the dataset see has changed since this batch was merged with it: the merge has to begin anew."""

    code, status, exit_code = "base-changed", 409, 4
    remedy = "None is needed: the import begins its merge anew by itself."


class KeyTooLong(WaystationError):
    """A row's key is too long to be looked up."""

    code, status, exit_code = "key-too-long", 422, 2
    remedy = "Stop this task, and import by a shorter key: a number, a code, or a hash of the text."


class Forbidden(WaystationError):
    """This request is not allowed from where it comes."""

    code, status, exit_code = "forbidden", 403, 5
    remedy = "Use POST, from the page itself or from a program."


class UnknownHost(Forbidden):
    """The request names this server by a name that it does not know as its own."""

    code = "unknown-host"
    remedy = "Call it by its number or as localhost, or add the name to WAYSTATION_HOSTS."


class TokenNeeded(WaystationError):
    """This server answers to those who show a token."""

    code, status, exit_code = "token-needed", 401, 5
    remedy = "Send the header `Authorization: Bearer TOKEN`; an admin makes one with `waystation token create NAME --role …`."


class WrongToken(TokenNeeded):
    """No token in force is this one: it is misspelt, has expired or was revoked."""

    code = "wrong-token"
    remedy = "Ask an admin for a new one: `waystation token create NAME --role …`."


class LoginRefused(TokenNeeded):
    """The login provider's answer lets nobody in: it is not what was asked for, has run out, or its person has no role."""

    code, status = "login-refused", 403
    remedy = "Log in again, in the same browser; if it happens again, whoever runs this server looks at its clock and settings."


class WrongLink(TokenNeeded):
    """This link to a file opens nothing: it was changed on its way, has ended, or its maker's token has."""

    code, status = "wrong-link", 403
    remedy = "Ask whoever sent it for a new one: POST /tasks/ID/link makes them."


class NotAllowed(WaystationError):
    """The token's role does not allow this."""

    code, status, exit_code = "not-allowed", 403, 5
    remedy = "Ask somebody with the role that is named, or an admin for another token."


class TokenNotFound(NotFound):
    """There is no token of this name in force."""

    code = "token-not-found"
    remedy = "`waystation token list` or GET /tokens lists them."


class TokenExists(WaystationError):
    """A token of this name is in force already."""

    code, status, exit_code = "token-exists", 409, 4
    remedy = "Take another name, or revoke the one that there is first."


class TooLarge(WaystationError):
    """The request is larger than this server takes."""

    code, status, exit_code = "too-large", 413, 2
    remedy = "Send less, or raise the limit that is named."


class TooSlow(WaystationError):
    """The request took too long to arrive."""

    code, status, exit_code = "too-slow", 408, 6
    remedy = "Send it again, in one go; an upload that came in pieces goes on from where it stands. WAYSTATION_REQUEST_SECONDS."


class TooManyRows(TooLarge):
    """The file has more rows than this server takes."""

    code = "too-many-rows"
    remedy = "Stop the task, which takes back what came of it; send the file in parts, or raise WAYSTATION_MAX_ROWS."


class TooManyUploads(WaystationError):
    """Too many uploads come in at the same time."""

    code, status, exit_code, retry_after = "too-many-uploads", 503, 6, 5
    remedy = "Try again once others are through; WAYSTATION_UPLOADS_AT_ONCE sets how many one web process takes in together."


class UnpacksTooLarge(TooLarge):
    """The archive unpacks to more than this server takes."""

    code = "unpacks-too-large"
    remedy = "If the file is as it should be, send it unpacked or in parts, or raise the setting that is named."


class TooManyRequests(WaystationError):
    """Too many requests came from one caller within a minute."""

    code, status, exit_code, retry_after = "too-many-requests", 429, 6, 30
    remedy = "Wait until the minute is over, and ask less often: `?wait=30` and GET /events tell of changes without asking."


class TooManyTasks(WaystationError):
    """One person has too many tasks waiting."""

    code, status, exit_code, retry_after = "too-many-tasks", 429, 6, 60
    remedy = "Wait until some have begun, or stop some; WAYSTATION_TASKS_PER_ACTOR sets how many may wait."


class QueueFull(WaystationError):
    """Too many tasks wait in this queue."""

    code, status, exit_code, retry_after = "queue-full", 503, 6, 60
    remedy = "Wait until some have begun, or start more workers; WAYSTATION_QUEUE_LENGTH sets how many may wait."


class TooManyStreams(WaystationError):
    """Too many live streams are open on this server."""

    code, status, exit_code, retry_after = "too-many-streams", 503, 6, 5
    remedy = "Close a page that is no longer needed, or raise WAYSTATION_SSE_CLIENTS."


class TooManyRejects(WaystationError):
    """More rows were rejected than the budget allows."""

    code, status, exit_code = "too-many-rejects", 422, 7
    remedy = "Look at the rejects; then retry with a larger max_errors, or stop the task and upload a mended file."


class AbortedOnError(TooManyRejects):
    """A row is bad and the request said on_error=abort."""

    code = "aborted-on-error"
    remedy = "Mend the row that is named and upload the file again, or import with on_error=reject."


class BadRow(WaystationError):
    """A row of the uploaded file is wrong."""

    code, status, exit_code = "bad-row", 422, 7
    remedy = "Mend the line that is named and upload the file again; a kind may also pass over such rows (skip_bad=True)."


# -- the task itself ---------------------------------------------------------------------------------------------------
class KindFailed(WaystationError):
    """The kind's own code raised an error."""

    code, status, exit_code = "kind-failed", 500, 7
    remedy = "Mend what the error names, then retry: the task goes on from its checkpoint. Or stop it to take it back."


class ProgramFailed(WaystationError):
    """A registered program ended with an exit code other than 0."""

    code, status, exit_code = "program-failed", 500, 7
    remedy = "Its last lines say why; mend that and retry, or stop the task."


class StepTooLong(WaystationError):
    """A step of the kind took longer than it may: it did not yield."""

    code, status, exit_code = "step-too-long", 500, 7
    remedy = (
        "Let the kind yield more often, since it can be paused and stopped at a yield only; or give it more time:"
        ' @task("shop.rebuild", step_timeout=600). Then retry: the task goes on from its checkpoint.'
    )


class CrashLoop(WaystationError):
    """The task's worker died several times in a row at the same place."""

    code, status, exit_code = "crash-loop", 500, 7
    remedy = "Look at the named place in the input and at the worker's memory limit; then retry, or stop the task."


class EndedOtherwise(WaystationError):
    """The task did not end as was waited for."""

    code, status, exit_code = "ended-otherwise", 409, 7
    remedy = "Its timeline says who or what ended it: `waystation events TASK_ID`."


class LeaseLost(WaystationError):
    """This attempt no longer holds the task: another took over. Nothing that it did since its last checkpoint counts."""

    code, status, exit_code = "lease-lost", 409, 1
    remedy = "None is needed: the task goes on elsewhere."


class WrongKind(WaystationError):
    """A kind is not written as a kind must be."""

    code, status, exit_code = "wrong-kind", 500, 8
    remedy = (
        'Write it as: @task("shop.rebuild")\ndef rebuild(ctx: Context, params: Params, cursor: int = 0) -> Steps: …'
        " yield Checkpoint(cursor=…, done=…)"
    )


# -- the surroundings ----------------------------------------------------------------------------------------------------
class WrongSetting(WaystationError):
    """A setting in the environment is wrong."""

    code, status, exit_code = "wrong-setting", 500, 8
    remedy = "docs/settings.md lists each setting with its form."


class NoTokens(WaystationError):
    """The server would listen beyond this machine, and nobody could be told from anybody: no token has been made."""

    code, status, exit_code = "no-tokens", 500, 8
    remedy = (
        "Make one with `waystation token create NAME --role admin`, or name one in WAYSTATION_ADMIN_TOKEN_FILE;"
        " or trust whoever reaches the server: --insecure, or WAYSTATION_INSECURE=1."
    )


class Unavailable(WaystationError):
    """A part that Waystation needs does not answer."""

    code, status, exit_code, retry_after = "unavailable", 503, 6, 2
    remedy = "Try again in a moment; GET /readyz says which part is missing."


class ProviderAway(Unavailable):
    """The login provider does not answer."""

    code = "provider-away"
    remedy = "Try again in a moment, or log in with a token; WAYSTATION_OIDC_ISSUER is the provider's address."


class DatabaseUnavailable(Unavailable):
    """The database does not answer."""

    code = "database-unavailable"


class DatabaseRefuses(WaystationError):
    """The database is there, and does not let our user do what is needed."""

    code, status, exit_code = "database-refuses", 500, 8
    remedy = (
        "Give our user its own database (ALTER DATABASE … OWNER TO …), or GRANT CREATE on the database and the ownership of"
        " the schema waystation."
    )


class MigrationChanged(WaystationError):
    """A migration that was applied before has another text now."""

    code, status, exit_code = "migration-changed", 500, 8
    remedy = "Restore the file; write a new migration for what must change."


class StorageUnavailable(Unavailable):
    """The place where uploads and results are kept does not answer, or does not let us in."""

    code = "storage-unavailable"
    remedy = "Run `waystation doctor`: it says what is wrong with the storage (WAYSTATION_STORAGE, WAYSTATION_HOME)."


class Busy(Unavailable):
    """The task or the dataset is locked by somebody else's work."""

    code = "busy"
    remedy = "Try again in a moment."


class DiskFull(Unavailable):
    """There is no room left on the disk."""

    code, status, retry_after = "disk-full", 507, 60
    remedy = "Make room in the state folder (WAYSTATION_HOME), then retry."


class WrongAddress(InvalidRequest):
    """What names the server is no address of one."""

    code = "wrong-address"
    remedy = "Write it as http://HOST:PORT or https://HOST, in --url, WAYSTATION_URL or the profile."


class ServerNotReachable(WaystationError):
    """No Waystation answers at this address."""

    code, status, exit_code = "server-not-reachable", 503, 6
    remedy = "Start one with `waystation up`, or name another with --url or WAYSTATION_URL."


class NoLocalServer(WaystationError):
    """A private server can't be started on this machine."""

    code, status, exit_code = "no-local-server", 500, 8
    remedy = "Set DATABASE_URL and REDIS_URL to a PostgreSQL (15 or newer) and a Redis of your own."


class PortTaken(WaystationError):
    """The port is in use by another program."""

    code, status, exit_code = "port-taken", 500, 8
    remedy = "Name another with --port or WAYSTATION_PORT; 0 takes a free one."


class NotStarted(WaystationError):
    """A process of Waystation's own ends again and again as soon as it is started."""

    code, status, exit_code = "not-started", 500, 8
    remedy = "What it said last, above this line, names the cause."


class SchemaTooNew(WaystationError):
    """The database was migrated by a newer Waystation than this one."""

    code, status, exit_code = "schema-too-new", 500, 8
    remedy = "Install the newer Waystation here too, or use another database."


def crash_loop(unit: str, done: int, cursor: Any, crashes: int) -> dict[str, Any]:
    """The problem of a task whose attempts died at one place, with the place named."""
    detail = f"Its worker died {crashes} times in a row at the same place: {unit} {done}, cursor {cursor}."
    return CrashLoop(detail, cursor=cursor).problem()


def table() -> list[type[WaystationError]]:
    """Every error there is, in the order of this file (kinds' own errors excluded)."""
    found: list[type[WaystationError]] = [WaystationError]
    for cls in found:
        found.extend(sub for sub in cls.__subclasses__() if sub.__module__ == __name__)
    return list(dict.fromkeys(found))
