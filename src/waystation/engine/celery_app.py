"""Celery, as long tasks need it: the settings, and the one Celery task there is. A message says only: something waits."""

from __future__ import annotations

from typing import Any

from celery import Celery

TASK = "waystation.hear"
PREFIX = "waystation."  # of the broker's queues

# Why each: acked early, since the database owns the task and the reaper rings again; no prefetch, since a message that one
# worker holds back is a ring that nobody hears; no result backend, since results are rows.
SETTINGS: dict[str, Any] = {
    "task_acks_late": False,
    "task_ignore_result": True,
    "result_backend": None,
    "task_publish_retry": False,
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_create_missing_queues": True,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    "worker_hijack_root_logger": False,
    "worker_send_task_events": False,
    "worker_enable_remote_control": True,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "worker_proc_alive_timeout": 30,
}


def make_app(broker_url: str, *, patience: float = 10.0, **transport: Any) -> Celery:
    """The Celery application on this broker. `patience`: seconds to wait for an answer of a broker that hangs."""
    app = Celery("waystation", broker=broker_url, set_as_current=False)
    app.conf.update(SETTINGS)
    app.conf.broker_transport_options = {
        "visibility_timeout": 60,
        "socket_timeout": patience,
        "socket_connect_timeout": min(patience, 3.0),
        **transport,
    }
    return app


def broker_queue(queue: str) -> str:
    """The broker's name for a queue."""
    return PREFIX + queue
