"""A look at an uploaded file, with the options of its import, before anything runs; its address is the API's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.control import Looker
from waystation.errors import DuplicateFile, InvalidRequest, UploadNotFound, WaystationError
from waystation.kinds.previewing import COMPARED, Preview, preview
from waystation.kinds.request import ImportParams
from waystation.model import JsonValue
from waystation.storage import datasets
from waystation.web import current
from waystation.web.api.common import has_page
from waystation.web.inputs import body, everything
from waystation.web.operations import Guarded
from waystation.web.pages import forms
from waystation.web.policies import Policies
from waystation.web.shapes import DuplicateOut, task_url

room = Guarded("preview_pages", __name__)
SCHEMA = ImportParams.model_json_schema()
GROUPS = (
    ("How the file is written", ("encoding", "delimiter", "quote", "escape", "header", "ragged")),
    ("Columns and values", ("columns", "types", "dates", "thousands", "decimal", "nulls", "formulas", "constraints")),
    ("Rows that are there already", ("mode", "key", "on_conflict")),
    ("Rows that do not fit", ("on_error", "max_errors")),
)
ABOVE = ("upload", "dataset", "dry_run", "allow_duplicate")  # these stand apart from the groups


def look(id: str, policies: Policies) -> Preview:
    """What an import of the upload would make of it. Raises what its submission would."""
    control = current.control()
    kind = control.registry.get("import")
    wanted = ImportParams.model_validate(kind.parse({"upload": id, **policies.params()}).model_dump())
    with control.database.transaction() as connection:
        looker = Looker(connection, control.files, control.settings)
        if kind.check_params is not None:
            # A file that is there already can be looked at all the same: the look tells it.
            kind.check_params(looker, wanted.model_copy(update={"allow_duplicate": True}))
        dataset = looker.dataset(wanted.dataset)
        rows = datasets.preview(connection, dataset, COMPARED) if dataset else []
        names = [c.name for c in dataset.columns] if dataset else []
        return preview(looker, wanted, {name: [row[at] or "" for row in rows] for at, name in enumerate(names)})


def page(id: str, error: WaystationError | None = None) -> ResponseReturnValue:
    """The page; where the file can't be read as it was asked, its options and what is wrong with them."""
    found = None
    try:
        found = look(id, everything(Policies))
    except UploadNotFound:
        raise
    except InvalidRequest as wrong:
        error = error or wrong
    typed = request.values.to_dict()
    sent = None if found else current.control().waiting_upload(id)
    made = render_template(
        "preview.html",
        id=id,
        found=found,
        name=found.upload.name if found else sent.name if sent else "The file",
        crossed=_crossed(found) if found else [],
        odd={name for s in found.swapped for name in (s.first, s.second)} if found else (),
        error=None if found and isinstance(error, DuplicateFile) else error,  # the look says it, with what can be done
        duplicate=found.duplicate and DuplicateOut.of(found.duplicate) if found else None,
        again=typed.get("allow_duplicate") == "true",
        dataset=typed.get("dataset", ""),
        datasets=[d.name for d in current.control().datasets()],
        groups=_groups(typed, forms.problems(error)),
        mended=address({**typed, "upload": id, "columns": found.mended}) if found and found.mended else None,
    )
    return make_response(made, error.status if error else 200)


def _crossed(found: Preview) -> list[str]:
    """The columns of the file that are taken under the name of another one: what became of exchanged columns."""
    headers = {c.header for c in found.columns}
    return [f"{c.header} as {c.name}" for c in found.columns if c.name != c.header and c.name in headers]


def _groups(typed: Mapping[str, str], wrong: Mapping[str, str]) -> list[tuple[str, list[forms.Input], bool]]:
    """The options in groups: the name of each, its fields, and whether something was said in it."""
    fields = {f.name: f for f in forms.inputs(SCHEMA, typed, without=ABOVE, wrong=wrong)}
    named = {name for _, names in GROUPS for name in names}
    groups = [*GROUPS, ("More", tuple(name for name in fields if name not in named))]
    made = [(title, [fields[name] for name in names if name in fields]) for title, names in groups]
    # Which column is taken as which is in the table below already.
    return [(title, members, any(f.value for f in members if f.name != "columns")) for title, members in made if members]


@room.post("/uploads/<upload_id>/start", needs=Need.OWN)
def start(upload_id: str) -> ResponseReturnValue:
    """Start the import, or the check of every row, with what was typed."""
    has_page()
    try:
        policies = body(Policies)
        task, _ = current.control().submit("import", {"upload": upload_id, **policies.params()}, actor=current.actor())
    except (InvalidRequest, DuplicateFile) as error:
        return page(upload_id, error)
    return redirect(task_url(task), 303)


def address(params: Mapping[str, JsonValue]) -> str:
    """The page for an import with these parameters."""
    usual = {name: field.get("default") for name, field in SCHEMA["properties"].items()}
    said = {n: v for n, v in params.items() if n not in ("upload", "dry_run") and v not in (None, {}, [], usual.get(n))}
    texts = {n: v if isinstance(v, str) else json.dumps(v) for n, v in said.items()}
    return f"/uploads/{params['upload']}/preview?{urlencode(texts)}"
