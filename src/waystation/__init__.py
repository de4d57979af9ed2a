"""Waystation: a task manager for long-running jobs that can be paused, resumed, stopped and undone."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("waystation")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
