"""What to try: an example or two for each command, shown by its --help. A test reads each as the command line would."""

from __future__ import annotations

import click

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "up": (("up", "state in ./files, at port 5000"), ("up --home /srv/waystation --port 8080", "elsewhere")),
    "web": (("web --host 0.0.0.0", "for other machines too"),),
    "worker": (("worker", "run tasks until Ctrl-C"), ("worker --drain", "let the one that runs finish its steps and end")),
    "migrate": (("migrate", "before a new version is started"),),
    "doctor": (("doctor", "before the first start, and whenever something is odd"), ("doctor --json", "for programs")),
    "demo": (("demo --rows 100000", "a short one"),),
    "generate": (("generate --rows 1000 --out people.csv", "a small file"), ("generate --out -", "to standard output")),
    "upload": (
        ("upload people.csv --dataset people --wait", "import, and watch it"),
        ("upload people.csv --dry-run --wait", "check every row, publish nothing"),
        ("upload people.csv --type age=bigint --on-error abort", "one bad row is too many"),
        ("upload people.csv --key-column email --on-conflict update", "rows that are there already get the new values"),
        ("upload - --name people.csv", "from standard input"),
    ),
    "download": (
        ("download --dataset people --from 2015-01-01 --till 2015-12-31 --out 2015.csv", "one year"),
        ("download --dataset people --out -", "everything, to standard output"),
        ("download --dataset people --from 2015-01-01 --count", "how many rows that would be"),
        ("download --no-wait", "start it and fetch the file later"),
    ),
    "submit": (
        ("submit generate --set rows=1000 --wait", "any kind, with its parameters one by one"),
        ("submit generate '{\"rows\": 1000}'", "or as JSON"),
        ("submit teams.create --file upload=teams.csv", "send a file for it first"),
        ("submit export --set dataset=people --at 2030-01-01T03:00", "begin in the night"),
        ("submit export --set dataset=people --after TASK_ID", "begin once another one has succeeded"),
    ),
    "result": (("result TASK_ID --out people.csv", "the file that a task made"),),
    "rejects": (("rejects TASK_ID --out mend.csv", "mend it, and upload it again"),),
    "link": (
        ("link TASK_ID --for 7d", "to the result, for somebody who has no token"),
        ("link TASK_ID --rejects", "to the rows that did not fit, for an hour"),
    ),
    "datasets": (("datasets --json", "for programs"),),
    "kinds": (("kinds", "what can be submitted"),),
    "limit": (
        ("limit kind import --running 2", "at most two at a time"),
        ("limit dataset people --hold --reason 'month end'", "begin none for now"),
        ("limit dataset people", "as before"),
    ),
    "schedule": (
        ("schedule nightly export '0 3 * * *' --set dataset=people --zone Europe/Berlin", "every night at three"),
        ("schedule nightly --drop", "no more of it"),
    ),
    "schedules": (("schedules", "what is started again and again, and when next"),),
    "webhook": (
        ("webhook chat https://chat.example.com/hooks/7 --state failed", "tell it of each task that fails"),
        ("webhook chat --told", "what it was told, and how that went"),
        ("webhook chat --drop", "no more of it"),
    ),
    "webhooks": (("webhooks", "who is told when tasks end"),),
    "limits": (("limits", "what is limited or held"),),
    "tasks": (
        ("tasks --status running", "what runs now"),
        ("tasks --kind import --dataset people --limit 5", "the last imports into one dataset"),
    ),
    "show": (("show TASK_ID", "with its timeline, and what can be done with it"),),
    "watch": (
        ("watch", "all that has not ended"),
        ("watch --follow", "and all that comes"),
        ("watch TASK_ID --json", "a line of JSON for each change"),
    ),
    "events": (("events TASK_ID", "who did what, when and why"),),
    "pause": (("pause TASK_ID --reason 'the others first' --wait", "return when it stands still"),),
    "resume": (("resume TASK_ID", "from the same place"),),
    "stop": (("stop TASK_ID --wait", "return when nothing of it is left"), ("stop TASK_ID --yes", "without being asked")),
    "terminate": (("terminate TASK_ID", "one that does not come to its next step"),),
    "retry": (("retry TASK_ID --set max_errors=500", "with more patience for bad rows"),),
    "undo": (("undo TASK_ID --reason 'two columns were swapped' --wait", "its rows are gone for every reader"),),
    "token": (
        ("token create ada --role operator --expires 90d", "for a person; its secret is shown once"),
        ("token create reports --role viewer --group payroll", "for a program that reads what is closed to others"),
        ("token list", "who may come in"),
        ("token revoke ada", "at once"),
    ),
    "restrict": (
        ("restrict dataset salaries --group payroll", "nobody else sees it, nor its tasks"),
        ("restrict dataset salaries", "for everybody again"),
    ),
    "audit": (
        ("audit list --act task.undo --since 2030-01-01", "who took what back"),
        ("audit list --task TASK_ID", "all that was done to one task"),
        ("audit export --format jsonl --out audit.jsonl", "all of it, as a file"),
    ),
    "forget": (("forget TASK_ID --reason 'asked for by ada'", "the file, the result and the rejected rows, for good"),),
    "completion": (("completion bash", "what ~/.bashrc evaluates"),),
}


def show_examples(command: click.Command, program: str = "waystation") -> None:
    """Let the command's help end with its examples."""
    found = EXAMPLES.get(command.name or "", ())
    width = max((len(line) for line, _ in found), default=0)
    lines = [f"  {program} {line.ljust(width)}  # {what}" for line, what in found]
    if lines:
        command.epilog = "\n".join(["\b", "Examples:", *lines])
