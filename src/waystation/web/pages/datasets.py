"""The datasets, and all that is known of one; their addresses are the API's own."""

from __future__ import annotations

from flask import render_template

from waystation.model import Dataset
from waystation.web import current

FIRST_ROWS = 20


def listing(datasets: list[Dataset]) -> str:
    """All datasets."""
    return render_template("datasets.html", datasets=datasets)


def page(dataset: Dataset) -> str:
    """One dataset: columns, batches, first rows."""
    control = current.control()
    names, rows = control.preview(dataset.name, limit=FIRST_ROWS)
    return render_template(
        "dataset.html",
        dataset=dataset,
        size=control.dataset_size(dataset.name),
        batches=control.batches(dataset.name),
        names=names,
        rows=rows,
    )
