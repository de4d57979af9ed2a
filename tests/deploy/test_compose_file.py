"""compose.yaml: readable by docker-compose 1.29 too, closed to the outside, and without a password that works outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
ONE_SHOT = {"secrets", "migrate"}


def test_the_services() -> None:
    assert SERVICES.keys() == {"secrets", "postgres", "redis", "migrate", "web", "worker", "flower", "s3"}
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {"flower", "s3"}
    assert (SERVICES["postgres"]["image"], SERVICES["redis"]["image"]) == ("postgres:17", "redis:8")


def test_the_old_compose_reads_it_too() -> None:
    assert "name" not in FILE
    assert "start_interval" not in TEXT
    assert not any({"deploy", "develop", "pull_policy", "configs"} & service.keys() for service in SERVICES.values())


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardened_limited_and_reached_from_this_machine_alone(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    if name not in ONE_SHOT:
        assert {"mem_limit", "pids_limit"} <= service.keys()


def test_database_and_broker_are_on_the_inner_network_alone() -> None:
    assert FILE["networks"]["back"]["internal"] is True
    for name in ("postgres", "redis"):
        assert SERVICES[name]["networks"] == ["back"]
        assert "ports" not in SERVICES[name]


def test_secrets_come_from_files_that_are_made_at_the_first_start() -> None:
    for service in SERVICES.values():
        for name, value in (service.get("environment") or {}).items():
            assert not any(word in name for word in ("PASSWORD", "SECRET", "URL")) or name.endswith("_FILE"), name
            assert "://" not in str(value)
    assert all(service["depends_on"] for name, service in SERVICES.items() if name != "secrets")


def test_who_is_asked_to_stop_gets_the_time_that_it_takes() -> None:
    from waystation.settings import Settings

    settings = Settings.from_env({})
    grace = {
        name: int(service["stop_grace_period"].rstrip("s"))
        for name, service in SERVICES.items()
        if "stop_grace_period" in service
    }
    assert grace["worker"] >= settings.drain + 15  # the supervisor kills after drain + 5, and waits 5 for the reaper
    assert grace["web"] >= settings.linger + settings.grace + 5
