"""What an export is called, in the list and as a file: by its dataset and its days."""

from __future__ import annotations

from typing import Any

import pytest

from waystation.kinds.export_csv import ExportParams, export_csv


@pytest.mark.parametrize(
    ("params", "label", "file"),
    [
        ({}, "data, all rows", "data.csv"),
        (
            {"dataset": "shop", "from": "2014-01-01", "till": "2016-12-31", "format": "xlsx"},
            "shop, 2014-01-01 to 2016-12-31",
            "shop_2014-01-01_2016-12-31.xlsx",
        ),
        ({"from": "2014-01-01", "compression": "gzip"}, "data, from 2014-01-01", "data_from_2014-01-01.csv.gz"),
        ({"till": "2014-01-01", "filter": "a = 'x'"}, "data, till 2014-01-01, filtered", "data_till_2014-01-01.csv"),
        ({"filter": "a = 'x'"}, "data, filtered", "data.csv"),
    ],
)
def test_dataset_and_days(params: dict[str, Any], label: str, file: str) -> None:
    asked = ExportParams.model_validate(params)
    assert export_csv.label_of(asked) == label
    assert asked.file(asked.stem)[0] == file
