"""Where the bytes of uploads and results lie: on the local disk (the default), or in a bucket that speaks S3.

`contract.py` says what both do; `files_of` gives the one that the settings name. Whatever a row calls the *place* of a file is
known to this package alone.
"""

from __future__ import annotations

from waystation.settings import Settings
from waystation.storage.files.contract import BLOCK, Files, Growing, Receiver, Segment, Spool, clean_name
from waystation.storage.files.local import LocalFiles


def files_of(settings: Settings) -> Files:
    """The files of these settings. Nothing is asked of a bucket yet; `check` does. Raises WrongSetting."""
    if settings.storage is None:
        return LocalFiles(settings.home)
    from waystation.storage.files.s3 import S3Files  # its client is loaded where it is needed

    return S3Files.of(settings)


__all__ = ["BLOCK", "Files", "Growing", "LocalFiles", "Receiver", "Segment", "Spool", "clean_name", "files_of"]
