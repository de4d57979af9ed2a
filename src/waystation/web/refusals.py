"""Refused accesses, as the audit has them: some in each minute, since whoever is refused may ask as often as they like."""

from __future__ import annotations

import logging
from contextlib import suppress
from uuid import UUID

from flask import request

from waystation.acts import Act
from waystation.errors import TooManyRequests, WaystationError
from waystation.model import JsonValue
from waystation.storage import audit
from waystation.web import current

log = logging.getLogger("waystation.web")
_STATUSES = frozenset({401, 403})
_LONGEST = 200  # characters of a path that is noted


def note(error: WaystationError) -> None:
    """Note that the current request is refused, if that is for who asks. The answer is the same where it can't be noted."""
    if error.status not in _STATUSES:
        return
    who, address = current.caller().name, request.remote_addr or ""
    try:
        current.crowds().refusal(who or address)
        said: dict[str, JsonValue] = {
            "code": error.code,
            "method": request.method[:20],
            "path": request.path[:_LONGEST].encode("utf-8", "backslashreplace").decode().replace("\0", "\\0"),
            "address": address,
        }
        with current.house().database.transaction() as connection:
            audit.note(connection, who or "anonymous", Act.REFUSED, about=error.code, task=_task(), data=said)
    except TooManyRequests:
        return
    except WaystationError as unnoted:
        log.warning("a refusal is not in the audit: %s", unnoted)


def _task() -> UUID | None:
    """The task that the address names."""
    with suppress(ValueError):
        return UUID((request.view_args or {}).get("task_id", ""))
    return None
