"""Logging of a process: lines on standard error, so that standard output stays what was asked for."""

from __future__ import annotations

import logging
import sys

import structlog


def set_up(level: str) -> None:
    """Log what is at least as grave as `level` (debug, info, warning, error) to standard error, in colours on a terminal."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
