"""Limits of what a file and a request may be: each has an error of its own, and what is refused leaves nothing behind."""

from __future__ import annotations

import io

import pytest

from tests.access.test_crowds import with_limits
from tests.access.test_tokens import code
from tests.support import at_state, send
from waystation.errors import TooManyColumns, TooManyUploads
from waystation.model import State
from waystation.web.app import create_app
from waystation.web.crowds import Crowds
from waystation.wiring import House

TOWN = {"max_rows": 100, "max_columns": 3, "max_record": 1024}


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"a\n" + b"1\n" * 101, "too-many-rows"),
        (b"a,b\n1,2\n1," + b"x" * 2000 + b"\n3,4\n", "record-too-long"),
        (b'a,b\n1,2\n1,"' + b"x,y\n" * 1000, "record-too-long"),  # a quote that is never closed
    ],
)
def test_an_import_beyond_a_limit_fails_with_its_own_error(town: House, data: bytes, error: str) -> None:
    failed = at_state(town, send(town, data, dataset="beyond"), State.FAILED)
    assert failed.error is not None
    assert failed.error["code"] == error, failed.error


def test_an_import_at_a_limit_is_taken(town: House) -> None:
    at_state(town, send(town, b"a,b,c\n" + b"1,2,3\n" * 100, dataset="at"), State.SUCCEEDED)


def test_too_many_columns_are_refused_before_there_is_a_task(town: House) -> None:
    with pytest.raises(TooManyColumns):
        send(town, b"a,b,c,d\n1,2,3,4\n")


def test_uploads_at_a_time(house: House) -> None:
    crowds = Crowds()
    with crowds.upload(1), pytest.raises(TooManyUploads), crowds.upload(1):
        raise AssertionError
    with crowds.upload(1):
        pass
    app = create_app(with_limits(house, uploads_at_once=0))
    sent = app.test_client().post("/tasks/upload", data={"file": (io.BytesIO(b"a\n1\n"), "a.csv")})
    assert code(sent) == (503, "too-many-uploads")
