"""Secrets among parameters: taken apart, put together, and masked in whatever form they are written."""

from __future__ import annotations

import json
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from waystation.secret import MASK, Mask, parted, whole


class Login(BaseModel):
    """Nested."""

    user: str
    password: SecretStr


class Params(BaseModel):
    """Secrets at several places."""

    token: SecretStr = Field(alias="api/to~ken")
    logins: list[Login] = []
    by_name: dict[str, SecretStr] = {}
    none: SecretStr | None = None
    plain: str = "plain"


GIVEN = {
    "api/to~ken": "s3cret-1",
    "logins": [{"user": "a", "password": "s3cret-2"}, {"user": "b", "password": "s3cret-3"}],
    "by_name": {"x/y": "s3cret-4"},
    "none": None,
    "plain": "plain",
}


def test_taken_apart_and_put_together_they_are_the_same() -> None:
    params, secrets = parted(Params.model_validate(GIVEN))
    assert "s3cret" not in json.dumps(params)
    assert params["logins"][1] == {"user": "b", "password": MASK}
    assert sorted(secrets.values()) == [f"s3cret-{n}" for n in range(1, 5)]
    assert whole(params, secrets) == GIVEN
    assert params["logins"][1]["password"] == MASK, "the masked ones stay as they were"


@given(st.text(st.characters(codec="utf-8"), min_size=3, max_size=20).map("§{}".format))
def test_no_form_of_a_secret_gets_through(secret: str) -> None:
    mask = Mask({"a": secret})
    for text in (
        secret,
        f"<{secret}>",
        json.dumps({"k": secret}),
        repr(KeyError(secret)),
        quote(secret),
        quote(secret, safe=""),
    ):
        assert secret not in mask(text).replace(MASK, "")
    found = mask({secret: [secret, {"deep": (f"x{secret}",)}], "n": 5, "none": None})
    assert secret not in json.dumps(found, ensure_ascii=False).replace(MASK, "")
    assert (found["n"], found["none"]) == (5, None)


def test_short_ones_are_no_words_to_look_for() -> None:
    assert Mask({"a": "abc"})("abcdef") == "abcdef"
    assert Mask()("abc") == "abc"
    assert Mask({"a": "secret", "b": "secret-long"})("secret-long") == MASK
