"""Write the pages that are made from code: settings.md, errors.md, cli.md and metrics.md in docs/, and the states in README.md.

`python docs/generate.py` writes them; with --check it writes nothing and ends with 1 if one of them is not what it would write.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import click

from waystation.cli import cli, profiles
from waystation.errors import table
from waystation.settings import Settings, env_name
from waystation.states import MEANING, mermaid
from waystation.storage.tallies import BOUNDS
from waystation.web.metrics import FAMILIES, FRESH, samples

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Made by docs/generate.py from the code: change the code, then run `make docs`. -->\n\n"
MARKS = "<!-- states: made by docs/generate.py -->\n", "<!-- end of states -->\n"


def settings_page() -> str:
    """Each setting with its variable, its default and its meaning."""
    lines = [
        f"{NOTE}# Settings",
        "",
        "Waystation reads its settings from the environment, once, at start. A variable `NAME_FILE` may name a file that",
        "holds the value of `NAME`, as secrets are handed to containers. A wrong value ends the program with exit code 8 and",
        "its name.",
        "",
        "| variable | default | meaning |",
        "| --- | --- | --- |",
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, ()) else f"`{field.default}`"
        lines.append(f"| `{env_name(name)}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """Each error with its code, status, exit code, message and remedy."""
    lines = [
        f"{NOTE}# Errors",
        "",
        "Each error of the API is `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with one",
        "of these codes in the field `code`, a sentence in `detail` and what to do in `remedy`. The command line ends with the",
        "exit code, and the Python client raises the class of `waystation.errors`.",
        "",
        "| code | HTTP | exit | what it means | what to do |",
        "| --- | --- | --- | --- | --- |",
    ]
    for cls in table():
        what = " ".join((cls.__doc__ or "").split())
        lines.append(
            f'| <a id="{cls.code}"></a>`{cls.code}` | {cls.status} | {cls.exit_code} | {_cell(what)} | {_cell(cls.remedy)} |'
        )
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """What each command says of itself under --help."""
    lines = [f"{NOTE}# The command line", "", "```text", _help(cli, "waystation"), "```"]
    lines += ["", "## Profiles", "", inspect.cleandoc(profiles.__doc__ or "")]
    for name, command in cli.commands.items():
        lines += ["", f"## waystation {name}", "", "```text", _help(command, f"waystation {name}"), "```"]
        for inner, one in command.commands.items() if isinstance(command, click.Group) else ():
            lines += ["", f"### waystation {name} {inner}", "", "```text", _help(one, f"waystation {name} {inner}"), "```"]
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """Each metric with its type, its labels and its meaning."""
    lines = [
        f"{NOTE}# Metrics",
        "",
        "`GET /metrics` of a web server answers in Prometheus' text format; with tokens, one of the role `viewer` will do.",
        "What it says of tasks, workers and the database is the same from each web server: take `max by` of it. What it says",
        'of "this web process" is its own. Sums of events are as fresh as the last pass of the reaper (`WAYSTATION_REAP`), and',
        f"one answer serves for {FRESH:g} s. It costs some milliseconds, however many tasks there are: nothing is counted.",
        "",
        f"Buckets of the histograms, in seconds: {', '.join(f'{b:g}' for b in BOUNDS)}.",
        "",
        "deploy/prometheus/alerts.yaml has rules over them, deploy/grafana/waystation.json a dashboard; what to do when an",
        "alert comes is in [operations.md](operations.md).",
        "",
        "| metric | type | labels | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for family in FAMILIES:
        names = "<br>".join(f"`{name}`" for name in samples(family))
        labels = ", ".join(f"`{label}`" for label in family.labels)
        lines.append(f"| {names} | {family.type} | {labels} | {_cell(family.help)} |")
    return "\n".join(lines) + "\n"


def readme() -> str:
    """README.md with the picture and the meaning of the states between its marks."""
    begin, end = MARKS
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    meaning = "\n".join(f"| `{state}` | {said} |" for state, said in MEANING.items())
    made = f"```mermaid\n{mermaid()}\n```\n\n| state | what it means |\n| --- | --- |\n{meaning}\n"
    found, count = re.subn(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: f"{begin}\n{made}\n{end}", text, flags=re.DOTALL)
    assert count == 1, "README.md has lost the marks between which the states stand"
    return found


def pages() -> dict[Path, str]:
    """Every page that is made from code, as it should be."""
    return {
        ROOT / "docs" / "settings.md": settings_page(),
        ROOT / "docs" / "errors.md": errors_page(),
        ROOT / "docs" / "cli.md": cli_page(),
        ROOT / "docs" / "metrics.md": metrics_page(),
        ROOT / "README.md": readme(),
    }


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _help(command: click.Command, name: str) -> str:
    context = click.Context(
        command, info_name=name, terminal_width=100, max_content_width=100, help_option_names=["-h", "--help"]
    )
    return command.get_help(context).rstrip()


def main() -> int:
    """Write, or with --check compare."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
    if "--check" in sys.argv[1:]:
        if stale:
            print(f"Not what the code says: {names}. Run `make docs` and commit the result.", file=sys.stderr)
        return 1 if stale else 0
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    print(f"written: {names or 'nothing was stale'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
