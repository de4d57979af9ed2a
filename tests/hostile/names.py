"""Names and texts that would be something else if anybody pasted them: SQL, paths, formulas, tricks of Unicode."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from uuid import UUID

from tests.hostile.stage import Stage
from tests.hostile.table import case

GROUP = "Names and texts"
INJECTIONS = [
    'x"; DROP SCHEMA datasets CASCADE; --',
    "x'; DROP TABLE waystation.tasks; --",
    'a" FROM pg_shadow; --',
    "1); SELECT pg_sleep(600); --",
    "%s %(x)s {} {0} $1 :x",
    "\\'; --",
    "a\\",
    "$$; COPY t TO PROGRAM 'id'; $$",
]
PATHS = [
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/passwd",
    "....//....//x",
    "x/../../y",
    ".",
    "..",
    "a\nb.csv",
]
TRICKS = [
    "\u202egpj.csv",  # shown from right to left
    "a\u200bb",  # a space without width
    "pаypal",  # a Cyrillic letter
    "e\u0301",  # two characters that look as one
    "\u00e9",
    "ﬁle",
    "ＳＥＬＥＣＴ",
    "a" + "\u0301" * 50,
    "\U0001f600\u200d\U0001f525",
    "\ufeffbom",
    "İıſK",
    "\U000e0041",
]
FORMULAS = ["=1+2", "+1+2", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"]


def table_of(names: list[str], *rows: list[str]) -> bytes:
    """A CSV file."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([names, *rows])
    return out.getvalue().encode()


def written(stage: Stage) -> list[list[str]]:
    """The file that was exported, read again."""
    return list(csv.reader(io.StringIO(stage.said.decode(), newline="")))


@case(GROUP, "SQL in a file's header", "succeeded", says="The words are the names of the columns, quoted wherever SQL is made.")
def sql_in_a_header(stage: Stage) -> Iterator[str]:
    yield stage.upload(table_of(INJECTIONS, ["1"] * len(INJECTIONS)), dataset="sql_header")
    yield stage.export("sql_header")
    assert written(stage) == [INJECTIONS, ["1"] * len(INJECTIONS)]
    yield stage.export("sql_header", columns=INJECTIONS[:2], order=f"{INJECTIONS[0]} desc")
    assert written(stage)[0] == INJECTIONS[:2]


@case(
    GROUP,
    "SQL as the name of a dataset, in uploads, downloads, addresses and lists",
    "422 invalid-name",
    "404 dataset-not-found",
    "200",
    says="A name is lower-case letters, digits and _; what is looked for is bound, and finds nothing.",
)
def sql_as_a_dataset(stage: Stage) -> Iterator[str]:
    for name in [*INJECTIONS, "data\n", "DATA", "a" * 49]:
        yield stage.upload(b"a\n1\n", dataset=name)
        yield stage.post("/tasks/download", {"dataset": name})
        yield stage.get("/tasks/", dataset=name, kind=name, search=name)
        assert stage.said["tasks"] == [], stage.said
    yield stage.get("/datasets/x%22;%20DROP%20SCHEMA%20datasets;%20--")


@case(
    GROUP,
    "SQL as the name of a column that is asked for, sorted by or filtered by, and within a filter's values",
    "422 unknown-column",
    "422 invalid-order",
    "422 invalid-filter",
    "422 no-date-column",
    "succeeded",
    says="Names are looked up among the dataset's columns; a filter is read by a grammar of its own, its values are bound.",
)
def sql_in_what_is_asked(stage: Stage) -> Iterator[str]:
    yield stage.upload(b"a,n\nx,1\ny,2\n", dataset="sql_asked")
    for text in INJECTIONS:
        yield stage.post("/tasks/download", {"dataset": "sql_asked", "columns": [text]})
        yield stage.post("/tasks/download", {"dataset": "sql_asked", "order": text})
        yield stage.post("/tasks/download", {"dataset": "sql_asked", "by": text, "from": "2020-01-01"})
        yield stage.post("/tasks/download", {"dataset": "sql_asked", "filter": f"n = 1 or {text}"})
        yield stage.post("/tasks/download", {"dataset": "sql_asked", "filter": f"n = {text}"})
    asked = " or ".join(f"a = '{text.replace(chr(39), chr(39) * 2)}'" for text in INJECTIONS)
    yield stage.export("sql_asked", filter=asked)
    assert written(stage) == [["a", "n"]]


@case(
    GROUP,
    "paths as names of files, in a query, a form, a zip archive and a resumable upload",
    "succeeded",
    "422 invalid-request",
    "201",
    says="A file's name is for people; where it lies is made of its upload's id.",
)
def paths_as_file_names(stage: Stage) -> Iterator[str]:
    for n, path in enumerate(PATHS):
        if n < 2 or stage.whole:
            yield stage.upload(b"a\n1\n", name=path, dataset="paths", allow_duplicate="true")
            assert stage.said["label"] == "" or "/" not in stage.said["label"], stage.said["label"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("../../../../tmp/waystation-was-here.csv", b"a\n2\n")
    yield stage.upload(archive.getvalue(), name="/tmp/x.zip", dataset="paths")
    for path in PATHS[:3]:
        filename = path.replace("\\", "\\\\")
        form = f'--B\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\na\n{len(path)}\n\r\n--B--\r\n'
        yield stage.end(
            stage.ask(
                "POST",
                "/tasks/upload?dataset=paths&dry_run=true",
                form.encode(),
                **{"Content-Type": "multipart/form-data; boundary=B"},
            )
        )
    yield stage.ask(
        "POST", "/uploads", b"", **{"Tus-Resumable": "1.0.0", "Upload-Length": "4", "Upload-Metadata": "filename Li4vLi4veA=="}
    )
    home = stage.settings.home
    outside = list(home.parent.glob("waystation-was-here*")) + list(home.parent.glob("x.zip"))
    assert not outside, outside
    kept = {p.name for p in (home / "uploads").iterdir() if p.is_dir() or p.is_file()}
    assert all(UUID(name.partition(".")[0]) for name in kept if not name.startswith(".")), kept


@case(
    GROUP,
    "paths in addresses: `..%2f..%2fetc%2fpasswd`, NUL, half a character, `/static/../../settings.py`",
    "404 not-found",
    "404 task-not-found",
    "404 dataset-not-found",
    "404",
    "400",
    says="What is in an address is looked for in the database; the page's own files are served by name from one folder.",
)
def paths_in_addresses(stage: Stage) -> Iterator[str]:
    for path in (
        "/tasks/..%2f..%2fetc%2fpasswd",
        "/tasks/%00",
        "/datasets/a%00b",
        "/datasets/%ff",
        "/static/..%2f..%2fsettings.py",
        "/static/%2e%2e/%2e%2e/settings.py",
        "/downloads/..%2f..%2fx",
    ):
        yield stage.ask("GET", path)
    yield stage.raw(b"GET /static/../../settings.py HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")


@case(
    GROUP,
    "tricks of Unicode as column names: from right to left, without width, look-alikes, 50 accents on a letter",
    "succeeded",
    says="Each name is kept as it is and is another column; what can't be a name is renamed, and told.",
)
def unicode_as_columns(stage: Stage) -> Iterator[str]:
    yield stage.upload(table_of(["n", *TRICKS], ["1"] * (len(TRICKS) + 1)), dataset="tricks")
    columns = [c["name"] for c in (stage.said["result"] or {}).get("columns", [])] or None
    yield stage.export("tricks")
    names = written(stage)[0]
    assert len(set(names)) == len(TRICKS) + 1, (names, columns)


@case(
    GROUP,
    "tricks of Unicode as a dataset, as names of files and as an actor; half a character; NUL",
    "422 invalid-name",
    "422 invalid-request",
    "succeeded",
    "404 dataset-not-found",
    says="A dataset's name is ASCII. Of a file's name, what people can't see is left out.",
)
def unicode_elsewhere(stage: Stage) -> Iterator[str]:
    for trick in TRICKS[:: 1 if stage.whole else 4]:
        yield stage.upload(b"a\n1\n", dataset=trick)
        yield stage.upload(b"a\n1\n", name=f"{trick}.csv", dataset="trick_files", dry_run="true")
        label = stage.said["label"]
        assert "\u202e" not in label, ascii(label)
    for body in ({"dataset": "a\0b"}, {"dataset": "a", "by": "a\0b"}, {"dataset": "\ud800"}, {"dataset": "a", "filter": "\0"}):
        yield stage.post("/tasks/download", json.dumps(body).encode())


@case(
    GROUP,
    "cells that a spreadsheet runs as formulas",
    "succeeded",
    says="They are kept as they are; with `formulas=guard` an export writes a quote before each, and an import takes it off.",
)
def formulas(stage: Stage) -> Iterator[str]:
    yield stage.upload(table_of(["n", "text"], *([str(n), text] for n, text in enumerate(FORMULAS))), dataset="formulas")
    yield stage.export("formulas", order="n")
    assert [row[1] for row in written(stage)[1:]] == FORMULAS, stage.said
    yield stage.export("formulas", order="n", formulas="guard")
    guarded = [row[1] for row in written(stage)[1:]]
    assert guarded == [f"'{text}" for text in FORMULAS], guarded
