"""Settings: from the environment, from files, refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from waystation.csvio.encode import ENCODER
from waystation.errors import WrongSetting
from waystation.settings import Settings, env_name
from waystation.wiring import open_house


def test_defaults_need_no_environment() -> None:
    settings = Settings.from_env({})
    assert (settings.host, settings.port, settings.slots, settings.database_url) == ("127.0.0.1", 5000, 2, None)
    assert settings.home == Path("files").absolute()


def test_names() -> None:
    assert [env_name(n) for n in ("home", "database_url", "redis_url", "lease")] == [
        "WAYSTATION_HOME",
        "DATABASE_URL",
        "REDIS_URL",
        "WAYSTATION_LEASE",
    ]


def test_an_encoder_that_is_not_there_is_an_error_and_no_other_one_in_its_place(tmp_path: Path) -> None:
    other = next(name for name in ("plain", "arrow", "compiled") if name != ENCODER)
    with pytest.raises(WrongSetting, match=f"asks for {other}") as caught:
        open_house(Settings.from_env({"WAYSTATION_HOME": str(tmp_path), "WAYSTATION_ENCODER": other}))
    assert "leave the variable out" in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_the_environment_a_secret_file_and_what_is_given(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://secret\n")
    settings = Settings.from_env(
        {"WAYSTATION_PORT": "8080", "DATABASE_URL_FILE": str(secret), "WAYSTATION_KINDS": "a.b, c"}, port=None, slots=3
    )
    assert (settings.port, settings.slots, settings.kinds) == (8080, 3, ("a.b", "c"))
    assert settings.database_url == "postgresql://secret"


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"WAYSTATION_PORT": "many"}, "WAYSTATION_PORT must be"),
        ({"WAYSTATION_SLOTS": "0"}, "WAYSTATION_SLOTS must be at least 1"),
        ({"WAYSTATION_LEASE": "1", "WAYSTATION_HEARTBEAT": "1"}, "WAYSTATION_HEARTBEAT"),
        ({"DATABASE_URL_FILE": "/no/such/file"}, "DATABASE_URL_FILE can't be read"),
    ],
)
def test_a_wrong_value_is_refused_with_its_variable_named(environ: dict[str, str], says: str) -> None:
    with pytest.raises(WrongSetting, match=says):
        Settings.from_env(environ)


def test_a_child_process_gets_the_same_settings() -> None:
    settings = Settings.from_env({}, kinds=("a", "b"), database_url="postgresql://x", lease=2.5, heartbeat=0.5)
    assert Settings.from_env(settings.environ()) == settings
