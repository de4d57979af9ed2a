"""Tasks that begin later, schedules and webhooks, from the command line."""

from __future__ import annotations

from tests.cli.running import Up
from tests.support import wait_until
from waystation.client import Client


def test_at_a_time_and_after_another_one(up: Up, client: Client) -> None:
    first = up.json("submit", "generate", "--set", "rows=5", "--at", "2090-01-31T03:00")
    assert first["run_at"].startswith("2090-01-")
    second = up.json("submit", "generate", "--set", "rows=5", "--after", first["task_id"])
    assert (second["status"], second["after"]) == ("queued", first["task_id"])
    assert up("stop", first["task_id"], "--yes").returncode == 0
    wait_until(lambda: client.task(second["task_id"]).status == "stopped", timeout=30)
    late = up("submit", "generate", "--after", first["task_id"])
    assert late.returncode == 2
    assert "will never succeed" in late.stderr


def test_a_schedule_from_the_command_line(up: Up, client: Client) -> None:
    made = up("schedule", "nightly", "generate", "0 3 * * *", "--set", "rows=5", "--zone", "Europe/Berlin")
    assert made.returncode == 0, made.stderr
    [there] = client.schedules()
    assert (there["name"], there["zone"], there["missed"]) == ("nightly", "Europe/Berlin", "one")
    assert "nightly" in up("schedules").stdout
    wrong = up("schedule", "nightly", "generate", "every day")
    assert wrong.returncode == 2
    assert "five fields" in wrong.stderr
    assert up("schedule", "nightly", "--drop").returncode == 0
    assert up("schedule", "nightly", "--drop").returncode == 3
    assert "Nothing is scheduled" in up("schedules").stdout


def test_a_webhook_from_the_command_line(up: Up, client: Client) -> None:
    refused = up("webhook", "chat", "http://127.0.0.1:9/")
    assert refused.returncode == 2
    assert "no public address" in refused.stderr
    made = up("webhook", "chat", "http://8.8.8.8:9/", "--state", "failed", "--hold")
    assert made.returncode == 0, made.stderr
    assert "Its secret, told this once:" in made.stdout
    [there] = client.webhooks()
    assert (there["states"], there["held"]) == (["failed"], True)
    assert client.deliveries("chat") == []
    assert "chat" in up("webhooks").stdout
    assert up("webhook", "chat", "--told").returncode == 0
    assert up("webhook", "chat", "--drop").returncode == 0
    assert "Nobody is told" in up("webhooks").stdout
